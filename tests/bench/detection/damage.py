"""Draws damage over clips, with other shapes than those of training, and says where it is: where it changes a sample by
LEAST_SEEN codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
Masks = NDArray[np.bool_]
Draw = Callable[[Frames, np.random.Generator], tuple[Frames, Masks]]

LEAST_SEEN = 8


def dust(frames: Frames, rng: np.random.Generator) -> tuple[Frames, Masks]:
    """Level sets of smooth noise, soft at the edge, some of them see-through: no polygons as in training."""
    count, height, width = frames.shape[:3]
    out, truth = frames.astype(np.float32), np.zeros(frames.shape[:3], bool)
    for t in range(count):
        for _ in range(int(rng.integers(2, 9))):
            size = int(rng.integers(6, 6 + height // 14))
            noise = cv2.GaussianBlur(rng.standard_normal((size, size)).astype(np.float32), (0, 0), size / 7)
            falloff = np.hypot(*np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j])
            blob = np.clip((noise / noise.std() + 1.6 - 3.2 * falloff) * 2, 0, 1) * rng.uniform(0.5, 1.0)
            y, x = int(rng.integers(0, height - size)), int(rng.integers(0, width - size))
            tone = rng.uniform(225, 255) if rng.random() < 0.5 else rng.uniform(0, 30)
            part = out[t, y : y + size, x : x + size]
            part += (tone - part) * blob[..., None]
    return _finished(frames, out, truth)


def scratches(frames: Frames, rng: np.random.Generator) -> tuple[Frames, Masks]:
    """Lines with a Gaussian profile over the whole height that sway as a sine, light and dark."""
    count, height, width = frames.shape[:3]
    out = frames.astype(np.float32)
    rows, columns = np.arange(height)[:, None], np.arange(width)[None]
    for _ in range(int(rng.integers(2, 5))):
        place, phase = rng.uniform(0.05, 0.95) * width, rng.uniform(0, 6)
        thickness, depth = rng.uniform(0.5, 1.1) * height / 360, rng.uniform(40, 130) * rng.choice([-1, 1])
        for t in range(count):
            centre = place + 0.006 * height * np.sin(1.7 * t + phase) + 0.01 * (rows - height / 2)
            profile = np.exp(-0.5 * ((columns - centre) / thickness) ** 2)
            out[t] += (depth * profile)[..., None]
    return _finished(frames, out, np.zeros(frames.shape[:3], bool))


def dropouts(frames: Frames, rng: np.random.Generator) -> tuple[Frames, Masks]:
    """Comets: white at the head, falling off along one or two lines."""
    count, height, width = frames.shape[:3]
    out = frames.astype(np.float32)
    for t in range(count):
        for _ in range(int(rng.integers(1, 5))):
            length, lines = int(rng.uniform(0.05, 0.4) * width), int(rng.integers(1, 3))
            y, x = int(rng.integers(0, height - lines)), int(rng.integers(0, width - length))
            fall = np.exp(-3 * np.linspace(0, 1, length))[None, :, None]
            part = out[t, y : y + lines, x : x + length]
            part += (250 - part) * fall
    return _finished(frames, out, np.zeros(frames.shape[:3], bool))


def blocks(frames: Frames, rng: np.random.Generator) -> tuple[Frames, Masks]:
    """Runs of macroblocks that are grey, green, or taken from elsewhere in the frame."""
    count, height, width = frames.shape[:3]
    out = frames.astype(np.float32)
    for t in range(1, count, 2):
        for _ in range(int(rng.integers(1, 4))):
            run = int(rng.integers(2, 7))
            y, x = 16 * int(rng.integers(0, height // 16 - 1)), 16 * int(rng.integers(0, width // 16 - run))
            fill = rng.integers(0, 3)
            if fill < 2:
                out[t, y : y + 16, x : x + 16 * run] = (128, 128, 128) if fill == 0 else (0, 135, 0)
            else:
                v, u = 16 * int(rng.integers(0, height // 16 - 1)), 16 * int(rng.integers(0, width // 16 - run))
                out[t, y : y + 16, x : x + 16 * run] = frames[t, v : v + 16, u : u + 16 * run]
    return _finished(frames, out, np.zeros(frames.shape[:3], bool))


def lost(frames: Frames, rng: np.random.Generator) -> tuple[Frames, Masks]:
    """A blank frame and a frozen one."""
    out, truth = frames.copy(), np.zeros(frames.shape[:3], bool)
    out[3] = int(rng.choice([0, 16, 128, 255]))
    truth[3] = True
    if len(frames) > 9:
        out[7], truth[7] = out[6], True
    return out, truth


DAMAGE: dict[str, Draw] = {
    "dust": dust,
    "scratches": scratches,
    "dropouts": dropouts,
    "blocks": blocks,
    "frames": lost,
}


def _finished(clean: Frames, out: NDArray[np.float32], truth: Masks) -> tuple[Frames, Masks]:
    spoiled = np.clip(np.rint(out), 0, 255).astype(np.uint8)
    seen = np.abs(spoiled.astype(np.int16) - clean).max(3) >= LEAST_SEEN
    return spoiled, truth | seen


def damaged(clips: list[tuple[str, Frames]], kind: str, seed: int) -> Iterator[tuple[Frames, Masks, Frames]]:
    """Each clip spoiled, with the truth and the clean frames."""
    for number, (_, frames) in enumerate(clips):
        yield *DAMAGE[kind](frames, np.random.default_rng([seed, number])), frames
