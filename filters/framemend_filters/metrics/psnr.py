"""Peak signal-to-noise ratio, in dB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from framemend_filters.errors import SettingError

PSNR_LIMIT = 100.0
"""What equal pictures are given, dB, so that means stay finite."""


def mean_squared_error(given: NDArray, reference: NDArray, mask: NDArray | None = None) -> float:
    """Mean of the squared difference of all samples of all channels, in squared codes of 255.

    given, reference: ... H W 3 (or H W), uint8, or float on the 0..1 scale. mask: ... H W, only samples where it is not
    0 count; NaN where it holds none.
    """
    difference = codes(given) - codes(reference, like=given)
    if mask is None:
        return float(np.mean(np.square(difference), dtype=np.float64))
    inside = np.asarray(mask) != 0
    if inside.shape != difference.shape[: inside.ndim]:
        raise SettingError(f"mask of shape {inside.shape} does not fit pictures of shape {difference.shape}")
    if not inside.any():
        return float("nan")
    return float(np.mean(np.square(difference[inside]), dtype=np.float64))


def psnr(given: NDArray, reference: NDArray, mask: NDArray | None = None) -> float:
    """10 log10(255^2 / mean squared error), at most PSNR_LIMIT; arguments as `mean_squared_error`.

    Of RGB it is the error over all three channels together, not the mean of three figures. The mean over a clip is taken
    by the caller, and should be over frames, as papers do.
    """
    error = mean_squared_error(given, reference, mask)
    if np.isnan(error):
        return error
    if error == 0:
        return PSNR_LIMIT
    return float(min(PSNR_LIMIT, 10 * np.log10(255.0**2 / error)))


def codes(picture: NDArray, *, like: NDArray | None = None) -> NDArray[np.float32]:
    """A picture as float32 on the scale of 0..255; uint8 as it is, float times 255."""
    if like is not None and picture.shape != like.shape:
        raise SettingError(f"pictures differ in shape: {like.shape} and {picture.shape}")
    if picture.dtype == np.uint8:
        return picture.astype(np.float32)
    if np.issubdtype(picture.dtype, np.floating):
        return picture.astype(np.float32) * np.float32(255)
    raise SettingError(f"pictures are {picture.dtype}; give uint8, or float from 0 to 1")
