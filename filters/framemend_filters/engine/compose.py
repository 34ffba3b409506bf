"""Lays what the model made over what was given, as a residual."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

GRAIN_FROM = 4 / 255
"""Noise weaker than this, standard deviation on the 0..1 scale, is hardly seen and may be texture: not imitated."""
GRAIN_SIZE = 3.0
"""Standard deviation, in samples, of the blur that tells grain from coarser damage."""


@dataclass(frozen=True)
class FrameRepair:
    """The repair of one frame, for a host to add to its own samples.

    residual: H W 3 float32, RGB, repaired minus given on the gamma-coded 0..1 scale, strength and mask applied.
    touched: H W bool, where samples may change; None: anywhere. error: H W float32, expected absolute error of the
    repaired picture, 0..1 scale, 0 where nothing is repaired; None where the model did not run. generated: share of the frame that was generated.
    borrowed: number of another frame to the share of this one, 0..1, that the filling of its holes took from there, before
    the model went on from it; None: not said.
    """

    residual: NDArray[np.float32]
    touched: NDArray[np.bool_] | None
    error: NDArray[np.float32] | None
    generated: float
    borrowed: Mapping[int, float] | None = None


def untouched(height: int, width: int) -> FrameRepair:
    """The repair of a frame in which nothing is to be done."""
    return FrameRepair(np.zeros((height, width, 3), np.float32), np.zeros((height, width), bool), None, 0.0)


def compose(
    given: NDArray[np.floating],
    made: NDArray[np.float32],
    error: NDArray[np.float32],
    mask: NDArray[np.uint8] | None,
    *,
    strength: float | NDArray[np.float32],
    noise: float,
    grain: float = 0.0,
    seed: int | None = None,
) -> FrameRepair:
    """Residual of a frame.

    given, made: H W 3; mask: H W uint8, 255 where `made` replaces `given`, less at soft edges; elsewhere
    `strength` of the difference is taken, one number or H W. noise: standard deviation of that around; grain: share of the fine
    grain that stays, 0..1; seed: of the grain laid on generated areas, None for none.
    """
    strengths = np.asarray(strength, np.float32)[..., None]  # 1, or H W 1
    if grain:
        kept = np.float32(grain) * _fine(given - made, noise)
        if mask is not None:
            kept[mask > 0] = 0
        made = (made + kept).astype(np.float32, copy=False)
    weight = strengths
    generated = 0.0
    touched = None if strengths.all() else np.broadcast_to(strengths[..., 0] > 0, given.shape[:2])
    if mask is not None:
        share = mask.astype(np.float32) / 255
        generated = float(share.mean())
        remaining = (1 - strengths + strengths * np.float32(grain)) * np.float32(noise)
        if seed is not None and remaining.max() > GRAIN_FROM:
            new = np.random.default_rng(seed).standard_normal(made.shape, np.float32)
            made = (made + new * np.where(remaining > GRAIN_FROM, remaining, 0) * share[..., None]).astype(np.float32)
        weight = share[..., None] + (1 - share[..., None]) * strengths
        touched = touched | (mask > 0) if touched is not None else None
    residual = (made - given) * weight
    return FrameRepair(residual.astype(np.float32), touched, error, generated)


def _fine(removed: NDArray[np.floating], noise: float) -> NDArray[np.float32]:
    """What is grain in what was taken away, H W 3: finer than GRAIN_SIZE, and no stronger than noise is."""
    removed = removed.astype(np.float32, copy=False)
    limit = np.float32(3 * noise)
    fine = removed - np.asarray(cv2.GaussianBlur(np.clip(removed, -limit, limit), (0, 0), GRAIN_SIZE), np.float32)
    return np.where(np.abs(removed) < limit, fine, 0).astype(np.float32)
