"""Writes the repaired video beside everything else of the input: streams, metadata, chapters and times as they were.

The file is written under a temporary name in the folder of the output and gets its own name only when it is complete
and its frames have been counted.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

from framemend_filters.errors import OutputError, SettingError

from . import matroska
from .audit import Seen, what_is_missing
from .companions import PICTURES, Companions, fresh_tags, tag_options
from .encoders import INTERLACED, Recipe, choose_pix_fmt, choose_recipe
from .frames import LAYOUTS, field_order, matrix_and_range, same_samples
from .hdr import hdr_options, read_static_hdr
from .sources import location, sample_aspect_ratio

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from .encode_options import EncodeSettings
    from .sources import VideoSource

Note = Callable[[str], None]

DISPLAY_MATRIX = "DISPLAYMATRIX"
STALE_PREFIXES = ("BPS", "NUMBER_OF_", "_STATISTICS")
"""mkvmerge's statistics: true for the copied streams, not for a video that was encoded again."""

MATROSKA = frozenset({"matroska", "webm"})
COUNTS_FRAMES = frozenset({"avi"})
"""Containers that number frames and hold no times between."""
CONSTANT_RATE = frozenset({"mxf"})
"""Containers whose pictures have no times at all."""
NO_REORDERING = frozenset({"avi", "flv"})
"""Containers that have one time a frame, or none before zero: frames encoded in another order would move all times."""


@contextlib.contextmanager
def finished_file(path: Path) -> Iterator[Path]:
    """A temporary name in the folder of `path`: renamed to it when the block ends well, deleted otherwise.

    Raises OutputError where the folder cannot be written to.
    """
    folder = path.parent
    if not folder.is_dir():
        raise OutputError(f"no such folder: {folder}; make it first")
    temporary = folder / f".{path.stem[:100]}.{os.getpid()}.part{path.suffix}"
    try:
        temporary.touch()
    except OSError as error:
        raise OutputError(f"cannot write into {folder}: {error.strerror}") from error
    try:
        yield temporary
        try:
            temporary.replace(path)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from error
    except FileNotFoundError as error:
        if temporary.exists():
            raise
        raise OutputError(f"{path} was taken away while it was written; run again") from error
    finally:
        temporary.unlink(missing_ok=True)


