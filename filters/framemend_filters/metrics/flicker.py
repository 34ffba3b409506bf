"""Flicker: what changes between one frame and the next though nothing moved (Lai et al., "Learning Blind Video Temporal
Consistency", ECCV 2018, section 3.2: the warping error).

The flow is that of the undamaged clip, so that it is the same for every result, and only places that are seen in both
frames count. A clip that is right has a figure too, of noise in the clip itself and of flow that is not exact: judge by
what a result is above it. A blurred result has less.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine import flow
from framemend_filters.engine.scenes import find_cuts
from framemend_filters.errors import SettingError
from framemend_filters.metrics.psnr import codes

SEEN = 0.5
"""Least forward-backward consistency of a place that counts; flow.consistency says what it means."""
LEAST_SHARE = 0.1
"""Of the picture that must be seen in both frames of a pair; if less is, or there is a cut, the pair does not count."""


@dataclass(frozen=True)
class Motion:
    """How a clip moves, found once for all results: for each frame from the second on, where its samples were in the frame
    before (positions T-1 H W 2, samples) and whether they are seen there (T-1 H W)."""

    positions: NDArray[np.float32]
    seen: NDArray[np.bool_]


def motion_of(reference: NDArray) -> Motion:
    """The motion of an undamaged clip, T H W 3 uint8 or float 0..1, of two frames or more."""
    if len(reference) < 2:
        raise SettingError(f"flicker needs two frames, the clip has {len(reference)}")
    cuts = find_cuts({t: codes(f) / np.float32(255) for t, f in enumerate(reference)}, None, len(reference))
    found = [motion_between(before, now) for before, now in itertools.pairwise(reference)]
    positions, seen = zip(*found, strict=True)
    return Motion(np.stack(positions), np.stack([s & (t not in cuts) for t, s in enumerate(seen)]))


def motion_between(before: NDArray, now: NDArray) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Where the samples of `now` were in the frame before (H W 2, samples), and whether they are seen there (H W); both
    frames H W 3, uint8 or float 0..1."""
    old, new = (_picture(codes(frame) / np.float32(255)) for frame in (before, now))
    back, forth = flow.dis_flow(new, old), flow.dis_flow(old, new)
    places = flow.sample_positions(back)
    return places, flow.consistency(back, forth) * flow.inside(places, *places.shape[:2]) > SEEN


def flicker(given: NDArray, motion: Motion) -> float:
    """The mean over all pairs of frames of `flicker_between`, in codes of 255. given: T H W 3, uint8 or float 0..1. NaN where
    no pair has a figure."""
    if given.shape[:3] != (len(motion.seen) + 1, *motion.seen.shape[1:]):
        raise SettingError(f"clips differ in shape: {given.shape[:3]} and {motion.seen.shape} with one frame less")
    pairs = zip(itertools.pairwise(given), motion.positions, motion.seen, strict=True)
    errors = [flicker_between(before, now, places, seen) for (before, now), places, seen in pairs]
    known = [error for error in errors if error is not None]
    return float(np.mean(known)) if known else float("nan")


def flicker_between(
    before: NDArray, now: NDArray, places: NDArray[np.float32], seen: NDArray[np.bool_]
) -> float | None:
    """Root of the mean squared difference between a frame and the one before it, moved to where it is now, in codes of 255;
    None where too little is seen in both. places, seen: of `motion_between`."""
    if seen.mean() < LEAST_SHARE:
        return None
    change = codes(now) - flow.warp(codes(before), places)
    return float(np.sqrt(np.mean(np.square(change[seen]), dtype=np.float64)))


def _picture(frame: NDArray[np.float32]) -> NDArray[np.uint8]:
    """8-bit blurred luma of a frame, H W 3, 0..1, at its own size, whatever the engine works on."""
    blurred = cv2.GaussianBlur(flow.luma(frame), (0, 0), flow.FINE.blur)
    return np.clip(np.rint(blurred), 0, 255).astype(np.uint8)
