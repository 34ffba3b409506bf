"""Repair a YUV4MPEG2 stream from stdin to stdout, frame by frame as it comes.

    ffmpeg -i in.mp4 -f yuv4mpegpipe -strict -1 - | framemend pipe | ffmpeg -i - out.mkv

Memory is bounded by the window of frames that the repair looks at, whatever the length of the stream.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from framemend_filters.errors import InputError, SettingError

from .options import add_repair_options, has_masks, settings_from

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from framemend_filters.engine import Repairer

    from .masks import MaskSource
    from .y4m import Frame, Reader

EXAMPLE = "ffmpeg -i INPUT -f yuv4mpegpipe -strict -1 - | framemend pipe | ffmpeg -i - OUTPUT"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `framemend pipe`: those of every repair."""
    add_repair_options(parser)


def run(args: argparse.Namespace) -> int:
    """Repair stdin to stdout. Returns 0; a reader that goes away early (such as `head`) is no error.

    Raises InputError for a stream that cannot be used (after writing what is whole), SettingError, ModelError,
    OutputError where stdout cannot be written.
    """
    if sys.stdin.isatty() or sys.stdout.isatty():
        end = "stdin" if sys.stdin.isatty() else "stdout"
        raise SettingError(f"{end} is a terminal; put framemend pipe between two commands: {EXAMPLE}")
    settings = settings_from(args)
    from framemend_filters.engine import Repairer

    from .masks import open_masks
    from .progress import Progress
    from .y4m import Reader, Writer

    reader = Reader(sys.stdin.buffer)
    header = reader.header
    masks = open_masks(args, header.width, header.height, num_frames=header.num_frames)
    repairer = Repairer(settings, masked=has_masks(args))
    with _data_only() as output, Progress(header.num_frames, "pipe", args.quiet) as progress:
        try:
            writer = Writer(output, header)
            for done, frame in enumerate(_repaired(reader, masks, repairer), 1):
                writer.write(frame)
                progress.update(done)
        except BrokenPipeError:
            return 0
    return 0


def _repaired(reader: Reader, masks: MaskSource | None, repairer: Repairer) -> Iterator[Frame]:
    """The repaired frames of a stream. One cut short ends it: InputError, after the last whole frame."""
    from .planes import add_residual, to_rgb
    from .y4m import Frame

    pixels, rate = reader.header.format, reader.header.frame_rate
    waiting: deque[Frame] = deque()
    ended: list[InputError] = []

    def given() -> Iterator[tuple[NDArray[np.float32], NDArray[np.uint8] | None]]:
        try:
            for index, frame in enumerate(reader):
                waiting.append(frame)
                mask = masks.mask_for(index, index / rate if rate else None) if masks else None
                yield to_rgb(frame.planes, pixels), mask
        except InputError as error:
            ended.append(error)

    for repair in repairer.repair_stream(given()):
        frame = waiting.popleft()
        yield Frame(add_residual(frame.planes, pixels, repair), frame.line)
    if ended:
        raise ended[0]


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
