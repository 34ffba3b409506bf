"""YUV4MPEG2, the raw video that vspipe and ffmpeg write to pipes: a header line, then frames of plain samples.

Header and frame lines are kept byte for byte, so that what goes out differs from what came in by samples only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from framemend.planes import PlaneFormat, default_matrix
from framemend_filters.errors import InputError, OutputError

MAGIC = b"YUV4MPEG2"
LONGEST_LINE = 4096
"""Bytes in a header line; what is longer is not y4m."""
LARGEST_EDGE = 32768
"""Samples; larger sizes are taken for a broken header."""
LARGEST_FRAME = 1 << 30
"""Bytes; two frames of 16384x16384 in 8-bit 4:2:0 would still fit."""
SUBSAMPLINGS = {"420": (1, 1), "422": (1, 0), "444": (0, 0), "411": (2, 0), "410": (2, 2), "440": (0, 1)}
"""log2, across and down."""
SITINGS = {"420jpeg": "center", "420mpeg2": "left", "420paldv": "topleft"}
COLOUR_SPACES = "C420 (jpeg, mpeg2, paldv), C422, C444, C411, C410, C440, each also p9 to p16, Cmono, Cmono9 to Cmono16"
DEINTERLACE = "ffmpeg -i INPUT -vf bwdif=mode=send_frame -strict -1 -f yuv4mpegpipe - | framemend pipe"

Plane = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, kw_only=True)
class Header:
    """What the first line of a stream says."""

    line: bytes
    """The line itself, without its newline."""
    width: int
    height: int
    format: PlaneFormat
    frame_rate: Fraction | None
    """Frames a second; None where the stream does not say."""
    num_frames: int | None
    """Only vspipe tells it, in XLENGTH."""

    @property
    def frame_bytes(self) -> int:
        """Bytes of samples in a frame."""
        shapes = self.format.plane_shapes(self.height, self.width)
        return sum(height * width for height, width in shapes) * self.dtype.itemsize

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8 if self.format.bits == 8 else "<u2")


@dataclass(frozen=True)
class Frame:
    """One frame: planes as planes.py takes them, uint8 or uint16, and its own line."""

    planes: Sequence[Plane]
    line: bytes = b"FRAME"


def parse_header(line: bytes, *, fields: bool = False) -> Header:
    """Read a header line (without newline); fields: interlaced video is welcome.

    Raises InputError where it is malformed or its video cannot be repaired.
    """
    magic, *words = line.split(b" ")
    if magic != MAGIC:
        raise InputError(
            f"stdin is not YUV4MPEG2 but begins with {_shown(line)}; use ffmpeg -f yuv4mpegpipe or vspipe -c y4m, "
            "or say with -f what it is"
        )
    tags: dict[str, str] = {}
    for field in filter(None, words):
        if not field.isascii():
            raise InputError(f"malformed y4m header: tag {_shown(field)} is not ASCII; header was {_shown(line)}")
        text = field.decode()
        if text[0] == "X":
            name, _, value = text.partition("=")
        else:
            name, value = text[0], text[1:]
        tags[name] = value
    width, height = (_edge(tags, name, line) for name in "WH")
    _check_interlacing(tags.get("I", "p"), fields)
    family, bits, subsampling, siting = _colour_space(tags)
    header = Header(
        line=line,
        width=width,
        height=height,
        format=PlaneFormat(
            family="gray" if family == "gray" else "yuv",
            bits=bits,
            subsampling_w=subsampling[0],
            subsampling_h=subsampling[1],
            matrix=default_matrix(width, height),
            full_range=tags.get("XCOLORRANGE", "").upper() == "FULL",
            chroma_location=siting,
        ),
        frame_rate=_frame_rate(tags.get("F", "0:0")),
        num_frames=int(tags["XLENGTH"]) if re.fullmatch(r"\d{1,12}", tags.get("XLENGTH", "")) else None,
    )
    if header.frame_bytes > LARGEST_FRAME:
        raise InputError(
            f"y4m header asks for frames of {width}x{height}, {header.frame_bytes} bytes each; "
            f"at most {LARGEST_FRAME} bytes can be taken"
        )
    return header


class Reader:
    """The frames of a stream, one at a time; nothing is read ahead."""

    def __init__(self, stream: BinaryIO, *, fields: bool = False) -> None:
        """Reads the header line; fields: interlaced video is welcome. Raises InputError where there is no header, or none
        that can be used."""
        self._stream = stream
        line = stream.readline(LONGEST_LINE)
        if not line:
            raise InputError("stdin is empty; pipe YUV4MPEG2 in: ffmpeg -i INPUT -f yuv4mpegpipe - | framemend pipe")
        if line.startswith(MAGIC) and not line.endswith(b"\n"):
            raise InputError(f"malformed y4m header: no end of line in its {len(line)} bytes: {_shown(line)}")
        self.header = parse_header(line.removesuffix(b"\n"), fields=fields)

    def __iter__(self) -> Iterator[Frame]:
        """Frames in order; InputError at one that is cut short or does not begin as it should."""
        shapes = self.header.format.plane_shapes(self.header.height, self.header.width)
        number = 0
        while line := self._stream.readline(LONGEST_LINE):
            if not line.endswith(b"\n") and b"FRAME".startswith(line[:5]) and len(line) < LONGEST_LINE:
                raise self._cut_short(number, 0)
            if not re.fullmatch(rb"FRAME( [^\n]*)?\n", line):
                raise InputError(
                    f"frame {number} of stdin (counted from 0) begins with {_shown(line)} instead of FRAME; "
                    "the stream is damaged, or its header does not fit it"
                )
            yield Frame(_split(self._samples(number), shapes), line[:-1])
            number += 1

    def _samples(self, number: int) -> NDArray:
        samples = np.empty(self.header.frame_bytes, np.uint8)
        found = read_into(self._stream, samples)
        if found < len(samples):
            raise self._cut_short(number, found)
        return samples.view(self.header.dtype)

    def _cut_short(self, number: int, found: int) -> InputError:
        return InputError(
            f"frame {number} of stdin (counted from 0) is cut short: {found} of {self.header.frame_bytes} bytes; "
            "see why the command before the pipe stopped"
        )


class Writer:
    """Writes a stream with the header line and frame lines of the one it was read from."""

    def __init__(self, stream: BinaryIO, header: Header) -> None:
        """stream: anything with `write`; a raw one that takes less than it is given is asked again.

        Writing raises BrokenPipeError where the reader is gone, OutputError where the stream cannot be written.
        """
        self._stream = stream
        self._dtype = header.dtype
        put(stream, header.line + b"\n")

    def write(self, frame: Frame, planes: Sequence[Plane] | None = None) -> None:
        """The frame; `planes` in place of its own, where given."""
        put(self._stream, frame.line + b"\n")
        for plane in frame.planes if planes is None else planes:
            put(self._stream, np.ascontiguousarray(plane, self._dtype).data.cast("B"))


def read_into(stream: BinaryIO, samples: NDArray[np.uint8]) -> int:
    """Fill `samples` from a stream that may give less at a time; bytes found, fewer only where the stream ended."""
    view, found = memoryview(samples), 0
    while found < len(view):
        count = stream.readinto(view[found:])  # pyright: ignore[reportAttributeAccessIssue]
        if not count:
            break
        found += count
    return found


def put(stream: BinaryIO, data: bytes | memoryview) -> None:
    """Write all of `data`. Raises BrokenPipeError where the reader is gone, else OutputError."""
    view = memoryview(data)
    try:
        while view:
            view = view[stream.write(view) :]
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"stdout cannot be written: {error.strerror}") from error


def _split(samples: NDArray, shapes: Sequence[tuple[int, int]]) -> list[Plane]:
    ends = np.cumsum([height * width for height, width in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(samples, ends[:-1]), shapes, strict=True)]


def _edge(tags: dict[str, str], name: str, line: bytes) -> int:
    value = tags.get(name)
    word = {"W": "width", "H": "height"}[name]
    if value is None:
        raise InputError(f"malformed y4m header: no {word} ({name}): {_shown(line)}")
    if not value.isdigit():
        raise InputError(f"malformed y4m header: {word} is {_shown(value.encode())}; it must be a whole number")
    if len(value) > 9 or not 1 <= int(value) <= LARGEST_EDGE:
        raise InputError(f"y4m header says {word} {value[:20]}; from 1 to {LARGEST_EDGE} can be taken")
    return int(value)


def _check_interlacing(interlacing: str, fields: bool) -> None:
    kinds = {"t": "top field first", "b": "bottom field first", "m": "mixed, frame by frame"}
    if interlacing in kinds and not fields:
        kind = f"I{interlacing}: {kinds[interlacing]}"
        raise InputError(
            f"stdin is interlaced ({kind}); --fields repairs its fields and leaves it so, or deinterlace it: {DEINTERLACE}"
        )
    if interlacing not in kinds and interlacing not in ("p", "?", ""):
        raise InputError(f"malformed y4m header: interlacing is {_shown(interlacing.encode())}; use Ip")


def _colour_space(tags: dict[str, str]) -> tuple[str, int, tuple[int, int], str]:
    """Family, bits, subsampling and chroma location.

    A plain C420 stands in the middle of its block (as C420jpeg, which it is short for), unless vspipe wrote it, which
    names no siting and means VapourSynth's default, left. Above 8 bits no tag tells the siting: left, as in most video.
    """
    name = tags.get("C") or tags.get("XYSCSS", "420jpeg").lower()
    if name in SITINGS:
        return "yuv", 8, SUBSAMPLINGS["420"], SITINGS[name]
    if match := re.fullmatch(r"mono(\d*)", name):
        bits, known = match[1], True
        family, subsampling = "gray", (0, 0)
    else:
        match = re.fullmatch(r"(\d{3})(?:p(\d+))?", name)
        known = match is not None and match[1] in SUBSAMPLINGS
        bits = (match[2] or "") if match else ""
        family, subsampling = "yuv", SUBSAMPLINGS.get(match[1], (0, 0)) if match else (0, 0)
    if not known or bits not in ("", *map(str, range(9, 17))):
        found = _shown(b"C" + name.encode())
        raise InputError(f"y4m colour space is {found}; those that can be repaired: {COLOUR_SPACES}")
    middle = name == "420" and "XLENGTH" not in tags
    return family, int(bits or 8), subsampling, "center" if middle else "left"


def _frame_rate(text: str) -> Fraction | None:
    match = re.fullmatch(r"(\d{1,10}):(\d{1,10})", text)
    if match is None:
        raise InputError(f"malformed y4m header: frame rate is {_shown(text.encode())}; it must look like F30000:1001")
    over, under = int(match[1]), int(match[2])
    return Fraction(over, under) if over and under else None


def _shown(data: bytes) -> str:
    """The start of some bytes, quoted and on one line."""
    text = data[:60].decode("ascii", "backslashreplace").encode("unicode_escape").decode().replace("\\\\", "\\")
    return f"'{text}'" + ("..." if len(data) > 60 else "")
