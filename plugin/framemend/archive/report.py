"""The change record of one run, as JSON: what was altered in which frame, by what, and hashes of both sides.

`framemend verify` proves from it that nothing else changed, `framemend undo` takes parts of it back. See
examples/archive.md for the fields, and for what is proven of an output whose encoder is lossy.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from framemend_filters.errors import InputError, InputNotFound, OutputError

from .records import FrameRecord, at_size, inside

if TYPE_CHECKING:
    from av import VideoFrame
    from numpy.typing import NDArray

    from framemend_filters.engine import Repairer

    from .store import SegmentStore

FORMAT = "framemend report 1"
CONVERSION_MARGIN = 8
"""Samples around a region that may differ too where the encoder takes other samples than the input has: converting
colours, chroma filters look that far."""


@dataclass(frozen=True)
class StreamHash:
    """One stream of a file: SHA-256 over the bytes of its packets, in order."""

    index: int
    type: str
    codec: str
    packets: int
    sha256: str


@dataclass(frozen=True)
class EncoderError:
    """How far one decoded frame of the output is from what was handed to the encoder, outside the regions, in codes."""

    largest: int
    squares: int
    """Sum of the squared differences over all samples."""


@dataclass(frozen=True)
class Report:
    """What a report file holds."""

    framemend: str
    input: dict[str, Any]
    """name, frames, pix_fmt, streams."""
    output: dict[str, Any]
    model: dict[str, str]
    """name, sha256 of configuration and weights."""
    settings: dict[str, Any]
    detector: str | None
    """What found the damage; None: the person named it, or the whole picture was repaired."""
    lossless: bool
    """Whether the decoded output is what was handed to the encoder, sample by sample."""
    encoder_errors: list[EncoderError]
    """One a frame; empty where the output is lossless."""
    frames: list[FrameRecord]
    """The frames that were changed; all others left as they came."""

    def save(self, path: Path) -> None:
        """Write the file. Raises OutputError."""
        content = {"format": FORMAT, **asdict(self)}
        content["encoder_errors"] = [[e.largest, e.squares] for e in self.encoder_errors]
        frames = ",\n  ".join(json.dumps(frame) for frame in content.pop("frames"))
        text = json.dumps(content, indent=1, ensure_ascii=False)
        text = text.removesuffix("\n}") + f',\n "frames": [\n  {frames}\n ]\n}}\n'
        try:
            path.write_text(text)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from error


def load_report(path: Path) -> Report:
    """Read a report. Raises InputNotFound and InputError."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise InputNotFound(f"no such file: {path}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no report: {error}") from error
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise InputError(f"{path} is no report of framemend (its format is not {FORMAT!r})")
    try:
        content["encoder_errors"] = [EncoderError(*pair) for pair in content["encoder_errors"]]
        content["frames"] = [FrameRecord(**frame) for frame in content["frames"]]
        return Report(**content)
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is not whole: {error}") from error


def make_report(
    args: argparse.Namespace,
    repairer: Repairer,
    store: SegmentStore,
    output: Path,
    shown_as: Path,
    is_copied: Callable[[int], bool],
) -> Report:
    """The report of a run that wrote `output` from `args.input`; reads both once more and compares them frame by frame
    with what was handed to the encoder.

    store: the segments of the run; shown_as: the output's name; is_copied: whether there need be none for a frame, by
    number. Raises OutputError where the output does not
    hold what was written.
    """
    from .. import __version__
    from ..frames import same_samples
    from .job import hash_model

    records: list[FrameRecord] = []
    errors: list[EncoderError] = []
    formats, exact = ("", ""), True
    for given, handed, made, record in _compared(args.input, store, output, is_copied):
        formats = given.format.name, made.format.name
        whole = encoder_error(handed, made, [], 0)
        exact = exact and not whole.largest and same_samples(*formats)
        regions = [] if record is None else record.regions
        errors.append(encoder_error(handed, made, regions, margin_for(*formats)) if whole.largest else whole)
        if record is not None:
            records.append(record)
    return Report(
        framemend=__version__,
        input={
            "name": args.input.name,
            "frames": len(errors),
            "pix_fmt": formats[0],
            "streams": [asdict(s) for s in stream_hashes(args.input)],
        },
        output={
            "name": shown_as.name,
            "frames": len(errors),
            "pix_fmt": formats[1],
            "streams": [asdict(s) for s in stream_hashes(output)],
        },
        model={"name": str(args.model), "sha256": hash_model(args.model)},
        settings=asdict(repairer.settings) | {"strength": repairer.strength} | asked_for(args),
        detector=getattr(args, "detect", None),
        lossless=exact,
        encoder_errors=[] if exact else errors,
        frames=records,
    )


