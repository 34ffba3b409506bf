"""VapourSynth frames as arrays: what their properties say of colour and scenes, and RGB made when it is asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from framemend.planes import PlaneFormat, default_matrix, to_rgb
from framemend_filters.errors import InputError

# _Matrix (ITU-T H.273) to the names of planes.py. BT.2020 of constant luminance (10), which is not linear in RGB, is read
# as if it were not constant: only the residual goes that way.
_MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 8: "ycgco", 9: "bt2020ncl", 10: "bt2020ncl"}
_UNTAGGED = (0, 2, 3)  # RGB, which a YUV clip cannot mean; unspecified; reserved
_FROM_PRIMARIES = (12, 13)
_OF_PRIMARIES = {1: "bt709", 9: "bt2020ncl"}
_LINEAR = 8  # _Transfer
_CHROMA_LOCATIONS = ("left", "center", "topleft", "top", "bottomleft", "bottom")  # in the order of _ChromaLocation
_SCANS: dict[int, Literal["top", "bottom"]] = {0: "bottom", 1: "top"}  # by _Field
_FAMILIES = {vs.GRAY: "gray", vs.YUV: "yuv", vs.RGB: "rgb"}


def plane_format(frame: vs.VideoFrame, *, fields: bool = False) -> PlaneFormat:
    """How the frame's planes store colour: from its properties, else what zimg assumes for its family and size.

    fields: it holds two fields, whatever its properties say. Raises InputError for a matrix that has no linear way to RGB.
    """
    form = frame.format
    family = _FAMILIES[form.color_family]
    location = _number(frame, "_ChromaLocation", 0)
    return PlaneFormat(
        family=family,  # pyright: ignore[reportArgumentType]
        bits=form.bits_per_sample,
        sample="float" if form.sample_type == vs.FLOAT else "integer",
        subsampling_w=form.subsampling_w,
        subsampling_h=form.subsampling_h,
        matrix=_matrix(frame) if family == "yuv" else _MATRICES.get(_number(frame, "_Matrix", 2), _size_matrix(frame)),
        full_range=_full_range(frame),
        chroma_location=_CHROMA_LOCATIONS[location] if 0 <= location < len(_CHROMA_LOCATIONS) else "left",
        scan="interlaced" if fields else _SCANS.get(_number(frame, "_Field", -1), "progressive"),
        linear=_number(frame, "_Transfer", 2) == _LINEAR,
    )


def planes_of(frame: vs.VideoFrame) -> list[NDArray[Any]]:
    """The planes as arrays, H W each, that share the frame's memory: read-only unless the frame can be written."""
    return [np.asarray(frame[plane]) for plane in range(frame.format.num_planes)]


def check_progressive(index: int, frame: vs.VideoFrame) -> None:
    """Raise InputError for a frame that holds two fields."""
    fields = _number(frame, "_FieldBased", 0)
    if fields in (1, 2):
        order = "bottom" if fields == 1 else "top"
        raise InputError(
            f"frame {index} holds two fields (_FieldBased is {fields}, {order} field first); deinterlace the clip "
            "first, or repair each field with fields=True; if it is progressive after all, say so with "
            "std.SetFieldBased(0)"
        )


def scene_cuts(frames: Mapping[int, vs.VideoFrame]) -> frozenset[int]:
    """Cuts that the frames' properties tell: i is a cut between frames i and i + 1."""
    last = {i for i, frame in frames.items() if _number(frame, "_SceneChangeNext", 0)}
    first = {i - 1 for i, frame in frames.items() if _number(frame, "_SceneChangePrev", 0)}
    return frozenset(i for i in last | first if i in frames and i + 1 in frames)


class RgbCache:
    """RGB of the frames seen last, shared by neighbouring windows and bounded in bytes.

    The lock guards the table alone: nothing is converted, and no frame requested, while it is held.
    """

    def __init__(self, limit_bytes: int, *, fields: bool = False) -> None:
        """fields: as `plane_format` has it."""
        self._limit_bytes, self._fields = limit_bytes, fields
        self._used_bytes = 0
        self._table: OrderedDict[int, NDArray[np.floating]] = OrderedDict()
        self._lock = threading.Lock()

    def rgb(self, index: int, frame: vs.VideoFrame) -> NDArray[np.floating]:
        """H W 3, 0..1, read-only, as the engine holds it, of the frame, which must be the same for the same index."""
        with self._lock:
            found = self._table.get(index)
            if found is not None:
                self._table.move_to_end(index)
                return found
        from framemend_filters.engine import hold

        made = hold(to_rgb(planes_of(frame), plane_format(frame, fields=self._fields)))
        made.flags.writeable = False  # shared by windows: a write would reach other frames' results
        with self._lock:
            if index not in self._table:
                self._table[index] = made
                self._used_bytes += made.nbytes
            while self._used_bytes > self._limit_bytes:
                self._used_bytes -= self._table.popitem(last=False)[1].nbytes
        return made


class RgbWindow(Mapping[int, NDArray[np.floating]]):
    """The frames of a window by their index in the clip, each turned to RGB when it is looked up."""

    def __init__(self, frames: Mapping[int, vs.VideoFrame], cache: RgbCache) -> None:
        self._frames = frames
        self._cache = cache

    def __getitem__(self, index: int) -> NDArray[np.floating]:
        return self._cache.rgb(index, self._frames[index])

    def __iter__(self) -> Iterator[int]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)


def _matrix(frame: vs.VideoFrame) -> str:
    """Name of the matrix of a YUV frame."""
    number = _number(frame, "_Matrix", 2)
    if number in _FROM_PRIMARIES:
        primaries = _number(frame, "_Primaries", 2)
        if primaries not in _OF_PRIMARIES:
            raise InputError(
                f"_Matrix is {number} (from the primaries), but _Primaries is {primaries}; 1 (BT.709) and 9 (BT.2020) "
                "work: convert with resize first"
            )
        return _OF_PRIMARIES[primaries]
    if number not in _MATRICES and number not in _UNTAGGED:
        raise InputError(
            f"_Matrix is {number}{' (ICtCp)' if number == 14 else ''}, which is not linear in RGB; convert with resize to "
            "another, such as 9 (BT.2020), first"
        )
    return _MATRICES.get(number) or _size_matrix(frame)


def _size_matrix(frame: vs.VideoFrame) -> str:
    return default_matrix(frame.width, frame.height)


def _full_range(frame: vs.VideoFrame) -> bool:
    """_Range is 1 for full; untagged RGB is full, anything else limited. The core turns the older _ColorRange into it."""
    return _number(frame, "_Range", frame.format.color_family == vs.RGB) == 1


def _number(frame: vs.VideoFrame, name: str, default: int) -> int:
    value = frame.props.get(name, default)
    if isinstance(value, list):  # a property may hold several values: the first counts, as in VapourSynth's own filters
        value = value[0] if value else default
    return int(value) if isinstance(value, (int, float)) else default
