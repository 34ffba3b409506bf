"""Prove from a report that an output differs from its input in what the report names, and in nothing else.

Both files are read to the end. The packets of every stream must be those that the report was made of; every frame is
decoded from both, and outside the regions of the record must be the same, sample by sample. Where the encoder was lossy,
the difference there must be exactly the one that the encoder was found to make when the report was written.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framemend_filters.errors import FramemendError

if TYPE_CHECKING:
    from av import VideoFrame

    from .archive.records import FrameRecord
    from .archive.report import Report


class VerificationError(FramemendError):
    """Something differs that the report does not name."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `framemend verify`."""
    parser.add_argument("input", type=Path, help="the file that was repaired")
    parser.add_argument("output", type=Path, help="what became of it")
    parser.add_argument("report", type=Path, help="what --report wrote")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def run(args: argparse.Namespace) -> int:
    """`framemend verify`: 0 when everything is as the report says. Raises VerificationError, InputError."""
    from .archive.report import load_report

    report = load_report(args.report)
    verify(args.input, args.output, report)
    copied = copied_streams(report)
    frames, changed = report.input["frames"], len(report.frames)
    how = (
        "is the same, sample by sample"
        if report.lossless
        else "differs by exactly what the lossy encoder was measured to change"
    )
    print(f"{args.output}: {changed} of {frames} frames were changed; all that the report does not name {how}")
    print(f"streams beside the video that are the same, packet by packet: {copied}")
    return 0


def verify(source: Path, output: Path, report: Report) -> None:
    """Raise VerificationError where input, output and report do not fit together; InputError where one cannot be read."""
    check_streams("input", source, report.input)
    check_streams("output", output, report.output)
    records = {record.frame: record for record in report.frames}
    count = 0
    for count, (before, after) in enumerate(frame_pairs(source, output), 1):
        _check_frame(count - 1, before, after, records.get(count - 1), report)
    if count != report.input["frames"]:
        raise VerificationError(f"there are {count} frames; the report speaks of {report.input['frames']}")


def copied_streams(report: Report) -> str:
    """How many of the input's other streams are in the output as they were: `2 of 3 (missing: subrip)`."""
    made = [(s["type"], s["sha256"]) for s in report.output["streams"]]
    others = [s for s in report.input["streams"] if s["packets"]]
    others.remove(next(s for s in others if s["type"] == "video"))
    lost = [s["codec"] or s["type"] for s in others if (s["type"], s["sha256"]) not in made]
    text = f"{len(others) - len(lost)} of {len(others)}"
    return text + (f" (not so: {', '.join(lost)})" if lost else "")


def frame_pairs(source: Path, output: Path) -> Iterator[tuple[VideoFrame, VideoFrame]]:
    """The frames of both files side by side. Raises VerificationError where one ends earlier."""
    from .sources import VideoSource

    with VideoSource(source, fields=True) as before, VideoSource(output, fields=True) as after:
        start, tick = _start(before), max(before.time_base, after.time_base)
        first = _start(after)
        for index, (old, new) in enumerate(itertools.zip_longest(before.frames(), after.frames())):
            before.passing.clear()
            after.passing.clear()
            if old is None or new is None:
                raise VerificationError(f"{source if old is None else output} ends at frame {index}, the other goes on")
            if old.pts is not None and new.pts is not None:
                shift = (new.pts * after.time_base - first) - (old.pts * before.time_base - start)
                if abs(shift) > tick:
                    raise VerificationError(f"frame {index} is shown {float(shift):+.4f} s from where it was")
            yield old, new


def _start(source: Any) -> Fraction:
    return source.start_pts * source.time_base


def check_streams(name: str, path: Path, said: dict[str, Any]) -> None:
    """Raise VerificationError where a file is not the `name`, input or output, whose packets the report has hashed."""
    from .archive.report import stream_hashes

    found = [asdict(stream) for stream in stream_hashes(path)]
    if len(found) != len(said["streams"]):
        raise VerificationError(f"{path} has {len(found)} streams; the {name} of the report has {len(said['streams'])}")
    for here, there in zip(found, said["streams"], strict=True):
        if here != there:
            kind = f"stream {here['index']} ({here['type']})"
            raise VerificationError(f"{path} is not the {name} of the report: {kind} differs")


def _check_frame(index: int, before: VideoFrame, after: VideoFrame, record: FrameRecord | None, report: Report) -> None:
    from .archive.records import hash_planes
    from .archive.report import EncoderError, encoder_error, margin_for
    from .frames import build_frame, views

    if record is not None and hash_planes(views(before)) != record.given:
        raise VerificationError(f"frame {index} of the input decodes to other samples than the report was made of")
    if record is not None and report.lossless and hash_planes(views(after)) != record.repaired:
        raise VerificationError(f"frame {index} of the output decodes to other samples than the repair gave")
    as_made = build_frame(before, views(before), after.format.name)
    regions = [] if record is None else record.regions
    found = encoder_error(as_made, after, regions, margin_for(before.format.name, after.format.name))
    allowed = EncoderError(0, 0) if report.lossless else report.encoder_errors[index]
    if found != allowed:
        where = "outside the regions of the report" if regions else "which the report does not name"
        raise VerificationError(
            f"frame {index} differs {where}: by up to {found.largest} codes (recorded of the encoder: {allowed.largest})"
        )
