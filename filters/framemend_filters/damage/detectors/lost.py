"""Whole frames that were lost: blank ones (black, white or any flat colour) and ones that repeat their predecessor.

A fade, a black scene and a flash are no loss, nor is a picture that stands still or a film that shows each drawing
twice: a blank frame counts where the same scene goes on after it, a repeated one where the scene then jumps by as much
as it moves elsewhere in the frames that are missing, and where repeats are not the rhythm of the film.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.detectors.view import Frame, Memory

Loss = Literal["blank", "repeated"]

LONGEST_RUN = 6
"""Frames in a row that can be lost; more of them is a pause of the film."""
RHYTHM_REACH = 6
"""Frames on both sides in which repeats are counted."""
REACH = LONGEST_RUN + RHYTHM_REACH
"""Frames on both sides that decide whether a frame is lost."""
BLANK_SPREAD = 1.5
"""Standard deviation, in codes of 255, up to which each channel of a blank frame spreads (noise averaged out)."""
REPEAT_CODES = 0.35
"""Mean absolute difference of thumbnails, in codes, up to which a frame repeats another: codecs move them a little."""
JUMP_RATIO = 1.6
"""The step after a repeat exceeds the usual step by this, where frames are missing."""
LARGEST_RATIO = 1.5
"""A step larger than this many times what the scene moves in the frames that are missing is a cut."""
LEAST_STEP = 0.8
"""Usual step, in codes, below which a scene stands too still to tell."""
SAME_SCENE = 14.0
"""Mean absolute difference over COARSE cells, in codes, up to which both sides of a blank run are one scene."""
COARSE = (8, 5)
THUMB = (64, 36)
LEAST_CONTRAST = 6.0
"""Standard deviation, in codes, that the frames beside a blank run have at least: else the picture is flat by itself."""


def lost(frames: Mapping[int, Frame], index: int, num_frames: int, memory: Memory) -> Loss | None:
    """Whether and how frame `index` of a clip is lost.

    frames: H W 3 RGB 0..1 by number, for all numbers within REACH of `index` that the clip has.
    """

    def thumb(i: int) -> NDArray[np.float32]:
        return memory.get(("lost thumb", i), lambda: _thumb(frames[i]))

    def exists(i: int) -> bool:
        return 0 <= i < num_frames and abs(i - index) <= REACH

    if _is_blank(thumb(index)):
        before, after = _ends(index, exists, lambda i: _is_blank(thumb(i)))
        if before is None or after is None:
            return None
        a, b = thumb(before), thumb(after)
        same = float(np.abs(_coarse(a) - _coarse(b)).mean()) <= SAME_SCENE
        return "blank" if same and min(_spread(a), _spread(b)) > LEAST_CONTRAST else None
    if not exists(index - 1):
        return None

    def step(i: int) -> float:
        return memory.get(("lost step", i), lambda: float(np.abs(thumb(i) - thumb(i - 1)).mean()))

    def repeats(i: int) -> bool:
        return exists(i - 1) and step(i) <= REPEAT_CODES and not _is_blank(thumb(i))

    if not repeats(index):
        return None
    before, after = _ends(index, exists, repeats)
    if before is None or after is None:
        return None
    run = after - before - 1
    near = range(max(1, index - run - RHYTHM_REACH), min(num_frames, index + run + RHYTHM_REACH + 1))
    others = [i for i in near if exists(i) and exists(i - 1) and not before < i <= after]
    steps = [step(i) for i in others]
    if len(steps) < 4 or any(repeats(i) for i in others):
        return None  # too short to tell, or repeats are this film's rhythm
    beside = [step(i) for i in (before, before - 1, after + 1, after + 2) if i in others]
    usual = float(np.median(beside or steps))
    if usual < LEAST_STEP:
        return None
    return "repeated" if JUMP_RATIO * usual < step(after) <= LARGEST_RATIO * (run + 1) * usual else None


def is_blank(frame: Frame) -> bool:
    """Whether a frame (H W 3, 0..1) is flat: one colour all over."""
    return _is_blank(_thumb(frame))


def _ends(index: int, exists: Callable[[int], bool], holds: Callable[[int], bool]) -> tuple[int | None, int | None]:
    """The nearest frames on both sides for which `holds` is false; None where the run is too long or meets an end."""
    ends: list[int | None] = []
    for way in (-1, 1):
        i = index + way
        while exists(i) and holds(i) and abs(i - index) <= LONGEST_RUN:
            i += way
        ends.append(i if exists(i) and not holds(i) else None)
    before, after = ends
    if before is not None and after is not None and after - before - 1 > LONGEST_RUN:
        return None, None
    return before, after


def _thumb(frame: Frame) -> NDArray[np.float32]:
    small = np.asarray(
        cv2.resize(frame.astype(np.float32, copy=False), THUMB, interpolation=cv2.INTER_AREA), np.float32
    )
    return small * 255


def _coarse(thumb: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(thumb, COARSE, interpolation=cv2.INTER_AREA), np.float32)


def _spread(thumb: NDArray[np.float32]) -> float:
    return float(thumb.std((0, 1)).max())


def _is_blank(thumb: NDArray[np.float32]) -> bool:
    return _spread(thumb) <= BLANK_SPREAD
