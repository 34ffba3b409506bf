"""Repair a stream of video from stdin to stdout, frame by frame as it comes: YUV4MPEG2, NUT with sound, or raw frames.

    ffmpeg -i in.mp4 -f yuv4mpegpipe -strict -1 - | framemend pipe | ffmpeg -i - out.mkv

Memory is bounded by the window of frames that the repair looks at, whatever the length of the stream.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from framemend_filters.errors import InputError, SettingError

from .options import add_repair_options, fitted, settings_from

if TYPE_CHECKING:
    from framemend_filters.engine import Repairer


EXAMPLE = "ffmpeg -i INPUT -f yuv4mpegpipe -strict -1 - | framemend pipe | ffmpeg -i - OUTPUT"
FORMATS = ("y4m", "nut", "raw")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the stream is, and the options of every repair."""
    group = parser.add_argument_group("stream")
    group.add_argument(
        "-f", "--format", choices=FORMATS, default="y4m", help="what comes in and goes out (default: y4m)"
    )
    group.add_argument("--size", metavar="WxH", help="of raw frames, in samples")
    group.add_argument("--pix-fmt", metavar="NAME", help="pixel format of raw frames, by ffmpeg's name")
    group.add_argument(
        "--rate", metavar="R", help="frames a second of raw video, where a time is asked for (30000/1001)"
    )
    group.add_argument(
        "--color",
        metavar="WORDS",
        help="what the stream does not say, joined by commas: matrix (bt709, bt601, bt2020ncl), range (limited, full), "
        "place of chroma (left, center, topleft)",
    )
    add_repair_options(parser)


def run(args: argparse.Namespace) -> int:
    """Repair stdin to stdout. Returns 0; a reader that goes away early (such as `head`) is no error.

    Raises InputError for a stream that cannot be used (after writing what is whole), SettingError, ModelError,
    OutputError where stdout cannot be written.
    """
    if sys.stdin.isatty() or sys.stdout.isatty():
        end = "stdin" if sys.stdin.isatty() else "stdout"
        raise SettingError(f"{end} is a terminal; put framemend pipe between two commands: {EXAMPLE}")
    if args.format != "raw" and any((args.size, args.pix_fmt, args.rate)):
        raise SettingError(f"--size, --pix-fmt and --rate are for -f raw; {args.format} says these itself")
    from .detection import repairer_for

    settings = settings_from(args)
    repairer = repairer_for(args, settings, None, _say)
    with _data_only() as output:
        try:
            if args.format == "nut":
                from .nut import repair_nut

                repair_nut(args, repairer, output)
            else:
                _repair_plain(args, repairer, output)
        except BrokenPipeError:
            return 0
    return 0


def _repair_plain(args: argparse.Namespace, repairer: Repairer, output: BinaryIO) -> None:
    """y4m and raw frames. A stream cut short ends it: InputError, after the last whole frame."""
    from .colors import with_color
    from .masks import open_masks
    from .planes import to_rgb
    from .progress import Progress
    from .streams import repair_frames

    reader, writer_of = _ends(args)
    header = reader.header
    pixels = with_color(header.format, args.color)
    if args.fields:
        from .fields import check_fields

        check_fields(header.height, pixels.subsampling_h)
        pixels = replace(pixels, scan="interlaced")
    repairer = fitted(repairer, header.width, header.height, _quiet if args.quiet else _say)
    masks = open_masks(args, header.width, header.height, num_frames=header.num_frames, rate=header.frame_rate)
    rate = header.frame_rate
    ended: list[InputError] = []

    def frames() -> Iterator:
        try:
            yield from reader
        except InputError as error:
            ended.append(error)

    def mask_for(index: int, frame):
        if masks is None:
            return None
        picture = to_rgb(frame.planes, pixels) if masks.looks_at_pictures else None
        return masks.mask_for(index, index / rate if rate else None, picture)

    with Progress(header.num_frames, "pipe", args.quiet) as progress:
        writer = writer_of(output)
        repaired = repair_frames(repairer, frames(), lambda f: (f.planes, pixels), mask_for)
        for done, (frame, planes, _) in enumerate(repaired, 1):
            writer.write(frame, planes)
            progress.update(done)
    if ended:
        raise ended[0]


def _ends(args: argparse.Namespace):
    """The reader of stdin, and what makes the writer of a stream."""
    stdin = sys.stdin.buffer
    if args.format == "raw":
        from .rawvideo import RawReader, RawWriter, raw_header

        raw = raw_header(args.size, args.pix_fmt, args.rate)
        return RawReader(stdin, raw), lambda output: RawWriter(output, raw)
    from .y4m import Reader, Writer

    reader = Reader(stdin, fields=args.fields)
    return reader, lambda output: Writer(output, reader.header)


def _say(text: str) -> None:
    print(f"framemend: {text}", file=sys.stderr)


def _quiet(text: str) -> None:
    pass


@contextmanager
def _data_only() -> Iterator[BinaryIO]:
    """The real stdout, raw. Meanwhile what libraries print to stdout goes to stderr: it would spoil the video."""
    sys.stdout.flush()
    number = sys.stdout.fileno()
    real = os.dup(number)
    os.dup2(sys.stderr.fileno(), number)
    try:
        with open(real, "wb", buffering=0, closefd=False) as output:
            yield output
    finally:
        sys.stdout.flush()
        os.dup2(real, number)
        os.close(real)
