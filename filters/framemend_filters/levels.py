"""What is known of a whole window beside its samples: the numbers that the engine finds and the network is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DIRECTIONS = (0, 45, 90, 135)
"""Degrees from along the lines to down them in which the spread of a blur is told."""


class Levels(NamedTuple):
    """noise: standard deviation of white noise as a frame alone shows it; coding: of the errors of codecs; grain: of the noise that
    time shows, of any kind; unrest: of what changes from frame to frame beyond noise, where it changes most; all on the pictures' scale.
    blur: whether the picture is blurred, 0..1. spread: standard deviation of what a point is blurred to along each of DIRECTIONS,
    samples; disc: whether it is a disc, as of a lens out of focus, 0..1."""

    noise: float
    coding: float = 0.0
    blur: float = 0.0
    spread_0: float = 0.0
    spread_45: float = 0.0
    spread_90: float = 0.0
    spread_135: float = 0.0
    disc: float = 0.0
    grain: float = 0.0
    unrest: float = 0.0

    @property
    def spread(self) -> tuple[float, ...]:
        """Along each of DIRECTIONS."""
        return self[_FIRST : _FIRST + len(DIRECTIONS)]

    def with_spread(self, spread: Sequence[float]) -> Levels:
        """The same with another spread, along each of DIRECTIONS."""
        return Levels(*self[:_FIRST], *spread, *self[_FIRST + len(DIRECTIONS) :])

    def array(self) -> NDArray[np.float32]:
        """The numbers in their order."""
        return np.array(self, np.float32)


COUNT = len(Levels._fields)
_FIRST = Levels._fields.index("spread_0")


def places_turned(flips: int, transposed: bool) -> list[int]:
    """The numbers' places once a picture was mirrored along `flips` of its axes and then maybe transposed: `levels[places]` are
    those of the turned picture."""
    spread = [0, 3, 2, 1] if flips == 1 else [0, 1, 2, 3]
    if transposed:
        spread = [spread[2], spread[1], spread[0], spread[3]]
    return [*range(_FIRST), *(_FIRST + i for i in spread), *range(_FIRST + len(DIRECTIONS), COUNT)]
