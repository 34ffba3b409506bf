"""Hard cuts, and what must not be taken for one."""

import numpy as np
import pytest
from pictures import panning_clip

from framemend_filters.engine.scenes import find_cuts


def _two_scenes(first: int, second: int, noise: float = 0) -> np.ndarray:
    a = panning_clip(first, 48, 64, noise=noise)
    b = 1 - panning_clip(second, 48, 64, seed=9, speed=-1, noise=noise)
    return np.concatenate([a * [1, 0.6, 0.5], b * [0.4, 0.7, 1]]).astype(np.float32)


@pytest.mark.parametrize("first", range(1, 12))
@pytest.mark.parametrize("noise", [0, 30])
def test_a_cut_is_found_wherever_it_lies(first: int, noise: int) -> None:
    clip = _two_scenes(first, 12 - first, noise)
    assert find_cuts(dict(enumerate(clip)), None, 12) == {first - 1}


@pytest.mark.parametrize("speed", [0.0, 1.0, 5.0])
def test_steady_motion_is_no_cut(speed: float) -> None:
    clip = panning_clip(12, 48, 64, speed=speed)
    assert not find_cuts(dict(enumerate(clip)), None, 12)


def test_a_flash_is_no_cut() -> None:
    clip = panning_clip(12, 48, 64) * 0.5
    clip[6] = 1.0
    assert not find_cuts(dict(enumerate(clip)), None, 12)


def test_a_lost_frame_is_no_cut() -> None:
    clip = panning_clip(12, 48, 64)
    clip[6] = 0
    masks = {6: np.full((48, 64), 255, np.uint8)}
    assert not find_cuts(dict(enumerate(clip)), masks, 12)


def test_what_is_decided_does_not_depend_on_where_reading_began() -> None:
    clip = _two_scenes(9, 11, noise=10)
    whole = find_cuts(dict(enumerate(clip)), None, 20)
    for start in range(6):
        part = {i: clip[i] for i in range(start, start + 14)}
        decided = find_cuts(part, None, 20)
        assert decided == {c for c in whole if start + 2 <= c <= start + 14 - 4 or (start == 0 and c < 10)}
