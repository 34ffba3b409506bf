"""Raw video: frames of plain samples one after the other, and nothing that says how large they are or what they mean.

Any pixel format that frames.py knows, packed as ffmpeg's rawvideo packs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from framemend_filters.errors import InputError, SettingError

from .frames import LAYOUTS, Layout
from .planes import Plane, PlaneFormat, default_matrix
from .y4m import LARGEST_EDGE, LARGEST_FRAME, put, read_into


@dataclass(frozen=True, kw_only=True)
class RawHeader:
    """What the command line says of a raw stream, in place of a header."""

    width: int
    height: int
    pix_fmt: str
    frame_rate: Fraction | None
    num_frames: int | None = None

    @property
    def layout(self) -> Layout:
        return LAYOUTS[self.pix_fmt]

    @property
    def format(self) -> PlaneFormat:
        layout = self.layout
        return PlaneFormat(
            family=layout.family,
            bits=layout.bits,
            subsampling_w=layout.subsampling[0],
            subsampling_h=layout.subsampling[1],
            matrix=default_matrix(self.width, self.height),
            full_range=layout.family != "yuv" or layout.full_range,
        )

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8 if self.layout.bits == 8 else "<u2")

    def plane_shapes(self) -> list[tuple[int, int]]:
        """Rows, and samples in a row, of each plane as it lies in the stream, alpha included."""
        layout = self.layout
        places = [*layout.places, *([layout.alpha] if layout.alpha else [])]
        shapes: dict[int, tuple[int, int]] = {}
        for component, (plane, step, _) in enumerate(places):
            chroma = layout.family == "yuv" and component in (1, 2)
            across, down = layout.subsampling if chroma else (0, 0)
            shapes[plane] = (-(-self.height >> down), step * -(-self.width >> across))
        return [shapes[plane] for plane in sorted(shapes)]

    @property
    def frame_bytes(self) -> int:
        return sum(rows * samples for rows, samples in self.plane_shapes()) * self.dtype.itemsize


def raw_header(size: str | None, pix_fmt: str | None, rate: str | None) -> RawHeader:
    """From what --size, --pix-fmt and --rate say. Raises SettingError where one is missing or cannot be used."""
    if size is None or pix_fmt is None:
        raise SettingError("raw video does not say what it is; give --size WIDTHxHEIGHT and --pix-fmt NAME")
    match = re.fullmatch(r"(\d{1,6})x(\d{1,6})", size)
    if match is None or not all(1 <= int(edge) <= LARGEST_EDGE for edge in match.groups()):
        raise SettingError(f"--size is {size!r}; it must look like 1920x1080, each from 1 to {LARGEST_EDGE}")
    for name in (pix_fmt, f"{pix_fmt}le", {"rgb": "rgb24", "bgr": "bgr24"}.get(pix_fmt, pix_fmt)):
        if name in LAYOUTS:
            break
    else:
        raise SettingError(
            f"--pix-fmt {pix_fmt} cannot be repaired; for instance yuv420p, yuv422p10le, gray16le or rgb24 can"
        )
    header = RawHeader(width=int(match[1]), height=int(match[2]), pix_fmt=name, frame_rate=frame_rate(rate))
    if header.frame_bytes > LARGEST_FRAME:
        raise SettingError(
            f"--size {size} makes frames of {header.frame_bytes} bytes; at most {LARGEST_FRAME} can be taken"
        )
    return header


def frame_rate(text: str | None) -> Fraction | None:
    """What --rate says; None where it was not given. Raises SettingError."""
    if text is None:
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise SettingError(f"--rate is {text!r}; it must look like 25 or 30000/1001")
    return rate


@dataclass(frozen=True)
class RawFrame:
    """planes: views of the components into `samples`, the frame as it came."""

    planes: Sequence[Plane]
    samples: NDArray[np.uint8]


class RawReader:
    """The frames of a raw stream, one at a time; nothing is read ahead."""

    def __init__(self, stream: BinaryIO, header: RawHeader) -> None:
        self._stream, self.header = stream, header

    def __iter__(self) -> Iterator[RawFrame]:
        """Frames in order; InputError at one that is cut short."""
        number, size = 0, self.header.frame_bytes
        while True:
            samples = np.empty(size, np.uint8)
            found = read_into(self._stream, samples)
            if not found:
                return
            if found < size:
                raise InputError(
                    f"frame {number} of stdin (counted from 0) is cut short: {found} of {size} bytes; --size or --pix-fmt "
                    "is wrong, or the command before the pipe stopped"
                )
            yield RawFrame(_components(samples, self.header), samples)
            number += 1


class RawWriter:
    """Writes frames as they were read, with other samples."""

    def __init__(self, stream: BinaryIO, header: RawHeader) -> None:
        self._stream, self._header = stream, header

    def write(self, frame: RawFrame, planes: Sequence[Plane]) -> None:
        """`frame` with `planes` in place of its own; raises as y4m.Writer does."""
        samples = frame.samples.copy()
        for into, plane in zip(_components(samples, self._header), planes, strict=True):
            into[...] = plane
        put(self._stream, samples.data)


def _components(samples: NDArray[np.uint8], header: RawHeader) -> list[Plane]:
    """Views of Y U V, R G B or Y, each H W, into the bytes of a frame."""
    shapes = header.plane_shapes()
    ends = np.cumsum([rows * count for rows, count in shapes])
    parts = np.split(samples.view(header.dtype), ends[:-1])
    stored = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
    return [stored[plane][:, first::step] for plane, step, first in header.layout.places]
