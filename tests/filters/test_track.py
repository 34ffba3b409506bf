"""A mask drawn on one frame goes where the thing under it goes, both ways, and no further than the shot."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import pattern

from framemend_filters.engine.track import track
from framemend_filters.errors import SettingError

HEIGHT, WIDTH = 96, 128


def shot(count: int = 12, seed: int = 0) -> tuple[list[NDArray[np.float32]], list[NDArray[np.uint8]]]:
    """A textured disc that crosses a still background, and where it is."""
    ground, disc = pattern(HEIGHT, WIDTH, seed), pattern(HEIGHT, WIDTH, seed + 50)[::-1]
    frames, masks = [], []
    for i in range(count):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.circle(mask, (30 + 3 * i, 50), 14, 255, -1)
        moved = np.roll(disc, 3 * i, 1)
        frames.append(np.where(mask[..., None] > 0, moved, ground).astype(np.float32))
        masks.append(mask)
    return frames, masks


def overlap(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(np.count_nonzero((a > 127) & (b > 127)) / np.count_nonzero((a > 127) | (b > 127)))


def test_a_mask_follows_a_thing_both_ways() -> None:
    frames, masks = shot()
    carried = track(masks[6], frames, 6)
    assert sorted(carried) == list(range(12))
    assert (carried[6] == masks[6]).all()
    for i in (0, 3, 9, 11):
        assert overlap(carried[i], masks[i]) > 0.65
        assert overlap(carried[i], masks[6]) < 0.5


def test_a_mask_ends_at_cuts() -> None:
    first, masks = shot(8)
    before, after = [np.roll(f[..., ::-1], 30, 0) * 0.4 for f in shot(6, 7)[0]], [f * 0.3 + 0.7 for f in shot(6, 9)[0]]
    carried = track(masks[4], [*before, *first, *after], 6 + 4)
    assert sorted(carried) == list(range(6, 14))


def test_a_frame_that_the_clip_lacks_is_named() -> None:
    frames, masks = shot(3)
    with pytest.raises(SettingError, match="drawn on frame 9, but the clip has 3 frames"):
        track(masks[0], frames, 9)
    with pytest.raises(SettingError, match="mask is 64x64 but the picture is 128x96"):
        track(np.zeros((64, 64), np.uint8), frames, 0)
