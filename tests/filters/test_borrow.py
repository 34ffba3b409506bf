"""Holes filled from other frames."""

import numpy as np
import pytest
from pictures import panning_clip, psnr

from framemend_filters.engine.borrow import Borrower, read_points, spread
from framemend_filters.engine.flow import dis_flow
from framemend_filters.engine.motion import FlowMemory
from framemend_filters.engine.shrink import shrink
from framemend_filters.engine.windows import Segment


def _borrower(clip: np.ndarray, masks: np.ndarray, at: int, reach: range | None = None) -> Borrower:
    frames = {i: np.where(m[..., None] > 0, np.float32(0), f) for i, (f, m) in enumerate(zip(clip, masks, strict=True))}
    return Borrower(Segment(range(at, at + 1), reach or range(len(clip))), frames, dict(enumerate(masks)))


def _static_box(clip: np.ndarray) -> np.ndarray:
    masks = np.zeros(clip.shape[:3], np.uint8)
    masks[:, 40:60, 60:72] = 255
    return masks


def test_what_a_static_box_hides_in_a_pan_is_carried_over_from_other_frames() -> None:
    clip = panning_clip(17, 96, 128, speed=2.0)
    masks = _static_box(clip)
    filled = _borrower(clip, masks, 8).fill(8)
    hole = masks[8] > 0
    alone = _borrower(clip, masks, 8, range(8, 9)).fill(8)
    assert psnr(filled.picture[hole], clip[8][hole]) > 26
    assert psnr(filled.picture[hole], clip[8][hole]) > psnr(alone.picture[hole], clip[8][hole]) + 5
    assert (filled.certainty[hole] > 0).mean() > 0.95
    assert alone.certainty[hole].max() == 0
    np.testing.assert_array_equal(filled.picture[~hole], clip[8][~hole])
    assert filled.certainty[~hole].min() == 1


def test_a_lost_frame_lies_between_its_neighbours() -> None:
    clip = panning_clip(9, 96, 128, speed=3.0)
    masks = np.zeros(clip.shape[:3], np.uint8)
    masks[4] = 255
    borrower = _borrower(clip, masks, 4)
    filled = borrower.fill(4)
    average = (clip[3] + clip[5]) / 2
    inner = slice(8, -8), slice(8, -8)
    assert borrower.is_lost(4)
    assert psnr(filled.picture[inner], clip[4][inner]) > psnr(average[inner], clip[4][inner]) + 4


def test_lost_frames_at_an_end_go_on_as_the_picture_was_moving_with_little_certainty() -> None:
    clip = panning_clip(9, 96, 128, speed=3.0)
    masks = np.zeros(clip.shape[:3], np.uint8)
    masks[:2] = masks[7:] = 255
    for at, last in ((8, 6), (0, 2)):
        filled = _borrower(clip, masks, at).fill(at)
        inner = (slice(12, -12), slice(12, -12))
        assert psnr(filled.picture[inner], clip[at][inner]) > psnr(clip[last][inner], clip[at][inner]) + 6
        assert filled.certainty.max() < 0.2


def test_a_lost_frame_beside_a_single_one_repeats_it() -> None:
    clip = panning_clip(3, 96, 128, speed=3.0)
    masks = np.zeros(clip.shape[:3], np.uint8)
    masks[1:] = 255
    np.testing.assert_array_equal(_borrower(clip, masks, 2).fill(2).picture, clip[0])


def test_where_every_frame_is_lost_nothing_is_certain() -> None:
    clip = panning_clip(3, 48, 64)
    masks = np.full(clip.shape[:3], 255, np.uint8)
    filled = _borrower(clip, masks, 1).fill(1)
    assert np.isfinite(filled.picture).all()
    assert filled.certainty.max() == 0


def test_what_is_spread_into_a_hole_stays_between_the_values_around_it() -> None:
    ramp = np.repeat(np.linspace(0.2, 0.8, 64, dtype=np.float32)[None, :, None], 48, 0).repeat(3, 2)
    unknown = np.zeros((48, 64), np.uint8)
    unknown[10:30, 20:50] = 1
    broken = np.where(unknown[..., None] > 0, np.float32(9), ramp)
    filled = spread(broken, unknown)
    assert np.abs(filled - ramp).max() < 0.1
    np.testing.assert_array_equal(filled[unknown == 0], ramp[unknown == 0])


