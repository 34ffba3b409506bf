"""What training tests train on. On its own, so that the processes that make windows load no torch: they import it anew."""

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pictures import panning_clip, pattern


class Clips:
    """Two clips and a still; the codec is a rounding to 16 levels."""

    names: Sequence[str] = ("a", "b", "still")

    def frames(self, index: int) -> NDArray[np.uint8]:
        return _frames(index)

    def codec_round_trip(self, frames: NDArray[np.uint8], codec: str, quality: float) -> NDArray[np.uint8]:
        return frames // 16 * 16 + 8


@functools.cache
def _frames(index: int) -> NDArray[np.uint8]:
    if index == 2:
        return (pattern(120, 140, seed=4)[None] * 255).astype(np.uint8)
    return (panning_clip(24, 72, 96, seed=index) * 255).astype(np.uint8)
