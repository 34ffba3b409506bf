"""What the number of a sample means: black, white and neutral, matrices of YUV, and light."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from framemend.chroma import Picture
    from framemend.planes import PlaneFormat

LUMA_WEIGHTS = {
    "bt709": (0.2126, 0.0722),
    "bt601": (0.299, 0.114),
    "smpte170m": (0.299, 0.114),
    "bt470bg": (0.299, 0.114),
    "bt2020ncl": (0.2627, 0.0593),
    "fcc": (0.30, 0.11),
    "smpte240m": (0.212, 0.087),
}
"""Weights of red and blue in luma (ITU-T H.273, table 4); green has the rest."""
MATRICES = (*LUMA_WEIGHTS, "ycgco")


def luma_code(fmt: PlaneFormat) -> tuple[float, float]:
    """Codes from black to white, and the code of black, for luma, gray and RGB."""
    if fmt.sample == "float":
        return 1.0, 0.0
    if fmt.full_range:
        return float(2**fmt.bits - 1), 0.0
    return 219.0 * 2 ** (fmt.bits - 8), 16.0 * 2 ** (fmt.bits - 8)


def chroma_code(fmt: PlaneFormat) -> tuple[float, float]:
    """Codes from the lowest chroma to the highest, and the code of neutral."""
    if fmt.sample == "float":
        return 1.0, 0.0
    if fmt.full_range:
        span = 2.0**fmt.bits - 1
    else:
        # YCgCo has the span of luma, as in zimg (and H.273, where its planes are made from limited R, G, B).
        span = (219.0 if fmt.matrix == "ycgco" else 224.0) * 2 ** (fmt.bits - 8)
    return span, 2.0 ** (fmt.bits - 1)


@lru_cache
def yuv_to_rgb(matrix: str) -> NDArray[np.float64]:
    """3 3: from Y in 0..1 and U, V in -0.5..0.5 to RGB in 0..1."""
    if matrix == "ycgco":
        return np.array([[1.0, -1.0, 1.0], [1.0, 1.0, 0.0], [1.0, -1.0, -1.0]])
    red, blue = LUMA_WEIGHTS[matrix]
    green = 1.0 - red - blue
    of_u, of_v = 2.0 * (1.0 - blue), 2.0 * (1.0 - red)
    return np.array([[1.0, 0.0, of_v], [1.0, -of_u * blue / green, -of_v * red / green], [1.0, of_u, 0.0]])


def coded(picture: Picture) -> Picture:
    """Linear light on the curve of sRGB (IEC 61966-2-1), carried on below 0 and beyond 1."""
    size = np.abs(picture)
    curve = np.where(size <= 0.0031308, 12.92 * size, 1.055 * np.power(size, 1 / 2.4) - 0.055)
    return np.copysign(curve, picture).astype(np.float32, copy=False)


def light(picture: Picture) -> Picture:
    """The inverse of `coded`."""
    size = np.abs(picture)
    line = np.where(size <= 0.04045, size / 12.92, np.power((size + 0.055) / 1.055, 2.4))
    return np.copysign(line, picture).astype(np.float32, copy=False)