class VideoTarget:
    """The output file: takes repaired frames and passing packets in the order they come."""

    def __init__(
        self,
        path: Path | io.RawIOBase,
        source: VideoSource,
        *,
        settings: EncodeSettings,
        shown_as: Path | str,
        note: Note,
        kind: str | None = None,
        options: dict[str, str] | None = None,
    ) -> None:
        """path: the temporary file, or a stream to write to; shown_as: the name in messages; note: called with a line the
        person should read; kind: ffmpeg's name of the container, None: by the name; options: of its muxer.

        Raises SettingError where the container cannot hold what is asked, OutputError where it cannot be written.
        """
        import av
        from av.error import FFmpegError

        self._path, self._shown_as, self._source, self._note = path, shown_as, source, note
        self._pts: list[int] = []
        self._durations: list[int] = []
        self._sent = 0
        self.seen = Seen()
        self._noted_duplicate = self._noted_rounding = self._noted_rate = False
        try:
            where = location(path) if isinstance(path, Path) else path
            self._output: OutputContainer = av.open(where, "w", format=kind, container_options=options or {})
        except (ValueError, FFmpegError) as error:
            raise SettingError(
                f"cannot tell the kind of file from the name {shown_as}; use .mp4, .mov, .mkv or .webm"
            ) from error
        try:
            self._set_up(settings)
        except BaseException:
            self.abandon()
            raise

    def _set_up(self, settings: EncodeSettings) -> None:
        import av
        from av.error import FFmpegError

        source, output = self._source, self._output
        tags = fresh_tags(source.container.metadata)
        self._hdr = read_static_hdr(source.first)
        self._needs_head = output.format.name in MATROSKA and bool(self._hdr or source.sample_aspect_ratio)
        output.container_options.update(_container_options(output.format.name, tags))
        decoder = source.video.codec_context.codec
        layout = LAYOUTS[source.first.format.name]
        recipe = choose_recipe(
            output,
            decoder.canonical_name,
            lossless=decoder.lossless and not decoder.lossy,
            rgb=layout.family == "rgb",
            bits=layout.bits,
            interlaced=source.first.interlaced_frame,
            settings=settings,
        )
        chosen = settings.codec or settings.profile
        if decoder.lossless and not decoder.lossy and av.Codec(recipe.encoder, "w").lossy and not chosen:
            self._note(
                f"the input is lossless; {recipe.encoder} in {output.format.name} is not (.mkv with FFV1 would be)"
            )
        self.pix_fmt = choose_pix_fmt(recipe, source.first, settings.pix_fmt)
        if settings.pix_fmt is None and not same_samples(source.first.format.name, self.pix_fmt):
            self._note(f"{recipe.encoder} takes no {source.first.format.name}; the video becomes {self.pix_fmt}")
        self._companions = Companions(output, self._note)
        for stream in source.container.streams:
            if stream.index == source.video.index:
                self._video = self._add_video(recipe)
            else:
                self._companions.add(stream)
        self._output_kind = output.format.name
        self._places = self._companions.places | {source.video.index: self._video.index}
        output.metadata.update(tags | (matroska.ROOM if self._needs_head else {}))
        chapters = source.container.chapters()
        if chapters:
            output.set_chapters(chapters)
        try:
            output.start_encoding()
            unknown = sorted(settings.options.keys() & self._video.codec_context.options.keys())
            if unknown:
                raise SettingError(
                    f"{recipe.encoder} has no option {', '.join(unknown)}; see ffmpeg -h encoder={recipe.encoder}"
                )
        except SettingError:
            raise
        except (FFmpegError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            kinds = [f"{recipe.encoder} {source.first.width}x{source.first.height} {self.pix_fmt}"]
            kinds += self._companions.codecs
            raise OutputError(
                f"{output.format.name} or its encoders do not take {', '.join(kinds)} ({why}); try .mkv or another --codec"
            ) from error

    def _add_video(self, recipe: Recipe) -> VideoStream:
        source, first = self._source, self._source.first
        rate = source.rate or Fraction(25)
        hdr = hdr_options(self._hdr, recipe.encoder)
        options = recipe.options_for(self.pix_fmt, hdr, _field_options(first, recipe.encoder))
        video = cast("VideoStream", self._output.add_stream(recipe.encoder, rate=rate, options=options))
        context = video.codec_context
        context.width, context.height, context.pix_fmt = first.width, first.height, self.pix_fmt
        context.time_base = 1 / rate  # frames are numbered for the encoder; their own times are put on its packets
        video.time_base = 1 / rate if self._output.format.name in COUNTS_FRAMES else source.time_base
        if self._output.format.name in NO_REORDERING:
            context.max_b_frames = 0
        if source.sample_aspect_ratio:
            context.sample_aspect_ratio = source.sample_aspect_ratio
        context.colorspace, context.color_range = matrix_and_range(first, self.pix_fmt)
        context.color_primaries = first.color_primaries
        context.color_trc = first.color_trc
        context.chroma_sample_location = first.chroma_location
        context.thread_type = "AUTO"
        matrix = _display_matrix(first)
        if matrix is not None:
            video.set_display_matrix(matrix)
        video.disposition = source.video.disposition
        tags = fresh_tags(source.video.metadata)
        video.metadata.update({key: value for key, value in tags.items() if not key.startswith(STALE_PREFIXES)})
        return video

    def copy(self, packet: Packet) -> None:
        """Pass a packet of another stream on, byte by byte."""
        for passed in self._companions.pass_on(packet):
            self._mux(passed)

    def write(self, frame: VideoFrame, pts: int | None, duration: int) -> None:
        """Encode a frame in `pix_fmt`, shown at `pts` for `duration`, both in ticks of the source; pts None: right after
        the frame before."""
        if self._pts and (pts is None or pts <= self._pts[-1]):
            if pts is not None and not self._noted_duplicate:
                self._note(f"frame {self._sent} has a time at or before that of the frame before; moved behind it")
                self._noted_duplicate = True
            pts = self._pts[-1] + (1 if pts is not None else max(1, self._durations[-1]))
        pts = pts or 0
        self._note_rounding(pts)
        self._note_rate(pts)
        self._pts.append(pts)
        self._durations.append(duration)
        self.seen.look(frame)
        frame.pts, frame.time_base = self._sent, self._video.codec_context.time_base
        self._sent += 1
        self._encode(frame)

    def finish(self) -> None:
        """Flush the encoder, close the file and count its frames. Raises OutputError where some are missing."""
        from av.error import FFmpegError

        self._encode(None)
        for packet in self._companions.rest():
            self._mux(packet)
        try:
            self._output.close()
        except FFmpegError as error:
            raise self._failure(error) from error
        if isinstance(self._path, Path) and self._output_kind != PICTURES:
            if self._needs_head:
                self._complete_head(self._path)
            self._check(self._path)

    def _complete_head(self, path: Path) -> None:
        """What the muxer does not write of the shape of samples and of HDR10."""
        ratio, first = self._source.sample_aspect_ratio, self._source.first
        before = [s for s in self._source.container.streams if s.index < self._source.video.index]
        track = sum(s.index in self._places and s.type != "attachment" for s in before)
        shape = ratio * first.width / first.height if ratio else None
        matroska.complete_head(path, track, ratio=shape, hdr=self._hdr)

    def _check(self, path: Path) -> None:
        """Count the frames that were written, and look for what is not where players ask for it."""
        import av

        with av.open(location(path)) as written:
            video = next(s for s in written.streams.video if s.codec_context is not None)
            found = sum(packet.size > 0 for packet in written.demux(video))
        if found != self._sent:
            raise OutputError(f"{self._shown_as} holds {found} frames after writing {self._sent}; it is not kept")
        with av.open(location(path)) as written:
            source = self._source
            missing = list(what_is_missing(source.container, source.first, self.seen, written, self._places))
            video = next(s for s in written.streams.video if s.codec_context is not None)
            ratio = sample_aspect_ratio(video)  # after a frame was decoded: it may know what the container does not
        if source.sample_aspect_ratio and source.sample_aspect_ratio != (ratio or 1):
            missing.append(f"shape of samples ({source.sample_aspect_ratio} as wide as high)")
        if missing:
            self._note(
                f"not in {self._shown_as}, since {self._output_kind} or its encoder lacks a place: {', '.join(missing)}"
            )

    def abandon(self) -> None:
        """Close the file, whatever state it is in."""
        with contextlib.suppress(Exception):
            self._output.close()

    def _encode(self, frame: VideoFrame | None) -> None:
        from av.error import FFmpegError

        try:
            packets = self._video.encode(frame)
        except FFmpegError as error:
            raise self._failure(error) from error
        for packet in packets:
            self._stamp(packet)
            self._mux(packet)

    def _stamp(self, packet: Packet) -> None:
        """Give a packet the time of its frame: the encoder counted frames.

        Decoding times are the presentation times in rising order, as many frames earlier as the encoder reorders.
        """
        assert packet.pts is not None
        number = packet.pts
        order = packet.dts if packet.dts is not None else number
        if order >= 0:
            dts = self._pts[order]
        else:
            dts = self._pts[0] + order * max(1, self._typical_duration())
        packet.pts, packet.dts = self._pts[number], dts
        packet.duration = self._durations[number]
        packet.time_base = self._source.time_base

    def _typical_duration(self) -> int:
        if self._durations[0]:
            return self._durations[0]
        rate = self._source.rate
        return round(1 / rate / self._source.time_base) if rate else 1

    def _mux(self, packet: Packet) -> None:
        from av.error import FFmpegError

        try:
            self._output.mux_one(packet)
        except FFmpegError as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> OutputError:
        why = getattr(error, "strerror", None) or str(error)
        return OutputError(f"cannot write {self._shown_as}: {why}")

    def _note_rate(self, pts: int) -> None:
        rate = self._source.rate
        if self._output_kind not in CONSTANT_RATE or self._noted_rate or not self._pts or not rate:
            return
        frames = (pts - self._pts[0]) * self._source.time_base * rate
        if abs(frames - self._sent) >= 1:
            self._note(
                f"{self._output_kind} shows pictures at a constant rate; from frame {self._sent} on the input does not"
            )
            self._noted_rate = True

    def _note_rounding(self, pts: int) -> None:
        """Matroska counts milliseconds and avi frames: where a time falls between, that is said once."""
        tick = Fraction(self._video.time_base.numerator, self._video.time_base.denominator)
        if not self._noted_rounding and (pts * self._source.time_base / tick).denominator != 1:
            self._note(f"{self._output_kind} keeps times to {tick} s; they are rounded to that")
            self._noted_rounding = True


def _field_options(first: VideoFrame, encoder: str) -> dict[str, str]:
    """Field order for the container, as ffmpeg sets it, and the flags that make the encoder code fields."""
    order = field_order(first)
    if order is None:
        return {"field_order": "progressive"}
    return {"field_order": "tb" if order == "top" else "bt", **INTERLACED.get(encoder, {})}


def _container_options(kind: str, tags: dict[str, str]) -> dict[str, str]:
    if kind == "mpegts":
        return {"mpegts_copyts": "1"}  # else all times are moved by 1.4 s
    return tag_options(kind, tags)


def _display_matrix(frame: VideoFrame) -> list[int] | None:
    """The nine numbers that turn or mirror the picture on display, None where there are none."""
    import numpy as np

    for side in frame.side_data.values():
        if side.type.name == DISPLAY_MATRIX:
            return np.frombuffer(bytes(side), "<i4")[:9].tolist()
    return None
