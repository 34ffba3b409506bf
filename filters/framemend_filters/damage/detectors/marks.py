"""Draws what detectors have found as a mask, wide enough to hold soft edges."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

EDGE_SHARE = 1 / 100
"""Share of the frame's height (at least 3 samples) along its edges in which nothing is taken for damage: the gate that
weaves, black bars and flow that runs out of the picture show there."""
LARGEST_SHARE = 0.1
"""A mask of one frame that covers more than this is none: brightness leapt, or a cut was missed."""


def draw(labels: NDArray[np.int32], kept: NDArray[np.bool_], widen: tuple[int, int]) -> NDArray[np.uint8] | None:
    """Mask of the numbers n in `labels` (H W, 0 none) with kept[n - 1], widened by so many samples across and down.

    H W uint8, 255 or 0. None where nothing is kept, or too much of the frame.
    """
    if not kept.any():
        return None
    chosen = np.concatenate([[False], kept])[labels].astype(np.uint8)
    if np.count_nonzero(chosen) > LARGEST_SHARE * chosen.size:
        return None
    across, down = widen
    return np.asarray(cv2.dilate(chosen, np.ones((2 * down + 1, 2 * across + 1), np.uint8)), np.uint8) * np.uint8(255)


def margin(height: int) -> int:
    """Samples by which a defect is widened: its soft edge grows with the scan."""
    return 1 + round(height / 720)


def off_the_edges(
    boxes: NDArray[np.int32], shape: tuple[int, ...], *, top_and_bottom: bool = True
) -> NDArray[np.bool_]:
    """Which boxes (left, top, width, height, ...) keep clear of the frame's edges, or of its left and right ones alone."""
    left, top, width, height = (boxes[:, i] for i in range(4))
    edge = max(3, round(EDGE_SHARE * shape[0]))
    clear = (left >= edge) & (left + width <= shape[1] - edge)
    if not top_and_bottom:
        return clear
    return clear & (top >= edge) & (top + height <= shape[0] - edge)
