"""What the person at the command line wants generated: masks from pictures, sequences, videos and rectangles, frame by frame.

A mask is H W uint8, 255 = generate, 0 = keep, values between are soft edges. Several sources are joined by maximum.
"""

from __future__ import annotations

import argparse
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from framemend_filters.errors import InputError, InputNotFound, SettingError

if TYPE_CHECKING:
    from numpy.typing import NDArray

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".pgm"})
PNG = b"\x89PNG\r\n\x1a\n"
LARGEST_MASK = 1 << 28
"""Samples; a PNG of zeros with more packs into a few kilobytes, and would fill the memory."""
LOSSY_SLACK = 8
"""A lossy mask (JPEG, video) is never quite black or white: this near to either end counts as the end."""


class Masks(Protocol):
    """Masks for the frames of a clip, asked for in rising order."""

    length: int | None
    """How many frames there is a mask for; None: not known, or any number."""

    def mask(self, index: int) -> NDArray[np.uint8]:
        """The mask of frame `index`, H W. Raises SettingError where there is none."""
        ...


class MaskSource:
    """All that --mask and --rect say, for one clip. Made by `open_masks`."""

    def __init__(self, width: int, height: int, masks: Masks | None = None, rects: tuple[Rect, ...] = ()) -> None:
        self.width, self.height = width, height
        self._masks = masks
        self._rects = rects

    def mask_for(self, index: int, pts_seconds: float | Fraction | None = None) -> NDArray[np.uint8] | None:
        """The mask of frame `index`, shown `pts_seconds` after the first frame; None: nothing to generate in this frame.

        H W uint8. Raises SettingError where the masks run out before the clip, are of another size, or where a rectangle
        speaks of time and the clip has none.
        """
        joined = None
        if self._masks is not None:
            joined = self._masks.mask(index)
            if joined.shape != (self.height, self.width):
                have = f"{joined.shape[1]}x{joined.shape[0]}"
                raise SettingError(f"mask is {have} but the picture is {self.width}x{self.height}; they must be equal")
        for rect in self._rects:
            if rect.covers(index, pts_seconds):
                joined = np.zeros((self.height, self.width), np.uint8) if joined is None else joined.copy()
                joined[rect.y : rect.y + rect.height, rect.x : rect.x + rect.width] = 255
        return joined if joined is not None and joined.any() else None


def open_masks(
    args: argparse.Namespace, width: int, height: int, *, num_frames: int | None = None
) -> MaskSource | None:
    """The masks that `args.mask` and `args.rect` ask for, None where there are none.

    width, height: of the clip in samples, as stored; num_frames: of the clip, where it is known, to find out now and not
    at the end that a sequence of masks is too short. Raises SettingError (size, length, rectangle) and InputError.
    """
    rects = tuple(parse_rect(text) for text in args.rect)
    for text, rect in zip(args.rect, rects, strict=True):
        if rect.x + rect.width > width or rect.y + rect.height > height:
            raise SettingError(f"--rect {text} reaches outside the picture, which is {width}x{height}")
    masks = _open(args.mask) if args.mask else None
    if masks is None and not rects:
        return None
    if masks is not None and masks.length is not None and num_frames is not None and masks.length < num_frames:
        raise _too_short(args.mask, masks.length, num_frames)
    source = MaskSource(width, height, masks, rects)
    if masks is not None:
        MaskSource(width, height, masks).mask_for(0)  # the size, checked before the work starts
    return source


@dataclass(frozen=True)
class Rect:
    """A rectangle to generate, in samples, in the frames from `start` to `end`, both included."""

    x: int
    y: int
    width: int
    height: int
    start: int | Fraction | None = None
    """int: frame number from 0; Fraction: seconds after the first frame; None: from the beginning."""
    end: int | Fraction | None = None

    def covers(self, index: int, pts_seconds: float | Fraction | None) -> bool:
        """Whether frame `index`, shown at `pts_seconds`, is one of those meant."""
        return self._at_least(index, pts_seconds, self.start) and self._at_least(index, pts_seconds, self.end, sign=-1)

    @staticmethod
    def _at_least(index: int, seconds: float | Fraction | None, bound: int | Fraction | None, sign: int = 1) -> bool:
        if bound is None:
            return True
        if isinstance(bound, int):
            return sign * index >= sign * bound
        if seconds is None:
            raise SettingError("--rect with a time needs a clip that has times; give frame numbers instead")
        return sign * Fraction(seconds).limit_denominator(10**7) >= sign * bound


_RECT = re.compile(r"(\d+),(\d+),(\d+),(\d+)(?:@([^-]*)-([^-]*))?")
_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)s?")


def parse_rect(text: str) -> Rect:
    """Read X,Y,W,H[@START-END]. Raises SettingError."""
    match = _RECT.fullmatch(text.strip())
    if match is None or not (int(match[3]) and int(match[4])):
        raise SettingError(
            f"--rect {text} is not X,Y,W,H or X,Y,W,H@START-END, such as 10,20,64,48@00:00:01-00:00:02.5"
        )
    x, y, width, height = (int(match[i]) for i in range(1, 5))
    start, end = _parse_moment(match[5], text), _parse_moment(match[6], text)
    if start is not None and end is not None and isinstance(start, int) is isinstance(end, int) and end < start:
        raise SettingError(f"--rect {text} ends before it starts")
    return Rect(x, y, width, height, start, end)


