"""The one place where a host's samples become RGB for the repair, and where a repair goes back into them.

`to_rgb` agrees with zimg's bilinear resizer. `add_residual` never converts a sample of the source: only the residual,
repaired minus given, passes through matrix and chroma filter, and is added at the source's own depth.

The repair works on samples coded for a display, as cameras and graders make them: SDR, PQ and HLG go in as they are, so that
equal steps look about equally large and highlights stay within 0..1. Linear light is given the curve of sRGB for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend.chroma import Axis, Picture, Plane, downsample, touched_blocks, upsample
from framemend.codes import MATRICES, chroma_code, coded, light, luma_code, yuv_to_rgb
from framemend_filters.errors import InputError, SettingError

if TYPE_CHECKING:
    from framemend_filters.engine import FrameRepair

CHROMA_LOCATIONS = {
    "left": ("first", "middle"),
    "center": ("middle", "middle"),
    "topleft": ("first", "first"),
    "top": ("middle", "first"),
    "bottomleft": ("first", "last"),
    "bottom": ("middle", "last"),
}
"""Where a chroma sample stands among the luma samples of its block: across, down."""
FIELDS: dict[Literal["top", "bottom"], slice] = {"top": slice(0, None, 2), "bottom": slice(1, None, 2)}
"""Lines of a frame that each of its fields has, in all planes."""


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
    """One of CHROMA_LOCATIONS, of the whole frame; counts only in the directions that are subsampled."""
    scan: Literal["progressive", "interlaced", "top", "bottom"] = "progressive"
    """interlaced: the frame is two fields, each with chroma of its own. top, bottom: it is one of them, every second line of
    a frame: its chroma stands a little higher or lower."""
    linear: bool = False
    """Whether samples are proportional to light."""

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

    @property
    def axes(self) -> list[Axis]:
        """The directions that are subsampled, down before across."""
        across, down = CHROMA_LOCATIONS[self.chroma_location]
        both = ((0, 1 << self.subsampling_h, down), (1, 1 << self.subsampling_w, across))
        axes: list[Axis] = []
        for axis, factor, place in both:
            first = {"first": 0.0, "middle": (factor - 1) / 2, "last": factor - 1.0}[place]
            if axis == 0 and self.scan in FIELDS:
                # Lines of chroma alternate between fields like those of luma: line j of the bottom field is line 2j + 1.
                first = (first + (factor - 1) * (self.scan == "bottom")) / 2
            if factor > 1:
                axes.append((axis, factor, first))
        return axes

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
    """RGB of a frame: H W 3 float32, coded for a display, 0..1; values beyond that are kept.

    planes: H W each, uint8, uint16, float16 or float32, in the order Y U V, R G B or Y.
    """
    if fmt.scan == "interlaced":
        picture = np.empty((*planes[0].shape, 3), np.float32)
        for field, lines in FIELDS.items():
            picture[lines] = to_rgb([p[lines] for p in planes], replace(fmt, scan=field))
        return picture
    rgb = _rgb_as_stored(planes, fmt)
    return coded(rgb) if fmt.linear else rgb


def _rgb_as_stored(planes: Sequence[Plane], fmt: PlaneFormat) -> Picture:
    height, width = _check(planes, fmt)
    scale, black = luma_code(fmt)
    if fmt.family == "gray":
        luma = (planes[0].astype(np.float32) - np.float32(black)) * np.float32(1 / scale)
        return _merged([luma, luma, luma])
    if fmt.family == "rgb":
        samples = _merged([np.ascontiguousarray(p, np.float32) for p in planes])
        return _transformed(samples, _with_offset(np.eye(3) / scale, [black] * 3))
    chroma_scale, neutral = chroma_code(fmt)
    luma = np.ascontiguousarray(planes[0], np.float32)
    chroma = [upsample(p.astype(np.float32), fmt.axes, height, width) for p in planes[1:]]
    from_codes = yuv_to_rgb(fmt.matrix) / [scale, chroma_scale, chroma_scale]
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
    if fmt.scan == "interlaced":
        made = [np.empty_like(p) for p in planes]
        for field, lines in FIELDS.items():
            parts = add_residual([p[lines] for p in planes], replace(fmt, scan=field), _of_lines(repair, lines))
            for plane, part in zip(made, parts, strict=True):
                plane[lines] = part
        return made
    if not residual.any():
        return [p.copy() for p in planes]
    if fmt.linear:
        given = _rgb_as_stored(planes, fmt)
        residual = np.where(residual != 0, light(coded(given) + residual) - given, np.float32(0))
    scale, _ = luma_code(fmt)
    if fmt.family == "rgb":
        changes = _split(residual * np.float32(scale))
        return [_add(p, c, repair.touched, fmt) for p, c in zip(planes, changes, strict=True)]
    to_yuv = np.linalg.inv(yuv_to_rgb(fmt.matrix))
    if fmt.family == "gray":
        change = _transformed(residual, to_yuv[:1] * scale)
        return [_add(planes[0], change, repair.touched, fmt)]
    chroma_scale, _ = chroma_code(fmt)
    to_codes = to_yuv * [[scale], [chroma_scale], [chroma_scale]]
    luma, *chroma = _split(_transformed(residual, to_codes))
    touched = touched_blocks(repair.touched, fmt.axes)
    return [
        _add(planes[0], luma, repair.touched, fmt),
        *(_add(p, downsample(c, fmt.axes), touched, fmt) for p, c in zip(planes[1:], chroma, strict=True)),
    ]


def _check(planes: Sequence[Plane], fmt: PlaneFormat) -> tuple[int, int]:
    """Height and width of the frame, once the planes are known to fit the format."""
    height, width = planes[0].shape
    found = [p.shape for p in planes]
    wanted = fmt.plane_shapes(height, width)
    if found != wanted:
        raise InputError(f"planes of shapes {found} do not make a {fmt.family} frame; expected {wanted}")
    return height, width


def _of_lines(repair: FrameRepair, lines: slice) -> FrameRepair:
    """What a repair does to some of the lines."""
    touched = None if repair.touched is None else repair.touched[lines]
    return replace(repair, residual=repair.residual[lines], touched=touched)


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


def _add(plane: Plane, change: Picture, touched: NDArray[np.bool_] | None, fmt: PlaneFormat) -> Plane:
    """The plane plus a change in codes, where touched; samples with no change stay bit-exact."""
    if fmt.sample == "float":
        changed = change != 0 if touched is None else (change != 0) & touched
        return np.where(changed, (plane + change).astype(plane.dtype), plane)
    change = np.rint(change)
    changed = change != 0 if touched is None else (change != 0) & touched
    result = np.clip(plane + change, 0, 2**fmt.bits - 1).astype(plane.dtype)
    return np.where(changed, result, plane)
