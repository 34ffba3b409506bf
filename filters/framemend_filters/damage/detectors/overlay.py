"""Logos and other overlays that stand still while the picture changes: found over the whole clip, not in one frame.

Where an overlay lies, the gradient of the picture is the same in all scenes (Dekel, Rubinstein, Liu and Freeman, "On the
Effectiveness of Visible Watermarks", CVPR 2017). Inside, each sample is given = (1 - opacity) * scene + opacity * colour;
both are fitted over time against the scene as its surroundings suggest it. What is see-through is computed back to the
scene; only what is opaque has to be generated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.detectors.view import Frame, Picture
from framemend_filters.engine.flow import fill_smoothly, luma

LEAST_FRAMES = 10
"""Frames of different content that are needed to tell: under a pan alone, level edges of the scene stand still as well."""
COARSE = (8, 5)
NEWS = 14.0
"""Mean absolute difference over COARSE cells, in codes, by which a frame must differ from all that are kept."""
MOST_KEPT = 48
"""Frames kept at most; of more, every other is dropped as they come."""
LEAST_GRADIENT = 4.0
"""Codes a sample of mean gradient, below which there is no edge."""
STEADINESS = 0.7
"""Mean gradient over mean length of the gradient: 1 where all frames have the same edge, near 0 where it varies."""
LARGEST_SHARE = 0.12
"""An overlay covers no more of the frame than this; else the picture itself stands still."""
OPAQUE = 0.85
"""Opacity from which a sample is generated, not computed back: too little of the scene is left in it."""
LEAST_OPACITY = 0.06
"""Below this nothing is to be seen."""
JOIN_SHARE = 1 / 40
"""Edges nearer to each other than this share of the frame's smaller edge belong to one overlay."""


@dataclass(frozen=True)
class Overlay:
    """opacity: H W float32, 0 where there is none; colour: H W 3 float32 RGB 0..1, of what is laid over the scene."""

    opacity: NDArray[np.float32]
    colour: NDArray[np.float32]

    def mask(self) -> NDArray[np.uint8]:
        """What must be generated, H W uint8: 255 where nothing of the scene shows through."""
        solid = (self.opacity > OPAQUE).astype(np.uint8)
        return cv2.dilate(solid, np.ones((3, 3), np.uint8)).astype(np.uint8) * np.uint8(255)

    def remove(self, frame: Frame) -> Picture:
        """The frame (H W 3, 0..1) with what is see-through computed back to the scene."""
        share = np.where(self.opacity > OPAQUE, 0, self.opacity)[..., None]
        scene = (frame - share * self.colour) / (1 - share)
        return np.where(share > 0, np.clip(scene, 0, 1), frame).astype(np.float32)


class OverlaySearch:
    """Is shown the frames of a clip in order, keeps those of different content, and says at the end what stood still."""

    def __init__(self) -> None:
        self._kept: list[NDArray[np.uint8]] = []
        self._thumbs: list[NDArray[np.float32]] = []

    def look_at(self, frame: Frame) -> None:
        """The next frame, H W 3 float32 RGB 0..1."""
        thumb = np.asarray(cv2.resize(luma(frame), COARSE, interpolation=cv2.INTER_AREA), np.float32)
        if any(float(np.abs(thumb - t).mean()) < NEWS for t in self._thumbs):
            return
        self._kept.append(np.clip(np.rint(frame * 255), 0, 255).astype(np.uint8))
        self._thumbs.append(thumb)
        if len(self._kept) > MOST_KEPT:
            self._kept, self._thumbs = self._kept[::2], self._thumbs[::2]

    def result(self) -> Overlay | None:
        """The overlay of the clip; None where there is none, or the clip shows too little to tell."""
        return find_overlay(self._kept)


def find_overlay(frames: Iterable[NDArray[np.uint8]]) -> Overlay | None:
    """The overlay common to frames (H W 3 uint8 RGB) of different content; None where there is none or too few frames."""
    pictures = [f.astype(np.float32) for f in frames]
    if len(pictures) < LEAST_FRAMES:
        return None
    region = _region(pictures)
    if region is None:
        return None
    return _unmix(pictures, region)


