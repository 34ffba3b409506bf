"""Writes the repaired video beside everything else of the input: streams, metadata, chapters and times as they were.

The file is written under a temporary name in the folder of the output and gets its own name only when it is complete
and its frames have been counted.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

from framemend_filters.errors import OutputError, SettingError

from .encoders import Recipe, choose_pix_fmt, choose_recipe
from .frames import matrix_and_range, same_samples
from .sources import sample_aspect_ratio

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import OutputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

    from .sources import VideoSource

Note = Callable[[str], None]

DISPLAY_MATRIX = "DISPLAYMATRIX"
STALE_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder", "DURATION", "duration"})
"""Tags that tell of the input file and not of what is in it; the muxer writes its own."""
STALE_PREFIXES = ("BPS", "NUMBER_OF_", "_STATISTICS")
"""mkvmerge's statistics: true for the copied streams, not for a video that was encoded again."""

MOV_TAGS = frozenset(
    [
        "title",
        "artist",
        "album_artist",
        "composer",
        "album",
        "date",
        "comment",
        "genre",
        "copyright",
        "grouping",
        "lyrics",
        "description",
        "synopsis",
        "show",
        "episode_id",
        "network",
        "keywords",
        "season_number",
        "episode_sort",
        "media_type",
        "hd_video",
        "gapless_playback",
        "compilation",
        "track",
        "disc",
        "creation_time",
        "location",
        "timecode",
    ]
)
"""Tags that mp4 and mov have a place for; others need Apple's metadata keys, which fewer players read."""
HOLDS = {"matroska": ("attachment",), "mpegts": ("data",), "mxf": ("data",)}
"""Which of data and attachment streams a container takes; those not named fail at the header if given one."""
COUNTS_FRAMES = frozenset({"avi"})
"""Containers that number frames and hold no times between."""
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
        path: Path,
        source: VideoSource,
        *,
        codec: str | None,
        crf: float | None,
        preset: str | None,
        shown_as: Path,
        note: Note,
    ) -> None:
        """path: the temporary file; shown_as: the name in messages; note: called with a line the person should read.

        Raises SettingError where the container cannot hold what is asked, OutputError where it cannot be written.
        """
        import av
        from av.error import FFmpegError

        self._path, self._shown_as, self._source, self._note = path, shown_as, source, note
        self._pts: list[int] = []
        self._durations: list[int] = []
        self._sent = 0
        self._noted_duplicate = self._noted_rounding = False
        try:
            self._output: OutputContainer = av.open(str(path), "w")
        except (ValueError, FFmpegError) as error:
            raise SettingError(
                f"cannot tell the kind of file from the name {shown_as}; use .mp4, .mov, .mkv or .webm"
            ) from error
        try:
            self._set_up(codec, crf, preset)
        except BaseException:
            self.abandon()
            raise

    def _set_up(self, codec: str | None, crf: float | None, preset: str | None) -> None:
        import av
        from av.error import FFmpegError

        source, output = self._source, self._output
        tags = _fresh(source.container.metadata)
        output.container_options.update(_container_options(output.format.name, tags))
        decoder = source.video.codec_context.codec
        recipe = choose_recipe(
            output,
            decoder.canonical_name,
            lossless=decoder.lossless and not decoder.lossy,
            rgb=_is_rgb(source.first),
            asked=codec,
            crf=crf,
            preset=preset,
        )
        if decoder.lossless and not decoder.lossy and av.Codec(recipe.encoder, "w").lossy and codec is None:
            self._note(
                f"the input is lossless; {recipe.encoder} in {output.format.name} is not (.mkv with FFV1 would be)"
            )
        self.pix_fmt = choose_pix_fmt(recipe, source.first)
        if not same_samples(source.first.format.name, self.pix_fmt):
            self._note(f"{recipe.encoder} takes no {source.first.format.name}; the video becomes {self.pix_fmt}")
        self._streams: dict[int, Stream] = {}
        for stream in source.container.streams:
            if stream.index == source.video.index:
                self._video = self._add_video(recipe)
            else:
                self._add_copy(stream)
        self._output_kind = output.format.name
        output.metadata.update(tags)
        chapters = source.container.chapters()
        if chapters:
            output.set_chapters(chapters)
        try:
            output.start_encoding()
        except (FFmpegError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            kinds = [f"{recipe.encoder} {source.first.width}x{source.first.height} {self.pix_fmt}"]
            kinds += [s.codec_context.name for s in self._streams.values() if s.codec_context is not None]
            raise OutputError(
                f"{output.format.name} or its encoders do not take {', '.join(kinds)} ({why}); try .mkv or another --codec"
            ) from error

    def _add_video(self, recipe: Recipe) -> VideoStream:
        source, first = self._source, self._source.first
        rate = source.rate or Fraction(25)
        video = cast(
            "VideoStream", self._output.add_stream(recipe.encoder, rate=rate, options=recipe.options_for(self.pix_fmt))
        )
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
        tags = _fresh(source.video.metadata)
        video.metadata.update({key: value for key, value in tags.items() if not key.startswith(STALE_PREFIXES)})
        return video

    def _add_copy(self, stream: Stream) -> None:
        kind = self._output.format.name
        name = stream.codec_context.codec.canonical_name if stream.codec_context is not None else stream.type
        if stream.type in ("data", "attachment") and stream.type not in HOLDS.get(kind, ()):
            if "timecode" not in stream.metadata:  # the muxer writes that one itself, from the video's metadata
                self._note(f"{kind} cannot hold stream {stream.index} ({name}); it is left out")
            return
        try:
            copy = self._output.add_stream_from_template(stream)
        except ValueError:
            self._note(f"{kind} cannot hold stream {stream.index} ({stream.type}, {name}); it is left out")
            return
        copy.metadata.update(_fresh(stream.metadata))
        copy.disposition = stream.disposition
        self._streams[stream.index] = copy

    def copy(self, packet: Packet) -> None:
        """Pass a packet of another stream on, byte by byte."""
        stream = self._streams.get(packet.stream_index)
        if stream is None or stream.type == "attachment":
            return
        packet.stream = stream
        self._mux(packet)

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
        self._pts.append(pts)
        self._durations.append(duration)
        frame.pts, frame.time_base = self._sent, self._video.codec_context.time_base
        self._sent += 1
        self._encode(frame)

    def finish(self) -> None:
        """Flush the encoder, close the file and count its frames. Raises OutputError where some are missing."""
        import av
        from av.error import FFmpegError

        self._encode(None)
        try:
            self._output.close()
        except FFmpegError as error:
            raise self._failure(error) from error
        with av.open(str(self._path)) as written:
            video = next(s for s in written.streams.video if s.codec_context is not None)
            found = 0
            for packet in written.demux(video):
                if packet.size and not found:
                    packet.decode()  # the first frame may know its aspect ratio where the container does not
                found += packet.size > 0
            ratio = sample_aspect_ratio(video)
        if found != self._sent:
            raise OutputError(f"{self._shown_as} holds {found} frames after writing {self._sent}; it is not kept")
        wanted = self._source.sample_aspect_ratio
        if wanted and wanted != (ratio or 1):
            # PyAV cannot set the ratio of a stream, which Matroska asks for; most codecs carry it themselves
            self._note(
                f"{self._output_kind} does not say that samples are {wanted} as wide as high; some players need it said"
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

    def _note_rounding(self, pts: int) -> None:
        """Matroska counts milliseconds and avi frames: where a time falls between, that is said once."""
        tick = Fraction(self._video.time_base.numerator, self._video.time_base.denominator)
        if not self._noted_rounding and (pts * self._source.time_base / tick).denominator != 1:
            self._note(f"{self._output_kind} keeps times to {tick} s; they are rounded to that")
            self._noted_rounding = True


def _is_rgb(frame: VideoFrame) -> bool:
    from .frames import LAYOUTS

    return LAYOUTS[frame.format.name].family == "rgb"


def _container_options(kind: str, tags: dict[str, str]) -> dict[str, str]:
    if kind == "mpegts":
        return {"mpegts_copyts": "1"}  # else all times are moved by 1.4 s
    if kind in ("mp4", "mov") and not tags.keys() <= MOV_TAGS:
        return {"movflags": "+use_metadata_tags"}
    return {}


def _fresh(tags: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key not in STALE_TAGS}


def _display_matrix(frame: VideoFrame) -> list[int] | None:
    """The nine numbers that turn or mirror the picture on display, None where there are none."""
    import numpy as np

    for side in frame.side_data.values():
        if side.type.name == DISPLAY_MATRIX:
            return np.frombuffer(bytes(side), "<i4")[:9].tolist()
    return None
