"""Flow, warping and the aligned mean."""

import cv2
import numpy as np
import pytest
from pictures import panning_clip, pattern, psnr

from framemend_filters.damage import tape
from framemend_filters.engine.align import Aligner, align_segment
from framemend_filters.engine.flow import dis_flow, fill_smoothly, flow_picture, inside, sample_positions, warp
from framemend_filters.engine.motion import FlowMemory, Motion
from framemend_filters.engine.noise import noise_level
from framemend_filters.engine.windows import Segment

HOMOGRAPHY = np.array([[1.01, 0.012, 2.3], [-0.008, 0.995, -1.7], [2e-5, -1e-5, 1.0]])


def _moved(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture under HOMOGRAPHY, and the true flow from the moved picture back to it."""
    height, width = picture.shape[:2]
    moved = cv2.warpPerspective(
        picture, HOMOGRAPHY, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    y, x = np.mgrid[:height, :width].astype(np.float64)
    back = np.linalg.inv(HOMOGRAPHY) @ np.stack([x, y, np.ones_like(x)]).reshape(3, -1)
    place = (back[:2] / back[2]).reshape(2, height, width).transpose(1, 2, 0)
    return moved, place - np.stack([x, y], -1)


@pytest.mark.parametrize("noise", [0, 10])
def test_a_test_pattern_under_a_known_homography_is_aligned_to_within_0_3_px(noise: int) -> None:
    picture = pattern(240, 320)
    moved, true_flow = _moved(picture)
    rng = np.random.default_rng(5)
    given = [np.clip(p + rng.normal(0, noise / 255, p.shape), 0, 1).astype(np.float32) for p in (picture, moved)]
    flow = dis_flow(flow_picture(given[1]), flow_picture(given[0]))
    error = np.hypot(*(flow - true_flow).transpose(2, 0, 1))[16:-16, 16:-16]
    assert np.mean(error) < 0.3
    assert np.percentile(error, 90) < 0.5


def test_warping_along_the_true_flow_gives_the_picture_back() -> None:
    picture = pattern(120, 160)
    moved, true_flow = _moved(picture)
    back = warp(picture, sample_positions(true_flow.astype(np.float32)))
    assert psnr(back[12:-12, 12:-12], moved[12:-12, 12:-12]) > 32


def test_positions_outside_the_frame_are_not_valid() -> None:
    flow = np.zeros((20, 30, 2), np.float32)
    flow[:, :10, 0] = -15
    valid = inside(sample_positions(flow), 20, 30)
    assert valid[:, :10].max() == 0
    assert valid[:, 10:].min() == 1


def test_flow_in_a_hole_is_filled_smoothly_from_around_it() -> None:
    y, x = np.mgrid[:64, :64].astype(np.float32)
    flow = np.stack([0.05 * x, -0.03 * y], -1)
    known = np.ones((64, 64), np.float32)
    known[20:40, 24:44] = 0
    broken = np.where(known[..., None] > 0, flow, np.float32(99))
    filled = fill_smoothly(broken, known)
    np.testing.assert_array_equal(filled[known > 0], flow[known > 0])
    assert np.abs(filled - flow)[known == 0].max() < 0.5


@pytest.mark.parametrize("sigma", [5, 10, 20, 40])
def test_noise_is_estimated_blindly(sigma: int) -> None:
    _y, x = np.mgrid[:128, :160].astype(np.float32)
    picture = np.repeat((0.3 + 0.4 * x / 160)[..., None], 3, 2)
    noisy = picture + np.random.default_rng(1).normal(0, sigma / 255, picture.shape).astype(np.float32)
    level = noise_level(noisy.astype(np.float32))
    assert level is not None
    assert level * 255 == pytest.approx(sigma, rel=0.15)


def test_black_bars_do_not_hide_noise() -> None:
    noisy = np.clip(0.5 + np.random.default_rng(2).normal(0, 20 / 255, (128, 160, 3)), 0, 1).astype(np.float32)
    noisy[:48] = noisy[-48:] = 0
    level = noise_level(noisy)
    assert level is not None
    assert level * 255 > 14


def test_the_aligned_mean_of_a_noisy_pan_is_far_closer_to_the_clean_frame() -> None:
    clean, noisy = panning_clip(13, 96, 128), panning_clip(13, 96, 128, noise=20)
    aligned = align_segment(Segment(range(4, 9), range(13)), dict(enumerate(noisy)), radius=6, neighbours=2)
    assert aligned.neighbours.shape == (5, 4, 96, 128, 3)
    assert aligned.validity.shape == (5, 4, 96, 128)
    assert psnr(aligned.mean, clean[4:9]) > psnr(noisy[4:9], clean[4:9]) + 4
    assert aligned.count.mean() > 5


def test_masked_samples_of_neighbours_never_enter_the_mean() -> None:
    clip = panning_clip(9, 64, 96)
    masks = {3: np.zeros((64, 96), np.uint8)}
    masks[3][20:40, 30:60] = 255
    marked = clip.copy()
    marked[3][masks[3] > 0] = [1, 0, 0]
    segment = Segment(range(4, 5), range(9))
    seen = [align_segment(segment, dict(enumerate(c)), masks, radius=4, neighbours=2).mean for c in (clip, marked)]
    np.testing.assert_array_equal(seen[0], seen[1])


def test_a_lone_frame_has_no_valid_neighbours_and_is_its_own_mean() -> None:
    still = panning_clip(1, 48, 64)
    aligned = align_segment(Segment(range(1), range(1)), {0: still[0]}, radius=6, neighbours=2)
    assert aligned.validity.max() == 0
    np.testing.assert_allclose(aligned.mean[0], still[0], atol=1e-6)


def test_flow_does_not_depend_on_what_was_matched_before() -> None:
    large, small = ([flow_picture(f) for f in panning_clip(2, h, w, speed=2)] for h, w in ((72, 96), (48, 64)))
    before = dis_flow(large[0], large[1])
    dis_flow(small[0], small[1])
    np.testing.assert_array_equal(dis_flow(large[0], large[1]), before)


def test_fine_texture_is_as_sharp_in_the_mean_as_in_the_frame() -> None:
    """Motion by half samples: read between samples bilinearly, a texture of four samples' period loses a quarter."""
    y, x = np.mgrid[:96, :128].astype(np.float32)

    def frame(t: int) -> np.ndarray:
        at = x + 0.5 * t
        texture = 0.18 * np.sin(2 * np.pi * at / 4.1) * np.sin(2 * np.pi * y / 3.3)
        return np.repeat((0.5 + texture + 0.1 * np.sin(at / 9) * np.cos(y / 11))[..., None], 3, 2).astype(np.float32)

    frames = {t: frame(t) for t in range(9)}
    aligned = align_segment(Segment(range(4, 5), range(9)), frames, radius=4, neighbours=2)
    inner = (slice(12, -12),) * 2
    assert psnr(aligned.mean[0][inner], frames[4][inner]) > 45


def test_flow_over_four_frames_is_as_good_in_two_hops_as_in_one() -> None:
    frames = dict(enumerate(panning_clip(9, 96, 128, speed=2)))
    chained = Motion(frames).flow(2, 6)[12:-12, 12:-12]
    direct = dis_flow(flow_picture(frames[2]), flow_picture(frames[6]))[24:-24, 24:-24]
    assert chained.shape == (24, 40, 2)
    motion = np.array([-8, 0])
    assert np.abs(chained - motion).mean() < np.abs(direct - motion).mean() + 0.05 < 0.2


def test_what_one_segment_found_between_frames_serves_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = dict(enumerate(panning_clip(14, 48, 64, speed=1, noise=6)))
    searched: list[int] = []

    def search(*args: object) -> np.ndarray:
        searched.append(1)
        return dis_flow(*args)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr("framemend_filters.engine.motion.dis_flow", search)

    def aligned(memory: FlowMemory | None) -> list[np.ndarray]:
        means = []
        for first in (0, 5):
            segment = Segment(range(first, first + 5), range(14))
            aligner = Aligner(segment, frames, radius=4, neighbours=2, memory=memory)
            means.append(aligner.part(*aligner.whole).mean.copy())
            aligner.remember()
        return means

    alone = aligned(None)
    without, _ = len(searched), searched.clear()
    together = aligned(FlowMemory())
    np.testing.assert_array_equal(together, alone)
    assert len(searched) < 0.85 * without
    frames[5] = frames[5].copy()  # another array: what was found before says nothing of it
    memory = FlowMemory()
    memory.keep({5: (frames[4],), 6: (frames[6],)}, {(5, 6): np.full((24, 32, 2), 9, np.float32)}, 0)
    np.testing.assert_array_equal(Motion(frames, memory).flow(5, 6), Motion(frames).flow(5, 6))


@pytest.mark.parametrize(("noise", "farthest"), [(1, 2), (5, 4), (25, 6)])
def test_the_stronger_the_noise_the_further_away_are_the_frames_of_the_base(noise: int, farthest: int) -> None:
    rng = np.random.default_rng(3)
    clip = dict(enumerate(panning_clip(13, 64, 80, seed=2)))
    clip = {i: (f + rng.normal(0, noise / 255, f.shape)).astype(np.float32) for i, f in clip.items()}
    segment = Segment(frames=range(6, 7), reach=range(13))

    def base_of(frames: dict[int, np.ndarray]) -> np.ndarray:
        aligner = Aligner(segment, frames, radius=4, neighbours=1, holes_alone=True)  # exposed as they are
        return aligner.part(*aligner.whole).base

    base = base_of(clip)

    def counts(away: int) -> bool:
        changed = clip | {6 - away: clip[6 - away] + np.float32(0.01)}
        return bool(np.any(base_of(changed) != base))

    assert [away for away in range(1, 7) if counts(away)] == list(range(1, farthest + 1))


def test_the_mean_evens_out_errors_that_look_like_picture_and_the_base_leaves_them() -> None:
    # as codecs leave them: smooth over each block, others in every frame, in half of the picture
    rng = np.random.default_rng(4)
    clean = panning_clip(9, 64, 80, seed=2)
    blocks = rng.normal(0, 8 / 255, (9, 8, 10, 3)).repeat(8, 1).repeat(8, 2)
    blocks[:, :, :40] = 0
    coded = {i: f.astype(np.float32) for i, f in enumerate(clean + blocks)}
    aligned = align_segment(Segment(frames=range(4, 5), reach=range(9)), coded, radius=4, neighbours=1)

    def error(picture: np.ndarray) -> float:
        return float(np.sqrt(np.square(picture - clean[4]).mean()))

    assert error(aligned.mean[0]) < 0.7 * error(coded[4])
    assert error(aligned.base[0]) > 0.9 * error(coded[4])


def test_the_mean_forgives_composite_colour_that_differs_in_every_frame() -> None:
    clean = np.rint(panning_clip(9, 96, 128, seed=2) * 255).astype(np.uint8)
    received = tape.composite(clean, 3.05, "pal", np.random.default_rng(0), smear=0.2, notch=0.4)
    clip = {i: f.astype(np.float32) / 255 for i, f in enumerate(received)}
    aligned = align_segment(Segment(frames=range(4, 5), reach=range(9)), clip, radius=4, neighbours=1)

    def error(picture: np.ndarray) -> float:
        return float(np.square(picture - clean[4] / 255).mean())

    assert error(aligned.mean[0]) < 0.55 * error(clip[4])  # 0.74 where it forgives no more than errors of codecs
