"""Takes out noise that is left in the aligned mean, by shrinking its local DCT.

8x8 blocks of decorrelated colour, at four offsets, are transformed, coefficients below a multiple of the noise that is
left in the block are dropped, and the blocks are laid back over each other, those that needed few coefficients counting
more (Yu and Sapiro, "DCT image denoising: a simple and effective image denoising algorithm", IPOL 2011).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 8
"""Edge of a block in samples; blocks overlap by half."""
THRESHOLD = 2.0
"""Coefficients below this many standard deviations are taken for noise (chosen on data/val)."""


def _dct(size: int) -> NDArray[np.float32]:
    """Orthonormal DCT-II; rows are the basis functions."""
    k, n = np.mgrid[:size, :size]
    basis = np.sqrt(2 / size) * np.cos(np.pi * (2 * n + 1) * k / (2 * size))
    basis[0] /= np.sqrt(2)
    return basis.astype(np.float32)


_COLOUR = _dct(3)
_BASIS = np.kron(_dct(BLOCK), _dct(BLOCK))


def shrink(picture: NDArray[np.float32], noise: NDArray[np.float32]) -> NDArray[np.float32]:
    """`picture`, H W 3 float32, less the noise in it; noise: H W float32, its standard deviation on the same scale."""
    height, width = noise.shape
    half = BLOCK // 2
    pad = ((half, half + -height % BLOCK), (half, half + -width % BLOCK))
    colours = np.pad(picture @ _COLOUR.T, (*pad, (0, 0)), mode="symmetric")
    level = np.pad(noise, pad, mode="symmetric")
    total = np.zeros_like(colours)
    weights = np.zeros_like(colours)
    full_height, full_width = level.shape
    for top in (0, half):
        for left in (0, half):
            rows, columns = _whole(top, full_height), _whole(left, full_width)
            cleaned, weight = _shrink_blocks(colours[rows, columns], level[rows, columns])
            total[rows, columns] += cleaned
            weights[rows, columns] += weight
    cropped = slice(half, half + height), slice(half, half + width)
    return ((total[cropped] / weights[cropped]) @ _COLOUR).astype(np.float32)


def _whole(start: int, length: int) -> slice:
    """The part of an edge from `start` on that whole blocks fill."""
    return slice(start, start + (length - start) // BLOCK * BLOCK)


def _shrink_blocks(
    colours: NDArray[np.float32], level: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Blocks side by side: the shrunk ones times their weights, and the weights, both H W 3."""
    height, width = level.shape
    down, across = height // BLOCK, width // BLOCK
    blocks = colours.reshape(down, BLOCK, across, BLOCK, 3).transpose(0, 2, 4, 1, 3).reshape(-1, BLOCK * BLOCK)
    limit = THRESHOLD * level.reshape(down, BLOCK, across, BLOCK).mean((1, 3)).reshape(-1, 1)
    coefficients = blocks @ _BASIS.T
    kept = np.abs(coefficients) > np.repeat(limit, 3, 0)
    kept[:, 0] = True
    coefficients *= kept
    weight = np.float32(1) / kept.sum(1, dtype=np.float32, keepdims=True)
    cleaned = (coefficients @ _BASIS) * weight

    def unfold(flat: NDArray[np.floating]) -> NDArray[np.float32]:
        shaped = flat.reshape(down, across, 3, BLOCK, BLOCK)
        return shaped.transpose(0, 3, 1, 4, 2).reshape(height, width, 3).astype(np.float32, copy=False)

    return unfold(cleaned), unfold(np.broadcast_to(weight, cleaned.shape))
