"""Blur of the lens and of the camera's movement.

Every function takes frames T H W 3 uint8 and returns new frames of the same kind.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]

SUPERSAMPLING = 8
"""Steps a sample in which the disc of a lens is drawn."""


def gaussian_blur(frames: Frames, sigma: float) -> Frames:
    """A Gaussian of `sigma` samples: defocus and scaling together, as most papers do it."""
    return np.stack([cv2.GaussianBlur(f, (0, 0), sigma) for f in frames])


def defocus(frames: Frames, radius: float) -> Frames:
    """The disc that a lens out of focus makes of a point, `radius` samples."""
    return through(frames, [disc(radius)] * len(frames))


def motion_blur(frames: Frames, length: float, rng: np.random.Generator) -> Frames:
    """The way of a shaking camera while the shutter is open: see `shake`."""
    return through(frames, shake(len(frames), length, rng))


def through(frames: Frames, kernels: Sequence[NDArray[np.float32]]) -> Frames:
    """Each frame seen through a kernel of its own, h w float32, odd edges, sum 1."""
    return np.stack([_through(f, k) for f, k in zip(frames, kernels, strict=True)])


def shake(frames: int, length: float, rng: np.random.Generator) -> list[NDArray[np.float32]]:
    """The kernel of each frame: a line of `length` samples on average, whose length and direction drift from frame to frame."""
    angle = rng.uniform(0, np.pi) + np.cumsum(rng.normal(0, 0.15, frames))
    reach = length * np.clip(1 + np.cumsum(rng.normal(0, 0.12, frames)), 0.3, 1.7)
    return [line(a, r) for a, r in zip(angle, reach, strict=True)]


def _through(frame: Frames, kernel: NDArray[np.float32]) -> Frames:
    return np.asarray(cv2.filter2D(frame, -1, kernel, borderType=cv2.BORDER_REFLECT), np.uint8)


def disc(radius: float) -> NDArray[np.float32]:
    """A disc of `radius` samples with soft edges, sum 1, odd edge."""
    half = int(np.ceil(radius))
    fine = (np.arange((2 * half + 1) * SUPERSAMPLING) + 0.5) / SUPERSAMPLING - half - 0.5
    inside = (fine[:, None] ** 2 + fine[None, :] ** 2 <= max(radius, 0.5) ** 2).astype(np.float32)
    drawn = cv2.resize(inside, (2 * half + 1, 2 * half + 1), interpolation=cv2.INTER_AREA)
    return np.asarray(drawn / drawn.sum(), np.float32)


def line(angle: float, length: float) -> NDArray[np.float32]:
    """A line through the middle, drawn by points half a sample apart that share themselves among their neighbours."""
    half = int(np.ceil(length / 2)) + 1
    along = np.linspace(-length / 2, length / 2, max(2, int(np.ceil(2 * length))))
    xs, ys = half + along * np.cos(angle), half + along * np.sin(angle)
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    left, top = np.floor(xs).astype(int), np.floor(ys).astype(int)
    for dx in (0, 1):
        for dy in (0, 1):
            weight = (1 - np.abs(xs - left - dx)) * (1 - np.abs(ys - top - dy))
            np.add.at(kernel, (np.minimum(top + dy, 2 * half), np.minimum(left + dx, 2 * half)), weight)
    return np.asarray(kernel / kernel.sum(), np.float32)
