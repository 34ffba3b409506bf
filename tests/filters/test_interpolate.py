"""A lost frame between two that are given."""

import numpy as np
import pytest
from pictures import panning_clip, psnr

from framemend_filters.engine import interpolate as module
from framemend_filters.engine.filled import Filled
from framemend_filters.engine.interpolate import interpolate

SIZE = 96, 128


def _crossing(frames: int) -> np.ndarray:
    """A square that goes left before a background that goes right."""
    back = panning_clip(frames, *SIZE, speed=2.0)
    front = panning_clip(frames, *SIZE, speed=-1.0)[:, ::-1]
    clip = back.copy()
    for t in range(frames):
        left = 60 - 3 * t
        clip[t, 30:66, left : left + 36] = front[0, 30:66, 40:76]
    return clip


def _sides(clip: np.ndarray, first: int, last: int) -> tuple[Filled, Filled]:
    certain = np.ones(SIZE, np.float32)
    return Filled(clip[first], certain), Filled(clip[last], certain)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_what_moves_in_two_ways_is_put_where_it_is_at_that_time(at: int) -> None:
    clip = _crossing(5)
    picture, certainty = interpolate(*_sides(clip, 0, 4), at / 4, 1)
    inner = slice(12, -12), slice(16, -16)
    mixed = clip[0] * (1 - at / 4) + clip[4] * (at / 4)
    assert psnr(picture[inner], clip[at][inner]) > psnr(mixed[inner], clip[at][inner]) + 5
    assert certainty.min() >= 0
    assert certainty.max() <= 1
    assert picture.dtype == certainty.dtype == np.float32


def test_flow_from_around_a_sample_makes_it_better(monkeypatch: pytest.MonkeyPatch) -> None:
    clip = _crossing(5)
    together, _ = interpolate(*_sides(clip, 0, 4), 0.5, 1)
    monkeypatch.setattr(module, "AROUND", ())
    alone, _ = interpolate(*_sides(clip, 0, 4), 0.5, 1)
    assert psnr(together, clip[2]) > psnr(alone, clip[2]) + 0.1


def test_where_nothing_moves_both_sides_are_mixed_by_nearness_in_time() -> None:
    clip = np.repeat(panning_clip(1, *SIZE), 2, 0)
    clip[1] += np.float32(0.02)
    picture, _ = interpolate(*_sides(clip, 0, 1), 0.25, 1)
    np.testing.assert_allclose(picture, clip[0] + 0.005, atol=2e-3)
