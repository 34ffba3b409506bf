"""Interlaced video as what it is: two fields a frame, each a picture of its own time, of every second line.

Fields are taken apart, repaired among those of the same lines, and woven again: no field ever sees a line of the other one,
so nothing combs, and a residual of zero is bit-exact. The field order does not matter for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine import FrameRepair, Repairer
from framemend_filters.errors import InputError

from .planes import Picture, Plane, PlaneFormat, add_residual, to_rgb

Mask = NDArray[np.uint8]
TOP, BOTTOM = slice(0, None, 2), slice(1, None, 2)
"""Lines of the two fields."""


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
                _Fields(frames, field),
                {i: _lines(mask, field) for i, mask in (masks or {}).items()},
                num_frames=num_frames,
                cuts=cuts,
                strengths=None if strengths is None else {i: _lines(s, field) for i, s in strengths.items()},
            )
            for field in (TOP, BOTTOM)
        ]
        return [_woven(top, bottom) for top, bottom in zip(*halves, strict=True)]


class _Fields(Mapping[int, Picture]):
    """One field of each frame, cut out when it is looked at."""

    def __init__(self, frames: Mapping[int, Picture], lines: slice) -> None:
        self._frames, self._of = frames, lines

    def __getitem__(self, index: int) -> Picture:
        return _lines(self._frames[index], self._of)

    def __iter__(self) -> Iterator[int]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)


def check_fields(height: int, fmt: PlaneFormat) -> None:
    """Raise InputError where a frame of that height cannot be two fields."""
    lines = 2 << fmt.subsampling_h
    if height % lines:
        raise InputError(
            f"interlaced frames are {height} lines high; with this chroma it must be a multiple of {lines}"
        )


def fields_to_rgb(planes: Sequence[Plane], fmt: PlaneFormat) -> Picture:
    """RGB of an interlaced frame: H W 3 float32, chroma interpolated within each field."""
    height, width = planes[0].shape
    picture = np.empty((height, width, 3), np.float32)
    for lines, field in _of_one_field(fmt):
        picture[lines] = to_rgb([p[lines] for p in planes], field)
    return picture


def add_field_residual(planes: Sequence[Plane], fmt: PlaneFormat, repair: FrameRepair) -> list[Plane]:
    """`planes.add_residual`, field by field."""
    made = [np.empty_like(p) for p in planes]
    for lines, field in _of_one_field(fmt):
        parts = add_residual([p[lines] for p in planes], field, _field(repair, lines))
        for plane, part in zip(made, parts, strict=True):
            plane[lines] = part
    return made


def _of_one_field(fmt: PlaneFormat) -> list[tuple[slice, PlaneFormat]]:
    """The lines of each field of an interlaced frame, and how their samples are to be read."""
    return [
        (TOP, replace(fmt, interlaced=False, field="top")),
        (BOTTOM, replace(fmt, interlaced=False, field="bottom")),
    ]


def _lines(array: NDArray, lines: slice) -> NDArray:
    return np.ascontiguousarray(array[lines])


def _field(repair: FrameRepair, lines: slice) -> FrameRepair:
    return replace(
        repair,
        residual=repair.residual[lines],
        touched=None if repair.touched is None else repair.touched[lines],
        error=None if repair.error is None else repair.error[lines],
    )


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
    woven[TOP], woven[BOTTOM] = top, bottom
    return woven
