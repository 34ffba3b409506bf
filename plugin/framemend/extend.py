"""Add frames to the end of a video: what may come next, generated from what is there.

The frames of the input are encoded again as they are; sound and subtitles are copied.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from framemend_filters.errors import SettingError

from .encode_options import EncodeSettings
from .files import check_paths
from .progress import Progress

if TYPE_CHECKING:
    from av import VideoFrame
    from numpy.typing import NDArray


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `framemend extend`."""
    parser.add_argument("input", type=Path, help="a video file")
    parser.add_argument("output", type=Path, help="where the longer one goes")
    parser.add_argument("--frames", type=int, default=8, metavar="N", help="frames to add (default: 8)")
    parser.add_argument("-y", "--overwrite", action="store_true", help="replace the output if there is one")
    parser.add_argument("--model", default="fast", metavar="NAME", help="shipped weights, or a folder (default: fast)")
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    parser.add_argument("--precision", default="auto", metavar="P", help="auto, fp32, bf16 or fp16 (default: auto)")
    parser.add_argument("--codec", metavar="NAME", help="encoder (default: like the input, visually lossless)")
    parser.add_argument("--quiet", action="store_true", help="no progress and no notes")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def run(args: argparse.Namespace) -> int:
    """`framemend extend`: 0 when the output is there. Raises FramemendError otherwise."""
    from framemend_filters.engine import Repairer, RepairSettings
    from framemend_filters.engine.extend import extend, history

    from .finished import finished_file
    from .frames import plane_format, views
    from .planes import to_rgb
    from .remux import VideoTarget
    from .sources import VideoSource

    if args.frames < 1:
        raise SettingError(f"--frames is {args.frames}; it is the number of frames to add, from 1 on")
    check_paths(args.input, args.output, overwrite=args.overwrite)
    settings = RepairSettings(model=args.model, device=args.device, precision=args.precision)
    repairer = Repairer(settings, masked=True)
    recent: deque[VideoFrame] = deque(maxlen=history(repairer))
    with VideoSource(args.input) as source, finished_file(args.output) as temporary:
        total = source.num_frames and source.num_frames + args.frames
        target = VideoTarget(
            temporary,
            source,
            settings=EncodeSettings(codec=args.codec),
            shown_as=args.output,
            note=_quiet if args.quiet else _note,
        )
        try:
            with Progress(total, args.input.name, args.quiet) as progress:
                done = 0
                for done, frame in enumerate(source.frames(), 1):
                    while source.passing:
                        target.copy(source.passing.popleft())
                    recent.append(frame)
                    target.write(_copied(frame, target.pix_fmt), frame.pts, frame.duration or 0)
                    progress.update(done)
                step = _step(recent)
                given = [to_rgb(views(frame), plane_format(frame)) for frame in recent]
                last = recent[-1]
                for number, picture in enumerate(extend(repairer, given, args.frames), 1):
                    pts = None if last.pts is None else last.pts + number * step
                    target.write(_changed(last, picture - given[-1], target.pix_fmt), pts, step)
                    progress.update(done + number)
            while source.passing:
                target.copy(source.passing.popleft())
            target.finish()
        finally:
            target.abandon()
    return 0


def _step(frames: deque[VideoFrame]) -> int:
    """Ticks from one frame to the next at the end of the clip."""
    times = [frame.pts for frame in frames if frame.pts is not None]
    between = sorted(b - a for a, b in itertools.pairwise(times) if b > a)
    return between[len(between) // 2] if between else int(frames[-1].duration or 1)


def _copied(frame: VideoFrame, pix_fmt: str) -> VideoFrame:
    from .frames import build_frame, views

    return build_frame(frame, views(frame), pix_fmt)


def _changed(frame: VideoFrame, residual: NDArray, pix_fmt: str) -> VideoFrame:
    """`frame` with a residual, H W 3 float32 RGB, laid on it."""
    from framemend_filters.engine import FrameRepair

    from .frames import build_frame, plane_format, views
    from .planes import add_residual

    repair = FrameRepair(residual, None, None, 1.0)
    return build_frame(frame, add_residual(views(frame), plane_format(frame), repair), pix_fmt)


def _note(text: str) -> None:
    print(f"framemend: {text}", file=sys.stderr)


def _quiet(text: str) -> None:
    pass
