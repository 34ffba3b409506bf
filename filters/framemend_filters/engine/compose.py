"""Lays what the model made over what was given, as a residual."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GRAIN_FROM = 4 / 255
"""Noise weaker than this, standard deviation on the 0..1 scale, is hardly seen and may be texture: not imitated."""


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
    strength: float,
    noise: float,
    seed: int | None,
) -> FrameRepair:
    """Residual of a frame.

    given, made: H W 3; mask: H W uint8, 255 where `made` replaces `given`, less at soft edges; elsewhere
    `strength` of the difference is taken. noise: standard deviation of that around; seed: of the grain laid on generated
    areas, None for none.
    """
    weight = np.float32(strength)
    generated = 0.0
    touched = np.zeros(given.shape[:2], bool) if strength == 0 else None
    if mask is not None:
        share = mask.astype(np.float32) / 255
        generated = float(share.mean())
        remaining = (1 - strength) * noise
        if seed is not None and remaining > GRAIN_FROM:
            grain = np.random.default_rng(seed).standard_normal(made.shape, np.float32)
            made = (made + grain * np.float32(remaining) * share[..., None]).astype(np.float32)
        weight = (share + (1 - share) * np.float32(strength))[..., None]
        touched = mask > 0 if strength == 0 else None
    residual = (made - given) * weight
    return FrameRepair(residual.astype(np.float32), touched, error, generated)
