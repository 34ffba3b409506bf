"""Makes a moving clip of a still: a camera that pans, turns, zooms and tilts smoothly over it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def camera_over_still(still: NDArray[np.uint8], length: int, edge: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A clip (length edge edge 3 uint8) seen by a camera that moves over `still` (H W 3 uint8).

    Speeds go from standing to about 6 samples a frame; zoom, rotation and perspective are slight, a shake lies on top.
    """
    shortest = min(still.shape[:2])
    scale = max(float(rng.uniform(0.5, 1.0)) * min(1.0, shortest / (edge * 1.5)), edge / shortest)
    height, width = (round(length * scale) for length in still.shape[:2])
    still = np.asarray(cv2.resize(still, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    speed = rng.normal(0, 1, 2) * rng.choice([0.0, 0.5, 2.0, 4.0])
    turn, zoom = rng.normal(0, 0.004), rng.normal(0, 0.006)
    tilt = rng.normal(0, 2e-5, 2)
    shake = cv2.GaussianBlur(rng.normal(0, rng.choice([0.0, 0.5, 2.0]), (length, 2)).astype(np.float32), (1, 5), 1.0)
    room = np.maximum(0, np.array([width, height]) - edge) / 2
    centre = np.array([width, height]) / 2 + rng.uniform(-1, 1, 2) * room
    clip = np.empty((length, edge, edge, 3), np.uint8)
    for i in range(length):
        t = i - (length - 1) / 2
        angle, size = turn * t, np.exp(zoom * t)
        c, s = np.cos(angle) * size, np.sin(angle) * size
        view = np.array([[c, -s, 0], [s, c, 0], [tilt[0] * t, tilt[1] * t, 1]])
        view[:2, 2] = centre + speed * t + shake[i]
        shift = np.array([[1, 0, -edge / 2], [0, 1, -edge / 2], [0, 0, 1]])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        clip[i] = cv2.warpPerspective(still, view @ shift, (edge, edge), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    return clip
