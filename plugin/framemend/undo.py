"""Bring the original samples back where a repair changed them: everywhere, or in regions and frames of your choice.

The new file is the output with those samples taken from the input, encoded once more. With a lossless encoder it is
bit-exact: original where it was asked for, as repaired elsewhere.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from framemend_filters.errors import InputError, SettingError

from .archive.ranges import add_range_options, ranges_from
from .encode_options import EncodeSettings
from .files import check_paths
from .masks import Rect, parse_rect

if TYPE_CHECKING:
    from fractions import Fraction

    from av import VideoFrame
    from numpy.typing import NDArray

    from .archive.report import Report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `framemend undo`."""
    parser.add_argument("input", type=Path, help="the file that was repaired")
    parser.add_argument("repaired", type=Path, metavar="output", help="what became of it")
    parser.add_argument("report", type=Path, help="what --report wrote")
    parser.add_argument(
        "--region",
        action="append",
        default=[],
        metavar="X,Y,W,H[@START-END]",
        help="bring this rectangle back, written like --rect; may be repeated (default: all that was changed)",
    )
    parser.add_argument("-o", dest="output", type=Path, required=True, metavar="NEW", help="where the result goes")
    parser.add_argument("-y", "--overwrite", action="store_true", help="replace the result if there is one")
    add_range_options(parser)
    group = parser.add_argument_group("encoding")
    group.add_argument("--codec", metavar="NAME", help="encoder of the video (default: like the output)")
    group.add_argument("--crf", type=float, metavar="N", help="quality of the encoder, less is better")
    group.add_argument("--preset", metavar="NAME", help="speed of the encoder")
    parser.add_argument("--quiet", action="store_true", help="no progress and no notes")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def run(args: argparse.Namespace) -> int:
    """`framemend undo`: 0 when the new file is there. Raises FramemendError otherwise."""
    from .archive.report import load_report
    from .finished import finished_file
    from .frames import build_frame
    from .progress import Progress
    from .remux import VideoTarget
    from .sources import VideoSource
    from .verify import VerificationError, check_streams

    report = load_report(args.report)
    wanted = _Wanted(args, report)
    for given in (args.input, args.repaired):
        check_paths(given, args.output, overwrite=args.overwrite)
    check_streams("input", args.input, report.input)
    try:
        check_streams("output", args.repaired, report.output)
    except VerificationError as error:  # what was encoded again since then, or undone in part, may be meant
        _note(f"warning: {error}; it is taken as it is")
    with (
        VideoSource(args.input, fields=True) as before,
        VideoSource(args.repaired, fields=True) as after,
        finished_file(args.output) as temporary,
    ):
        target = VideoTarget(
            temporary,
            after,
            settings=EncodeSettings(codec=args.codec, crf=args.crf, preset=args.preset),
            shown_as=args.output,
            note=_quiet if args.quiet else _note,
        )
        try:
            with Progress(after.num_frames, args.repaired.name, args.quiet) as progress:
                start = before.start_pts
                for index, (old, new) in enumerate(itertools.zip_longest(before.frames(), after.frames())):
                    if old is None or new is None:
                        short = args.input if old is None else args.repaired
                        raise InputError(
                            f"{short} ends at frame {index}, the other goes on; they do not belong together"
                        )
                    before.passing.clear()
                    while after.passing:
                        target.copy(after.passing.popleft())
                    seconds = None if old.pts is None else (old.pts - start) * before.time_base
                    planes = wanted.restored(index, seconds, old, new)
                    target.write(build_frame(new, planes, target.pix_fmt), new.pts, new.duration or 0)
                    progress.update(index + 1)
            while after.passing:
                target.copy(after.passing.popleft())
            target.finish()
        finally:
            target.abandon()
        if not wanted.found:
            raise SettingError("nothing was changed in what is to be undone; the report names the regions")
    return 0


class _Wanted:
    """What is to be brought back."""

    def __init__(self, args: argparse.Namespace, report: Report) -> None:
        self.found = False
        """Whether anything that was changed lies in it."""
        self._records = {record.frame: record for record in report.frames}
        self._ranges = ranges_from(args)
        self._rects: list[Rect] = [parse_rect(text) for text in args.region]

    def restored(self, index: int, seconds: Fraction | None, old: VideoFrame, new: VideoFrame) -> list[NDArray]:
        """The planes of `new` with those samples of `old` that are to come back."""
        from .archive.records import at_size, inside
        from .frames import build_frame, views

        planes = [view.copy() for view in views(new)]
        record = self._records.get(index)
        if record is None or not self._ranges.covers(index, seconds):
            return planes
        covered = inside(record.regions, new.height, new.width)
        if self._rects:
            chosen = [(r.x, r.y, r.width, r.height) for r in self._rects if r.covers(index, seconds)]
            covered &= inside(chosen, new.height, new.width)
        if not covered.any():
            return planes
        self.found = True
        original = build_frame(old, views(old), new.format.name)
        for plane, samples in zip(planes, views(original), strict=True):
            np.copyto(plane, samples, where=at_size(covered, plane))
        return planes


def _note(text: str) -> None:
    print(f"framemend: {text}", file=sys.stderr)


def _quiet(text: str) -> None:
    pass
