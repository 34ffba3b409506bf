"""Finds hard cuts. Whether there is one between frames i and i+1 depends on frames i-2 .. i+3 alone."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.windows import CUT_LOOK_AHEAD, CUT_LOOK_BACK

THUMBNAIL = (32, 18)
"""Width and height of the pictures that are compared: small enough that noise and grain average out."""
LEAST_CHANGE = 0.045
"""Mean absolute RGB difference (0..1) of two thumbnails below which nothing is called a cut."""
LEAST_RATIO = 2.2
"""How many times the change across the cut must exceed the largest change on either side of it."""
LOST_SHARE = 0.9
"""A frame with a larger share of masked samples than this says nothing about cuts."""


def thumbnail(frame: NDArray[np.floating], mask: NDArray[np.uint8] | None = None) -> NDArray[np.float32] | None:
    """Small picture of a frame (H W 3, 0..1) for `is_cut`: RGB and the share of each cell that is given, h w 4. None
    where the frame is lost (masked nearly whole)."""
    frame = frame.astype(np.float32, copy=False)
    if mask is None or not mask.any():
        small = np.asarray(cv2.resize(frame, THUMBNAIL, interpolation=cv2.INTER_AREA), np.float32)
        return np.concatenate([small, np.ones_like(small[..., :1])], 2)
    if np.count_nonzero(mask) > LOST_SHARE * mask.size:
        return None
    given = (mask == 0).astype(np.float32)
    masked = np.concatenate([frame * given[..., None], given[..., None]], 2)
    small = np.asarray(cv2.resize(masked, THUMBNAIL, interpolation=cv2.INTER_AREA), np.float32)
    small[..., :3] /= np.maximum(small[..., 3:], 1e-3)
    return small


def is_cut(thumbnails: Sequence[NDArray[np.float32] | None], position: int) -> bool:
    """Whether there is a cut between thumbnails[position] and the next.

    thumbnails: those of frames i-2 .. i+3 as far as the clip has them, `position` being where frame i stands in them.
    A change that is undone a frame later (a flash, one broken frame) is no cut, nor is steady fast motion.
    """
    before = [t for t in thumbnails[: position + 1] if t is not None]
    after = [t for t in thumbnails[position + 1 :] if t is not None]
    if thumbnails[position] is None or not before or not after:
        return False  # a lost frame belongs to the scene before it
    across = min(_change(a, b) for a in before[-2:] for b in after[:2])
    if across < LEAST_CHANGE:
        return False
    beside = [_change(a, b) for side in (before, after) for a, b in itertools.pairwise(side)]
    return across > LEAST_RATIO * max(beside, default=0.0)


def find_cuts(
    frames: Mapping[int, NDArray[np.floating]], masks: Mapping[int, NDArray[np.uint8]] | None, num_frames: int
) -> frozenset[int]:
    """All i, of those that can be decided from `frames` (consecutive indices), with a cut between frames i and i+1."""
    masks = masks or {}
    thumbs = {i: thumbnail(frame, masks.get(i)) for i, frame in frames.items()}
    cuts: set[int] = set()
    for i in thumbs:
        around = [n for n in range(i - CUT_LOOK_BACK, i + CUT_LOOK_AHEAD + 1) if 0 <= n < num_frames]
        if i + 1 < num_frames and all(n in thumbs for n in around):
            # a lost frame in the middle: the cut, if any, is seen after it
            position = around.index(i)
            pictures = [thumbs[n] for n in around]
            if pictures[position] is None:
                earlier = [p for p in pictures[:position] if p is not None]
                if not earlier:
                    continue
                pictures[position] = earlier[-1]
            if pictures[position + 1] is None:
                continue
            if is_cut(pictures, position):
                cuts.add(i)
    return frozenset(cuts)


def _change(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Mean absolute difference over the cells that are given for the most part in both."""
    compared = np.minimum(a[..., 3], b[..., 3]) > 0.5
    return float(np.abs(a - b)[compared, :3].mean()) if compared.any() else 0.0
