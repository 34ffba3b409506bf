"""Cuts a frame into overlapping tiles and joins what came of them without seams."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from framemend_filters.engine.settings import AUTO_TILE, GRID, WHOLE_AREA


def tile_edge(height: int, width: int, tile: int | None) -> int | None:
    """Edge of the tiles for a frame; None where it is taken whole."""
    if tile is None:
        return None if height * width <= WHOLE_AREA else AUTO_TILE
    return None if max(height, width) <= tile else tile


def spans(length: int, tile: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Start and stop of the tiles along one edge; each begins on the grid, the last ends with the frame.

    >>> list(spans(200, 96, 32))
    [(0, 96), (64, 160), (128, 200)]
    """
    step = max(GRID, (tile - overlap) // GRID * GRID)
    start = 0
    while True:
        stop = min(start + tile, length)
        yield start, stop
        if stop == length:
            return
        start += step


def run_tiled(
    run: Callable[[slice, slice], Tensor], area: tuple[slice, slice], tile: int | None, overlap: int
) -> Tensor:
    """Join run(rows, columns), tensors ... h w float32, over all tiles of an area; overlaps are blended linearly.

    area: rows and columns, beginning on the grid. tile: edge, None for the area in one piece. overlap: at most half a
    tile of it is taken.
    """
    rows, columns = area
    if tile is None or max(rows.stop - rows.start, columns.stop - columns.start) <= tile:
        return run(rows, columns).cpu()
    overlap = min(overlap, tile // 2)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    total: Tensor | None = None
    weights = torch.zeros(height, width)
    for top, bottom in spans(height, tile, overlap):
        for left, right in spans(width, tile, overlap):
            part = run(
                slice(rows.start + top, rows.start + bottom), slice(columns.start + left, columns.start + right)
            ).cpu()
            weight = torch.outer(_ramp(top, bottom, height, overlap), _ramp(left, right, width, overlap))
            if total is None:
                total = torch.zeros(*part.shape[:-2], height, width)
            total[..., top:bottom, left:right] += part * weight
            weights[top:bottom, left:right] += weight
    assert total is not None
    return total.div_(weights)


def area_around(hole: NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    """The smallest area, beginning on the grid, that holds all of `hole` (H W) and `margin` samples around it."""

    def part(line: NDArray[np.bool_]) -> slice:
        places = np.flatnonzero(line)
        return slice(
            max(0, int(places[0]) - margin) // GRID * GRID,
            min(len(line), -(-(int(places[-1]) + 1 + margin) // GRID) * GRID),
        )

    return part(hole.any(1)), part(hole.any(0))


def _ramp(start: int, stop: int, length: int, overlap: int) -> Tensor:
    """Weights of a tile along one edge: rising from nearly 0 where another tile lies below, 1 in the middle."""
    ramp = torch.ones(stop - start)
    if overlap:
        rise = (torch.arange(1, overlap + 1) / (overlap + 1))[: stop - start]
        # the outer quarter of the overlap, where the network lacks what lies beyond, counts next to nothing
        rise = ((rise - 0.25) / 0.5).clamp(1e-4, 1)
        if start > 0:
            ramp[: len(rise)] = rise
        if stop < length:
            ramp[-len(rise) :] = torch.minimum(ramp[-len(rise) :], rise.flip(0))
    return ramp
