"""Which frames of which files are to be repaired, so that every frame is repaired once however often it is used."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from framemend_filters.errors import FramemendError, InputError

from .. import __version__
from ..options import has_masks, settings_from
from ..ranges import IndexedVideo
from .timecode import Timecode, nominal, read_timecode
from .wishes import options_with

METADATA_SCHEMA = "framemend.repair.1"
"""Name and version of what is written into an edit."""
_OF_THE_MACHINE = ("device", "quiet", "debug")


@dataclass(frozen=True, eq=False)
class Use:
    """A range of a file that an edit shows.

    label: name of the clip and where it stands in the edit. start, end: frames at `rate` a second, end not included;
    counted from the file's first frame, or from its timecode's midnight where `by_timecode` is set and the file has one.
    at_time: start and end are moments, also where the file's rate is nearly the same (23.976 and 24). wish: options of its
    markers. key: what the edit knows it by. step: the repaired range begins at a multiple of so many frames; 0: at the
    first.
    """

    label: str
    path: Path
    start: Fraction
    end: Fraction
    rate: Fraction
    wish: dict[str, Any]
    key: Any
    step: int = 1
    by_timecode: bool = False
    at_time: bool = False


@dataclass(eq=False)
class Job:
    """Frames first..stop-1 of a file, to be repaired into `target`, which is None until it is there."""

    video: IndexedVideo
    options: argparse.Namespace
    codec: str
    first: int
    stop: int
    key: str
    uses: list[Use]
    timecode: Timecode
    target: Path | None = None
    is_new: bool = False

    @property
    def name(self) -> str:
        """Of the file to write: source, frames, and what else decides about its contents."""
        return f"{self.video.path.stem}_{self.first}-{self.stop - 1}_{self.key}.mov"

    def metadata(self) -> dict[str, Any]:
        """What is noted in the edit."""
        return {
            "schema": METADATA_SCHEMA,
            "framemend": __version__,
            "source": str(self.video.path),
            "first_frame": self.first,
            "frames": self.stop - self.first,
            "options": _options_that_count(self.options),
        }


@dataclass
class _Group:
    """Uses of one file with one set of options."""

    video: IndexedVideo
    options: argparse.Namespace
    key: str
    ranges: list[tuple[int, int, Use]] = field(default_factory=list)


def plan_jobs(uses: list[Use], args: argparse.Namespace) -> tuple[list[Job], list[str]]:
    """The jobs for these uses, and a line for each use that cannot be repaired.

    args: the command line: repair options, handles, codec, media. A job whose file is there already has its target set.
    """
    groups: dict[tuple[Path, str], _Group] = {}
    videos: dict[Path, IndexedVideo] = {}
    refused: list[str] = []
    for use in uses:
        try:
            video = videos.get(use.path) or videos.setdefault(use.path, _opened(use.path))
            options = options_with(args, use.wish)
            settings_from(options)
            key = _key(video.path, options, args.codec)
            first, stop = _frames(use, video, read_timecode(use.path))
            group = groups.setdefault((use.path, key), _Group(video, options, key))
            group.ranges.append((first, stop, use))
        except FramemendError as error:
            refused.append(f"{use.label}: {error}")
    jobs = [job for group in groups.values() for job in _jobs(group, args)]
    for job in jobs:
        job.target = _there_already(job, args.media)
    return jobs, refused


def _opened(path: Path) -> IndexedVideo:
    video = IndexedVideo(path)
    if not video.is_constant_rate:
        raise InputError(
            f"{path} has a variable frame rate, which editors do not take; repair it with framemend repair"
        )
    return video


def _frames(use: Use, video: IndexedVideo, timecode: Timecode) -> tuple[int, int]:
    """Numbers of the first frame shown and of the one after the last."""
    same = not use.at_time and nominal(use.rate) == nominal(video.rate)
    scale = Fraction(1) if same else video.rate / use.rate
    start, end = use.start * scale, use.end * scale
    if use.by_timecode and timecode.frames is not None and 0 <= start - timecode.frames < video.num_frames:
        start, end = start - timecode.frames, end - timecode.frames
    first = max(0, math.floor(start))
    stop = min(video.num_frames, max(math.ceil(end), first + 1))
    if first >= stop:
        raise InputError(f"it shows frames from {first} on, but {video.path.name} has {video.num_frames}")
    return first, stop


def _jobs(group: _Group, args: argparse.Namespace) -> list[Job]:
    """Ranges that touch are joined; handles reach as far as the file does."""
    wanted: list[tuple[int, int, list[Use]]] = []
    for first, stop, use in sorted(group.ranges, key=lambda entry: entry[:2]):
        first, stop = max(0, first - args.handles), min(group.video.num_frames, stop + args.handles)
        users = [use]
        first = _aligned(first, users)
        while wanted and first <= wanted[-1][1]:
            before = wanted.pop()
            users = [*before[2], *users]
            first, stop = _aligned(min(first, before[0]), users), max(stop, before[1])
        wanted.append((first, stop, users))
    timecode = read_timecode(group.video.path)
    return [
        Job(group.video, group.options, args.codec, first, stop, group.key, users, timecode)
        for first, stop, users in wanted
    ]


def _aligned(first: int, users: list[Use]) -> int:
    """The last frame up to `first` at which all of them can begin."""
    step = math.lcm(*(use.step for use in users))
    return first - first % step if step else 0


def _there_already(job: Job, media: Path) -> Path | None:
    """A finished file of the same source and options that holds all frames of the job, and begins where its uses can."""
    name = re.compile(rf"{re.escape(job.video.path.stem)}_(\d+)-(\d+)_{job.key}\.mov")
    for path in sorted(media.iterdir()) if media.is_dir() else ():
        match = name.fullmatch(path.name)
        if match is None:
            continue
        first, stop = int(match[1]), int(match[2]) + 1
        if first <= job.first and stop >= job.stop and _aligned(first, job.uses) == first:
            job.first, job.stop = first, stop
            return path
    return None


def _key(path: Path, options: argparse.Namespace, codec: str) -> str:
    """Changes with everything that changes the repaired media: the file, the options, masks, weights, this version."""
    from framemend_filters.weights import model_files

    parts: list[Any] = [str(path), _state(path), codec, __version__, _options_that_count(options)]
    if has_masks(options) and options.mask:
        mask = Path(options.mask)
        parts.append([_state(p) for p in (sorted(mask.iterdir()) if mask.is_dir() else [mask]) if p.exists()])
    parts += [hashlib.sha256(path.read_bytes()).hexdigest() for path in model_files(options.model)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]


def _state(path: Path) -> list[Any]:
    state = path.stat()
    return [path.name, state.st_size, state.st_mtime_ns]


def _options_that_count(options: argparse.Namespace) -> dict[str, Any]:
    """The repair options as plain values, without those that only say where and how loudly the work is done."""
    parser = argparse.ArgumentParser(add_help=False)
    from ..options import add_repair_options

    add_repair_options(parser)
    names = {action.dest for action in parser._actions} - set(_OF_THE_MACHINE)
    values = {name: getattr(options, name) for name in sorted(names)}
    return {name: value for name, value in values.items() if value not in (None, False, [])}
