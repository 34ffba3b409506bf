"""How much memory a repair takes, and which tile and window fit into a budget.

    peak = BASE + frame * (HOST + window) + tile * chunk * TILE
    window = held * (HELD + MASK + FLOWS_THROUGH / scale**2) + chunk * (MADE + FLOWS / scale**2)

frame, tile: samples of the frame, and of a tile with what is aligned around it; held: frames of the window; chunk: frames
written at once; scale: how far flows are kept reduced. The constants were fitted to what
`python tests/bench/memory.py` measures with the weights `fast`; examples/memory.md shows the formula at work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from framemend_filters.engine.settings import WHOLE_AREA
from framemend_filters.errors import SettingError

LIBRARIES = 275 << 20
"""Bytes of Python's and its libraries' files that are in memory. The system shares and drops them as it needs, and holds more
of them where they have just been installed."""
BASE = LIBRARIES + (295 << 20)
"""Bytes before the first frame: these, what the libraries allocate, and the weights."""
HOST = 120
"""Bytes that a decoder, an encoder, caches and frames on their way take, a sample of a frame: the same for every host, so
that all choose alike."""
HELD = {False: 12, True: 6}
"""Bytes of a frame of the window, a sample; large frames are held in half precision."""
MASK, FLOWS_THROUGH = 1, 2 * 8
"""Bytes more for each frame of the window, a sample, where there are masks: these, and flow there and back through holes
if it were not reduced."""
FLOWS = 14 * 8
"""Bytes of the flows between a frame and its neighbours, a sample, if they were not reduced."""
MADE = 24
"""Bytes of what is made of a frame, a sample: picture, expected error, residual."""
TILE = {4: 600, 2: 430}
"""Bytes that alignment and network take for a sample of a tile, a frame; by the bytes of a sample within the network."""
AROUND = 16
"""Samples around a tile that are aligned with it."""
TILES = (4096, 3072, 2048, 1536, 1024, 768, 512, 384, 256, 192, 128)
"""Edges of tiles to choose from, in samples: the largest that fits is the fastest."""
COARSE_TILE = 256
"""Smaller tiles are taken only when the window is as short as it gets: most of their samples overlap."""
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a repair has to hold; edges in samples.

    chunk: frames written at once; reach: frames on both sides that they are repaired from; beyond: frames held beyond
    these; sample_bytes: of a number within the network; scale: reduction of flows; streams: windows at the same
    time.
    """

    height: int
    width: int
    chunk: int
    reach: int
    beyond: int
    masked: bool
    sample_bytes: int
    scale: int
    streams: int = 1

    def peak(self, tile: int | None) -> int:
        """Bytes at most with tiles of that edge; None: whole frames."""
        frame = self.height * self.width
        high, wide = (min(edge, (tile or edge) + 2 * AROUND) for edge in (self.height, self.width))
        held = self.chunk + 2 * self.reach + self.beyond
        small = self.scale**2
        each = HELD[frame > WHOLE_AREA] + (MASK + FLOWS_THROUGH / small if self.masked else 0)
        window = held * each + self.chunk * (MADE + FLOWS / small)
        work = high * wide * self.chunk * TILE[self.sample_bytes]
        return round(BASE + frame * HOST + self.streams * (frame * window + work))


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What was chosen: tile edge, None for whole frames; chunk and reach as in `Load`; peak in bytes, budget in bytes."""

    tile: int | None
    chunk: int
    reach: int
    peak: int
    budget: int

    def __str__(self) -> str:
        tiles = "whole frames" if self.tile is None else f"tiles of {self.tile} samples"
        return (
            f"memory: {tiles}, {self.chunk} frame{'' if self.chunk == 1 else 's'} at once, {self.reach} on both sides: "
            f"about {size_text(self.peak)} of {size_text(self.budget)}"
        )


def fit(budget: int, load: Load, *, least_reach: int, tile: int | None) -> Fit:
    """The largest tile that fits with the window of `load`; where none does, a window with a shorter reach (holes are
    filled from fewer frames), then fewer frames at once, then smaller tiles still.

    tile: the edge that must be used, None to choose. Raises SettingError, with what would do, where nothing fits.
    """
    peaks: list[int] = []
    for chosen, candidate in _ways(load, least_reach, tile):
        peak = candidate.peak(chosen)
        if peak <= budget:
            return Fit(tile=chosen, chunk=candidate.chunk, reach=candidate.reach, peak=peak, budget=budget)
        peaks.append(peak)
    raise SettingError(
        f"memory is {size_text(budget)}; frames of {load.width}x{load.height} take at least "
        f"{size_text(min(peaks))}{'' if tile is None else f' with tiles of {tile} samples'}"
    )


def parse_size(text: str | int) -> int:
    """Bytes that a size stands for, such as "4G", "1.5 GiB", "800M" or a number of bytes; K, M, G and T are powers of
    1024. Raises SettingError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", str(text), re.IGNORECASE)
    if found is None or (size := round(float(found[1]) * _UNITS[found[2].lower()])) < 1:
        raise SettingError(f"memory is {text!r}; write 4G, 800M or a number of bytes")
    return size


def size_text(size: int) -> str:
    """Bytes for people: 1.9 GiB, 740 MiB."""
    return f"{size / (1 << 30):.2f} GiB" if size >= 1 << 30 else f"{size / (1 << 20):.0f} MiB"


def _ways(load: Load, least_reach: int, tile: int | None) -> Iterator[tuple[int | None, Load]]:
    """Tiles and windows in the order in which they are tried."""
    short = replace(load, reach=min(load.reach, least_reach))
    tiles = _tiles(load.height, load.width) if tile is None else [tile]
    fine = [t for t in tiles if tile is None and t is not None and t < COARSE_TILE]
    coarse = [t for t in tiles if t not in fine]
    for window in dict.fromkeys((load, short)):
        yield from ((t, window) for t in coarse)
    least = coarse[-1]
    yield from ((least, replace(short, chunk=chunk)) for chunk in range(load.chunk - 1, 0, -1))
    yield from ((t, replace(short, chunk=1)) for t in fine)


def _tiles(height: int, width: int) -> list[int | None]:
    return [None, *(t for t in TILES if t < max(height, width))]