def test_points_are_read_between_samples_and_at_the_edge() -> None:
    y, x = np.mgrid[:8, :10].astype(np.float32)
    points = np.array([[2.25, 3.5], [9.0, 7.0], [-4.0, 20.0]], np.float32)
    np.testing.assert_allclose(read_points(np.stack([x, y], -1), points), [[2.25, 3.5], [9, 7], [0, 7]], atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(96, 128), (17, 31), (40, 45)])
def test_shrinking_takes_noise_away_at_any_size_and_leaves_a_clean_picture_alone(height: int, width: int) -> None:
    clean = panning_clip(1, height, width)[0]
    level = np.full((height, width), 20 / 255, np.float32)
    noisy = clean + np.random.default_rng(0).normal(0, 20 / 255, clean.shape).astype(np.float32)
    assert psnr(shrink(noisy, level), clean) > psnr(noisy, clean) + 1
    np.testing.assert_allclose(shrink(clean, 0 * level), clean, atol=1e-5)


def test_shrinking_leaves_what_has_next_to_no_noise_beside_what_has_much() -> None:
    rng = np.random.default_rng(3)
    noisy = rng.random((160, 48, 3), dtype=np.float32)
    level = np.full((160, 48), 0.5 / 255, np.float32)
    level[:48] = 20 / 255
    shrunk = shrink(noisy, level)
    np.testing.assert_allclose(shrunk[112:], noisy[112:], atol=1e-5)
    assert np.abs(shrunk[:32] - noisy[:32]).mean() > 1 / 255


def test_what_shrinking_makes_of_a_part_does_not_depend_on_the_noise_beside_it() -> None:
    rng = np.random.default_rng(3)
    noisy = rng.random((48, 160, 3), dtype=np.float32)
    level = np.full((48, 160), 0.5 / 255, np.float32)
    level[:, :48] = 20 / 255
    part = shrink(noisy[:, 64:], level[:, 64:])[:, 48:]
    np.testing.assert_allclose(shrink(noisy, level)[:, 112:], part, rtol=0, atol=1e-6)


def test_what_was_carried_over_names_its_frames() -> None:
    clip = panning_clip(17, 96, 128, speed=2.0)
    masks = _static_box(clip)
    sources = _borrower(clip, masks, 8).fill(8).sources
    hole = (masks[8] > 0).mean()
    assert 8 not in sources and 0.9 * hole < sum(sources.values()) <= hole + 1e-6
    assert any(i < 8 for i in sources) and any(i > 8 for i in sources)
    assert dict(_borrower(clip, masks, 8, range(8, 9)).fill(8).sources) == {}
    masks[4] = 255
    assert dict(_borrower(clip, masks, 4).fill(4).sources) == pytest.approx({3: 0.5, 5: 0.5})


def test_what_one_segment_knows_of_flow_serves_the_next_and_changes_nothing() -> None:
    clip = panning_clip(17, 96, 128, speed=2.0)
    masks = _static_box(clip)
    memory = FlowMemory()
    frames = {i: np.where(m[..., None] > 0, np.float32(0), f) for i, (f, m) in enumerate(zip(clip, masks, strict=True))}

    def filled(first: int, given: np.ndarray, memory: FlowMemory | None) -> list[np.ndarray]:
        segment = Segment(range(first, first + 4), range(max(0, first - 4), min(17, first + 8)))
        borrower = Borrower(segment, frames, dict(enumerate(given)), memory)
        pictures = [borrower.fill(i).picture for i in segment.frames]
        borrower.remember()
        return pictures

    filled(4, masks, memory)
    with pytest.MonkeyPatch.context() as patch:
        searches: list[int] = []
        patch.setattr("framemend_filters.engine.borrow.dis_flow", lambda *a: searches.append(0) or dis_flow(*a))
        again = filled(8, masks.copy(), memory)  # masks come anew with each window
        few = len(searches)
        alone = filled(8, masks, None)
        assert 0 < few < (len(searches) - few) / 2
        # a hole that has changed is not taken for the one before
        changed = masks.copy()
        changed[:, 30:40, 20:30] = 255
        filled(4, masks, memory)
        of_changed = filled(8, changed, memory)
    np.testing.assert_array_equal(again, alone)
    np.testing.assert_array_equal(of_changed, filled(8, changed, None))
