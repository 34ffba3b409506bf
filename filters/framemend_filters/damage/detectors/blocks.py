"""Broken macroblocks: squares of the coding grid that a decoder lost and filled with grey, green or something from
elsewhere.

A block is suspected where the picture breaks along its edges and not within, it does not fit what both neighbours in
time show there, and the grid shows nothing like it nearby. Blocks of a stripe break only at the stripe's outline.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.detectors.view import Picture, View

EDGE = 16
"""Edge of a macroblock, in samples."""
LEAST_BREAK = 9.0
"""Codes by which the picture jumps across a block's edge, beyond the change just inside and outside, on average."""
LEAST_MISFIT = 10.0
"""Mean absolute codes by which a broken block differs from the neighbour in time that fits better."""
LEAST_FLAT_MISFIT = 6.0
"""The same for a flat block and the neighbour that fits worse."""
FLAT = 2.0
"""Standard deviation, in codes, up to which a block is flat, as decoders fill it."""
LEAST_SIDES = 0.6
"""Share of a group's outline along which the picture must break."""
WEAK_SHARE = 0.5
"""Share of both thresholds that is enough for a block beside a sure one."""
FORGOTTEN = 3
"""Frames on both sides that blocks are compared with: errors last until the next key frame, but move in and out."""


def blocks(view: View) -> NDArray[np.uint8] | None:
    """Mask of broken macroblocks, H W uint8; None where there are none or nothing to compare with."""
    height, width = view.shape
    rows, columns = height // EDGE, width // EDGE
    sides = [s for s in ((-1, -2, -3), (1, 2, 3)) if view.has(s[0])]
    if not sides or rows < 3 or columns < 3:
        return None
    here = view.luma()[: rows * EDGE, : columns * EDGE]
    noise = view.noise()
    misfits = []
    for side in sides:
        offset = max((o for o in side if view.has(o)), key=abs) if len(sides) == 1 else side[0]
        misfits.append(_block_mean(np.abs(here - view.aligned(offset)[: rows * EDGE, : columns * EDGE])))
    misfit = np.minimum.reduce(misfits) if len(misfits) > 1 else misfits[0]
    misfit_any = np.maximum.reduce(misfits)
    across, down = _breaks(here)
    jump = _outline(across, down)
    spread = np.sqrt(np.maximum(0, _block_mean(here**2) - _block_mean(here) ** 2))
    flat = spread <= FLAT + noise / 4
    sure = (misfit > LEAST_MISFIT + 3 * noise) & (jump > LEAST_BREAK)
    sure |= flat & (misfit_any > LEAST_FLAT_MISFIT + 2 * noise) & (jump > LEAST_BREAK)
    if not sure.any():
        return None
    weak = (misfit > WEAK_SHARE * LEAST_MISFIT + 2 * noise) & ((jump > WEAK_SHARE * LEAST_BREAK) | flat)
    grown = _connected(sure, sure | weak)
    kept = _with_broken_outline(grown, across, down, sure)
    if not kept.any():
        return None
    mask = np.zeros((height, width), np.uint8)
    mask[: rows * EDGE, : columns * EDGE] = np.kron(kept.astype(np.uint8) * 255, np.ones((EDGE, EDGE), np.uint8))
    return cv2.dilate(mask, np.ones((3, 3), np.uint8)).astype(np.uint8)


def _block_mean(picture: Picture) -> Picture:
    size = (picture.shape[1] // EDGE, picture.shape[0] // EDGE)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def _breaks(here: Picture) -> tuple[Picture, Picture]:
    """Jump at each edge of the grid beyond the change beside it, codes: across (rows, columns + 1), between blocks side
    by side; down (rows + 1, columns). Edges of the frame: 0."""

    def jumps(picture: Picture) -> Picture:  # between columns of blocks
        lines = picture.shape[1] // EDGE
        out = np.zeros((picture.shape[0] // EDGE, lines + 1), np.float32)
        for n in range(1, lines):
            x = n * EDGE
            step, inner, outer = (
                np.abs(picture[:, x + d] - picture[:, x + d - 1]).reshape(-1, EDGE).mean(1) for d in (0, 1, -1)
            )
            out[:, n] = np.maximum(0, step - np.maximum(inner, outer))
        return out

    return jumps(here), jumps(np.ascontiguousarray(here.T)).T


def _outline(across: Picture, down: Picture) -> Picture:
    """Mean of the two strongest jumps of the four edges of each block."""
    edges = np.stack([across[:, :-1], across[:, 1:], down[:-1], down[1:]])
    edges.sort(0)
    return edges[-2:].mean(0)


def _connected(seeds: NDArray[np.bool_], among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    _, labels = cv2.connectedComponents(among.astype(np.uint8), connectivity=4)
    return np.isin(labels, np.unique(labels[seeds])) & among


def _with_broken_outline(
    kept: NDArray[np.bool_], across: Picture, down: Picture, sure: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Groups along most of whose outline the picture breaks."""
    count, labels = cv2.connectedComponents(kept.astype(np.uint8), connectivity=4)
    out = np.zeros_like(kept)
    for number in range(1, count):
        group = np.pad(labels == number, 1)
        inner_rows, inner_columns = slice(1, -1), slice(1, -1)
        sides_across = group[inner_rows, 1:] != group[inner_rows, :-1]
        sides_down = group[1:, inner_columns] != group[:-1, inner_columns]
        # edges of the frame tell nothing
        sides_across[:, [0, -1]] = False
        sides_down[[0, -1]] = False
        jumps = np.concatenate([across[sides_across], down[sides_down]])
        if jumps.size and (jumps > WEAK_SHARE * LEAST_BREAK).mean() >= LEAST_SIDES:
            out |= labels == number
    return out
