"""Masks of generative pretraining: what is hidden, to be predicted from what is left."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

KINDS = ("cubes", "tubes", "blocks", "frames", "future")


def hide(shape: tuple[int, int, int], rng: np.random.Generator, focus: range) -> tuple[NDArray[np.uint8], str]:
    """Masks T H W uint8 (255 hidden) and the kind drawn; 10 to 90 % of a frame, or of the frames, is hidden.

    cubes: small cubes in space and time; tubes: the same places in all frames; blocks: one large rectangle that may
    drift; frames: whole frames; future: every frame from some frame of `focus` on (the causal, GPT-like case).
    """
    kind = str(rng.choice(KINDS, p=[0.25, 0.2, 0.25, 0.15, 0.15]))
    frames, height, width = shape
    ratio = float(rng.uniform(0.1, 0.9))
    mask = np.zeros(shape, np.uint8)
    if kind == "cubes":
        edge, length = int(rng.choice([8, 16, 32])), int(rng.choice([1, 2, 4]))
        grid = rng.random((-(-frames // length), -(-height // edge), -(-width // edge))) < ratio
        grid = grid.repeat(length, 0).repeat(edge, 1).repeat(edge, 2)
        mask[grid[:frames, :height, :width]] = 255
    elif kind == "tubes":
        edge = int(rng.choice([8, 16, 32]))
        grid = rng.random((-(-height // edge), -(-width // edge))) < ratio
        mask[:, grid.repeat(edge, 0).repeat(edge, 1)[:height, :width]] = 255
    elif kind == "blocks":
        h, w = (int(edge * np.sqrt(ratio) * rng.uniform(0.5, 1.0)) for edge in (height, width))
        place = rng.uniform(0, 1, 2) * (height - h, width - w)
        drift = rng.normal(0, 1, 2) * rng.choice([0.0, 1.5])
        for t in range(frames):
            top, left = (int(p + d * (t - frames / 2)) for p, d in zip(place, drift, strict=True))
            cv2.rectangle(mask[t], (left, top), (left + w - 1, top + h - 1), 255, -1)
    elif kind == "frames":
        hidden = rng.random(frames) < min(ratio, 0.6)
        hidden[rng.integers(focus.start, focus.stop)] = True
        mask[hidden] = 255
    else:
        mask[int(rng.integers(focus.start, focus.stop)) :] = 255
    return mask, kind
