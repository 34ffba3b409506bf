"""Sequences of pictures, named by a pattern with their number in it: scans/%05d.tif.

From pictures to pictures every sample, depth and piece of metadata goes the way of a single picture. Where one end is a
video, ffmpeg reads or writes the pictures.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from framemend_filters.errors import InputError, InputNotFound, OutputError, SettingError

from .archive.batch import Counted
from .masks import open_masks
from .options import fitted
from .progress import Progress
from .stills import STILL_SUFFIXES, planes_of_still, read_still, with_planes, write_still
from .streams import repair_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from framemend_filters.engine import Repairer

    from .encode_options import EncodeSettings
    from .sources import VideoSource

NUMBER = re.compile(r"%(0?)(\d*)d")
ENCODERS = {".png": "png", ".tif": "tiff", ".tiff": "tiff", ".jpg": "mjpeg", ".jpeg": "mjpeg"}
"""What ffmpeg writes pictures of a video with, by suffix."""
USUAL_RATE = Fraction(25)
"""Pictures a second where nothing is said."""


def is_sequence(path: Path) -> bool:
    """Whether the name is a pattern of pictures and not a file that happens to be called so."""
    return path.suffix.lower() in STILL_SUFFIXES and bool(NUMBER.search(path.name)) and not path.exists()


def numbers_of(pattern: Path) -> list[int]:
    """The numbers of the pictures that are there, rising. Raises InputNotFound where there are none."""
    before, after = (re.escape(part) for part in (NUMBER.split(pattern.name)[0], NUMBER.split(pattern.name)[-1]))
    names = os.listdir(pattern.parent) if pattern.parent.is_dir() else []
    found = sorted(int(match[1]) for name in names if (match := re.fullmatch(f"{before}(\\d+){after}", name)))
    found = [number for number in found if numbered(pattern, number).is_file()]
    if not found:
        raise InputNotFound(f"no picture is named like {pattern}, for instance {numbered(pattern, 1).name}")
    missing = set(range(found[0], found[-1] + 1)) - set(found)
    if missing:
        raise InputError(
            f"{numbered(pattern, min(missing))} is missing; the numbers of a sequence must be without a gap"
        )
    return found


def numbered(pattern: Path, number: int) -> Path:
    """The name of one picture."""

    def digits(match: re.Match[str]) -> str:
        return f"{number:{match[1]}{match[2]}d}"

    return pattern.with_name(NUMBER.sub(digits, pattern.name, count=1))


@dataclass(frozen=True)
class _Picture:
    path: Path
    number: int
    samples: NDArray
    metadata: list


def repair_sequence(args: argparse.Namespace, repairer: Repairer, note: Callable[[str], None]) -> Counted:
    """Repair pictures into pictures of the same numbers. Nothing appears before all are done."""
    numbers = numbers_of(args.input)
    check_targets(args.output, numbers, overwrite=args.overwrite)
    first = read_still(numbered(args.input, numbers[0]))[0]
    repairer = fitted(repairer, first.shape[1], first.shape[0], note)
    masks = open_masks(args, first.shape[1], first.shape[0], num_frames=len(numbers))

    def given() -> Iterator[_Picture]:
        for number in numbers:
            path = numbered(args.input, number)
            samples, metadata = read_still(path)
            if samples.shape != first.shape or samples.dtype != first.dtype:
                raise InputError(
                    f"{path} is {_shape(samples)}, the picture before it {_shape(first)}; they must be alike"
                )
            yield _Picture(path, number, samples, metadata)

    said: set[str] = set()

    def note_once(text: str) -> None:
        if text not in said:
            said.add(text)
            note(text)

    repaired = repair_frames(
        repairer,
        given(),
        lambda picture: planes_of_still(picture.samples),
        lambda index, _: masks.mask_for(index, None) if masks else None,
    )
    done, generated = 0, 0.0
    with finished_pictures(args.output) as pattern, Progress(len(numbers), args.input.name, args.quiet) as progress:
        for done, (picture, planes, repair) in enumerate(repaired, 1):
            made = with_planes(picture.samples, planes)
            shown_as = numbered(args.output, picture.number)
            write_still(numbered(pattern, picture.number), made, picture.metadata, shown_as, note_once)
            generated += repair.generated
            progress.update(done)
    return Counted(frames=done, generated=generated)


def check_targets(pattern: Path, numbers: list[int], *, overwrite: bool) -> None:
    """Raise SettingError where pictures are there that would be replaced."""
    there = [p for p in (numbered(pattern, n) for n in numbers) if p.exists()]
    if there and not overwrite:
        raise SettingError(f"{there[0]} is there already; --overwrite replaces it")


@contextlib.contextmanager
def finished_pictures(pattern: Path) -> Iterator[Path]:
    """A pattern in a hidden folder beside the one asked for; its pictures are moved there when the block ends well."""
    folder = pattern.parent
    if not folder.parent.is_dir():
        raise OutputError(f"no such folder: {folder.parent}; make it first")
    hidden = folder.parent / f".{folder.name or 'pictures'}.{os.getpid()}.part"
    try:
        hidden.mkdir()
    except OSError as error:
        raise OutputError(f"cannot write into {folder.parent}: {error.strerror}") from error
    try:
        yield hidden / pattern.name
        try:
            folder.mkdir(exist_ok=True)
            for path in sorted(hidden.iterdir()):
                path.replace(folder / path.name)
        except OSError as error:
            raise OutputError(f"cannot write {pattern}: {error.strerror}") from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _shape(samples: NDArray) -> str:
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    return f"{samples.shape[1]}x{samples.shape[0]}, {channels} x {samples.dtype}"


def open_video(args: argparse.Namespace) -> VideoSource:
    """What args.input names: a video, or pictures as a video of --rate frames a second. Raises InputError, SettingError."""
    from .rawvideo import frame_rate
    from .sources import VideoSource

    if not is_sequence(args.input):
        return VideoSource(args.input, fields=args.fields)

    rate = frame_rate(args.rate) or USUAL_RATE
    options = {"framerate": str(rate), "start_number": str(numbers_of(args.input)[0])}
    return VideoSource(args.input, fields=args.fields, kind="image2", options=options)


def picture_settings(pattern: Path, settings: EncodeSettings) -> EncodeSettings:
    """`settings` with the encoder that the suffix of the pattern asks for, where they name none. Raises SettingError."""
    if settings.codec or settings.profile:
        return settings
    encoder = ENCODERS.get(pattern.suffix.lower())
    if encoder is None:
        raise SettingError(
            f"pictures of a video cannot become {pattern.suffix or 'files without a suffix'}; use png, tiff or jpg"
        )
    return replace(settings, codec=encoder)
