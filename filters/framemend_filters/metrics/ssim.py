"""Structural similarity (Wang, Bovik, Sheikh, Simoncelli: "Image Quality Assessment: From Error Visibility to Structural
Similarity", IEEE Transactions on Image Processing 13(4), 2004), with the paper's window and constants.

The window is a Gaussian of 11x11 samples and sigma 1.5, K1 = 0.01, K2 = 0.03, L = 255, moments are not bias-corrected,
and only places where the whole window lies in the picture count. The paper takes luminance; here it is computed on each
channel of R, G and B, and the mean of the three is given.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.errors import SettingError
from framemend_filters.metrics.psnr import codes

WINDOW = 11
"""Edge of the window, samples."""
SIGMA = 1.5
"""Of the Gaussian, samples."""


def ssim(given: NDArray, reference: NDArray, mask: NDArray | None = None) -> float:
    """Mean of `ssim_map` (1 for equal pictures); with a mask (H W) of the places where it is not 0, NaN if none."""
    similar = ssim_map(given, reference)
    if mask is None:
        return float(np.mean(similar, dtype=np.float64))
    margin = WINDOW // 2
    inside = np.asarray(mask)[margin:-margin, margin:-margin] != 0
    if inside.shape != similar.shape[:2]:
        raise SettingError(f"mask of shape {np.shape(mask)} does not fit pictures of shape {given.shape}")
    return float(np.mean(similar[inside], dtype=np.float64)) if inside.any() else float("nan")


def ssim_map(given: NDArray, reference: NDArray) -> NDArray[np.float32]:
    """Similarity at each place, (H-10) (W-10) 3, or without the last axis for one channel.

    given, reference: H W 3 or H W, uint8, or float on the 0..1 scale; 11x11 samples or more.
    """
    a, b = codes(given), codes(reference, like=given)
    if min(a.shape[:2]) < WINDOW:
        raise SettingError(f"SSIM needs {WINDOW}x{WINDOW} samples, the picture has {a.shape[1]}x{a.shape[0]}")
    mean_a, mean_b = _window(a), _window(b)
    variance_a = _window(a * a) - mean_a * mean_a
    variance_b = _window(b * b) - mean_b * mean_b
    covariance = _window(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    above = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    below = (mean_a * mean_a + mean_b * mean_b + c1) * (variance_a + variance_b + c2)
    return (above / below).astype(np.float32)


def _window(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    margin = WINDOW // 2
    smooth = cv2.GaussianBlur(picture, (WINDOW, WINDOW), SIGMA, borderType=cv2.BORDER_REFLECT)
    return np.asarray(smooth[margin:-margin, margin:-margin], np.float32)
