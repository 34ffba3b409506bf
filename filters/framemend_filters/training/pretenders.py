"""Draws things of a scene that come near to a defect, so that the detecting network learns to leave them alone: rain, sparks,
titles, flashes, dissolves, grass, the gate of the film. Each takes frames T H W 3 uint8 and a generator, and leaves the
frames handed in as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]


def falling(frames: Frames, rng: np.random.Generator) -> Frames:
    """Rain or snow: many alike, see-through, each moving on its way; fast ones are seen once."""
    count, height, width = frames.shape[:3]
    number = int(rng.integers(15, 150))
    speed = rng.normal(0, 1, 2) * (4, 4) + (0, rng.uniform(2, 40))
    places = rng.uniform(-40, (width + 40, height + 40), (number, 2))
    own = rng.normal(1, 0.15, (number, 1)) * speed
    sizes = rng.uniform(0.5, rng.uniform(0.8, 4.0), number)
    blur = rng.uniform(0.0, 0.8)
    tone, opacity = float(rng.uniform(160, 255)), float(rng.uniform(0.2, 0.8))
    out = frames.copy()
    for t in range(count):
        at = places + own * (t - count / 2) + rng.normal(0, 0.5, (number, 2))
        at = np.mod(at + 40, (width + 80, height + 80)) - 40
        layer = np.zeros((height, width), np.float32)
        for (x, y), (dx, dy), size in zip(at, own * blur, sizes, strict=True):
            start, end = (round(x - dx / 2), round(y - dy / 2)), (round(x + dx / 2), round(y + dy / 2))
            cv2.line(layer, start, end, 1.0, max(1, round(size)), cv2.LINE_AA)
        layer = np.asarray(cv2.GaussianBlur(layer, (0, 0), 0.7), np.float32)
        layer = np.clip(layer * opacity, 0, 1)[..., None]
        out[t] = np.rint(frames[t] * (1 - layer) + tone * layer)
    return out


def flying(frames: Frames, rng: np.random.Generator) -> Frames:
    """A few blobs on curved ways: balls, birds, insects, sparks, hands."""
    count, height, width = frames.shape[:3]
    out = frames.copy()
    for _ in range(int(rng.integers(1, 12))):
        place, speed = rng.uniform(0, (width, height)), rng.normal(0, rng.choice([2.0, 6.0, 15.0]), 2)
        pull, size = rng.normal(0, 0.5, 2), float(rng.uniform(0.6, 6 if rng.random() < 0.8 else 25))
        colour = rng.integers(0, 256, 3) if rng.random() < 0.4 else np.full(3, rng.choice([15, 235]))
        for t in range(count):
            s = t - count / 2
            x, y = place + speed * s + pull * s * s
            axes = (max(1, round(size + abs(speed[0]) * 0.3)), max(1, round(size)))
            angle = float(np.degrees(np.arctan2(speed[1], speed[0])))
            shape = np.zeros((height, width), np.uint8)
            if 0 <= x < width and 0 <= y < height:
                cv2.ellipse(shape, (round(x), round(y)), axes, angle, 0, 360, 255, -1, cv2.LINE_AA)
                share = np.asarray(cv2.GaussianBlur(shape, (0, 0), 0.6), np.float32)[..., None] / 255
                out[t] = np.rint(out[t] * (1 - share) + colour * share)
    return out


def title(frames: Frames, rng: np.random.Generator) -> Frames:
    """Letters that stand, roll, or come and go."""
    count, height = frames.shape[:2]
    out = frames.copy()
    words = "".join(rng.choice(list("ABCDEFGHIJKLMNOPRSTUVWXYZ abcdefghiklmnoprstu.,:'0123456789"), 14))
    scale, weight = float(rng.uniform(0.3, 1.2)), int(rng.integers(1, 3))
    first, last = sorted(rng.integers(-4, count + 5, 2))
    step = int(rng.integers(-3, 1)) if rng.random() < 0.5 else 0
    tone = int(rng.choice([20, 240]))
    for t in range(max(0, first), min(count, last + 1)):
        for line in range(3):
            at = (10, round(height * (0.3 + 0.2 * line)) + step * t)
            cv2.putText(
                out[t],
                words[line:] + words[:line],
                at,
                cv2.FONT_HERSHEY_SIMPLEX,
                scale,
                (tone,) * 3,
                weight,
                cv2.LINE_AA,
            )
    return out


def flash(frames: Frames, rng: np.random.Generator) -> Frames:
    """A light that goes on for a frame or two, in a part of the picture or all of it."""
    count, height, width = frames.shape[:3]
    out = frames.copy()
    t, x, y = int(rng.integers(2, count - 1)), rng.uniform(0, width), rng.uniform(0, height)
    rows, columns = np.mgrid[:height, :width]
    light = np.exp(-np.hypot(rows - y, columns - x) / rng.uniform(20, 400)) * rng.uniform(20, 120)
    for i in range(t, min(count, t + int(rng.integers(1, 3)))):
        out[i] = np.clip(frames[i] + light[..., None], 0, 255).astype(np.uint8)
    return out


def dissolve(frames: Frames, rng: np.random.Generator) -> Frames:
    """Into another picture: here the clip itself, backwards and on its head."""
    count = len(frames)
    share = np.clip((np.arange(count) + rng.uniform(-3, 3)) / count, 0, 1)[:, None, None, None]
    return np.rint(frames * (1 - share) + frames[::-1, ::-1] * share).astype(np.uint8)


def grass(frames: Frames, rng: np.random.Generator) -> Frames:
    """Blades, twigs or wires, rooted below or above, that sway, some of them fast."""
    count, height, width = frames.shape[:3]
    out = frames.copy()
    pace, gust = rng.uniform(0.2, 2.5), float(rng.uniform(0.5, 12))
    turned = rng.random() < 0.3
    for _ in range(int(rng.integers(3, 60))):
        root, length = rng.uniform(-10, width + 10), rng.uniform(0.1, 0.9) * height
        lean, phase, own = rng.normal(0, 0.2), rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.5)
        tone = np.clip(rng.uniform(20, 235) + rng.normal(0, 20, 3), 0, 255)
        weight, along = int(rng.integers(1, 4)), np.linspace(0, 1, 6)
        for t in range(count):
            bend = lean * length + gust * own * np.sin(pace * t + phase)
            x = root + bend * along**2
            y = length * along if turned else height - length * along
            points = np.rint(16 * np.stack([x, y], 1)).astype(np.int32)
            cv2.polylines(out[t], [points], False, tuple(map(float, tone)), weight, cv2.LINE_AA, 4)
    return out


def gate(frames: Frames, rng: np.random.Generator) -> Frames:
    """The rough edge of the film gate on one or more sides, black beyond, which weaves from frame to frame."""
    count, height, width = frames.shape[:3]
    out = frames.astype(np.float32)
    black, weave, softness = rng.uniform(0, 30), rng.uniform(0, 2.5), float(rng.uniform(0.4, 2.0))
    sides = rng.random(4) < 0.5
    sides[int(rng.integers(0, 4))] = True
    edges = [rng.uniform(1, 0.12 * height) + _roughness(length, rng) for length in (height, height, width, width)]
    rows, columns = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None]
    depths = (columns, width - 1 - columns, rows, height - 1 - rows)
    for t in range(count):
        shift = rng.normal(0, weave, 2)
        clear = np.ones((height, width), np.float32)
        for side in np.flatnonzero(sides):
            edge = edges[side] + (1 if side % 2 == 0 else -1) * shift[side // 2]
            inside = depths[side] - (edge[:, None] if side < 2 else edge[None])
            clear = np.minimum(clear, np.clip(0.5 + inside / (2 * softness), 0, 1))
        out[t] = black + (out[t] - black) * clear[..., None]
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def _roughness(length: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """How far an edge of that many samples departs from straight: slowly, and in fine teeth."""
    slow = cv2.GaussianBlur(rng.standard_normal((length, 1)).astype(np.float32), (0, 0), 20.0)[:, 0]
    fine = cv2.GaussianBlur(rng.standard_normal((length, 1)).astype(np.float32), (0, 0), 1.5)[:, 0]
    return (slow * rng.uniform(0, 8) + fine * rng.uniform(0, 2)).astype(np.float32)


class Pretender(NamedTuple):
    """draw: what draws it onto frames T H W 3 uint8; name: what it is; share: of training windows that have it."""

    draw: Callable[[Frames, np.random.Generator], Frames]
    name: str
    share: float


PRETENDERS = (
    Pretender(falling, "rain or snow", 0.16),
    Pretender(flying, "balls, birds, sparks, hands", 0.12),
    Pretender(title, "titles", 0.1),
    Pretender(flash, "flashes", 0.06),
    Pretender(dissolve, "dissolves", 0.05),
    Pretender(grass, "grass", 0.05),
    Pretender(gate, "the edge of the film gate", 0.07),
)
