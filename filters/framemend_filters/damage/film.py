"""What film does to a picture without hiding it: it weaves in the gate, flickers, has grain and fine scratches.

Every function takes frames T H W 3 uint8 and a numpy Generator and returns new frames of the same kind. Dirt and
scratches that cover the picture are in `defects`, with masks.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]


def gate_weave(frames: Frames, strength: float, rng: np.random.Generator) -> Frames:
    """Each frame moved, as it lay in the gate: `strength` samples across (standard deviation), half of that up and down,
    partly drifting and partly anew on each frame. The first frame stays where it is."""
    count = len(frames)
    steps = rng.normal(0, 1, (count, 2))
    drift = np.cumsum(0.3 * rng.normal(0, 1, (count, 2)), 0)
    places = (steps + drift - drift.mean(0)) * (strength, strength / 2) / 1.1
    places -= places[0]
    return np.stack([_moved(f, x, y) for f, (x, y) in zip(frames, places, strict=True)])


def flicker(frames: Frames, strength: float, rng: np.random.Generator) -> Frames:
    """Exposure that changes from frame to frame by the factor `strength` (0.05 is 5 %, standard deviation), a third of it
    unevenly over the picture; over the clip it evens out."""
    count, height, width = frames.shape[:3]
    whole = rng.normal(0, strength, (count, 1, 1)).astype(np.float32)
    uneven = rng.normal(0, strength / 3, (count, 3, 3)).astype(np.float32)
    field = whole + uneven
    field -= field.mean(0)
    gains = [1 + cv2.resize(f, (width, height), interpolation=cv2.INTER_CUBIC) for f in field]
    return np.stack([_to_codes(f * g[..., None]) for f, g in zip(frames, gains, strict=True)])


def grain(frames: Frames, sigma: float, size: float, rng: np.random.Generator) -> Frames:
    """Grain of strength `sigma` (codes), blurred to `size` samples, mostly common to the channels, strongest in the
    middle tones."""
    common = rng.standard_normal((*frames.shape[:3], 1), np.float32)
    own = rng.standard_normal(frames.shape, np.float32)
    values = 0.85 * common + 0.5 * own
    values = np.stack([cv2.GaussianBlur(g, (0, 0), size) for g in values]) if size > 0.2 else values
    values *= sigma / max(float(values.std()), 1e-6)
    tone = frames.astype(np.float32) / 255
    return _to_codes(frames + values * (0.4 + 2.4 * tone * (1 - tone)))


def fine_scratches(frames: Frames, strength: float, rng: np.random.Generator) -> Frames:
    """A few upright scratches on the base side, through which the picture still shows: lighter or darker by up to
    `strength` codes, swaying, over the whole height, running on from frame to frame."""
    count, height, width = frames.shape[:3]
    columns, rows = np.arange(width, dtype=np.float32), np.linspace(0, 1, height, dtype=np.float32)
    add = np.zeros((count, height, width), np.float32)
    for _ in range(int(rng.integers(1, 5))):
        places = rng.uniform(0, width) + np.cumsum(rng.normal(0, 0.4, count))
        thickness = max(0.5, rng.gamma(2.0, 0.35) * height / 270)
        depth = strength * rng.uniform(0.3, 1.0) * rng.choice([-1, 1]) * np.clip(rng.normal(0.8, 0.25, count), 0, 1)
        profile = np.exp(-np.square((columns - places[:, None]) / thickness) / 2) * depth[:, None]
        along = 0.7 + 0.3 * np.cos(2 * np.pi * (rng.uniform(0.5, 3) * rows + rng.uniform(0, 1, (count, 1))))
        add += (along[:, :, None] * profile[:, None, :]).astype(np.float32)
    return _to_codes(frames + add[..., None])


def _moved(frame: Frames, x: float, y: float) -> Frames:
    where = np.array([[1, 0, x], [0, 1, y]], np.float32)
    size = (frame.shape[1], frame.shape[0])
    moved = cv2.warpAffine(frame, where, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.uint8)


def _to_codes(values: NDArray[np.floating]) -> Frames:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
