"""A frame whose holes were filled, before the model sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

AGREEMENT = 16 / 255
"""Colours carried over from both sides of time that differ by this much are believed half."""


@dataclass(frozen=True)
class Filled:
    """A frame with its holes filled: picture H W 3, 0..1, float32 or float16 as given; certainty H W float32, 1 where given, 0 a guess."""

    picture: NDArray[np.floating]
    certainty: NDArray[np.float32]
    sources: Mapping[int, float] = field(default_factory=dict)
    """Number of another frame to the share of this one, 0..1, that was carried over from it."""