def _region(pictures: list[Picture]) -> NDArray[np.bool_] | None:
    """Where an overlay may lie: the areas that steady edges enclose, H W."""
    height, width = pictures[0].shape[:2]
    total = np.zeros((height, width, 2), np.float32)
    length = np.zeros((height, width), np.float32)
    for picture in pictures:
        grey = cv2.GaussianBlur(luma(picture / 255), (0, 0), 0.8)
        gradient = np.stack([cv2.Sobel(grey, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(grey, cv2.CV_32F, 0, 1) / 8], -1)
        total += gradient
        length += np.linalg.norm(gradient, axis=-1)
    mean = np.linalg.norm(total, axis=-1) / len(pictures)
    steady = (mean > LEAST_GRADIENT) & (mean > STEADINESS * length / len(pictures))
    border = max(2, round(0.01 * min(height, width)))  # edges of black bars run along the frame
    steady[:border] = steady[-border:] = steady[:, :border] = steady[:, -border:] = False
    steady = _without_bars(steady)
    join = max(3, round(JOIN_SHARE * min(height, width))) | 1
    closed = cv2.morphologyEx(steady.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((join, join), np.uint8))
    count, labels = cv2.connectedComponents(closed)
    region = np.zeros((height, width), bool)
    for i in range(1, count):
        if np.count_nonzero(steady & (labels == i)) >= max(16, 0.002 * min(height, width) ** 2):
            piece = np.zeros((height, width), np.uint8)
            outline, _ = cv2.findContours((labels == i).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(piece, outline, -1, 1, -1)
            region |= piece > 0
    region = cv2.dilate(region.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    share = np.count_nonzero(region) / region.size
    return region if 0 < share <= LARGEST_SHARE else None


def _without_bars(steady: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Take out the edges of black bars: rows or columns that are steady nearly from end to end."""
    out = steady.copy()
    rows, columns = steady.mean(1) > 0.6, steady.mean(0) > 0.6
    out[cv2.dilate(rows.astype(np.uint8)[:, None], np.ones((5, 1), np.uint8))[:, 0] > 0] = False
    out[:, cv2.dilate(columns.astype(np.uint8)[:, None], np.ones((5, 1), np.uint8))[:, 0] > 0] = False
    return out


def _unmix(pictures: list[Picture], region: NDArray[np.bool_]) -> Overlay | None:
    """Fit opacity and colour at each sample of the region, over all pictures."""
    height, width = region.shape
    known = 1.0 - region.astype(np.float32)
    scenes = np.stack([fill_smoothly(p, known)[region] for p in pictures])  # T N 3
    given = np.stack([p[region] for p in pictures])
    # How well surroundings tell the scene: fill a copy of the region moved aside, where the scene is seen
    slope_true = _attenuation(pictures, region)
    centred = scenes - scenes.mean(0)
    variance = np.maximum((centred**2).mean((0, 2)), 1e-3)
    slope = (centred * (given - given.mean(0))).mean((0, 2)) / variance / slope_true
    through = np.zeros((height, width), np.float32)
    through[region] = np.clip(slope, 0, 1)
    weight = np.zeros((height, width), np.float32)
    weight[region] = 1
    smooth = cv2.GaussianBlur(through * weight, (0, 0), 1.0) / np.maximum(cv2.GaussianBlur(weight, (0, 0), 1.0), 1e-3)
    opacity = np.where(region, np.clip(1 - smooth, 0, 1), 0).astype(np.float32)
    light = given.mean(0) - (1 - opacity[region])[:, None] * scenes.mean(0)
    colour = np.zeros((height, width, 3), np.float32)
    colour[region] = light / np.maximum(opacity[region], LEAST_OPACITY)[:, None]
    # where what is laid on is neither seen through nor adds light, there is nothing
    added = np.abs(given.mean(0) - scenes.mean(0)).max(1)
    nothing = np.zeros((height, width), bool)
    nothing[region] = (opacity[region] < LEAST_OPACITY) | (added < 2.0)
    opacity[nothing] = 0
    opacity = np.where(
        cv2.morphologyEx((opacity > 0).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)) > 0, opacity, 0
    )
    if not (opacity > LEAST_OPACITY).any():
        return None
    return Overlay(opacity.astype(np.float32), np.clip(colour / 255, 0, 1).astype(np.float32))


def _attenuation(pictures: list[Picture], region: NDArray[np.bool_]) -> float:
    """Slope of the true scene against the scene filled in, over places where both are seen (1 where it is told well)."""
    height, width = region.shape
    for shift in ((0, width // 3), (0, -width // 3), (height // 3, 0), (-height // 3, 0)):
        moved = np.roll(region, shift, (0, 1))
        if (moved & region).any():
            continue
        known = 1.0 - moved.astype(np.float32)
        scenes = np.stack([fill_smoothly(p, known)[moved] for p in pictures])
        given = np.stack([p[moved] for p in pictures])
        centred = scenes - scenes.mean(0)
        slope = (centred * (given - given.mean(0))).sum() / max(float((centred**2).sum()), 1e-3)
        return float(np.clip(slope, 0.6, 1.2))
    return 1.0
