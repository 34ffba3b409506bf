"""What training tests train on. On its own, so that the processes that make windows load no torch: they import it anew."""

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pictures import panning_clip, pattern

from framemend_filters.damage.synthesis import jpeg


class Clips:
    """Two clips and a still, as sharp as can be; the codec is JPEG."""

    names: Sequence[str] = ("a", "b", "still")

    def frames(self, index: int) -> NDArray[np.uint8]:
        return _frames(index)

    def codec_round_trip(self, frames: NDArray[np.uint8], codec: str, quality: float) -> NDArray[np.uint8]:
        return jpeg(frames, 40)


@functools.cache
def _frames(index: int) -> NDArray[np.uint8]:
    if index == 2:
        return (pattern(120, 140, seed=4, lens=0)[None] * 255).astype(np.uint8)
    return (panning_clip(24, 72, 96, speed=2, seed=index, lens=0) * 255).astype(np.uint8)
