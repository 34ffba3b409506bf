"""Vertical scratches of film: thin lines that stay with the film, not with the scene."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.detectors.fitted import score
from framemend_filters.damage.detectors.lines import lines
from framemend_filters.damage.detectors.marks import draw, off_the_edges
from framemend_filters.damage.detectors.view import View

LEAST_ODDS = 2.0
"""Log odds from which a line is taken for a scratch: those of scenes reach 2 on validation clips, scratches 3 to 16."""
GAP_SHARE = 1 / 8
"""Gap, as a share of the height, over which pieces of a scratch in one column are joined."""


def scratches(view: View) -> NDArray[np.uint8] | None:
    """Mask of the scratches in the frame, H W uint8; None where there is none."""
    found = lines(view)
    if not len(found.boxes):
        return None
    likely = score("lines")(found.features) > LEAST_ODDS
    kept = np.concatenate([[False], likely & off_the_edges(found.boxes, view.shape, sides_only=True)])
    chosen = kept[found.labels].astype(np.uint8)
    gap = round(GAP_SHARE * view.shape[0]) | 1
    joined = cv2.morphologyEx(
        cv2.dilate(chosen, np.ones((1, 3), np.uint8)), cv2.MORPH_CLOSE, np.ones((gap, 1), np.uint8)
    )
    return draw(joined.astype(np.int32), np.array([True]), (round(view.shape[0] / 720), 2)) if joined.any() else None


def line_odds(view: View) -> float:
    """Highest log odds of the frame's lines that keep clear of its sides."""
    found = lines(view)
    clear = off_the_edges(found.boxes, view.shape, sides_only=True)
    return float(score("lines")(found.features)[clear].max(initial=-np.inf))
