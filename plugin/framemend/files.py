"""Repair a video file or a picture; sound, subtitles, times and everything else come out as they went in.

The output appears under its name only when it is complete and its frames have been counted; a run that fails or is
interrupted leaves nothing behind. Of a damaged or truncated file what decodes is repaired and kept: a warning on stderr
says how much was lost, and the exit status is 0.
"""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from framemend_filters.errors import InputNotFound, OutputError, SettingError

from .masks import open_masks
from .options import add_repair_options, has_masks, settings_from
from .progress import Progress

if TYPE_CHECKING:
    from av import VideoFrame
    from numpy.typing import NDArray

    from framemend_filters.engine import Repairer

    from .masks import MaskSource
    from .sources import VideoSource

Note = Callable[[str], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `framemend repair`."""
    parser.add_argument("input", type=Path, help="a video file or a picture")
    parser.add_argument(
        "output", type=Path, help="where the repaired one goes; the extension says what kind of file it becomes"
    )
    parser.add_argument("-y", "--overwrite", action="store_true", help="replace the output if there is one")
    group = parser.add_argument_group("encoding")
    group.add_argument(
        "--codec", metavar="NAME", help="encoder of the video (default: like the input, visually lossless)"
    )
    group.add_argument(
        "--crf", type=float, metavar="N", help="quality of the encoder, less is better (default: 14 for H.264)"
    )
    group.add_argument("--preset", metavar="NAME", help="speed of the encoder (default: medium for H.264)")
    add_repair_options(parser)


def run(args: argparse.Namespace) -> int:
    """`framemend repair`: 0 when the output is there. Raises FramemendError otherwise."""
    from framemend_filters.engine import Repairer

    from .stills import STILL_SUFFIXES

    note = _quiet if args.quiet else _note
    settings = settings_from(args)
    check_paths(args.input, args.output, overwrite=args.overwrite)
    still_in, still_out = (p.suffix.lower() in STILL_SUFFIXES for p in (args.input, args.output))
    if still_in is not still_out:
        kinds = ("a picture" if still else "a video" for still in (still_in, still_out))
        raise SettingError("{} is {} but {} is {}; both must be the same".format(*_pair(args, *kinds)))
    repairer = Repairer(settings, masked=has_masks(args))
    if still_in:
        _repair_picture(args, repairer, note)
    else:
        _repair_video(args, repairer, note)
    return 0


def check_paths(source: Path, target: Path, *, overwrite: bool) -> None:
    """Raise what is wrong with the two names before any work is done: InputNotFound, SettingError or OutputError."""
    if not source.exists():
        raise InputNotFound(f"no such file: {source}")
    if target.is_dir():
        raise OutputError(f"{target} is a folder; give the name of a file in it")
    if target.exists() and target.samefile(source) or target.resolve() == source.resolve():
        raise SettingError(f"output {target} is the input itself; give another name")
    if target.exists() and not overwrite:
        raise SettingError(f"{target} is there already; --overwrite replaces it")


def _repair_picture(args: argparse.Namespace, repairer: Repairer, note: Note) -> None:
    from .remux import finished_file
    from .stills import read_still, repair_still, write_still

    picture, metadata = read_still(args.input)
    masks = open_masks(args, picture.shape[1], picture.shape[0], num_frames=1)
    with finished_file(args.output) as temporary:
        write_still(temporary, repair_still(picture, repairer, masks), metadata, args.output, note)


def _repair_video(args: argparse.Namespace, repairer: Repairer, note: Note) -> None:
    from .remux import VideoTarget, finished_file
    from .sources import VideoSource

    done = 0
    with VideoSource(args.input) as source:
        given, taken = source.given_pix_fmt, source.first.format.name
        if given != taken:
            note(f"{args.input} has {given} samples; they are converted to {taken}")
        masks = open_masks(args, source.first.width, source.first.height, num_frames=source.video.frames or None)
        with finished_file(args.output) as temporary:
            target = VideoTarget(
                temporary,
                source,
                codec=args.codec,
                crf=args.crf,
                preset=args.preset,
                shown_as=args.output,
                note=note,
            )
            try:
                with Progress(source.num_frames, args.input.name, args.quiet) as progress:
                    for done, (frame, pts, duration) in enumerate(
                        _repaired(source, repairer, masks, target.pix_fmt), 1
                    ):
                        while source.passing:
                            target.copy(source.passing.popleft())
                        target.write(frame, pts, duration)
                        progress.update(done)
                while source.passing:
                    target.copy(source.passing.popleft())
                target.finish()
            finally:
                target.abandon()
        if source.losses:
            _note(
                f"warning: {args.input} is damaged or cut short: {source.losses}; {done} frames were repaired and kept"
            )


def _repaired(
    source: VideoSource, repairer: Repairer, masks: MaskSource | None, pix_fmt: str
) -> Iterator[tuple[VideoFrame, int | None, int]]:
    """The repaired frames in order, each with its pts and duration in ticks of the source."""
    from .frames import build_frame, plane_format, views
    from .planes import add_residual, to_rgb

    waiting: deque[VideoFrame] = deque()

    def given() -> Iterator[tuple[NDArray, NDArray | None]]:
        start = source.first.pts or 0
        for index, frame in enumerate(source.frames()):
            waiting.append(frame)
            seconds = None if frame.pts is None else (frame.pts - start) * source.time_base
            yield to_rgb(views(frame), plane_format(frame)), _mask(masks, index, seconds)

    for repair in repairer.repair_stream(given()):
        frame = waiting.popleft()
        planes = add_residual(views(frame), plane_format(frame), repair)
        yield build_frame(frame, planes, pix_fmt), frame.pts, frame.duration or 0


def _mask(masks: MaskSource | None, index: int, seconds: Fraction | None) -> NDArray | None:
    return None if masks is None else masks.mask_for(index, seconds)


def _pair(args: argparse.Namespace, first: str, second: str) -> tuple[Path, str, Path, str]:
    return args.input, first, args.output, second


def _note(text: str) -> None:
    print(f"framemend: {text}", file=sys.stderr)


def _quiet(text: str) -> None:
    pass