def _parse_moment(moment: str | None, text: str) -> int | Fraction | None:
    if not moment:
        return None
    if moment.isdecimal():
        return int(moment)
    time = parse_time(moment) if moment.endswith("s") or ":" in moment else None
    if time is None:
        raise SettingError(f"--rect {text}: {moment} is neither a frame number nor a time such as 12.5s or 00:01:02.5")
    return time


def parse_time(text: str) -> Fraction | None:
    """Seconds of 12.5, 12.5s, 01:02.5 or 00:01:02.5; None: it is none of these."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = match.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + Fraction(seconds)


def _open(name: str) -> Masks:
    path = Path(name)
    if path.is_dir():
        return _Sequence(name, sorted((p for p in path.iterdir() if p.suffix.lower() in PICTURES), key=_natural))
    if path.is_file():
        return _Still(path) if path.suffix.lower() in PICTURES else _Video(path)
    if re.search(r"%0?\d*d", path.name):
        number = re.sub(r"%0?\d*d", "@", path.name).split("@", 1)
        pattern = re.compile(re.escape(number[0]) + r"\d+" + re.escape(number[1]))
        found = (p for p in path.parent.iterdir() if pattern.fullmatch(p.name)) if path.parent.is_dir() else ()
        return _Sequence(name, sorted(found, key=_natural))
    if re.search(r"[*?\[]", path.name):
        return _Sequence(name, sorted(path.parent.glob(path.name), key=_natural))
    raise InputNotFound(f"no such mask: {name}")


class _Still:
    """One picture for every frame."""

    length: int | None = None

    def __init__(self, path: Path) -> None:
        self._mask = _read_picture(path)

    def mask(self, index: int) -> NDArray[np.uint8]:
        return self._mask


class _Sequence:
    """One picture a frame, in the natural order of their names."""

    def __init__(self, name: str, files: list[Path]) -> None:
        if not files:
            raise InputNotFound(f"no mask pictures in {name}; looked for {', '.join(sorted(PICTURES))}")
        self._name = name
        self._files = files
        self.length: int | None = len(files)

    def mask(self, index: int) -> NDArray[np.uint8]:
        if index >= len(self._files):
            raise _too_short(self._name, len(self._files), index + 1, at_least=True)
        return _read_picture(self._files[index])


class _Video:
    """One frame of a video a frame, decoded as they are asked for."""

    def __init__(self, path: Path) -> None:
        import av
        from av.error import FFmpegError

        from .sources import location

        self._path = path
        try:
            container = av.open(location(path))
        except FFmpegError as error:
            raise InputError(f"mask {path} is neither a picture nor a video: {error.strerror}") from error
        if not container.streams.video:
            raise InputError(f"mask {path} has no video stream")
        self.length: int | None = container.streams.video[0].frames or None
        self._frames = self._decode(container)
        self._index = -1
        self._current: NDArray[np.uint8] | None = None

    @staticmethod
    def _decode(container) -> Iterator[NDArray[np.uint8]]:
        from av.error import FFmpegError

        with container:
            try:
                for frame in container.decode(container.streams.video[0]):
                    yield _snap(np.ascontiguousarray(frame.to_ndarray(format="rgb24")[:, :, 1]))
            except FFmpegError:
                return  # what decodes is what there is; too few is reported where they run out

    def mask(self, index: int) -> NDArray[np.uint8]:
        if index < self._index:
            raise SettingError(f"mask video {self._path} can be read forwards only")
        while self._index < index:
            self._current = next(self._frames, None)
            if self._current is None:
                raise _too_short(str(self._path), self._index + 1, index + 1, at_least=True)
            self._index += 1
        assert self._current is not None
        return self._current


def _read_picture(path: Path) -> NDArray[np.uint8]:
    import cv2

    try:
        data = np.fromfile(path, np.uint8)
        if bytes(data[:8]) == PNG and len(data) > 24:
            width, height = struct.unpack(">II", bytes(data[16:24]))
            if width * height > LARGEST_MASK:
                raise InputError(f"mask {path} says it is {width}x{height}; masks are as large as the picture")
        picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    except (OSError, cv2.error) as error:
        raise InputError(f"mask {path} cannot be read: {error}") from error
    if picture is None:
        raise InputError(f"mask {path} is not a picture that can be read")
    mask = np.asarray(picture, np.uint8)
    return _snap(mask) if path.suffix.lower() in {".jpg", ".jpeg", ".webp"} else mask


def _snap(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    mask = np.where(mask < LOSSY_SLACK, 0, mask)
    return np.where(mask > 255 - LOSSY_SLACK, 255, mask).astype(np.uint8)


def _natural(path: Path) -> list[tuple[int, int | str]]:
    """Sort key: mask2 before mask10."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", path.name)]


def _too_short(name: str, have: int, need: int, *, at_least: bool = False) -> SettingError:
    more = "at least " if at_least else ""
    return SettingError(
        f"mask {name} has {have} frames but the clip has {more}{need}; give as many, or one picture for all"
    )
