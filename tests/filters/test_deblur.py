"""Blur is undone by how it spreads: as a Gaussian, a disc or a line, before the network sees the picture."""

import numpy as np
import pytest
from pictures import psnr, scene

from framemend_filters.damage import lens, synthesis
from framemend_filters.engine.align import Aligned, Aligner, align_segment
from framemend_filters.engine.deblur import REACH, drifts, of_frame, undo, undoing
from framemend_filters.engine.windows import Segment
from framemend_filters.levels import Levels

SEGMENT = Segment(range(1, 4), range(5))
MIDDLE = slice(1, 4), slice(REACH, -REACH), slice(REACH, -REACH)


def aligned(frames: np.ndarray) -> Aligned:
    given = {i: f.astype(np.float32) / 255 for i, f in enumerate(frames)}
    return align_segment(SEGMENT, given, radius=4, neighbours=2)


def gained(blurred: np.ndarray, clean: np.ndarray) -> float:
    """dB by which the base is nearer to the clean frames than what is given."""
    base, right = aligned(blurred).base, clean / 255
    inner = (slice(None), *MIDDLE[1:])
    return psnr(base[inner], right[MIDDLE]) - psnr(blurred[MIDDLE] / 255, right[MIDDLE])


@pytest.mark.parametrize(
    "blur",
    [
        lambda f: lens.gaussian_blur(f, 1.5),
        lambda f: lens.defocus(f, 2.5),
        lambda f: lens.motion_blur(f, 6, np.random.default_rng(1)),
    ],
    ids=["Gaussian", "disc", "line"],
)
def test_the_base_of_a_blurred_clip_is_sharper(blur) -> None:
    clean = scene(0)
    assert gained(blur(clean), clean) > 1.5


def test_a_shake_is_undone_frame_by_frame_and_a_lens_for_all_alike() -> None:
    shaken = Levels(0, blur=1, spread_0=1.8, spread_45=0.9, spread_90=0.3, spread_135=0.9)
    lens_of = Levels(0, blur=1, spread_0=1.5, spread_45=1.5, spread_90=1.5, spread_135=1.5)
    assert drifts(shaken)
    assert not drifts(lens_of)
    turned = of_frame(shaken, (0.9, 1.8, 0.9, 0.3))
    assert turned.spread == pytest.approx((1.35, 1.35, 0.6, 0.6))
    assert turned._replace(spread_0=1.8, spread_45=0.9, spread_90=0.3, spread_135=0.9) == shaken


def test_a_shake_that_turns_is_undone_as_it_is_in_each_frame() -> None:
    clean = scene(0)
    turning = lens.through(clean, [lens.line(0.15 * t, 6) for t in range(5)])
    assert gained(turning, clean) > 2.2  # 2.3; as all frames together have it, 2.0


def test_noise_that_came_after_the_blur_is_not_blown_up() -> None:
    clean = scene(1)
    noisy = synthesis.gaussian_noise(lens.gaussian_blur(clean, 1.5), 5, np.random.default_rng(2))
    assert gained(noisy, clean) > 1


@pytest.mark.parametrize("seed", [0, 1])
def test_sharp_and_noisy_clips_are_left_as_they_are(seed: int) -> None:
    clean = scene(seed)
    for frames in (clean, synthesis.gaussian_noise(clean, 10, np.random.default_rng(0))):
        levels = Levels(*aligned(frames).levels.tolist())
        assert undoing(levels, levels.noise) is None


def test_the_kernel_keeps_flat_pictures_and_undoes_more_the_less_noise_there_is() -> None:
    blurred = Levels(0, blur=1, spread_0=1.5, spread_45=1.5, spread_90=1.5, spread_135=1.5)
    kernels = [undoing(blurred, noise / 255) for noise in (0, 2, 8)]
    middles = []
    for kernel in kernels:
        assert kernel is not None and kernel.shape == (2 * REACH + 1, 2 * REACH + 1)
        np.testing.assert_allclose(undo(np.full((40, 50, 3), 0.3, np.float32), kernel), 0.3, atol=1e-5)
        middles.append(kernel[REACH, REACH])
    assert middles[0] > middles[1] > middles[2]


def test_a_line_is_undone_along_it_alone() -> None:
    along = undoing(Levels(0, blur=1, spread_0=1.8, spread_45=1.3, spread_90=0.1, spread_135=1.3), 0)
    assert along is not None
    across = np.abs(along.sum(1))  # what it does to lines of another brightness each
    assert np.abs(along).sum() > 2
    assert across[REACH] == pytest.approx(across.sum(), rel=0.25)


def test_a_part_is_what_it_is_in_the_whole() -> None:
    given = {i: f.astype(np.float32) / 255 for i, f in enumerate(lens.gaussian_blur(scene(0), 1.5))}
    aligner = Aligner(SEGMENT, given, radius=4, neighbours=2)
    whole = aligner.part(*aligner.whole)
    part = aligner.part(slice(64, 128), slice(96, 160))
    np.testing.assert_allclose(part.base, whole.base[:, 64:128, 96:160], atol=2e-6)
    assert np.abs(whole.base - whole.mean).max() > 0.02


def test_holes_stay_as_blurred_as_what_is_around_them_where_nothing_else_is_repaired() -> None:
    given = {i: f.astype(np.float32) / 255 for i, f in enumerate(lens.gaussian_blur(scene(0), 1.5))}
    aligner = Aligner(SEGMENT, given, radius=4, neighbours=2, holes_alone=True)
    assert aligner.levels.blur == 0 and aligner.levels.spread_0 == 0
    assert psnr(aligner.part(*aligner.whole).base, np.stack([given[i] for i in SEGMENT.frames])) > 38
