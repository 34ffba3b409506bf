"""Dust, dirt and hairs by their description: blobs on one frame alone, where both sides of time are there to tell, and the
network does not speak against it. It finds others, and those at the ends of a shot (learned.py); what either finds counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.detectors.blobs import judged
from framemend_filters.damage.detectors.marks import draw, margin, off_the_edges
from framemend_filters.damage.detectors.outliers import outliers
from framemend_filters.damage.detectors.view import View

LEAST_ODDS = 0.0
"""Log odds from which a blob is taken for dust."""
LEAST_SUPPORT = -1.0
"""The network's log odds, at their highest in a blob, from which it does not speak against it ..."""
LEAST_SUPPORTED = 0.5
"""... and the share of a frame's blobs that it must not speak against: else they are rain, snow or leaves, all of them. Both
were chosen on validation clips."""
LONGER_THAN_HIGH = 4
"""A streak, which is no dust but a dropout, is at least this many times as long as it is high ..."""
LEAST_LENGTH, MOST_LINES = 1 / 50, 1 / 50
"""... at least this share of the width long, and at most this share of the height high (2 lines in any case)."""


def dust(view: View, network_odds: NDArray[np.float32] | None = None) -> NDArray[np.uint8] | None:
    """Mask of the dust in the frame, H W uint8; None where there is none or no frame of the scene on one side.

    network_odds: the network's log odds of dust, H W; without them it has no say.
    """
    found = outliers(view)
    if found is None or not len(found.blobs):
        return None
    kept = (judged(view, found) > LEAST_ODDS) & ~is_streak(found.blobs, view.shape)
    kept &= off_the_edges(found.blobs, view.shape)
    if network_odds is not None and kept.any():
        supported = kept & (_highest(network_odds, found.labels, len(kept)) > LEAST_SUPPORT)
        if np.count_nonzero(supported) < LEAST_SUPPORTED * np.count_nonzero(kept):
            return None
        kept = supported
    wider = margin(view.shape[0])
    return draw(found.labels, kept, (wider, wider))


def _highest(odds: NDArray[np.float32], labels: NDArray[np.int32], count: int) -> NDArray[np.float32]:
    """The highest value in each of the labels 1..count."""
    highest = np.full(count + 1, -np.inf, np.float32)
    inside = labels > 0
    np.maximum.at(highest, labels[inside], odds[inside])
    return highest[1:]


def is_streak(blobs: NDArray[np.int32], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Which blobs (left, top, width, height, area) are streaks along the lines rather than specks."""
    width, height = blobs[:, 2], blobs[:, 3]
    lines = max(2, round(MOST_LINES * shape[0]))
    return (width >= LONGER_THAN_HIGH * height) & (width >= LEAST_LENGTH * shape[1]) & (height <= lines)
