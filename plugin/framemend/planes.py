"""The one place where a host's samples become RGB for the repair, and where a repair goes back into them.

`to_rgb` agrees with zimg's bilinear resizer. `add_residual` never converts a sample of the source: only the residual,
repaired minus given, passes through matrix and chroma filter, and is added at the source's own depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.errors import InputError, SettingError

if TYPE_CHECKING:
    from framemend_filters.engine import FrameRepair

Plane = NDArray[Any]
Picture = NDArray[np.float32]

LUMA_WEIGHTS = {
    "bt709": (0.2126, 0.0722),
    "bt601": (0.299, 0.114),
    "smpte170m": (0.299, 0.114),
    "bt470bg": (0.299, 0.114),
    "bt2020ncl": (0.2627, 0.0593),
    "fcc": (0.30, 0.11),
    "smpte240m": (0.212, 0.087),
}
"""Weights of red and blue in luma (ITU-T H.273, table 4); green has the rest."""
MATRICES = (*LUMA_WEIGHTS, "ycgco")
CHROMA_LOCATIONS = {
    "left": ("first", "middle"),
    "center": ("middle", "middle"),
    "topleft": ("first", "first"),
    "top": ("middle", "first"),
    "bottomleft": ("first", "last"),
    "bottom": ("middle", "last"),
}
"""Where a chroma sample stands among the luma samples of its block: across, down."""
INVERSE_TAPS = 6
"""Taps on each side of the filter that undoes the blur of up and down; the next one would be under 0.001."""
EDGE_COUNT = 10
"""Chroma samples at each edge that the filters cannot reach: INVERSE_TAPS and the triangle's own."""
DENSE_COUNT = 32
"""Lines of up to this many chroma samples are inverted exactly."""


