"""Frames that repeat the one before them, sample by sample: to the engine a run of them is one picture, repaired once.

    numbers   10 11 12 13 14 15 16      frames 12 and 13 repeat 11
    places    10 11 11 11 12 13 14

Beside the work saved, a repeat adds nothing to an aligned mean: it shows the same noise once more. Frames with holes are
never taken for repeats: what they hide may have gone on. Which frames repeat is decided from the window alone, so what is
written for a frame still depends on its number and its neighbours; a run that goes on in the next chunk begins anew there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.windows import Segment

_GLANCE = slice(None, None, 16)
"""Lines and columns that are compared first: most frames differ there already."""


@dataclass(frozen=True)
class Distinct:
    """A segment in which no picture follows itself; where none did, it is the one given.

    segment, frames, masks: as the aligner takes them, by place. numbers: the first frame that a place stands for, by place.
    places: the place of each frame of the segment given, by number.
    """

    segment: Segment
    frames: Mapping[int, NDArray[np.floating]]
    masks: Mapping[int, NDArray[np.uint8]]
    numbers: Mapping[int, int]
    places: Mapping[int, int]


def distinct(
    segment: Segment, frames: Mapping[int, NDArray[np.floating]], masks: Mapping[int, NDArray[np.uint8]]
) -> Distinct:
    """The segment with each run of repeats drawn together. frames H W 3 and masks H W uint8 for all of `segment.reach`;
    masks, not empty, of the frames that have holes."""
    start = segment.reach.start
    numbers: dict[int, int] = {}
    places: dict[int, int] = {}
    for i in segment.reach:
        known = numbers and i not in masks and i - 1 not in masks
        if not known or not _repeats(frames[i - 1], frames[i]):
            numbers[start + len(numbers)] = i
        places[i] = start + len(numbers) - 1
    written = range(places[segment.frames.start], places[segment.frames.stop - 1] + 1)
    return Distinct(
        Segment(written, range(start, start + len(numbers))),
        {place: frames[i] for place, i in numbers.items()},
        {place: masks[i] for place, i in numbers.items() if i in masks},
        numbers,
        {i: places[i] for i in segment.frames},
    )


def _repeats(before: NDArray[np.floating], frame: NDArray[np.floating]) -> bool:
    return np.array_equal(before[_GLANCE, _GLANCE], frame[_GLANCE, _GLANCE]) and np.array_equal(before, frame)