def asked_for(args: argparse.Namespace) -> dict[str, Any]:
    """What the command line said to repair."""
    return {key: getattr(args, key) for key in ("mask", "rect", "frames", "time")}


def stream_hashes(path: Path) -> list[StreamHash]:
    """Every stream of a file, by the bytes of its packets. Raises InputError."""
    import av
    from av.error import FFmpegError

    from ..sources import location

    try:
        with av.open(location(path)) as container:
            digests = {s.index: hashlib.sha256() for s in container.streams}
            counts = dict.fromkeys(digests, 0)
            try:
                for packet in container.demux():
                    if packet.size:
                        digests[packet.stream_index].update(packet)
                        counts[packet.stream_index] += 1
            except FFmpegError:
                pass  # a damaged end: what can be read is what was repaired
            return [
                StreamHash(
                    s.index,
                    s.type,
                    s.codec_context.codec.canonical_name if s.codec_context is not None else "",
                    counts[s.index],
                    digests[s.index].hexdigest(),
                )
                for s in container.streams
            ]
    except FFmpegError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def encoder_error(handed: VideoFrame, made: VideoFrame, regions: list, margin: int) -> EncoderError:
    """The difference of two frames of the same layout outside `regions`, which are widened by `margin` samples."""
    from ..frames import alpha_view, views

    widened = [(max(0, x - margin), max(0, y - margin), w + 2 * margin, h + 2 * margin) for x, y, w, h in regions]
    covered = inside(widened, handed.height, handed.width)
    largest = squares = 0
    pairs = list(zip(views(handed), views(made), strict=True))
    transparency = alpha_view(handed), alpha_view(made)
    if transparency[0] is not None and transparency[1] is not None:
        pairs.append((transparency[0], transparency[1]))
    for one, other in pairs:
        difference = np.abs(one.astype(np.int64) - other)
        difference[at_size(covered, one)] = 0
        largest = max(largest, int(difference.max(initial=0)))
        squares += int((difference * difference).sum())
    return EncoderError(largest, squares)


def margin_for(given: str, made: str) -> int:
    """Samples around a region that may differ too, from the pixel formats of input and output."""
    from ..frames import same_samples

    return 0 if same_samples(given, made) else CONVERSION_MARGIN


def _compared(
    source: Path, store: SegmentStore, output: Path, is_copied: Callable[[int], bool]
) -> Iterator[tuple[VideoFrame, VideoFrame, VideoFrame, FrameRecord | None]]:
    """Frame by frame: as given, as handed to the encoder, as the output decodes; and the record."""
    from ..frames import build_frame, views
    from ..sources import VideoSource

    with VideoSource(source, fields=True) as before, VideoSource(output, fields=True) as after:
        made = after.frames()
        for given, planes, record in _repaired(before, store, is_copied):
            decoded = next(made, None)
            before.passing.clear()
            after.passing.clear()
            if decoded is None:
                raise OutputError(f"{output.name} decodes to fewer frames than were written; it is not kept")
            handed = build_frame(given, views(given) if planes is None else planes, decoded.format.name)
            yield given, handed, decoded, record
        if next(made, None) is not None:
            raise OutputError(f"{output.name} decodes to more frames than were written; it is not kept")


def _repaired(
    source: Any, store: SegmentStore, is_copied: Callable[[int], bool]
) -> Iterator[tuple[VideoFrame, list[NDArray] | None, FrameRecord | None]]:
    """The frames of a source with their repaired samples out of the segments."""
    from ..frames import views

    numbers = iter(store.numbers())
    segment, place = None, 0
    try:
        for index, frame in enumerate(source.frames()):
            if is_copied(index):
                yield frame, None, None
                continue
            while segment is None or place >= segment.count:
                if segment is not None:
                    segment.close()
                number = next(numbers, None)
                if number is None:
                    raise OutputError(f"there is no segment for frame {index}; the report cannot be made")
                segment, place = store.read(number), 0
            yield frame, segment.planes(index, views(frame)), segment.records[place]
            place += 1
    finally:
        if segment is not None:
            segment.close()
