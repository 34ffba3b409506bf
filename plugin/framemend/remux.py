"""Writes the repaired video beside everything else of the input: streams, metadata, chapters and times as they were.

At the end its frames are counted, and it is read over for what its container or encoder did not take.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from framemend_filters.errors import OutputError, SettingError

from . import matroska
from .audit import Seen, what_is_missing
from .companions import PICTURES, Companions
from .dynamic_hdr import laid_in
from .encoders import choose_pix_fmt, choose_recipe
from .frames import LAYOUTS, has_alpha, same_samples
from .hdr import read_static_hdr
from .sources import location, packets_of, sample_aspect_ratio
from .tags import fresh_tags, homeless_tags
from .times import FrameTimes
from .transport import Transport, read_transport
from .video_stream import add_video, open_early, shown_shape

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from .encode_options import EncodeSettings
    from .recipes import Recipe
    from .sources import VideoSource

Note = Callable[[str], None]

MATROSKA = frozenset({"matroska", "webm"})


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
        self.sent = 0
        """Pictures that the encoder, or the file itself, has taken."""
        self.seen = Seen()
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
        decoder = source.video.codec_context.codec
        layout = LAYOUTS[source.first.format.name]
        recipe = choose_recipe(
            output,
            decoder.canonical_name,
            lossless=decoder.lossless and not decoder.lossy,
            rgb=layout.family == "rgb",
            bits=layout.bits,
            alpha=layout.alpha is not None,
            interlaced=source.first.interlaced_frame,
            settings=settings,
        )
        chosen = settings.codec or settings.profile
        if decoder.lossless and not decoder.lossy and av.Codec(recipe.encoder, "w").lossy and not chosen:
            self._note(
                f"the input is lossless; {recipe.encoder} in {output.format.name} is not (.mkv with FFV1 would be)"
            )
        elif (made := av.Codec(recipe.encoder, "w").canonical_name) != decoder.canonical_name and not chosen:
            self._note(f"the video is {decoder.canonical_name} and becomes {made}")
        self.pix_fmt = choose_pix_fmt(recipe, source.first, settings.pix_fmt)
        if settings.pix_fmt is None and not same_samples(source.first.format.name, self.pix_fmt):
            without = " without its transparency" if layout.alpha and not has_alpha(self.pix_fmt) else ""
            self._note(
                f"{recipe.encoder} takes no {source.first.format.name}; the video becomes {self.pix_fmt}{without}"
            )
        self._companions = Companions(output, self._note, source.passing)
        for stream in source.container.streams:
            if stream.index == source.video.index:
                self._video = self._add_video(recipe)
            else:
                self._companions.add(stream)
        self._output_kind = output.format.name
        self._places = self._companions.places | {source.video.index: self._video.index}
        self._transport = self._read_transport()
        output.container_options.update(self._container_options(tags))
        self._tracks = self._places.keys() - self._companions.attached
        output.metadata.update(tags | self._transport.tags | (matroska.ROOM if self._needs_head else {}))
        chapters = source.container.chapters()
        if chapters:
            output.set_chapters(chapters)
        try:
            open_early(self._video)
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
        self._times = FrameTimes(source.time_base, source.rate, self._video, self._note)

    def _read_transport(self) -> Transport:
        """Of a transport stream that stays one, what its services are called."""
        source = self._source
        if not self._output.format.name == source.container.format.name == "mpegts" or not source.path.is_file():
            return Transport()
        self._video.id = source.video.id
        transport = read_transport(source.path)
        others = [f"{service.number} {service.name}".strip() for service in transport.services[1:]]
        if others:
            self._note(f"the streams of {len(others) + 1} programs are in one now; lost as such: {', '.join(others)}")
        return transport

    def _container_options(self, tags: dict[str, str]) -> dict[str, str]:
        kind = self._output.format.name
        if kind == "mpegts":
            return {"mpegts_copyts": "1", **self._transport.options}  # else all times are moved by 1.4 s
        options = {"strict": "unofficial"} if kind in ("mp4", "mov") else {}  # else no record of Dolby Vision, nor 3D
        homeless = homeless_tags(kind, tags)
        if homeless and self._companions.has_cover:
            self._note(f"{kind} holds a cover or tags of one's own; left out: {', '.join(homeless)}")
            return options
        return options | ({"movflags": "+use_metadata_tags"} if homeless else {})

    def _add_video(self, recipe: Recipe) -> VideoStream:
        return add_video(self._output, self._source, recipe, self.pix_fmt, self._hdr)

    def copy(self, packet: Packet) -> None:
        """Pass a packet of another stream on, byte by byte."""
        for passed in self._companions.pass_on(packet):
            self._mux(passed)

    def write(self, frame: VideoFrame, pts: int | None, duration: int) -> None:
        """Encode a frame in `pix_fmt`, shown at `pts` for `duration`, both in ticks of the source; pts None: right after
        the frame before."""
        self._times.add(pts, duration)
        self.seen.look(frame)
        frame.pts, frame.time_base = self.sent, self._video.codec_context.time_base
        self.sent += 1
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
        track = sum(index < self._source.video.index for index in self._tracks)
        shape = shown_shape(self._source)
        matroska.complete_head(path, track, ratio=shape, hdr=self._hdr)

    def _check(self, path: Path) -> None:
        """Count the frames that were written, and look for what is not where players ask for it."""
        import av

        with av.open(location(path)) as written:
            video = next(s for s in written.streams.video if s.codec_context is not None)
            found = sum(1 for _ in packets_of(written, video.index))
        if found != self.sent:
            raise OutputError(f"{self._shown_as} holds {found} frames after writing {self.sent}; it is not kept")
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
            self._times.stamp(packet)
            self._mux(laid_in(packet))

    def _mux(self, packet: Packet) -> None:
        from av.error import FFmpegError

        try:
            self._output.mux_one(packet)
        except FFmpegError as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> OutputError:
        why = getattr(error, "strerror", None) or str(error)
        return OutputError(f"cannot write {self._shown_as}: {why}")
