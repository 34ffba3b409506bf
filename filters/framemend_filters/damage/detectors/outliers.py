"""What one frame alone shows: samples that neither the frame before nor the one after has, once motion is undone.

Both sides of time are laid onto the frame along optical flow; a sample is out where it lies beyond the range of both
sides in a patch around it (the rank-order test of Nadenau and Mitra, "Blotch and scratch detection in image sequences
based on rank ordered differences", 1996). Things that move too fast for flow are out in their neighbours as well:
a blob with a partner before and after, on a straight path, is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.detectors.hysteresis import hysteresis
from framemend_filters.damage.detectors.view import Picture, View

SEED_CODES, SEED_NOISES = 14.0, 3.0
"""A sample is surely out where it passes the range of both sides by this many codes plus these standard deviations."""
WEAK_CODES, WEAK_NOISES = 8.0, 2.2
"""A sample beside a sure one is out where it differs from the mean of both sides by this much, in the same direction."""
DISAGREEMENT = 1.0
"""Share of the difference between the two sides that is added to the thresholds: where they differ, flow failed."""
FLASH = 25.0
"""Codes by which the mean of a frame lies beyond that of both neighbours in a flash, which lights things anew."""
GAP = 6
"""Samples along a line that a blob may be broken by: dropouts come in pieces."""
AGREEMENT_EDGE = 9
"""Edge of the box that this difference is taken over, in samples."""


@dataclass(frozen=True)
class Outliers:
    """sign: H W int8, 1 where brighter than both sides, -1 where darker, 0 elsewhere; excess: H W float32, by how many
    codes a sample differs from the nearer side; labels: H W int32, number of the blob, 0 for none; blobs: one row a
    blob, as cv2 has them: left, top, width, height, area; trust: H W float32, codes that flow is off by here."""

    sign: NDArray[np.int8]
    excess: Picture
    labels: NDArray[np.int32]
    blobs: NDArray[np.int32]
    trust: Picture


def outliers(view: View) -> Outliers | None:
    """The outliers of the frame; None where it has no frame of its scene on one side of it, or is a flash."""
    if not view.has(-1, 1):
        return None
    leaps = [float(view.luma().mean() - view.luma(offset).mean()) for offset in (-1, 1)]
    if min(leaps) > FLASH or max(leaps) < -FLASH:
        return None
    return view.memory.get(("outliers", view.index), lambda: _outliers(view))


def _outliers(view: View) -> Outliers:
    here, before, after = view.luma(), view.aligned(-1), view.aligned(1)
    noise = view.noise()
    patch = np.ones((3, 3), np.uint8)
    top = np.maximum(cv2.dilate(before, patch), cv2.dilate(after, patch))
    bottom = np.minimum(cv2.erode(before, patch), cv2.erode(after, patch))
    box = (AGREEMENT_EDGE, AGREEMENT_EDGE)
    trust = np.asarray(cv2.blur(np.abs(before - after), box), np.float32)
    least = SEED_CODES + SEED_NOISES * noise + DISAGREEMENT * trust
    middle = (before + after) / 2
    difference = here - middle
    weak_least = WEAK_CODES + WEAK_NOISES * noise + 0.5 * DISAGREEMENT * trust
    sign = np.zeros(here.shape, np.int8)
    for direction, beyond in ((1, here - top), (-1, bottom - here)):
        seeds = beyond > least
        if seeds.any():
            sign[hysteresis(seeds, direction * difference > weak_least)] = direction
    joined = cv2.morphologyEx(np.abs(sign).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((1, GAP + 1), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    rows = np.asarray(stats[1:count], np.int32)
    return Outliers(
        sign, np.maximum(here - top, bottom - here).astype(np.float32), np.asarray(labels, np.int32), rows, trust
    )
