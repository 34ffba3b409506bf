"""Undoes a blur whose spread is told (`history`): a Wiener filter (Wiener, "Extrapolation, interpolation, and smoothing of
stationary time series", 1949) for the Gaussian, the disc or the line that spreads so, as a kernel of few samples, so that what is
made of a picture does not depend on the part of it that is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.lens import disc
from framemend_filters.levels import Levels

REACH = 16
"""Samples that the kernel reaches to each side."""
LEAST_SPREAD, SURE_SPREAD = 0.4, 0.7
"""Samples of spread along any direction up to which a picture is taken for sharp, and from which on for blurred."""
UNSURE, SURE = 0.3, 0.6
"""The same by what `Levels.blur` says: soft things in sharp pictures have a spread as well."""
ROUGH = 0.6 / 255
"""Standard deviation of what a picture holds besides noise that was not blurred with it: rounding, chiefly."""
DETAIL = 8.0 / 255**2
"""Power of a picture at one cycle a sample; towards lower frequencies it rises with the square, as in nature."""
SMOOTH_MISTAKE, DISC_MISTAKE, LINE_MISTAKE = 0.06, 0.1, 0.2
"""How far off the three are taken to be, as a share of what a blur lets through."""
KNOWN_BELOW = 0.1
"""Cycles a sample below which it is known better."""
ROUND, LONG = 0.4, 0.55
"""Difference of variances along and across, over their sum, up to which a blur is taken for a lens', and from which on for a line."""
HEARD = 0.5
"""How much of a line a blur is from which on it is one of a shake."""
SMOOTH, SHARP_EDGED = 0.5, 0.65
"""What `Levels.disc` says of a Gaussian at most, and of a disc at least."""
TAPER = 0.3
"""Share of the reach over which the kernel falls to nothing."""
_SIZE = 128
_DOWN, _ALONG = np.fft.fftfreq(_SIZE)[:, None], np.fft.rfftfreq(_SIZE)[None]
_SQUARE = _DOWN**2 + _ALONG**2
# all constants chosen on data/train, checked on data/val

Spectrum = NDArray[np.float64]


def drifts(levels: Levels) -> bool:
    """Whether the blur is that of a shaking camera, another one in each frame; a lens keeps its own."""
    return _line(np.square(levels.spread)).is_line >= HEARD


def of_frame(levels: Levels, own: Sequence[float]) -> Levels:
    """What the blur of one frame of a shake is undone by: what is told of all is surer, so half of its own spread is heard."""
    return levels.with_spread([(a + b) / 2 for a, b in zip(levels.spread, own, strict=True)])


def undoing(levels: Levels, noise: float) -> NDArray[np.float32] | None:
    """The kernel that undoes the blur told by `levels`, 2 * REACH + 1 samples on an edge, sum 1; None for what is not blurred.
    noise: standard deviation of the noise in what it is for, on the pictures' scale."""
    along_each = np.array(levels.spread)
    share = _between(along_each.max(), LEAST_SPREAD, SURE_SPREAD) * _between(levels.blur, UNSURE, SURE)
    if share == 0:
        return None
    mean, more, angle, is_line = _line(np.square(along_each))
    along = _ALONG * np.cos(angle) + _DOWN * np.sin(angle)
    across = _DOWN * np.cos(angle) - _ALONG * np.sin(angle)
    gaussian = np.exp(-2 * np.pi**2 * ((mean + more) * along**2 + (mean - more) * across**2))
    line = np.sinc(np.sqrt(24 * more) * along) * np.exp(-2 * np.pi**2 * (mean - more) * _SQUARE)
    is_disc = _between(levels.disc, SMOOTH, SHARP_EDGED)

    def filtered(blur: Spectrum, mistake: float) -> Spectrum:
        unknown = (noise**2 + ROUGH**2) * (_SQUARE + 1e-4) / DETAIL
        return blur / (blur**2 + unknown + mistake**2 * np.minimum(1, _SQUARE / KNOWN_BELOW**2))

    lens = (1 - is_disc) * filtered(gaussian, SMOOTH_MISTAKE) + is_disc * filtered(
        _spectrum(disc(2 * mean**0.5)), DISC_MISTAKE
    )
    kernel = np.fft.fftshift(
        np.fft.irfft2(is_line * filtered(line, LINE_MISTAKE) + (1 - is_line) * lens, s=2 * (_SIZE,))
    )
    middle = slice(_SIZE // 2 - REACH, _SIZE // 2 + REACH + 1)
    steps = np.arange(1, 2 * REACH + 2)
    ramp = np.minimum(1, np.minimum(steps, steps[::-1]) / (TAPER * REACH + 1))
    kernel = kernel[middle, middle] * np.outer(ramp, ramp)
    kernel *= share / kernel.sum()
    kernel[REACH, REACH] += 1 - share
    return kernel.astype(np.float32)


def undo(picture: NDArray[np.float32], kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """`picture`, H W 3, through the kernel."""
    return np.asarray(cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT), np.float32)


class _Line(NamedTuple):
    """Variance on average, and how much more it is along `angle` (radians, from a line of samples downwards); is_line: 0..1."""

    mean: float
    more: float
    angle: float
    is_line: float


def _line(variance: NDArray[np.float64]) -> _Line:
    """By the variance along each of DIRECTIONS."""
    mean = float(variance.mean())
    plain, oblique = (variance[0] - variance[2]) / 2, (variance[1] - variance[3]) / 2
    more = min(float(np.hypot(plain, oblique)), mean)
    return _Line(mean, more, float(np.arctan2(oblique, plain)) / 2, _between(more / max(mean, 1e-9), ROUND, LONG))


def _between(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0, 1))


def _spectrum(kernel: NDArray[np.float32]) -> Spectrum:
    """Of a small symmetric kernel with odd edges, real."""
    room = np.zeros((_SIZE, _SIZE))
    room[: kernel.shape[0], : kernel.shape[1]] = kernel
    return np.fft.rfft2(np.roll(room, [-(edge // 2) for edge in kernel.shape], (0, 1))).real
