"""How much lighter or darker one frame is than another: film flickers, lamps do, cameras set their exposure."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.flow import inside, reduce, sample_positions, warp

BLOCK = 16
"""Edge of the blocks whose means are compared, in samples."""
LEAST_SCALE = 4
"""How far the pictures are reduced at least that are laid onto each other for it."""
LEAST_GAIN, MOST_GAIN = 0.004, 0.4
"""Natural logs of gains: below the first (root mean square; one code at white) frames are taken for equally exposed, and
none is beyond the other."""
FEWEST_FRAMES = 5
"""Frames in a row that flicker is told by, at least."""
LEAST_FLICKER, MOST_FLICKER = 0.003, 0.15
"""Standard deviations of the log of the exposure that are flicker: below, frames are taken for equally exposed; beyond, for lit anew."""
FLASH = 4.0
"""A frame that deviates by more than so many standard deviations is a flash, and stays."""
_FEW_BLOCKS, _MANY_BLOCKS = 12, 2048
_ROUNDS = 6
_DARK, _LIGHT, _LIFT = 0.02, 0.98, 0.01
_STIFFNESS = np.diag([0.0, 0.01, 0.01, 0.03, 0.03, 0.03])
"""Keeps the field flat where few blocks say otherwise."""


def brightness(frame: NDArray[np.floating]) -> NDArray[np.float32]:
    """Mean of the channels of a frame H W 3: H W float32."""
    channels = frame.astype(np.float32, copy=False)
    return np.asarray(cv2.transform(channels, np.full((1, 3), 1 / 3, np.float32)), np.float32)


def compared_scale(scale: int) -> int:
    """How far brightness is reduced where flow is reduced by `scale`, a power of 2 up to BLOCK."""
    return max(LEAST_SCALE, scale)


def gain_field(
    here: NDArray[np.float32],
    there: NDArray[np.float32],
    flow: NDArray[np.float32],
    scale: int,
    hidden: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
) -> NDArray[np.float32] | None:
    """What to multiply the samples of another frame by, once they are laid onto this one, to be exposed as it is.

    flow: from here to there, reduced by `scale`; here, there: brightness of both frames, 0..1, reduced by its `compared_scale`;
    hidden: more than 0 where each has a hole, reduced as these are. h w float32, one value for BLOCK samples of an edge: a smooth field (a
    quadratic in x and y fitted to the log ratios of blocks, those that differ otherwise counting little); None where both are
    exposed alike, or nothing can be compared.
    """
    coarse = compared_scale(scale)
    positions = sample_positions(reduce(flow, coarse // scale) / np.float32(coarse))
    shown = inside(positions, *here.shape)
    if hidden is not None:
        shown *= (hidden[0] == 0) & (warp(hidden[1], positions) == 0)
    here, there, seen = (reduce(plane, BLOCK // coarse) for plane in (here, warp(there, positions), shown))
    height, width = here.shape
    usable = (seen > 0.999) & (np.minimum(here, there) > _DARK) & (np.maximum(here, there) < _LIGHT)
    places = np.flatnonzero(usable)
    if len(places) < _FEW_BLOCKS:
        return None
    places = places[:: -(-len(places) // _MANY_BLOCKS)]
    basis = _basis(height, width)
    terms = basis[places]
    ratios = np.log((here.ravel()[places] + _LIFT) / (there.ravel()[places] + _LIFT)).astype(np.float64)
    fitted = np.array([np.median(ratios), 0, 0, 0, 0, 0])
    for _ in range(_ROUNDS):  # reweighted least squares
        misses = ratios - terms @ fitted
        width_of_misses = max(1.4826 * float(np.median(np.abs(misses))), 0.002)
        weights = _trusted(misses, 2 * width_of_misses)
        weighted = terms * weights[:, None]
        fitted = np.linalg.solve(weighted.T @ terms + _STIFFNESS * weights.sum(), weighted.T @ ratios)
    field = (basis @ fitted).reshape(height, width)
    if np.sqrt(np.square(field).mean()) < LEAST_GAIN:
        return None
    return np.exp(np.clip(field, -MOST_GAIN, MOST_GAIN)).astype(np.float32)


def steadying(exposures: NDArray[np.float32], at: int) -> NDArray[np.float32] | None:
    """What to multiply a frame by so that its exposure follows those around it, h w; None for what does not flicker.

    exposures: n h w, by how much lighter each of n frames in a row is than number `at` of them, natural logs. Flicker is what differs
    at random from frame to frame: a fade or pan goes on, a lamp stays on, a flash is alone.
    """
    count = len(exposures)
    if count < FEWEST_FRAMES:
        return None
    level = exposures.mean((1, 2), dtype=np.float64)
    # second differences know no trend, and their median neither a step nor a flash; of white noise they have 6 times its variance
    deviation = float(np.median(np.abs(np.diff(level, 2)))) / (0.6745 * np.sqrt(6))
    if not LEAST_FLICKER < deviation < MOST_FLICKER:
        return None
    times = np.arange(count) - at
    terms = np.stack([np.ones(count), times], 1)
    taken = np.linalg.pinv(terms)  # line through the levels, reweighted as above
    for _ in range(_ROUNDS):
        misses = level - terms @ (taken @ level)
        weights = _trusted(misses, 3 * deviation)
        taken = np.linalg.solve(terms.T @ (weights[:, None] * terms), terms.T * weights)
    if abs(taken[0] @ level) > FLASH * deviation:
        return None
    share = 1 - (LEAST_FLICKER / deviation) ** 2
    return np.exp(share * np.tensordot(taken[0], exposures, 1)).astype(np.float32)


def _trusted(misses: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Weights of what a fit misses by so much (Geman and McClure's); a quarter at `width`."""
    return 1 / np.square(1 + np.square(misses / width))


def _basis(height: int, width: int) -> NDArray[np.float64]:
    """1, x, y, x^2, x y, y^2 of each block, x and y from -1 to 1: (h w) x 6."""
    y, x = np.mgrid[:height, :width].reshape(2, -1).astype(np.float64)
    y, x = (y + 0.5) / height * 2 - 1, (x + 0.5) / width * 2 - 1
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)
