"""Interlaced video as what it is: two fields a frame, each a picture of its own time, of every second line.

Fields are taken apart, repaired among those of the same lines, and woven again: no field ever sees a line of the other one,
so nothing combs, and a residual of zero is bit-exact. The field order does not matter for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.detection import Finder, Plan
from framemend_filters.engine import FrameRepair, Repairer, RepairSettings
from framemend_filters.engine.detecting import DetectingRepairer, MaskPainter
from framemend_filters.errors import InputError

from .planes import FIELDS, Picture

Mask = NDArray[np.uint8]


class FieldRepairer(Repairer):
    """A Repairer of interlaced frames: what it is handed is whole frames, what it gives back fits these."""

    def repair_chunk(
        self,
        chunk: int,
        frames: Mapping[int, Picture],
        masks: Mapping[int, Mask] | None = None,
        *,
        num_frames: int,
        cuts: frozenset[int] | None = None,
        strengths: Mapping[int, NDArray[np.float32]] | None = None,
    ) -> list[FrameRepair]:
        """One repair a frame, woven of those of its two fields; arguments and errors as those of Repairer."""
        halves = [
            super(FieldRepairer, self).repair_chunk(
                chunk,
                Fields(frames, lines),
                {i: _lines(mask, lines) for i, mask in (masks or {}).items()},
                num_frames=num_frames,
                cuts=cuts,
                strengths=None if strengths is None else {i: _lines(s, lines) for i, s in strengths.items()},
            )
            for lines in FIELDS.values()
        ]
        return [_woven(top, bottom) for top, bottom in zip(*halves, strict=True)]


class DetectingFieldRepairer(FieldRepairer, DetectingRepairer):
    """Finds the damage of interlaced frames in each field as in a clip of its own; the plan is one for fields."""

    def __init__(self, settings: RepairSettings | None, plan: Plan) -> None:
        """Raises SettingError and ModelError."""
        super().__init__(settings, plan)  # pyright: ignore[reportArgumentType]
        self._finders = {lines.start: Finder(plan) for lines in FIELDS.values()}

    def finder_for(self, frames: Mapping[int, NDArray[np.floating]]) -> Finder:
        """That of the field that these frames are."""
        return self._finders[frames.lines.start] if isinstance(frames, Fields) else self.finder


class FieldMaskPainter(DetectingFieldRepairer, MaskPainter):
    """Paints what would be generated in each field."""


def top_fields(frames: Iterable[Picture]) -> Iterator[Picture]:
    """The top field of each frame, for looking over a clip before its repair."""
    return (_lines(frame, FIELDS["top"]) for frame in frames)


class Fields(Mapping[int, Picture]):
    """One field of each frame, cut out when it is looked at."""

    def __init__(self, frames: Mapping[int, Picture], lines: slice) -> None:
        self._frames, self.lines = frames, lines

    def __getitem__(self, index: int) -> Picture:
        return _lines(self._frames[index], self.lines)

    def __iter__(self) -> Iterator[int]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)


def check_fields(height: int, subsampling_h: int) -> None:
    """Raise InputError where a frame of that height cannot be two fields; subsampling_h: log2, of its chroma."""
    if height % least_multiple(subsampling_h):
        raise InputError(
            f"interlaced frames are {height} lines high; with this chroma it must be a multiple of {least_multiple(subsampling_h)}"
        )


def least_multiple(subsampling_h: int) -> int:
    """What the height of interlaced frames must be a multiple of: both fields need whole lines of chroma."""
    return 2 << subsampling_h


def _lines(array: NDArray, lines: slice) -> NDArray:
    return np.ascontiguousarray(array[lines])


def _woven(top: FrameRepair, bottom: FrameRepair) -> FrameRepair:
    touched = error = None
    if top.touched is not None and bottom.touched is not None:
        touched = _weave(top.touched, bottom.touched)
    if top.error is not None and bottom.error is not None:
        error = _weave(top.error, bottom.error)
    return replace(
        top,
        residual=_weave(top.residual, bottom.residual),
        touched=touched,
        error=error,
        generated=(top.generated + bottom.generated) / 2,
    )


def _weave(top: NDArray, bottom: NDArray) -> NDArray:
    woven = np.empty((top.shape[0] + bottom.shape[0], *top.shape[1:]), top.dtype)
    woven[FIELDS["top"]], woven[FIELDS["bottom"]] = top, bottom
    return woven