@dataclass(frozen=True, kw_only=True)
class PlaneFormat:
    """How the samples of a host's planes are to be read."""

    family: Literal["gray", "yuv", "rgb"]
    bits: int
    """8 to 16 for integers; 16 or 32 for floats."""
    sample: Literal["integer", "float"] = "integer"
    subsampling_w: int = 0
    """log2: chroma planes are ceil(width / 2**subsampling_w) wide."""
    subsampling_h: int = 0
    matrix: str = "bt709"
    """One of MATRICES; gray uses its luma weights, RGB ignores it."""
    full_range: bool | None = None
    """None: full for RGB, limited otherwise; always a bool once made. Means nothing for float, where luma is 0..1."""
    chroma_location: str = "left"
    """One of CHROMA_LOCATIONS; counts only in the directions that are subsampled."""
    interlaced: bool = False
    """The frame is two fields, each with chroma of its own."""

    def __post_init__(self) -> None:
        if self.full_range is None:
            object.__setattr__(self, "full_range", self.family == "rgb")
        if self.family not in ("gray", "yuv", "rgb"):
            raise SettingError(f"colour family is {self.family!r}; gray, yuv and rgb can be repaired")
        depths = range(8, 17) if self.sample == "integer" else (16, 32)
        if self.bits not in depths:
            allowed = "8 to 16 bits" if self.sample == "integer" else "16 or 32 bits"
            raise SettingError(f"{self.sample} samples of {self.bits} bits; {self.sample} samples may have {allowed}")
        if self.matrix not in MATRICES:
            raise SettingError(f"matrix is {self.matrix!r}; use one of {', '.join(MATRICES)}")
        if self.chroma_location not in CHROMA_LOCATIONS:
            known = ", ".join(CHROMA_LOCATIONS)
            raise SettingError(f"chroma location is {self.chroma_location!r}; use one of {known}")

    @property
    def num_planes(self) -> int:
        return 1 if self.family == "gray" else 3

    def plane_shapes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Height and width of each plane of a frame of that size."""
        chroma = (-(-height >> self.subsampling_h), -(-width >> self.subsampling_w))
        if self.family == "yuv":
            return [(height, width), chroma, chroma]
        return [(height, width)] * self.num_planes


def default_matrix(width: int, height: int) -> str:
    """The matrix of YUV that does not say: bt601 up to 1024x576, as standard-definition video has it, else bt709."""
    return "bt709" if width > 1024 or height > 576 else "bt601"


def to_rgb(planes: Sequence[Plane], fmt: PlaneFormat) -> Picture:
    """RGB of a frame: H W 3 float32, gamma-coded, 0..1; values beyond that are kept.

    planes: H W each, uint8, uint16, float16 or float32, in the order Y U V, R G B or Y.
    """
    height, width = _check(planes, fmt)
    if fmt.interlaced:
        from .fields import fields_to_rgb

        return fields_to_rgb(planes, fmt)
    scale, black = _luma_code(fmt)
    if fmt.family == "gray":
        luma = (planes[0].astype(np.float32) - np.float32(black)) * np.float32(1 / scale)
        return _merged([luma, luma, luma])
    if fmt.family == "rgb":
        samples = _merged([np.ascontiguousarray(p, np.float32) for p in planes])
        return _transformed(samples, _with_offset(np.eye(3) / scale, [black] * 3))
    chroma_scale, neutral = _chroma_code(fmt)
    luma = np.ascontiguousarray(planes[0], np.float32)
    chroma = [_upsample(p.astype(np.float32), fmt, height, width) for p in planes[1:]]
    from_codes = _yuv_to_rgb(fmt.matrix) / [scale, chroma_scale, chroma_scale]
    return _transformed(_merged([luma, *chroma]), _with_offset(from_codes, [black, neutral, neutral]))


def add_residual(planes: Sequence[Plane], fmt: PlaneFormat, repair: FrameRepair) -> list[Plane]:
    """Source plus the residual of `repair`, at the source's depth: new arrays of the source's dtype and shape.

    A sample whose converted residual is zero stays as it is, bit for bit, even if it is out of range. So does every luma
    or RGB sample outside `repair.touched`, and every chroma sample whose whole block of luma samples lies outside it.
    Integers that change are rounded and kept to 0..2**bits-1; floats are never clipped.
    """
    height, width = _check(planes, fmt)
    residual = np.ascontiguousarray(repair.residual, np.float32)
    if residual.shape != (height, width, 3):
        raise InputError(f"residual is {residual.shape}; a frame of {width}x{height} needs ({height}, {width}, 3)")
    if fmt.interlaced:
        from .fields import add_field_residual

        return add_field_residual(planes, fmt, repair)
    if not residual.any():
        return [p.copy() for p in planes]
    scale, _ = _luma_code(fmt)
    if fmt.family == "rgb":
        changes = _split(residual * np.float32(scale))
        return [_add(p, c, repair.touched, fmt) for p, c in zip(planes, changes, strict=True)]
    to_yuv = np.linalg.inv(_yuv_to_rgb(fmt.matrix))
    if fmt.family == "gray":
        change = _transformed(residual, to_yuv[:1] * scale)
        return [_add(planes[0], change, repair.touched, fmt)]
    chroma_scale, _ = _chroma_code(fmt)
    to_codes = to_yuv * [[scale], [chroma_scale], [chroma_scale]]
    luma, *chroma = _split(_transformed(residual, to_codes))
    touched = _touched_blocks(repair.touched, fmt)
    return [
        _add(planes[0], luma, repair.touched, fmt),
        *(_add(p, _downsample(c, fmt), touched, fmt) for p, c in zip(planes[1:], chroma, strict=True)),
    ]


def _check(planes: Sequence[Plane], fmt: PlaneFormat) -> tuple[int, int]:
    """Height and width of the frame, once the planes are known to fit the format."""
    height, width = planes[0].shape
    found = [p.shape for p in planes]
    wanted = fmt.plane_shapes(height, width)
    if found != wanted:
        raise InputError(f"planes of shapes {found} do not make a {fmt.family} frame; expected {wanted}")
    return height, width


# Codes: what a sample's number means ----------------------------------------------------------------------------------


def _luma_code(fmt: PlaneFormat) -> tuple[float, float]:
    """Codes from black to white, and the code of black, for luma, gray and RGB."""
    if fmt.sample == "float":
        return 1.0, 0.0
    if fmt.full_range:
        return float(2**fmt.bits - 1), 0.0
    return 219.0 * 2 ** (fmt.bits - 8), 16.0 * 2 ** (fmt.bits - 8)


def _chroma_code(fmt: PlaneFormat) -> tuple[float, float]:
    """Codes from the lowest chroma to the highest, and the code of neutral."""
    if fmt.sample == "float":
        return 1.0, 0.0
    if fmt.full_range:
        span = 2.0**fmt.bits - 1
    else:
        # YCgCo has the span of luma, as in zimg (and H.273, where its planes are made from limited R, G, B).
        span = (219.0 if fmt.matrix == "ycgco" else 224.0) * 2 ** (fmt.bits - 8)
    return span, 2.0 ** (fmt.bits - 1)


@lru_cache
def _yuv_to_rgb(matrix: str) -> NDArray[np.float64]:
    """3 3: from Y in 0..1 and U, V in -0.5..0.5 to RGB in 0..1."""
    if matrix == "ycgco":
        return np.array([[1.0, -1.0, 1.0], [1.0, 1.0, 0.0], [1.0, -1.0, -1.0]])
    red, blue = LUMA_WEIGHTS[matrix]
    green = 1.0 - red - blue
    of_u, of_v = 2.0 * (1.0 - blue), 2.0 * (1.0 - red)
    return np.array([[1.0, 0.0, of_v], [1.0, -of_u * blue / green, -of_v * red / green], [1.0, of_u, 0.0]])


def _with_offset(matrix: NDArray[np.float64], zero: Sequence[float]) -> NDArray[np.float64]:
    """3 4, for cv2.transform: matrix @ (codes - zero)."""
    return np.column_stack([matrix, -matrix @ np.asarray(zero)])


def _transformed(picture: Picture, matrix: NDArray[np.float64]) -> Picture:
    """Each sample's channels times the matrix, which may have a column of offsets."""
    return np.asarray(cv2.transform(picture, matrix.astype(np.float32)), np.float32)


