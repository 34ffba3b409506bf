"""How much is measured: in full, lighter where there is half an hour, or just to see that it works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Size = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is measured; sizes are width and height in samples."""

    sizes: tuple[Size, ...]
    few: int
    many: int
    """Frames of two runs of a program: their difference counts, so that starting up does not."""
    node: tuple[int, int]
    """The same of two runs of the VapourSynth filter."""
    peers: tuple[int, int]
    """The same of two runs of a hand-made filter."""
    lengths: tuple[int, ...]
    """Numbers of frames after which the time is taken, to see that it grows with them."""
    memory: Mapping[Size, tuple[int, ...]]
    """Numbers of frames whose peak memory is taken, by size."""
    matrix: int
    """Edge of the matrices whose product shows the machine's peak."""
    repeats: int


FULL = Plan(
    sizes=((640, 360), (1280, 720), (1920, 1080)), few=10, many=40, node=(10, 40), peers=(10, 40),
    lengths=(40, 80, 160), matrix=4096, repeats=5,
    memory={(1920, 1080): (20, 100), (3840, 2160): (20, 100), (96, 64): (100, 5000)},
)  # fmt: skip
LIGHT = Plan(
    sizes=((640, 360), (1280, 720), (1920, 1080)), few=5, many=15, node=(5, 10), peers=(2, 8), lengths=(10, 20, 40),
    memory={(1920, 1080): (5, 10), (3840, 2160): (5,), (96, 64): (100, 1000)}, matrix=2048, repeats=3,
)  # fmt: skip
QUICK = Plan(
    sizes=((64, 48),), few=5, many=10, node=(5, 10), peers=(2, 5), lengths=(5, 10), memory={(64, 48): (10,)},
    matrix=256, repeats=1,
)  # fmt: skip
PLANS = {"full": FULL, "light": LIGHT, "quick": QUICK}
