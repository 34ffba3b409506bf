"""Blind estimates of the strength of noise: in a frame alone, and in what changes from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

BLOCK = 16
"""Edge of the blocks that are judged, in samples."""
FLAT_SHARE = 0.3
"""Share of the blocks, the flattest, that the estimate is taken from."""
DARKEST, BRIGHTEST = 3 / 255, 252 / 255
"""Blocks darker or brighter than this on average are clipped (black bars, blown-out sky) and say nothing."""

STEADY_SHARE = 0.25
"""Quantile of the errors of blocks that stands for noise: what is beyond it may be misaligned (chosen on data/val)."""
ALIGNMENT = 2 / 255**2
"""Variance that alignment alone makes, and that is taken off what changes from frame to frame."""
RESTLESS_SHARE = 0.75
"""Quantile of the errors of blocks that stands for whatever changes from frame to frame."""
TONES, FEWEST = 8, 16
"""Steps of brightness that are judged each by itself, and the fewest blocks to judge them by."""

_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
"""Difference of two Laplacians: blind to edges and ramps, unit gain for white noise (Immerkaer,
"Fast noise variance estimation", CVIU 1996)."""


def noise_level(frame: NDArray[np.float32], known: NDArray[np.float32] | None = None) -> float | None:
    """Standard deviation of white noise in `frame` (H W 3 float32, 0..1), on the same scale, mean of the channels.

    known: H W, 1 where the picture is given and 0 in holes. None where no block can be judged.
    """
    height, width = frame.shape[:2]
    block = min(BLOCK, height, width)
    rows, columns = height // block, width // block
    response = np.abs(cv2.filter2D(frame, -1, _KERNEL, borderType=cv2.BORDER_REFLECT_101)).mean(2)
    luma = frame.mean(2)

    def block_mean(picture: Any) -> NDArray[np.float32]:
        cropped = picture[: rows * block, : columns * block]
        return np.asarray(cv2.resize(cropped, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)

    level, brightness = block_mean(response), block_mean(luma)
    usable = (brightness > DARKEST) & (brightness < BRIGHTEST)
    if known is not None:
        beside = cv2.erode(known, np.ones((3, 3), np.uint8))  # the response reads one sample around
        usable &= block_mean(beside) > 0.999
    levels = np.sort(level[usable])
    if levels.size == 0:
        return None
    flattest = levels[: max(1, int(np.ceil(FLAT_SHARE * levels.size)))]
    return float(np.sqrt(np.pi / 2) * flattest.mean())


@dataclass(frozen=True)
class NoiseByTone:
    """Variance of noise by the brightness of the picture, both on its scale (0..1): brightness rises, one value each."""

    brightness: NDArray[np.float32]
    variance: NDArray[np.float32]

    @property
    def strongest(self) -> float:
        """Standard deviation of the noise where there is most of it."""
        return float(np.sqrt(self.variance.max()))

    @property
    def mean(self) -> float:
        """Standard deviation of the noise in all, each brightness counted alike."""
        return float(np.sqrt(self.variance.mean()))

    def at(self, tone: NDArray[np.float32]) -> NDArray[np.float32]:
        """The variance where the picture is as bright as `tone`, H W, to the nearest of 256 steps."""
        table = np.interp(np.arange(256) / 255, self.brightness, self.variance).astype(np.float32)
        codes = cv2.convertScaleAbs(tone, alpha=255)
        return np.asarray(cv2.LUT(codes, table), np.float32)


def noise_by_tone(blocks: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> NoiseByTone | None:
    """The noise of a piece of video, from how blocks differ from the same place in other frames.

    blocks: of each pair of frames the brightness of blocks, and half the mean squared difference there. Grain two samples
    wide, streaks of tape and the shadows' noise of cameras show here, which an estimate from one frame alone takes for
    picture, or for even. None: too little to judge by.
    """
    brightness, errors = _usable(blocks)
    if len(errors) < FEWEST:
        return None
    steps = np.array_split(np.argsort(brightness, kind="stable"), min(TONES, len(errors) // FEWEST))
    variance = [max(0.0, float(np.quantile(errors[s], STEADY_SHARE)) - ALIGNMENT) for s in steps]
    return NoiseByTone(np.array([brightness[s].mean() for s in steps], np.float32), np.array(variance, np.float32))


def unrest(blocks: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]], noise: float) -> float:
    """Standard deviation of what changes from frame to frame beyond white noise of deviation `noise`, on the picture's scale, in
    its restless parts; blocks as in `noise_by_tone`. 0 where there is too little to judge by."""
    errors = _usable(blocks)[1]
    if len(errors) < FEWEST:
        return 0.0
    return max(0.0, float(np.quantile(errors, RESTLESS_SHARE)) - noise**2) ** 0.5


def _usable(
    blocks: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Brightness and error of all blocks that are not clipped."""
    brightness, errors = (
        np.concatenate([part[i] for part in blocks]) if blocks else np.zeros(0, np.float32) for i in range(2)
    )
    usable = (brightness > DARKEST) & (brightness < BRIGHTEST)
    return brightness[usable], errors[usable]