def _merged(planes: Sequence[Picture]) -> Picture:
    return np.asarray(cv2.merge(planes), np.float32)


def _split(picture: Picture) -> list[Picture]:
    return [np.asarray(plane, np.float32) for plane in cv2.split(picture)]


# Chroma: up for the repair, down for its residual ---------------------------------------------------------------------


def _first_position(factor: int, place: str) -> float:
    """Where the first chroma sample stands, in luma samples from the first luma sample."""
    return {"first": 0.0, "middle": (factor - 1) / 2, "last": factor - 1.0}[place]


def _axes(fmt: PlaneFormat) -> list[tuple[int, int, float]]:
    """Axis, factor and first position of each direction that is subsampled, down before across."""
    across, down = CHROMA_LOCATIONS[fmt.chroma_location]
    both = ((0, 1 << fmt.subsampling_h, down), (1, 1 << fmt.subsampling_w, across))
    return [(axis, factor, _first_position(factor, place)) for axis, factor, place in both if factor > 1]


def _upsample(chroma: Picture, fmt: PlaneFormat, height: int, width: int) -> Picture:
    """A chroma plane at the size of luma, interpolated linearly, the edge repeated."""
    for axis, factor, first in _axes(fmt):
        padded = np.pad(chroma, [(1, 1) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        step = np.diff(padded, axis=axis)
        count = chroma.shape[axis]
        shape = list(chroma.shape)
        shape[axis] = count * factor
        result = np.empty(shape, np.float32)
        for phase in range(factor):
            place = (phase - first) / factor
            before = int(np.floor(place))
            span = slice(1 + before, 1 + before + count)
            target = _along(result, axis, slice(phase, None, factor))
            np.multiply(_along(step, axis, span), np.float32(place - before), out=target)
            target += _along(padded, axis, span)
        chroma = result
    return np.ascontiguousarray(chroma[:height, :width])


def _downsample(change: Picture, fmt: PlaneFormat) -> Picture:
    """A change at the size of luma as the change of the chroma plane that comes nearest to it once interpolated.

    That is the least-squares inverse of `_upsample`: its adjoint, a triangle around each chroma sample, then a short
    filter that undoes the blur of up and down. Without the latter noise and edges would be left in chroma: the triangle
    alone halves the finest detail.
    """
    for axis, factor, first in _axes(fmt):
        size = change.shape[axis]
        count = -(-size // factor)
        if count <= DENSE_COUNT:
            change = _along_times(change, axis, _inverse(count, size, factor, first))
            continue
        total = np.zeros([count if a == axis else n for a, n in enumerate(change.shape)], np.float32)
        inner = _along(total, axis, slice(1, count - 2))
        for position in range(int(np.floor(first - factor)) + 1, int(np.ceil(first + factor))):
            start = factor + position
            weight = (1 - abs(position - first) / factor) / factor
            inner += _along(change, axis, slice(start, start + (count - 4) * factor + 1, factor)) * np.float32(weight)
        kernel = _unblur(factor, first).reshape((-1, 1) if axis == 0 else (1, -1))
        result = np.asarray(cv2.filter2D(total, -1, kernel), np.float32)
        # Near the edge, where the filters lack neighbours, the rows of the exact inverse of a short line.
        exact = _inverse(DENSE_COUNT, size - (count - DENSE_COUNT) * factor, factor, first)
        reach = factor * DENSE_COUNT // 2
        head, tail = exact[:EDGE_COUNT, :reach], exact[-EDGE_COUNT:, -reach:]
        _along(result, axis, slice(0, EDGE_COUNT))[...] = _along_times(
            _along(change, axis, slice(0, reach)), axis, head
        )
        _along(result, axis, slice(-EDGE_COUNT, None))[...] = _along_times(
            _along(change, axis, slice(-reach, None)), axis, tail
        )
        change = result
    return change


@lru_cache
def _inverse(count: int, size: int, factor: int, first: float) -> NDArray[np.float32]:
    """count size: least-squares inverse of interpolating `count` chroma samples to `size` luma samples on one line."""
    place = np.clip((np.arange(size)[:, None] - first) / factor, 0, count - 1)
    return np.linalg.pinv(np.maximum(0.0, 1.0 - np.abs(place - np.arange(count)))).astype(np.float32)


@lru_cache
def _unblur(factor: int, first: float) -> NDArray[np.float32]:
    """The middle of the inverse of up-then-down along one axis, as a symmetric filter with sum 1."""
    middle = DENSE_COUNT // 2
    inverse = _inverse(DENSE_COUNT, DENSE_COUNT * factor, factor, first).astype(np.float64)
    kernel = (factor * inverse @ inverse.T)[middle, middle - INVERSE_TAPS : middle + INVERSE_TAPS + 1]
    return (kernel / kernel.sum()).astype(np.float32)


def _touched_blocks(touched: NDArray[np.bool_] | None, fmt: PlaneFormat) -> NDArray[np.bool_] | None:
    """Which chroma samples have a touched luma sample in their block."""
    if touched is None:
        return None
    for axis, factor, _ in _axes(fmt):
        blocks = _along(touched, axis, slice(0, None, factor)).copy()
        for phase in range(1, factor):
            samples = _along(touched, axis, slice(phase, None, factor))
            _along(blocks, axis, slice(0, samples.shape[axis]))[...] |= samples
        touched = blocks
    return touched


def _along_times(array: Picture, axis: int, matrix: NDArray[np.float32]) -> Picture:
    return matrix @ array if axis == 0 else array @ matrix.T


def _along(array: Plane, axis: int, span: slice) -> Plane:
    return array[span] if axis == 0 else array[:, span]


def _add(plane: Plane, change: Picture, touched: NDArray[np.bool_] | None, fmt: PlaneFormat) -> Plane:
    """The plane plus a change in codes, where touched; samples with no change stay bit-exact."""
    if fmt.sample == "float":
        changed = change != 0 if touched is None else (change != 0) & touched
        return np.where(changed, (plane + change).astype(plane.dtype), plane)
    change = np.rint(change)
    changed = change != 0 if touched is None else (change != 0) & touched
    result = np.clip(plane + change, 0, 2**fmt.bits - 1).astype(plane.dtype)
    return np.where(changed, result, plane)
