"""What frames have been through before they came here: a codec, and a blur. Told by the coefficients of their blocks, which
codecs drop where they cost too much and blur takes where they are fine."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from framemend_filters.engine.flow import luma
from framemend_filters.engine.shrink import BLOCK, coefficients
from framemend_filters.fitted import score
from framemend_filters.levels import DIRECTIONS

FILE = Path(__file__).with_name("history.json")
"""Scores fitted on data/train by tests/bench/fit_history.py."""
PLACES = 0, 4
"""Where blocks begin: on the grid that codecs have, and between."""
BANDS = (1, 3, 5, 8, 11, 15)
"""Sums of the two frequencies of a coefficient that bands begin and end at."""
LARGEST = 384, 512
"""Lines and columns of a large frame, from its middle, that are looked at."""
LOOKED_AT = 2
"""Frames of a segment that are looked at."""
NOTHING = 0.5
"""A coefficient below this, in codes of 255, is none."""
MOST_CODING = 40.0
"""Codes beyond which errors of codecs are not told apart."""
WINDOW, ENOUGH = 32, 40_000
"""Edge of the windows that spectra are taken of; they lie half over each other in pictures of fewer samples than ENOUGH."""
RINGS = np.array([0.02, 0.06, 0.1, 0.14, 0.18, 0.22, 0.26, 0.3, 0.34, 0.38, 0.42, 0.46, 0.52])
"""Frequencies, cycles a sample, between which the power of a spectrum is averaged in four sectors around DIRECTIONS."""
MOST_SPREAD = 4.0
"""Samples beyond which blurs are not told apart."""


class History(NamedTuple):
    """As `Levels` has them."""

    coding: float
    blur: float
    spread: tuple[float, ...]
    disc: float


class Description(NamedTuple):
    """What it is told by. coefficients: for blocks at both PLACES and each of BANDS the share of coefficients that are none, and
    logarithms of their mean energy and of the median over blocks of their mean size; and of the noise. spectrum: logarithms of
    the mean power in each sector (first axis) and ring."""

    coefficients: NDArray[np.float32]
    spectrum: NDArray[np.float32]

    @property
    def directed(self) -> NDArray[np.float32]:
        """What tells the spread along each direction, one row each: power along it, across and between, the coefficients, and
        whether it is a diagonal."""
        around = (self.spectrum, np.roll(self.spectrum, -2, 0))
        between = (np.roll(self.spectrum, -1, 0) + np.roll(self.spectrum, 1, 0)) / 2
        known = np.repeat(self.coefficients[None], len(DIRECTIONS), 0)
        diagonal = np.arange(len(DIRECTIONS), dtype=np.float32)[:, None] % 2
        return np.concatenate([*around, between, known, diagonal], 1, dtype=np.float32)

    @property
    def undirected(self) -> NDArray[np.float32]:
        """What tells the shape of a blur: power in all directions together, how much that differs, and the coefficients."""
        return np.concatenate([self.spectrum.mean(0), self.spectrum.std(0)[::2], self.coefficients], dtype=np.float32)


def history(frames: Sequence[NDArray[np.floating]], noise: float) -> History:
    """What frames H W 3 (RGB 0..1) of one shot have been through; noise: standard deviation of theirs on the same scale."""
    described = describe(frames, noise)
    coding, blur = (float(score(FILE, name)(described.coefficients[None])[0]) for name in ("coding", "blur"))
    spread = score(FILE, "spread")(described.directed)
    disc = score(FILE, "disc")(described.undirected[None])[0]
    return History(
        float(np.clip(2**coding - 1, 0, MOST_CODING)) / 255,
        float(np.clip(blur, 0, 1)),
        tuple(np.clip(spread, 0, MOST_SPREAD).tolist()),
        float(np.clip(disc, 0, 1)),
    )


def describe(frames: Sequence[NDArray[np.floating]], noise: float) -> Description:
    """Describe frames as `history` takes them."""
    shown = [_middle_luma(frames[i]) for i in np.unique(np.linspace(0, len(frames) - 1, LOOKED_AT).round().astype(int))]
    numbers: list[float] = []
    for place in PLACES:
        sizes = np.abs(np.concatenate([coefficients(_whole_blocks(picture, place))[0] for picture in shown]))
        for inside in _BANDS:
            band = sizes[:, inside]
            numbers += [
                float((band < NOTHING).mean()),
                float(np.log(np.square(band).mean() + 0.01)),
                float(np.log(np.median(band.mean(1)) + 0.02)),
            ]
    known = np.array([*numbers, np.log(noise * 255 + 0.25)], np.float32)
    return Description(known, np.mean([_spectrum(picture) for picture in shown], 0, dtype=np.float32))


def _spectrum(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """See `Description`; of luma H W in codes of 255."""
    short = [(0, max(0, WINDOW - edge)) for edge in picture.shape]
    step = WINDOW if picture.size > ENOUGH else WINDOW // 2
    windows = sliding_window_view(np.pad(picture, short, "symmetric"), (WINDOW, WINDOW))[::step, ::step]
    windows = (windows - windows.mean((2, 3), keepdims=True)) * _HANN
    power = np.square(np.abs(np.fft.rfft2(windows))).mean((0, 1)).ravel()
    return np.log(
        [[power[ring].mean() + 0.05 for ring in sector] for sector in _RINGS], dtype=np.float32, casting="unsafe"
    )


def _middle_luma(frame: NDArray[np.floating]) -> NDArray[np.float32]:
    """Luma of the middle of a frame in codes of 255, H W; it begins on the grid of blocks."""
    rows, columns = (_middle(edge, most) for edge, most in zip(frame.shape[:2], LARGEST, strict=True))
    return luma(frame[rows, columns])


def _middle(length: int, most: int) -> slice:
    start = max(0, length - most) // 2 // BLOCK * BLOCK
    return slice(start, start + min(length, most))


def _whole_blocks(picture: NDArray[np.float32], place: int) -> NDArray[np.float32]:
    """What whole blocks cover that begin at `place`, as one plane."""
    rows, columns = (slice(place, place + (edge - place) // BLOCK * BLOCK) for edge in picture.shape)
    return picture[None, rows, columns]


def _rings() -> list[list[NDArray[np.intp]]]:
    """Places in the ravelled spectrum of a window, by sector and ring."""
    down, along = np.fft.fftfreq(WINDOW)[:, None], np.fft.rfftfreq(WINDOW)[None]
    distance = np.hypot(down, along)
    sector = np.round(np.arctan2(down, along) / (np.pi / len(DIRECTIONS))).astype(int) % len(DIRECTIONS)
    return [
        [np.flatnonzero((sector == s) & (first <= distance) & (distance < last)) for first, last in pairwise(RINGS)]
        for s in range(len(DIRECTIONS))
    ]


_RINGS = _rings()
_HANN = np.outer(*2 * [np.hanning(WINDOW + 2)[1:-1].astype(np.float32)])
_HANN /= np.sqrt(np.square(_HANN).sum())
"""White noise has its variance as power in every place."""
_SUMS = np.add.outer(np.arange(BLOCK), np.arange(BLOCK)).ravel()
_BANDS = [np.flatnonzero((first <= _SUMS) & (_SUMS < last)) for first, last in pairwise(BANDS)]
