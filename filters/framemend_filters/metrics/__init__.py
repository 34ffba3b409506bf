"""How like two pictures are: PSNR and SSIM, of whole frames or of the inside of a mask."""

from framemend_filters.metrics.psnr import PSNR_LIMIT, mean_squared_error, psnr
from framemend_filters.metrics.ssim import ssim, ssim_map

__all__ = ["PSNR_LIMIT", "mean_squared_error", "psnr", "ssim", "ssim_map"]
