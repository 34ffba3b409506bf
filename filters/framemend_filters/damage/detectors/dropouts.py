"""Dropouts and torn lines of tape: streaks along the lines, on one frame alone."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.detectors.blobs import judged
from framemend_filters.damage.detectors.marks import EDGE_SHARE, draw, margin
from framemend_filters.damage.detectors.outliers import Outliers, outliers
from framemend_filters.damage.detectors.view import View

LEAST_ODDS = 0.0
"""Log odds from which a streak is taken for a dropout."""
LONGER_THAN_HIGH = 4
"""A streak is at least this many times as long as it is high ..."""
LEAST_LENGTH, MOST_LINES = 1 / 50, 1 / 50
"""... at least this share of the width long, and at most this share of the height high (2 lines in any case)."""
TAIL_CODES, TAIL_NOISES = 5.0, 1.5
"""The fading end of a dropout: samples of its lines that still differ by this much, codes and standard deviations."""


def dropouts(view: View) -> NDArray[np.uint8] | None:
    """Mask of the dropouts in the frame, H W uint8; None where there is none or no frame of the scene on one side."""
    found = outliers(view)
    if found is None or not len(found.blobs):
        return None
    kept = (judged(view, found) > LEAST_ODDS) & is_streak(found.blobs, view.shape)
    edge = max(3, round(EDGE_SHARE * view.shape[0]))  # at the sides dropouts begin and end
    kept &= (found.blobs[:, 1] >= edge) & (found.blobs[:, 1] + found.blobs[:, 3] <= view.shape[0] - edge)
    if not kept.any():
        return None
    return draw(_with_tails(view, found, kept), kept, (2, margin(view.shape[0]) - 1))


def is_streak(blobs: NDArray[np.int32], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Which blobs (left, top, width, height, area) are streaks along the lines rather than specks."""
    width, height = blobs[:, 2], blobs[:, 3]
    lines = max(2, round(MOST_LINES * shape[0]))
    return (width >= LONGER_THAN_HIGH * height) & (width >= LEAST_LENGTH * shape[1]) & (height <= lines)


def _with_tails(view: View, found: Outliers, kept: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Labels in which each streak goes on along its lines as long as they differ from both sides of time."""
    difference = np.abs(view.luma() - (view.aligned(-1) + view.aligned(1)) / 2)
    weak = difference > TAIL_CODES + TAIL_NOISES * view.noise() + 0.5 * found.trust
    labels = found.labels.copy()
    for number in np.flatnonzero(kept) + 1:
        _, top, _, height, _ = found.blobs[number - 1]
        rows = slice(top, top + height)
        line = ((labels[rows] == number) | weak[rows]).any(0).astype(np.uint8)[None]
        runs = cv2.morphologyEx(line, cv2.MORPH_CLOSE, np.ones((1, 9), np.uint8))
        _, parts = cv2.connectedComponents(runs)
        own = np.unique(parts[0, (labels[rows] == number).any(0)])
        columns = np.isin(parts[0], own[own > 0])
        band = labels[rows]
        band[:, columns] = np.where(band[:, columns] == 0, number, band[:, columns])
    return labels
