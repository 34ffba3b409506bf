"""Repair a video file or a picture; sound, subtitles, times and everything else come out as they went in.

The output appears under its name only when it is complete and its frames have been counted; a run that fails or is
interrupted leaves nothing behind. Of a damaged or truncated file what decodes is repaired and kept: a warning on stderr
says how much was lost, and the exit status is 0.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from framemend_filters.errors import InputNotFound, OutputError, SettingError

from .archive.batch import Counted, add_batch_options, jobs_from, run_jobs
from .archive.ranges import add_range_options
from .archive.work import Work, add_work_options
from .encode_options import add_encode_options, encode_settings_from
from .masks import open_masks
from .options import add_repair_options, fitted, repairer_from, settings_from
from .progress import Progress

if TYPE_CHECKING:
    from framemend_filters.engine import Repairer

    from .archive.smart import SmartSource
    from .remux import VideoTarget
    from .sources import VideoSource

Note = Callable[[str], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `framemend repair`."""
    add_batch_options(parser)
    parser.add_argument(
        "--rate", metavar="R", help="pictures a second, where the input is a sequence of them (default: 25)"
    )
    add_encode_options(parser)
    add_repair_options(parser)
    add_range_options(parser)
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="write down there what was changed, frame by frame (JSON; video only; with several inputs: a folder)",
    )
    add_work_options(parser)


def run(args: argparse.Namespace) -> int:
    """`framemend repair`: 0 when every output is there, 1 when one of several is not. Raises FramemendError for a single one."""
    settings = settings_from(args)
    jobs = jobs_from(args)
    for job in jobs if len(jobs) == 1 else []:
        check_paths(job.input, job.output, overwrite=job.overwrite)  # before weights are looked for
    repairer = repairer_from(args, settings)

    def repair_one(job: argparse.Namespace, note: Note) -> Counted:
        return _repair(job, repairer, note)

    return run_jobs(args, jobs, repair_one, _quiet if args.quiet else _note)


def _repair(args: argparse.Namespace, repairer: Repairer, note: Note) -> Counted:
    from .detection import pictures_for, repairer_for
    from .sequences import is_sequence, repair_sequence
    from .stills import STILL_SUFFIXES

    check_paths(args.input, args.output, overwrite=args.overwrite)
    if args.detect or args.show_mask:
        if args.detect and args.input.suffix.lower() in STILL_SUFFIXES and not is_sequence(args.input):
            raise SettingError(f"--detect compares frames, and {args.input} is a picture; give a mask instead")
        repairer = repairer_for(args, repairer.settings, partial(pictures_for, args), note)
    pictures_in, pictures_out = is_sequence(args.input), is_sequence(args.output)
    if pictures_in and pictures_out:
        return repair_sequence(args, repairer, note)
    still_in, still_out = (p.suffix.lower() in STILL_SUFFIXES and not is_sequence(p) for p in (args.input, args.output))
    if still_in is not still_out:
        kinds = ("a picture" if still else "a video" for still in (still_in, still_out))
        raise SettingError("{} is {} but {} is {}; both must be the same".format(*_pair(args, *kinds)))
    return _repair_picture(args, repairer, note) if still_in else _repair_video(args, repairer, note)


def check_paths(source: Path, target: Path, *, overwrite: bool) -> None:
    """Raise what is wrong with the two names before any work is done: InputNotFound, SettingError or OutputError."""
    from .sequences import is_sequence

    if not source.exists() and not is_sequence(source):
        raise InputNotFound(f"no such file: {source}")
    if target.is_dir():
        raise OutputError(f"{target} is a folder; give the name of a file in it")
    if target.exists() and target.samefile(source) or target.resolve() == source.resolve():
        raise SettingError(f"output {target} is the input itself; give another name")
    if target.exists() and not overwrite:
        raise SettingError(f"{target} is there already; --overwrite replaces it")


