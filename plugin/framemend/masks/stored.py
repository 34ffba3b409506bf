"""Masks that are stored as pictures, sequences of pictures or videos.

White is generated, black is kept. A picture that is drawn on a transparent ground counts by its alpha; `colour` asks for
the samples of one colour instead, `threshold` for all that are as bright as that (1: every sample that is not black, as
ffmpeg's removelogo reads its bitmaps).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from framemend_filters.errors import InputError, InputNotFound, SettingError

from ..times import as_fraction

if TYPE_CHECKING:
    from numpy.typing import NDArray

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".pgm", ".pbm"})
PNG = b"\x89PNG\r\n\x1a\n"
LARGEST_MASK = 1 << 28
"""Samples; a PNG of zeros with more packs into a few kilobytes, and would fill the memory."""
LOSSY_SLACK = 8
"""A lossy mask (JPEG, video) is never quite black or white: this near to either end counts as the end."""
COLOUR_SLACK = 24
"""Codes by which each channel of a sample may miss the colour asked for."""
RATE_SLACK = 1 / 500
"""Frame rates nearer than this are the same, one of them rounded: 23.976 and 24000/1001."""


class Masks(Protocol):
    """Masks for the frames of a clip, asked for in rising order."""

    length: int | None
    """How many frames there is a mask for; None: not known, or any number."""
    rate: Fraction | None
    """Frames a second, where the masks are a video that says so."""

    def mask(self, index: int) -> NDArray[np.uint8]:
        """The mask of frame `index`, H W. Raises SettingError where there is none."""
        ...


class ByFrame:
    """A mask each for some frames, none for the others."""

    length: int | None = None
    rate: Fraction | None = None

    def __init__(self, masks: dict[int, NDArray[np.uint8]], size: tuple[int, int]) -> None:
        """size: height and width."""
        self._masks, self._none = masks, np.zeros(size, np.uint8)

    def mask(self, index: int) -> NDArray[np.uint8]:
        return self._masks.get(index, self._none)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the samples of a stored picture become a mask. colour: RGB codes; threshold: code, of 255."""

    colour: tuple[int, int, int] | None = None
    threshold: int | None = None

    def mask(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """H W, or H W 3 or 4 (blue first), uint8, to H W."""
        if self.colour is not None:
            colours = picture[..., :3] if picture.ndim == 3 else np.repeat(picture[..., None], 3, 2)
            distance = np.abs(colours.astype(np.int16) - np.array(self.colour[::-1], np.int16)).max(2)
            mask = np.where(distance <= COLOUR_SLACK, 255, 0).astype(np.uint8)
            if picture.ndim == 3 and picture.shape[2] == 4:
                mask[picture[..., 3] < 128] = 0
        else:
            mask = _brightness(picture)
        if self.threshold is not None:
            mask = np.where(mask >= self.threshold, 255, 0).astype(np.uint8)
        return mask


def _brightness(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    if picture.ndim == 2:
        return picture
    if picture.shape[2] == 4:
        if picture[..., 3].min() < 255:
            return np.ascontiguousarray(picture[..., 3])
        picture = np.ascontiguousarray(picture[..., :3])
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def read_colour(text: str) -> tuple[int, int, int]:
    """RGB codes from RRGGBB, with or without #. Raises SettingError."""
    match = re.fullmatch(r"#?([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", text.strip())
    if match is None:
        raise SettingError(f"{text} is not a colour; write it as RRGGBB, such as FF0000 for red")
    return int(match[1], 16), int(match[2], 16), int(match[3], 16)


def open_stored(name: str, reading: Reading) -> Masks:
    """The masks of that name: a picture, a folder or pattern of pictures, or a video. Raises InputError, InputNotFound."""
    path = Path(name)
    if path.is_dir():
        return _Sequence(
            name, sorted((p for p in path.iterdir() if p.suffix.lower() in PICTURES), key=_natural), reading
        )
    if path.is_file():
        return _Still(path, reading) if path.suffix.lower() in PICTURES else _Video(path, reading)
    if re.search(r"%0?\d*d", path.name):
        number = re.sub(r"%0?\d*d", "@", path.name).split("@", 1)
        pattern = re.compile(re.escape(number[0]) + r"\d+" + re.escape(number[1]))
        found = (p for p in path.parent.iterdir() if pattern.fullmatch(p.name)) if path.parent.is_dir() else ()
        return _Sequence(name, sorted(found, key=_natural), reading)
    if re.search(r"[*?\[]", path.name):
        return _Sequence(name, sorted(path.parent.glob(path.name), key=_natural), reading)
    raise InputNotFound(f"no such mask: {name}")


class _Still:
    """One picture for every frame."""

    length: int | None = None
    rate: Fraction | None = None

    def __init__(self, path: Path, reading: Reading) -> None:
        self._mask = _read_picture(path, reading)

    def mask(self, index: int) -> NDArray[np.uint8]:
        return self._mask


class _Sequence:
    """One picture a frame, in the natural order of their names."""

    rate: Fraction | None = None

    def __init__(self, name: str, files: list[Path], reading: Reading) -> None:
        if not files:
            raise InputNotFound(f"no mask pictures in {name}; looked for {', '.join(sorted(PICTURES))}")
        self._name = name
        self._reading = reading
        self._files = files
        self.length: int | None = len(files)

    def mask(self, index: int) -> NDArray[np.uint8]:
        if index >= len(self._files):
            raise too_short(self._name, len(self._files), index + 1, at_least=True)
        return _read_picture(self._files[index], self._reading)


class _Video:
    """One frame of a video a frame, decoded as they are asked for."""

    def __init__(self, path: Path, reading: Reading) -> None:
        import av
        from av.error import FFmpegError

        from framemend.sources import location

        self._path = path
        self._reading = reading
        try:
            container = av.open(location(path))
        except FFmpegError as error:
            raise InputError(f"mask {path} is neither a picture nor a video: {error.strerror}") from error
        if not container.streams.video:
            raise InputError(f"mask {path} has no video stream")
        self.length: int | None = container.streams.video[0].frames or None
        rate = container.streams.video[0].average_rate
        self.rate: Fraction | None = as_fraction(rate) if rate else None
        self._frames = self._decode(container)
        self._index = -1
        self._current: NDArray[np.uint8] | None = None

    def _decode(self, container) -> Iterator[NDArray[np.uint8]]:
        from av.error import FFmpegError

        with container:
            try:
                for frame in container.decode(container.streams.video[0]):
                    picture = frame.to_ndarray(format="bgr24")
                    plain = self._reading.colour is None
                    yield _snap(self._reading.mask(np.ascontiguousarray(picture[..., 1] if plain else picture)))
            except FFmpegError:
                return  # what decodes is what there is; too few is reported where they run out

    def mask(self, index: int) -> NDArray[np.uint8]:
        if index < self._index:
            raise SettingError(f"mask video {self._path} can be read forwards only")
        while self._index < index:
            self._current = next(self._frames, None)
            if self._current is None:
                raise too_short(str(self._path), self._index + 1, index + 1, at_least=True)
            self._index += 1
        assert self._current is not None
        return self._current


def _read_picture(path: Path, reading: Reading) -> NDArray[np.uint8]:
    import cv2

    try:
        data = np.fromfile(path, np.uint8)
        if bytes(data[:8]) == PNG and len(data) > 24:
            width, height = struct.unpack(">II", bytes(data[16:24]))
            if width * height > LARGEST_MASK:
                raise InputError(f"mask {path} says it is {width}x{height}; masks are as large as the picture")
        picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except (OSError, cv2.error) as error:
        raise InputError(f"mask {path} cannot be read: {error}") from error
    if picture is None:
        raise InputError(f"mask {path} is not a picture that can be read")
    mask = reading.mask(_eight_bits(np.asarray(picture)))
    return _snap(mask) if path.suffix.lower() in {".jpg", ".jpeg", ".webp"} else mask


def _eight_bits(picture: NDArray) -> NDArray[np.uint8]:
    if picture.dtype == np.uint16:
        picture = picture >> 8
    return picture.astype(np.uint8)


def _snap(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    mask = np.where(mask < LOSSY_SLACK, 0, mask)
    return np.where(mask > 255 - LOSSY_SLACK, 255, mask).astype(np.uint8)


def _natural(path: Path) -> list[tuple[int, int | str]]:
    """Sort key: mask2 before mask10."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", path.name)]


def too_short(name: str, have: int, need: int, *, at_least: bool = False) -> SettingError:
    more = "at least " if at_least else ""
    return SettingError(
        f"mask {name} has {have} frames but the clip has {more}{need}; give as many, or one picture for all"
    )
