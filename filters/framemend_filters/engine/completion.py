"""Flow behind a hole: what stands around it says how what it hides moves.

Where most of the surroundings move as one (a camera that pans, turns or zooms), so does what is hidden: an affine motion is
fitted to them, robustly, and only flow that is near it is carried into the hole, so that what passes in front at its
edge does not pull the background along. Elsewhere all flow around it is spread smoothly.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.flow import fill_smoothly, lengths

HOLE_MARGIN = 3
"""Samples by which a hole is widened before its flow is trusted: DIS sees patches, not samples."""
THIN = 16
"""Samples across, below which a hole is thin: what stands beside it says more than what most around it do."""
SURROUNDINGS = 40
"""Samples around a hole that its motion is judged by."""
NEAR = 1.5
"""Samples that flow may be from the common motion and still belong to it."""
AGREED_SHARE = 0.65
"""Share of the surroundings that has to move as one (chosen on data/val and pans of data/train)."""
FITTED_POINTS = 4096
ROUNDS, TUNING = 8, 0.5
"""Rounds of reweighting, and samples at which a deviation counts half (Cauchy weights)."""


def complete(
    flow: NDArray[np.float32], hole: NDArray[np.bool_], other: NDArray[np.bool_], scale: int
) -> NDArray[np.float32]:
    """`flow` (h w 2, in samples of the frame) with what it says inside `hole` (h w) replaced; itself where all is hole.

    other: the hole of the frame that the flow leads to, which it knows nothing of either; scale: samples of the frame to
    one of the flow.
    """
    around = _widened(hole, HOLE_MARGIN)
    if around.all():
        return flow
    known = 1.0 - around.astype(np.float32)
    smooth = fill_smoothly(flow, known)
    thick = _thick(hole, scale)
    common = _common_motion(flow, hole, around, other, scale) if thick.any() else None
    if common is None:
        return smooth
    rest = flow - common
    known[lengths(rest) > NEAR * scale] = 0
    return np.where(_widened(thick, HOLE_MARGIN)[..., None], common + fill_smoothly(rest, known), smooth)


def _common_motion(
    flow: NDArray[np.float32],
    hole: NDArray[np.bool_],
    around: NDArray[np.bool_],
    other: NDArray[np.bool_],
    scale: int,
) -> NDArray[np.float32] | None:
    """The affine flow that the surroundings of a hole follow, h w 2; None where fewer than AGREED_SHARE do."""
    ring = _widened(hole, SURROUNDINGS) & ~around & ~_widened(other, HOLE_MARGIN)
    rows, columns = np.nonzero(ring)
    if rows.size < 3 * SURROUNDINGS:
        return None
    step = -(-rows.size // FITTED_POINTS)
    rows, columns = rows[::step], columns[::step]
    # in units of about a ring's width, so that the equations are well conditioned
    middle, unit = np.array([rows.mean(), columns.mean()]), 100.0
    terms = np.stack([np.ones(rows.size), (rows - middle[0]) / unit, (columns - middle[1]) / unit], 1)
    seen = flow[rows, columns].astype(np.float64) / scale
    weight = np.ones(rows.size)
    motion, off = np.zeros((3, 2)), np.zeros(rows.size)
    for _ in range(ROUNDS):
        weighted = terms * weight[:, None]
        motion = np.linalg.solve(weighted.T @ terms + 1e-6 * np.eye(3), weighted.T @ seen)
        off = np.linalg.norm(seen - terms @ motion, axis=1)
        weight = 1 / (1 + np.square(off / TUNING))
    if np.mean(off < NEAR) <= AGREED_SHARE:
        return None
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]]
    steps = np.stack([(y - middle[0]) / unit, (x - middle[1]) / unit], -1)
    return ((motion[0] + steps @ motion[1:]) * scale).astype(np.float32)


def _thick(hole: NDArray[np.bool_], scale: int) -> NDArray[np.bool_]:
    """What of a hole is at least THIN samples across."""
    edge = max(1, THIN // scale)
    return cv2.morphologyEx(hole.astype(np.uint8), cv2.MORPH_OPEN, np.ones((edge, edge), np.uint8)) > 0


def _widened(hole: NDArray[np.bool_], margin: int) -> NDArray[np.bool_]:
    return cv2.dilate(hole.astype(np.uint8), np.ones((2 * margin + 1,) * 2, np.uint8)) > 0