def _repair_picture(args: argparse.Namespace, repairer: Repairer, note: Note) -> Counted:
    from .finished import finished_file
    from .stills import read_still, repair_still, write_still

    picture, metadata = read_still(args.input)
    repairer = fitted(repairer, picture.shape[1], picture.shape[0], note)
    masks = open_masks(args, picture.shape[1], picture.shape[0], num_frames=1)
    with finished_file(args.output) as temporary:
        repaired, generated = repair_still(picture, repairer, masks)
        write_still(temporary, repaired, metadata, args.output, note)
    return Counted(frames=1, generated=generated)


def _repair_video(args: argparse.Namespace, repairer: Repairer, note: Note) -> Counted:
    from .archive.smart import SmartTarget, write_smart
    from .detection import pictures_for
    from .finished import finished_file
    from .remux import VideoTarget
    from .sequences import finished_pictures, is_sequence, open_video, picture_settings

    encoding = encode_settings_from(args)
    to_pictures = is_sequence(args.output)
    if to_pictures:
        encoding = picture_settings(args.output, encoding)
    with open_video(args) as source:
        given, taken = source.given_pix_fmt, source.first.format.name
        if given != taken:
            note(f"{args.input} has {given} samples; they are converted to {taken}")
        size, frames = (source.first.width, source.first.height), source.video.frames or None
        repairer = fitted(repairer, *size, note)
        again = partial(pictures_for, args)
        masks = open_masks(args, *size, num_frames=frames, rate=source.rate, pictures=again)
        smart = _smart(args, source, repairer, note) if args.smart and not to_pictures else None
        work = Work(args, source, masks, repairer, note, recorded=args.report is not None, smart=smart)
        with work:
            with (finished_pictures if to_pictures else finished_file)(args.output) as temporary:
                kind = "image2" if to_pictures else None
                common = {"settings": encoding, "shown_as": args.output, "note": note, "kind": kind}
                target: VideoTarget
                if smart is None:
                    target = VideoTarget(temporary, source, **common)
                    write = partial(_write, work, source, target)
                else:
                    target = among = SmartTarget(temporary, source, plan=smart.plan, **common)
                    write = partial(write_smart, work, smart, among)
                try:
                    with Progress(source.num_frames, args.input.name, args.quiet) as progress:
                        write(progress)
                    target.finish()
                finally:
                    target.abandon()
                if args.report is not None and not to_pictures:
                    work.report(repairer, temporary, args.report)
            work.finish()
        if source.losses:
            text = f"warning: {args.input} is damaged or cut short: {source.losses}; {target.sent} frames were repaired and kept"
            note(text)
            if args.quiet:
                _note(text)
    return Counted(frames=target.sent, generated=work.generated)


def _smart(args: argparse.Namespace, source: VideoSource, repairer: Repairer, note: Note) -> SmartSource | None:
    """What reads the file where only a part is encoded again; None: all of it is, and `note` was told why."""
    from .archive.plans import plan_smart
    from .archive.smart import SmartSource
    from .detection import pictures_for

    again = partial(pictures_for, args)
    masks = open_masks(args, source.first.width, source.first.height, pictures=again)
    plan = plan_smart(args, source, masks, repairer, note)
    return None if plan is None else SmartSource(source, plan)


def _write(work: Work, source: VideoSource, target: VideoTarget, progress: Progress) -> None:
    """Every frame, and the packets of everything else as they are read."""
    from .frames import build_frame

    for repaired in work.frames():
        _pass_on(source, target)
        frame = repaired.frame
        target.write(build_frame(frame, repaired.samples, target.pix_fmt), frame.pts, frame.duration or 0)
        progress.update(target.sent)
    _pass_on(source, target)


def _pass_on(source: VideoSource, target: VideoTarget) -> None:
    while source.passing:
        target.copy(source.passing.popleft())


def _pair(args: argparse.Namespace, first: str, second: str) -> tuple[Path, str, Path, str]:
    return args.input, first, args.output, second


def _note(text: str) -> None:
    print(f"framemend: {text}", file=sys.stderr)


def _quiet(text: str) -> None:
    pass
