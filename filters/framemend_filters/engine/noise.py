"""Blind estimate of the strength of noise in a frame."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

BLOCK = 16
"""Edge of the blocks that are judged, in samples."""
FLAT_SHARE = 0.3
"""Share of the blocks, the flattest, that the estimate is taken from."""
DARKEST, BRIGHTEST = 3 / 255, 252 / 255
"""Blocks darker or brighter than this on average are clipped (black bars, blown-out sky) and say nothing."""

_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
"""Difference of two Laplacians: blind to edges and ramps, unit gain for white noise (Immerkaer,
"Fast noise variance estimation", CVIU 1996)."""


def noise_level(frame: NDArray[np.float32], known: NDArray[np.float32] | None = None) -> float | None:
    """Standard deviation of white noise in `frame` (H W 3 float32, 0..1), on the same scale, mean of the channels.

    known: H W, 1 where the picture is given and 0 in holes. None where no block can be judged.
    """
    height, width = frame.shape[:2]
    block = min(BLOCK, height, width)
    rows, columns = height // block, width // block
    response = np.abs(cv2.filter2D(frame, -1, _KERNEL, borderType=cv2.BORDER_REFLECT_101)).mean(2)
    luma = frame.mean(2)

    def block_mean(picture: Any) -> NDArray[np.float32]:
        cropped = picture[: rows * block, : columns * block]
        return np.asarray(cv2.resize(cropped, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)

    level, brightness = block_mean(response), block_mean(luma)
    usable = (brightness > DARKEST) & (brightness < BRIGHTEST)
    if known is not None:
        beside = cv2.erode(known, np.ones((3, 3), np.uint8))  # the response reads one sample around
        usable &= block_mean(beside) > 0.999
    levels = np.sort(level[usable])
    if levels.size == 0:
        return None
    flattest = levels[: max(1, int(np.ceil(FLAT_SHARE * levels.size)))]
    return float(np.sqrt(np.pi / 2) * flattest.mean())
