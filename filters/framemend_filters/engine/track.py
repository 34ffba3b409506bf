"""Carries a mask that was drawn on one frame through its shot, along optical flow, both ways; it ends at cuts.

From frame to frame the mask is shifted, turned and scaled as a whole, as most of what is under it moves, so that it keeps
its shape; a thing that changes shape needs a mask with some room around it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.flow import dis_flow, flow_picture, halvings
from framemend_filters.engine.scenes import is_cut, thumbnail
from framemend_filters.engine.windows import CUT_LOOK_AHEAD, CUT_LOOK_BACK
from framemend_filters.errors import SettingError

LONGEST_SHOT = 3000
"""Frames before the drawn one whose pictures are kept at most, to carry the mask back."""
MOST_POINTS, LEAST_POINTS = 300, 6
"""Corners under a mask that are followed (Lucas and Kanade, pyramidal), and of which there must be left."""
WINDOW = (15, 15)
"""What is looked at around a corner, in samples."""
MOST_SCALING = 0.2
"""Change of size in one frame beyond which the motion is not believed, and only a shift is taken."""
KEEN = 1.5
"""Contrast given back to the mask's edge at each step, which reads between samples and softens it."""
LEAST_AREA = 8
"""Samples below which a mask has left the picture and is followed no further."""

Mask = NDArray[np.uint8]


def track(mask: Mask, frames: Iterable[NDArray[np.floating]], at: int) -> dict[int, Mask]:
    """The mask of each frame of the shot that `mask` was drawn in.

    mask: H W uint8, as drawn on frame `at`; frames: all frames of the clip in order, H W 3 RGB 0..1, read as far as the
    shot goes. Raises SettingError where the clip has no frame `at`.
    """
    pictures, last = _read_shot(frames, at, mask.shape)
    first = min(pictures)
    carried = {at: mask}
    for way, numbers in ((1, range(at + 1, last + 1)), (-1, range(at - 1, first - 1, -1))):
        for number in numbers:
            moved = _carried(carried[number - way], pictures[number], pictures[number - way])
            if np.count_nonzero(moved >= 128) < LEAST_AREA:
                break
            carried[number] = moved
    return carried


def _read_shot(
    frames: Iterable[NDArray[np.floating]], at: int, shape: tuple[int, ...]
) -> tuple[dict[int, NDArray[np.uint8]], int]:
    """Flow pictures of the shot around frame `at` (and of some after it), and the shot's last frame."""
    pictures: dict[int, NDArray[np.uint8]] = {}
    thumbs: dict[int, NDArray[np.float32] | None] = {}
    decided = -1
    number = -1

    def decide(limit: int, end: int) -> int | None:
        """Look for cuts after frames up to `limit` that are not decided; returns the shot's last frame once found."""
        nonlocal decided
        for i in range(decided + 1, limit + 1):
            decided = i
            around = [n for n in range(i - CUT_LOOK_BACK, i + CUT_LOOK_AHEAD + 1) if n in thumbs and n < end]
            if i + 1 < end and is_cut([thumbs[n] for n in around], around.index(i)):
                if i >= at:
                    return i
                for n in [n for n in pictures if n <= i]:
                    del pictures[n]
        return None

    for number, frame in enumerate(frames):
        if frame.shape[:2] != shape:
            raise SettingError(f"mask is {shape[1]}x{shape[0]} but the picture is {frame.shape[1]}x{frame.shape[0]}")
        pictures[number] = flow_picture(frame)
        thumbs[number] = thumbnail(frame)
        thumbs.pop(number - CUT_LOOK_BACK - CUT_LOOK_AHEAD - 1, None)
        pictures.pop(min(at, number) - LONGEST_SHOT, None)
        found = decide(number - CUT_LOOK_AHEAD, number + 1)
        if found is not None:
            return pictures, found
    if number < at:
        raise SettingError(f"the mask was drawn on frame {at}, but the clip has {number + 1} frames, from 0")
    found = decide(number, number + 1)
    return pictures, number if found is None else found


def _carried(mask: Mask, here: NDArray[np.uint8], there: NDArray[np.uint8]) -> Mask:
    """The mask of the frame `there` carried to the frame `here`, whose flow pictures are given."""
    height, width = mask.shape
    way = _motion(mask, there, here, 1 << halvings(height, width))
    moved = np.asarray(cv2.warpAffine(mask, way, (width, height), flags=cv2.INTER_LINEAR), np.float32)
    return np.clip(np.rint((moved - 127.5) * KEEN + 127.5), 0, 255).astype(np.uint8)


def _motion(mask: Mask, there: NDArray[np.uint8], here: NDArray[np.uint8], scale: int) -> NDArray[np.float64]:
    """Shift, turn and scale (2 3) from `there` to `here` that most of what is under the mask agrees on."""
    under = cv2.resize(mask, there.shape[::-1], interpolation=cv2.INTER_AREA)
    under = np.where(under >= 128, 255, 0).astype(np.uint8)
    corners = cv2.goodFeaturesToTrack(there, MOST_POINTS, 0.005, 2, mask=under)
    steps = start = np.zeros((0, 2), np.float32)
    if corners is not None:
        nothing: Any = None
        onward, seen, _ = cv2.calcOpticalFlowPyrLK(there, here, corners, nothing, winSize=WINDOW, maxLevel=3)
        back, again, _ = cv2.calcOpticalFlowPyrLK(here, there, onward, nothing, winSize=WINDOW, maxLevel=3)
        kept = (np.asarray(seen).ravel() > 0) & (np.asarray(again).ravel() > 0)
        kept &= np.linalg.norm((back - corners).reshape(-1, 2), axis=1) < 1
        start, steps = corners.reshape(-1, 2)[kept], (onward - corners).reshape(-1, 2)[kept]
    if len(start) < LEAST_POINTS:  # nothing to hold on to: what dense flow says
        flow = dis_flow(there, here)
        shift = np.median(flow[under > 0], 0) if under.any() else np.zeros(2)
        return np.array([[1, 0, scale * shift[0]], [0, 1, scale * shift[1]]], np.float64)
    cv2.setRNGSeed(1)  # the same mask for the same clip
    start, steps = start * scale, steps * scale
    way, _ = cv2.estimateAffinePartial2D(start, start + steps, ransacReprojThreshold=1.0 * scale)
    if way is None or abs(np.hypot(way[0, 0], way[1, 0]) - 1) > MOST_SCALING:
        shift = np.median(steps, 0)
        return np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
    return np.asarray(way, np.float64)
