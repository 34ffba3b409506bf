"""What frames have been through before they came here: a codec, and a blur. Told by the coefficients of their blocks, which
codecs drop where they cost too much and blur takes where they are fine."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.flow import luma
from framemend_filters.engine.shrink import BLOCK, coefficients
from framemend_filters.fitted import score

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


class History(NamedTuple):
    """coding: standard deviation of a codec's errors, on the pictures' scale; blur: whether the frames are blurred, 0..1."""

    coding: float
    blur: float


def history(frames: Sequence[NDArray[np.floating]], noise: float) -> History:
    """What frames H W 3 (RGB 0..1) of one shot have been through; noise: standard deviation of theirs on the same scale."""
    described = describe(frames, noise)[None]
    coding, blur = (float(score(FILE, name)(described)[0]) for name in ("coding", "blur"))
    return History(float(np.clip(2**coding - 1, 0, MOST_CODING)) / 255, float(np.clip(blur, 0, 1)))


def describe(frames: Sequence[NDArray[np.floating]], noise: float) -> NDArray[np.float32]:
    """Numbers that tell it: for blocks at both PLACES and each of BANDS the share of coefficients that are none, and logarithms of
    their mean energy and of the median over blocks of their mean size; and of the noise."""
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
    return np.array([*numbers, np.log(noise * 255 + 0.25)], np.float32)


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


_SUMS = np.add.outer(np.arange(BLOCK), np.arange(BLOCK)).ravel()
_BANDS = [np.flatnonzero((first <= _SUMS) & (_SUMS < last)) for first, last in pairwise(BANDS)]
