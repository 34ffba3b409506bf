"""Reads a video file: its frames decoded in order, the packets of everything else untouched, and how much was lost."""

from __future__ import annotations

import io
import shlex
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

from framemend_filters.errors import InputError, InputNotFound

from .alpha import alpha_decoder
from .dynamic_hdr import DynamicHdr
from .fields import check_fields
from .frames import plane_format, tabled
from .losses import Losses
from .ordering import TIMES_IN_DECODING_ORDER, first_times, in_order_of_time
from .promises import Promise, duration_tag
from .times import as_fraction

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

    from .planes import PlaneFormat


class VideoSource:
    """A video file open for reading; a context manager.

    video: the stream to repair, the first one that is not a cover picture; others: all other streams; passing: their
    packets, in the order of the file, as far as `frames` has read: take them out as you go; first: the first frame;
    given_pix_fmt: what the decoder gave, before it was brought into a format that frames.py knows.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        fields: bool = False,
        stream: io.RawIOBase | None = None,
        kind: str | None = None,
        options: dict[str, str] | None = None,
    ) -> None:
        """fields: take interlaced frames too, as two fields each; stream: read from there, `path` is its name in messages;
        kind: ffmpeg's name of the container, options: of its demuxer, None for those found out and the usual ones.

        Raises InputNotFound, and InputError where there is no video in it or nothing decodes.
        """
        import av
        from av.error import FFmpegError

        self.path, self.fields = Path(path), fields
        self.losses = Losses()
        self.passing: deque[Packet] = deque()
        if stream is None and kind is None and not self.path.exists():
            raise InputNotFound(f"no such file: {path}")
        if stream is None and self.path.is_dir():
            raise InputError(
                f"{path} is a folder; give a video file, or its pictures by their pattern: {path}/%04d.png"
            )
        try:
            self.container: InputContainer = av.open(
                stream or location(self.path), "r", format=kind, container_options=options or {}
            )
        except FFmpegError as error:
            raise InputError(f"{path} is not a video that can be read: {error.strerror}") from error
        try:
            self.video = self._find_video()
            self._promise = Promise(self.container, self.video, self.path)
            self._dynamic_hdr = DynamicHdr(self.video)
            self.others: list[Stream] = [s for s in self.container.streams if s.index != self.video.index]
            self._alpha = alpha_decoder(self.video)
            reordered = self.container.format.name in TIMES_IN_DECODING_ORDER
            self._frames = first_times(in_order_of_time(self._decode()) if reordered else self._decode())
            first = self._first_frame()
            self.given_pix_fmt = first.format.name
            self._shape = _shape(first)
            self.first: VideoFrame = self._prepared(first, 0)
        except BaseException:
            self.container.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._frames.close()
        self.container.close()

    @property
    def num_frames(self) -> int | None:
        """Frames that the file says it holds, None where it does not say. A truncated file holds fewer."""
        if self.video.frames:
            return self.video.frames
        rate = self.rate
        seconds = duration_tag(self.video.metadata.get("DURATION", ""))
        if seconds is None and self.video.duration and self.video.time_base:
            seconds = self.video.duration * as_fraction(self.video.time_base)
        return round(seconds * rate) if seconds and rate else None

    @property
    def rate(self) -> Fraction | None:
        """Frames a second, on average."""
        average, guessed = self.video.average_rate, self.video.guessed_rate
        if average and guessed and average * self.time_base == 1:
            return as_fraction(guessed)  # "a frame a tick" is what raw DV says, with 60,000 ticks a second
        return as_fraction(average or guessed) if average or guessed else None

    @property
    def start_pts(self) -> int:
        """pts of the first frame."""
        return self.first.pts or 0

    @property
    def time_base(self) -> Fraction:
        """Seconds of one tick of the frames' pts."""
        return as_fraction(self.video.time_base or self.first.time_base)

    @property
    def sample_aspect_ratio(self) -> Fraction | None:
        """Width over height of a sample, from the container, else from the video itself; None: not said."""
        return sample_aspect_ratio(self.video)

    def plane_format(self, frame: VideoFrame) -> PlaneFormat:
        """How the samples of one of its frames are to be read. Raises InputError where it cannot be two fields but should."""
        fmt = plane_format(frame)
        if not self.fields:
            return fmt
        check_fields(frame.height, fmt.subsampling_h)
        return replace(fmt, scan="interlaced")

    def frames(self) -> Iterator[VideoFrame]:
        """Every frame that decodes, once, in order of presentation, in a format of frames.LAYOUTS. Fills `passing` and `losses` on the way.

        Raises InputError for interlaced frames, and where the size or pixel format changes in mid-stream.
        """
        yield self.first
        count = 0
        for count, frame in enumerate(self._frames, 1):
            yield self._prepared(frame, count)
        self.losses.missing = self._promise.missing(count + 1, self.rate)

    def frames_from(self, pts: int) -> Iterator[VideoFrame]:
        """The frames shown at `pts` (in ticks) or later, by way of the nearest key frame before; `passing` and `losses` are left alone.

        Some containers find only a later place. Ends the reading of `frames`.
        """
        from av.error import FFmpegError

        self.container.seek(pts, stream=self.video, backward=True)
        if self._alpha is not None:
            self._alpha.flush_buffers()
        number = 0
        for packet in self.container.demux(self.video):
            try:
                decoded = self._decoded(packet)
            except FFmpegError:
                continue
            for frame in decoded:
                if frame.pts is not None and frame.pts >= pts:
                    yield self._prepared(frame, number)
                    number += 1

    def _prepared(self, frame: VideoFrame, number: int) -> VideoFrame:
        if frame.interlaced_frame and not self.fields:
            name = shlex.quote(str(self.path))
            raise InputError(
                f"{self.path} is interlaced (frame {number}); --fields repairs its fields and leaves it interlaced, or "
                f"deinterlace it first: ffmpeg -i {name} -map 0 -vf bwdif=mode=send_frame -c copy -c:v ffv1 deinterlaced.mkv"
            )
        if _shape(frame) != self._shape:
            raise InputError(
                f"{self.path} changes from {self._shape} to {_shape(frame)} at frame {number}; split it there first"
            )
        if frame.is_corrupt:
            self.losses.concealed += 1
        return tabled(frame)

    def _find_video(self) -> VideoStream:
        streams = self.container.streams.video
        if not streams:
            kinds = ", ".join(sorted({s.type for s in self.container.streams})) or "nothing"
            raise InputError(f"{self.path} has no video stream; it holds {kinds}")
        moving = [s for s in streams if not is_cover(s)]
        if not moving:
            raise InputError(f"{self.path} has no video stream, only a cover picture")
        return moving[0]

    def _first_frame(self) -> VideoFrame:
        frame = next(self._frames, None)
        if frame is None:
            why = f" ({self.losses})" if self.losses else ""
            raise InputError(f"{self.path} holds no frame that can be decoded{why}")
        return frame

    def _decode(self) -> Generator[VideoFrame]:
        from av.error import FFmpegError

        if self.video.codec_context is None:
            raise InputError(f"{self.path}: there is no decoder for its video")
        for packet in self._packets():
            self._promise.note(packet)
            if packet.stream.index != self.video.index:  # stream_index is not set in the empty packets at the end
                if packet.size:
                    self.passing.append(packet)
                continue
            if not packet.size and packet.pts is not None:
                self._promise.note_repeat()
                continue  # "the same picture again" in Theora and AVI; not the empty packet at the end
            self._dynamic_hdr.mark(packet)
            try:
                yield from self._decoded(packet)
            except FFmpegError:
                self.losses.packets += 1
            except ValueError as error:  # what PyAV says of a codec that is none of ffmpeg's
                raise InputError(f"{self.path}: there is no decoder for its video") from error

    def _decoded(self, packet: Packet) -> list[VideoFrame]:
        if self._alpha is None:
            return cast("list[VideoFrame]", packet.decode())
        return self._alpha.decode(packet if packet.size else None)

    def _packets(self) -> Iterator[Packet]:
        """All packets of the file, then an empty one that empties the decoder, also where reading breaks off."""
        import av
        from av.error import FFmpegError

        packets = self.container.demux()
        try:
            yield from packets
        except FFmpegError as error:
            self.losses.broke_off = error.strerror or str(error)
            last = av.Packet()
            last.stream = self.video
            yield last


def packets_of(container: InputContainer, index: int) -> Iterator[Packet]:
    """The packets of one stream, none of them empty; the demuxer passes over those of all others."""
    from av.stream import Discard

    for stream in container.streams:
        if stream.index != index:
            stream.discard = Discard.all
    return (packet for packet in container.demux(container.streams[index]) if packet.size)


def location(path: Path) -> str:
    """The path as ffmpeg takes it: names such as `a:b.mkv` or `-` are files too and no protocols."""
    return f"file:{path}"


def sample_aspect_ratio(video: VideoStream) -> Fraction | None:
    """What the container says, else what the decoder found in the frames so far; None: neither says."""
    ratio = video.sample_aspect_ratio or video.codec_context.sample_aspect_ratio
    return as_fraction(ratio) if ratio else None


def is_cover(stream: Stream) -> bool:
    """Whether a stream is a picture to know the file by, and no video."""
    return bool(int(stream.disposition) & _ATTACHED_PICTURE)


_ATTACHED_PICTURE = 0x0400
"""ffmpeg's AV_DISPOSITION_ATTACHED_PIC."""


def _shape(frame: VideoFrame) -> str:
    return f"{frame.width}x{frame.height} {frame.format.name}"
