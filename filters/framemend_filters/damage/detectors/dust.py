"""Dust, dirt and hairs: blobs on one frame alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.detectors.blobs import judged
from framemend_filters.damage.detectors.dropouts import is_streak
from framemend_filters.damage.detectors.marks import draw, margin, off_the_edges
from framemend_filters.damage.detectors.outliers import outliers
from framemend_filters.damage.detectors.view import View

LEAST_ODDS = 0.0
"""Log odds from which a blob is taken for dust."""


def dust(view: View) -> NDArray[np.uint8] | None:
    """Mask of the dust in the frame, H W uint8; None where there is none or no frame of the scene on one side."""
    found = outliers(view)
    if found is None or not len(found.blobs):
        return None
    kept = (judged(view, found) > LEAST_ODDS) & ~is_streak(found.blobs, view.shape)
    kept &= off_the_edges(found.blobs, view.shape)
    wider = margin(view.shape[0])
    return draw(found.labels, kept, (wider, wider))
