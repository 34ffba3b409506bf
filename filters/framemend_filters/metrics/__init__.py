"""How like two clips are: PSNR and SSIM of whole frames or of the inside of a mask, flicker from frame to frame."""

from framemend_filters.metrics.flicker import Motion, flicker, flicker_between, motion_between, motion_of
from framemend_filters.metrics.psnr import PSNR_LIMIT, mean_squared_error, psnr
from framemend_filters.metrics.ssim import ssim, ssim_map

__all__ = [
    "PSNR_LIMIT",
    "Motion",
    "flicker",
    "flicker_between",
    "mean_squared_error",
    "motion_between",
    "motion_of",
    "psnr",
    "ssim",
    "ssim_map",
]
