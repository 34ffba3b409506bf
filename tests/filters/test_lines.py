"""Lines of tape that jitter are put back in place, and lines of everything else are left alone."""

import numpy as np
import pytest
from pictures import psnr, scene

from framemend_filters.damage import tape
from framemend_filters.damage.synthesis import gaussian_noise
from framemend_filters.engine.align import Aligner
from framemend_filters.engine.lines import LEAST, misplaced, straightened
from framemend_filters.engine.motion import Motion
from framemend_filters.engine.windows import Segment

FRAMES = 7
WRITTEN = range(2, 5)


def _pictures(frames: np.ndarray) -> dict[int, np.ndarray]:
    return {i: f.astype(np.float32) / 255 for i, f in enumerate(frames)}


def _misplaced(frames: np.ndarray) -> dict[int, np.ndarray]:
    pictures = _pictures(frames)
    return misplaced(WRITTEN, pictures, Motion(pictures))


def _taped(clean: np.ndarray, jitter: float, noise: float = 3) -> np.ndarray:
    rng = np.random.default_rng(4)
    return tape.line_jitter(gaussian_noise(clean, noise, rng), jitter, rng)


@pytest.mark.parametrize("jitter", [0.4, 1.5])
def test_lines_that_jitter_are_put_back_while_the_camera_pans(jitter: float) -> None:
    clean = scene(0, 160, 320, FRAMES)
    given = _taped(clean, jitter, noise=0)
    offsets = _misplaced(given)
    assert sorted(offsets) == list(WRITTEN)
    for t in WRITTEN:
        before, after = (
            psnr(p[:, 8:-8], clean[t, :, 8:-8] / 255)
            for p in (given[t] / 255, straightened(given[t] / 255, offsets[t]))
        )
        assert after > before + 2


def test_a_tape_is_aligned_on_lines_that_were_put_back() -> None:
    clean = scene(1, 160, 320, FRAMES)
    given = _taped(clean, 0.8)
    gains = []
    for holes_alone in (True, False):
        aligner = Aligner(
            Segment(WRITTEN, range(FRAMES)), _pictures(given), radius=2, neighbours=2, holes_alone=holes_alone
        )
        gains.append(psnr(aligner.part(*aligner.whole).base, clean[WRITTEN.start : WRITTEN.stop] / 255))
    assert gains[1] > gains[0] + 1


def test_a_hole_goes_with_its_line() -> None:
    given = _taped(scene(0, 160, 320, FRAMES), 3, noise=0)
    masks = {3: np.zeros(given.shape[1:3], np.uint8)}
    masks[3][40:120, 100:140] = 255
    aligner = Aligner(Segment(WRITTEN, range(FRAMES)), _pictures(given), masks, radius=2, neighbours=2)
    moved = aligner.part(*aligner.whole).masks[1] > 0
    starts = moved[40:120].argmax(1)
    assert moved[40:120].any(1).all()
    assert not moved[:40].any()
    assert starts.std() > 1
    assert np.array_equal(masks[3] > 0, np.pad(np.ones((80, 40), bool), ((40, 40), (100, 180))))


@pytest.mark.parametrize("noise", [0, 10, 40])
def test_lines_that_stand_where_they_should_are_left_alone(noise: float) -> None:
    assert not _misplaced(gaussian_noise(scene(2, 160, 320, FRAMES), noise, np.random.default_rng(0)))


def test_too_few_and_too_short_lines_and_frames_without_neighbours_are_left_alone() -> None:
    given = _taped(scene(0, 160, 320, FRAMES), 1.5)
    assert not _misplaced(np.ascontiguousarray(given[:, :, : LEAST[1] - 1]))
    assert not _misplaced(np.ascontiguousarray(given[:, : LEAST[0] - 1]))
    pictures = _pictures(given)
    assert not misplaced([0, FRAMES - 1], pictures, Motion(pictures))
