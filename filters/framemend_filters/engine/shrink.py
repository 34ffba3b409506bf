"""Takes out noise that is left in the aligned mean, by shrinking its local DCT twice.

8x8 blocks of decorrelated colour are transformed, coefficients below a multiple of the noise that is left in the block are
dropped, and the blocks are laid back over each other, those that needed few coefficients counting more (Yu and Sapiro,
"DCT image denoising: a simple and effective image denoising algorithm", IPOL 2011). What comes out is the pilot of an
empirical Wiener filter over the same picture (Pierazzo et al., "DA3D", 2015, have it so; the two steps are those of BM3D).
The blocks of both steps lie on skewed lattices, whose seams fall on no common row or column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

BLOCK = 8
"""Edge of a block in samples."""
THRESHOLD = 2.8
"""Coefficients below this many standard deviations are taken for noise (chosen on data/val)."""
WIENER = 0.8
"""Share of the noise's variance that the second step assumes (chosen on data/val)."""
PILOT_PLACES = ((0, 0), (4, 4))
"""Where the blocks of the first step begin: rows and columns."""
PLACES = ((0, 4), (4, 0), (2, 2), (6, 6))
"""Where those of the second step begin."""
LEAST_NOISE = 0.8 / 255
"""Blocks with less noise than this are left as they are (on data/val nothing is lost, and clean pictures gain)."""
_WHOLE = np.float32(1 / BLOCK**2)
"""Weight of a block all of whose coefficients are kept."""
STRIP = 4
"""Rows of blocks worked on at a time: as much as a processor's cache holds."""

Shrinker = Callable[[list[NDArray[np.float32]], NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Coefficients (3, blocks, 64) of each picture and noise (blocks, 1) -> those that are kept, and weights (3, blocks, 1)."""


def _dct(size: int) -> NDArray[np.float32]:
    """Orthonormal DCT-II; rows are the basis functions."""
    k, n = np.mgrid[:size, :size]
    basis = np.sqrt(2 / size) * np.cos(np.pi * (2 * n + 1) * k / (2 * size))
    basis[0] /= np.sqrt(2)
    return basis.astype(np.float32)


_COLOUR = _dct(3)
_BASIS = np.asarray(np.kron(_dct(BLOCK), _dct(BLOCK)), np.float32)
_FORWARD = np.ascontiguousarray(_BASIS.T)


def shrink(picture: NDArray[np.float32], noise: NDArray[np.float32]) -> NDArray[np.float32]:
    """`picture`, H W 3 float32, less the noise in it; noise: H W float32, its standard deviation on the same scale."""
    height, width = noise.shape
    pad = (BLOCK, BLOCK + -height % BLOCK, BLOCK, BLOCK + -width % BLOCK)
    given = _padded(cv2.transform(picture, _COLOUR), pad)
    level = np.asarray(cv2.copyMakeBorder(noise, *pad, cv2.BORDER_REFLECT), np.float32)
    inner = (slice(BLOCK, BLOCK + height), slice(BLOCK, BLOCK + width))
    pilot = _pass([given], level, PILOT_PLACES, _threshold)[:, *inner]
    pilot = _padded(np.moveaxis(pilot, 0, -1), pad)
    cleaned = _pass([given, pilot], level, PLACES, _wiener)[:, *inner]
    return np.asarray(cv2.transform(np.ascontiguousarray(np.moveaxis(cleaned, 0, -1)), _COLOUR.T), np.float32)


def _padded(picture: object, pad: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """H W 3 to 3 H W, mirrored outwards."""
    planes = cv2.split(np.ascontiguousarray(picture))
    return np.stack([np.asarray(cv2.copyMakeBorder(plane, *pad, cv2.BORDER_REFLECT), np.float32) for plane in planes])


def _pass(
    pictures: list[NDArray[np.float32]],
    level: NDArray[np.float32],
    places: tuple[tuple[int, int], ...],
    shrinker: Shrinker,
) -> NDArray[np.float32]:
    """One step over planes 3 H W; `level`: H W."""
    total = np.zeros_like(pictures[0])
    weights = np.zeros_like(total)
    for rows, columns in _strips(places, *level.shape):
        limit = level[rows, columns]
        down, across = limit.shape[0] // BLOCK, limit.shape[1] // BLOCK
        noise = limit.reshape(down, BLOCK, across, BLOCK).mean((1, 3)).reshape(-1, 1)
        quiet = noise[:, 0] < LEAST_NOISE
        if quiet.all():
            total[:, rows, columns] += _WHOLE * pictures[0][:, rows, columns]
            weights[:, rows, columns] += _WHOLE
            continue
        blocks = [_blocks(p[:, rows, columns]) for p in pictures]
        kept, weight = shrinker([b @ _FORWARD for b in blocks], noise)
        kept *= weight
        shrunk = kept @ _BASIS
        if (
            quiet.any()
        ):  # each block for itself: what is made of a picture does not depend on the part of it that is given
            shrunk[:, quiet], weight[:, quiet] = _WHOLE * blocks[0][:, quiet], _WHOLE
        laid = shrunk.reshape(3, down, across, BLOCK, BLOCK).transpose(0, 1, 3, 2, 4)
        split = (3, down, BLOCK, across, BLOCK)
        total[:, rows, columns].reshape(split)[...] += laid  # splitting axes makes no copy
        weights[:, rows, columns].reshape(split)[...] += weight.reshape(3, down, 1, across, 1)
    np.maximum(weights, np.float32(1e-9), out=weights)  # no block reaches the padding's very edge
    total /= weights
    return total


def _strips(places: tuple[tuple[int, int], ...], height: int, width: int) -> Iterator[tuple[slice, slice]]:
    for top, left in places:
        across = (width - left) // BLOCK * BLOCK
        last = top + (height - top) // BLOCK * BLOCK
        for first in range(top, last, STRIP * BLOCK):
            yield slice(first, min(last, first + STRIP * BLOCK)), slice(left, left + across)


def coefficients(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Coefficients of the blocks of planes C H W, H and W multiples of BLOCK, by the orthonormal DCT-II: C, blocks, 64."""
    return _blocks(planes) @ _FORWARD


def _blocks(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Planes C H W to C, blocks, 64."""
    count, height, width = planes.shape
    split = planes.reshape(count, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return split.transpose(0, 1, 3, 2, 4).reshape(count, -1, BLOCK * BLOCK)


def _threshold(
    coefficients: list[NDArray[np.float32]], noise: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    (given,) = coefficients
    kept = np.abs(given) > THRESHOLD * noise
    kept[..., 0] = True
    given *= kept
    return given, np.float32(1) / np.count_nonzero(kept, 2, keepdims=True).astype(np.float32)


def _wiener(
    coefficients: list[NDArray[np.float32]], noise: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    given, pilot = coefficients
    power = np.square(pilot, out=pilot)
    gain = power / (power + np.float32(WIENER) * np.square(noise) + np.float32(1e-12))
    gain[..., 0] = 1
    given *= gain
    return given, np.float32(1) / np.einsum("cbk,cbk->cb", gain, gain)[..., None]
