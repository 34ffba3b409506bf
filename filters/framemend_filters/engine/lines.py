"""Lines of tape that start too soon or too late (a recorder without a time base corrector), put back in their place.

What moves goes on moving: half way between where a frame's samples were and where they will be, its neighbours in time show it as it
ought to be. Each line is laid onto that along itself (Lucas and Kanade, "An Iterative Image Registration Technique", 1981, in
one dimension), and moved by what it is off, as far as that can be told from noise.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.flow import expand, luma, sample_positions, warp
from framemend_filters.engine.motion import Motion

NEAR = 2
"""Frames on both sides that a line's place is told by."""
LEAST_JITTER = 0.13
"""Standard deviation, in samples, of what lines have of their own, beside those above and below: less is none. Of tape it is 0.135 to 0.27 in pieces of
256x256 of data/val and data/test, of other damage 0.13 at most, where there is much noise, of clean pictures 0.08."""
BLURS = (2.0, 1.5)
"""Deviation of the blur along the lines before each round of the search, in samples."""
LIGHT_BOX = 25
"""Edge of the box whose mean difference is taken for light, not for displacement, in samples."""
LEAST_NOISE = 1e-3
"""Deviation of the noise that is taken to be there at least, codes."""
DOUBT = 2.0
"""How much less than what the noise explains is taken for displacement: the estimate of both has an error of its own."""
LEAST = 64, 240
"""Lines and columns: fewer say too little of where lines stand."""
PROBE = 128
"""Lines that are looked at first, and laid at a time."""
TRUST = 3.0
"""A difference counts for a quarter at so many deviations of the noise and one sample's step of the slope."""


def misplaced(
    written: Iterable[int], frames: Mapping[int, NDArray[np.floating]], motion: Motion
) -> dict[int, NDArray[np.float32]]:
    """How many samples each line of the frames `written` stands too far to the right, h float32, by number; nothing where lines
    are in place, or too short to tell, and for frames that lack one before or after them.

    frames: H W 3, 0..1, their holes filled; motion: flows between them.
    """
    pairs = {t: _pairs(t, frames) for t in written}
    told = [t for t, around in pairs.items() if around]
    if not told:
        return {}
    middle = told[len(told) // 2]
    height, width = frames[middle].shape[:2]
    if height < LEAST[0] or width < LEAST[1]:
        return {}
    first = max(0, (height - PROBE) // 2)
    if _own(_offsets(middle, pairs[middle], frames, motion, slice(first, min(height, first + PROBE)))) < LEAST_JITTER:
        return {}
    offsets = {t: _offsets(t, pairs[t], frames, motion, slice(0, height)) for t in told}
    return offsets if np.median([_own(o) for o in offsets.values()]) >= LEAST_JITTER else {}


def straightened(picture: NDArray[np.floating], offsets: NDArray[np.float32]) -> NDArray[np.floating]:
    """A picture H W or H W C, or a map, with each line moved to the left by its offset; the edge is mirrored."""
    moved = _moved(picture.astype(np.float32, copy=False), offsets)
    return np.clip(moved, 0, 1, out=moved).astype(picture.dtype, copy=False)


def _pairs(t: int, frames: Container[int]) -> list[tuple[int, int]]:
    return [(t - d, t + d) for d in range(1, NEAR + 1) if t - d in frames and t + d in frames]


def _offsets(
    t: int, pairs: Sequence[tuple[int, int]], frames: Mapping[int, NDArray[np.floating]], motion: Motion, rows: slice
) -> NDArray[np.float32]:
    """See `misplaced`: of the lines `rows` of frame t, by frames of the same distance before and after it."""
    here = luma(frames[t][rows])
    expected = np.zeros_like(here)
    for before, after in pairs:
        # flow from t holds t's own displacement; half the flow from before to after does not
        way = (motion.flow(t, after) - motion.flow(t, before)) / np.float32(2)
        for first in range(rows.start, rows.stop, PROBE):
            strip = slice(first, min(rows.stop, first + PROBE))
            step = expand(way, motion.scale, strip, slice(0, here.shape[1]))
            for other, sign in ((before, np.float32(-1)), (after, np.float32(1))):
                laid = luma(warp(frames[other], sample_positions(step * sign, strip.start), cubic=True))
                expected[strip.start - rows.start : strip.stop - rows.start] += laid / np.float32(2 * len(pairs))
    return _fitted(here, expected)


def _own(offsets: NDArray[np.float32]) -> float:
    """Standard deviation of what lines have of their own, beside those above and below: third differences know nothing smooth, and
    of white noise they have 20 times its variance."""
    return float(np.sqrt(_variance(np.diff(offsets, 3)) / 20))


def _fitted(here: NDArray[np.float32], expected: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far the lines of luma `here` stand to the right of those of `expected`, h w both, codes of 255."""
    offsets = np.zeros(len(here), np.float32)
    for blur in BLURS:
        model = _along(expected, blur)
        miss = _along(_moved(here, offsets), blur) - model
        miss -= cv2.blur(miss, (LIGHT_BOX, LIGHT_BOX))
        slope = cv2.Sobel(model, cv2.CV_32F, 1, 0, ksize=1) / np.float32(2)
        noise = 1.4826 * float(np.median(np.abs(miss))) + LEAST_NOISE
        trusted = slope / np.square(1 + np.square(miss / (TRUST * noise + np.abs(slope))))
        steepness = (trusted * slope).sum(1) + np.float32(1e-6)
        found = -(trusted * miss).sum(1) / steepness
        found -= np.average(found, weights=steepness)
        doubt = 2 * noise**2 / steepness
        sure = max(_variance(found) - DOUBT * float(np.median(doubt)), 0)
        offsets += found * (sure / (sure + doubt))
    return offsets


def _moved(plane: NDArray[np.float32], offsets: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each line moved to the left by its offset, the edge mirrored; h w or h w C."""
    height, width = plane.shape[:2]
    columns, lines = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    columns += offsets[:, None]
    moved = cv2.remap(plane, columns, lines, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.float32)


def _along(plane: NDArray[np.float32], blur: float) -> NDArray[np.float32]:
    """Blurred along the lines alone."""
    size = 2 * int(np.ceil(3 * blur)) + 1
    return np.asarray(cv2.GaussianBlur(plane, (size, 1), blur, sigmaY=0.01), np.float32)


def _variance(values: NDArray[np.floating]) -> float:
    """Of a normal distribution with the same median square."""
    return float(np.median(np.square(values))) / 0.455
