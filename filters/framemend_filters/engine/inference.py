"""Runs the network over a segment: opens it when it is first needed, aligns tile by tile, and takes smaller tiles where a
device runs out of memory."""

from __future__ import annotations

import copy
import logging
import os
import threading
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.align import Aligned, Aligner
from framemend_filters.engine.settings import GRID, LEAST_TILE, RepairSettings
from framemend_filters.errors import OutOfMemory

if TYPE_CHECKING:
    import torch

    from framemend_filters.engine.backends import Network

ALIGN_THREADS = min(4, os.cpu_count() or 1)
"""Frames aligned at the same time."""
_log = logging.getLogger(__name__)


class Inference:
    """The network of some settings. May be called from several threads.

    tile: edge of the tiles, as RepairSettings has it; it shrinks, once and for all, where a device runs out of memory.
    """

    def __init__(self, settings: RepairSettings) -> None:
        self.settings, self.tile = settings, settings.tile
        self._lock = threading.Lock()
        self._opened: list[tuple[Network, str]] = []  # shared with copies
        self._noted = False

    def with_tile(self, tile: int) -> Self:
        """The same network with tiles of another edge."""
        other = copy.copy(self)
        other.tile = tile
        return other

    def run(self, aligner: Aligner, area: tuple[slice, slice]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Pictures T h w 3 and expected errors T h w of an area of the segment's frames, float32.

        Raises ModelError, SettingError, and OutOfMemory where not even the smallest tiles fit.
        """
        import torch

        from framemend_filters.engine.tiles import run_tiled, tile_edge

        network, device = self._open()

        def run(rows: slice, columns: slice) -> torch.Tensor:
            inputs = _tensors(aligner.part(rows, columns, ALIGN_THREADS))
            with torch.inference_mode():
                picture, log_error = network(**{n: v.to(device) for n, v in inputs.items()})
            return torch.cat([picture, log_error.exp()[:, :, None]], 2)[0].float()

        while True:
            tile = tile_edge(aligner.height, aligner.width, self.tile)
            try:
                joined = run_tiled(run, area, tile, self.settings.tile_overlap).permute(0, 2, 3, 1).numpy()
                return joined[..., :3], joined[..., 3]
            except torch.OutOfMemoryError:
                edge = max(part.stop - part.start for part in area)
            torch.cuda.empty_cache()
            self._shrink(device, edge if tile is None else min(tile, edge))

    def _open(self) -> tuple[Network, str]:
        from framemend_filters.engine.backends import open_network

        with self._lock:
            if not self._opened:
                self._opened.append(open_network(self.settings))
            return self._opened[0]

    def _shrink(self, device: str, tried: int) -> None:
        """Take smaller tiles than those of an edge that did not fit."""
        if tried <= LEAST_TILE:
            raise OutOfMemory(f"{device} has too little memory even for tiles of {tried} samples; use device cpu")
        smaller = max(LEAST_TILE, tried // 2 // GRID * GRID)
        with self._lock:
            first, self._noted = not self._noted, True
            self.tile = min(smaller, self.tile or smaller)  # another thread may have got there first
        if first:
            _log.warning("%s ran out of memory: framemend goes on there with tiles of %d samples", device, smaller)


def _tensors(aligned: Aligned) -> dict[str, torch.Tensor]:
    """An aligned segment as the arguments of the model's forward, with a batch of one."""
    import torch

    def tensor(array: NDArray[np.float32]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array))[None]

    return {
        "frames": tensor(aligned.frames.transpose(0, 3, 1, 2)),
        "masks": tensor(aligned.masks),
        "certainty": tensor(aligned.certainty),
        "neighbours": tensor(aligned.neighbours.transpose(0, 1, 4, 2, 3)),
        "validity": tensor(aligned.validity),
        "mean": tensor(aligned.mean.transpose(0, 3, 1, 2)),
        "count": tensor(aligned.count),
        "base": tensor(aligned.base.transpose(0, 3, 1, 2)),
        "levels": tensor(aligned.levels),
    }
