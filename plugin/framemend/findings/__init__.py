"""Look for damage in a video: what, where and how much of it, as JSON and as a page to look at, and as a mask video.

The mask video can be corrected in any editor and given back: `framemend repair IN OUT --mask MASKS`.
"""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from framemend_filters.errors import InputNotFound, OutputError, SettingError

if TYPE_CHECKING:
    from av import VideoFrame
    from numpy.typing import NDArray

    from framemend.sources import VideoSource

LOSSLESS = frozenset({".mkv", ".avi", ".mov", ".nut"})
"""Files that can hold FFV1, which masks are written in."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `framemend detect`."""
    parser.add_argument("input", type=Path, help="a video file")
    parser.add_argument(
        "--detect",
        default="auto",
        metavar="KIND,...",
        help="what to look for: dust, scratches, dropouts, blocks, frames, logo, flicker, or auto: what the clip shows "
        "(default: auto)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON (default: to stdout)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page with pictures")
    parser.add_argument("--mask-out", type=Path, metavar="FILE", help="write the masks as a lossless video (.mkv)")
    parser.add_argument("-y", "--overwrite", action="store_true", help="replace outputs that are there")
    parser.add_argument("--quiet", action="store_true", help="no progress and no notes")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def run(args: argparse.Namespace) -> int:
    """`framemend detect`: 0 when the report is written, whatever was found. Raises FramemendError otherwise."""
    from framemend_filters.damage.detection import Finder, find_stream

    from ..detection import pictures_of, plan_for
    from ..progress import Progress
    from ..sources import VideoSource
    from .page import html
    from .report import Collector, Report

    _check(args)
    plan = plan_for(args.detect, lambda: pictures_of(partial(VideoSource, args.input)))
    with ExitStack() as stack:
        source = stack.enter_context(VideoSource(args.input))
        writer = stack.enter_context(_MaskVideo(args.mask_out, source)) if args.mask_out else None
        waiting: deque[VideoFrame] = deque()
        collector = Collector(plan)
        with Progress(source.num_frames, args.input.name, args.quiet) as progress:
            for number, (picture, found) in enumerate(find_stream(Finder(plan), _pictures(source, waiting))):
                frame = waiting.popleft()
                collector.add(number, _seconds(frame, source), picture, found)
                if writer is not None:
                    writer.write(frame, found.mask())
                progress.update(number + 1)
        report: Report = collector.report(args.input.name, source.first.width, source.first.height)
    if args.html is not None:
        _write(args.html, html(report))
    if args.json is not None:
        _write(args.json, report.json())
    elif args.html is None and args.mask_out is None:
        sys.stdout.write(report.json())
    if not args.quiet:
        print(f"framemend: {report.summary()}", file=sys.stderr)
    return 0


def _check(args: argparse.Namespace) -> None:
    """Raise what is wrong with the names given, before any work is done."""
    if not args.input.exists():
        raise InputNotFound(f"no such file: {args.input}")
    for path in (args.json, args.html, args.mask_out):
        if path is None:
            continue
        if path.resolve() == args.input.resolve():
            raise SettingError(f"output {path} is the input itself; give another name")
        if path.exists() and not args.overwrite:
            raise SettingError(f"{path} is there already; --overwrite replaces it")
    if args.mask_out is not None and args.mask_out.suffix.lower() not in LOSSLESS:
        raise SettingError(
            f"--mask-out {args.mask_out} cannot hold lossless video; give it one of {', '.join(sorted(LOSSLESS))}"
        )


def _pictures(source: VideoSource, waiting: deque[VideoFrame]) -> Iterator[NDArray[np.floating]]:
    from framemend_filters.engine.repairer import hold

    from ..frames import views
    from ..planes import to_rgb

    for frame in source.frames():
        source.passing.clear()
        waiting.append(frame)
        yield hold(to_rgb(views(frame), source.plane_format(frame)))


def _seconds(frame: VideoFrame, source: VideoSource) -> float | None:
    return None if frame.pts is None else float((frame.pts - source.start_pts) * source.time_base)


class _MaskVideo:
    """Writes masks, each with the time of its frame, as grey FFV1; a context manager, the file appears when whole."""

    def __init__(self, path: Path, source: VideoSource) -> None:
        self._path, self._source = path, source
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        import av

        from ..finished import finished_file

        temporary = self._stack.enter_context(finished_file(self._path))
        self._output: Any = self._stack.enter_context(av.open(str(temporary), "w"))
        self._stream: Any = self._output.add_stream("ffv1", rate=self._source.rate or 25)
        self._stream.pix_fmt = "gray"
        self._stream.width, self._stream.height = self._source.first.width, self._source.first.height
        self._stream.time_base = self._stream.codec_context.time_base = self._source.time_base
        return self

    def write(self, like: VideoFrame, mask: NDArray[np.uint8] | None) -> None:
        """The mask of the frame `like`; None: nothing in it."""
        from av import VideoFrame

        black = np.zeros((like.height, like.width), np.uint8)
        frame = VideoFrame.from_ndarray(black if mask is None else np.ascontiguousarray(mask), format="gray")
        frame.pts, frame.time_base = like.pts, self._source.time_base
        self._output.mux(self._stream.encode(frame))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if error is None:
            self._output.mux(self._stream.encode(None))
        return self._stack.__exit__(kind, error, trace)


def _write(path: Path, text: str) -> None:
    from ..finished import finished_file

    try:
        with finished_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
