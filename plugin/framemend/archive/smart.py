"""Encodes again only the groups of pictures that hold frames to repair; all others are copied, packet by packet."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from framemend_filters.errors import InputError, OutputError

from ..dynamic_hdr import DynamicHdr, laid_in
from ..frames import build_frame
from ..remux import VideoTarget
from ..sources import location
from .feed import PassedOver
from .matching import make_encoder

if TYPE_CHECKING:
    from av import Packet, VideoCodecContext, VideoFrame
    from av.video.stream import VideoStream

    from ..planes import PlaneFormat
    from ..progress import Progress
    from ..sources import VideoSource
    from .chunks import RepairedFrame
    from .gops import Gop
    from .plans import SmartPlan
    from .work import Work


class SmartSource:
    """Reads the file like a VideoSource, decodes only the groups that are needed, and hands on all packets.

    pass_on: set it before `frames` is read; called with each packet, in the order of the file, and the number of its
    group, None where it is not of the video.
    """

    pass_on: Callable[[Packet, int | None], None]

    def __init__(self, source: VideoSource, plan: SmartPlan) -> None:
        self._source, self.plan = source, plan
        self.start_pts, self.time_base = source.start_pts, source.time_base

    def plane_format(self, frame: VideoFrame) -> PlaneFormat:
        """How the samples of a frame are to be read."""
        return self._source.plane_format(frame)

    def frames(self) -> Iterator[VideoFrame | PassedOver]:
        """Every frame in order: decoded, or PassedOver. Raises InputError where a group does not decode to its frames."""
        import av

        pass_on, decoded = self.pass_on, self.plan.decoded
        with av.open(location(self._source.path)) as container:
            video = cast("VideoStream", container.streams[self._source.video.index])
            video.thread_type = "AUTO"
            marks = DynamicHdr(video)
            index, number, given = video.index, -1, 0
            for packet in container.demux():
                if not packet.size:
                    continue
                if packet.stream_index != index:
                    pass_on(packet, None)
                    continue
                if packet.is_keyframe:
                    yield from self._ended(video, number, given)
                    number, given = number + 1, 0
                if number not in decoded:
                    pass_on(packet, number)
                    continue
                marks.mark(packet)
                frames = self._decoded(video, packet, number)
                pass_on(packet, number)  # only now: the muxer takes what is in it
                for frame in frames:
                    given += 1
                    yield self._prepared(frame, number)
            yield from self._ended(video, number, given)

    def _ended(self, video: VideoStream, number: int, given: int) -> Iterator[VideoFrame | PassedOver]:
        if number < 0:
            return
        gop = self.plan.gops[number]
        if number not in self.plan.decoded:
            yield PassedOver(sorted(gop.pts))
            return
        for frame in self._decoded(video, None, number):
            given += 1
            yield self._prepared(frame, number)
        video.codec_context.flush_buffers()
        if given != len(gop.pts):
            raise self._refused(f"gives {given} frames where {len(gop.pts)} were expected", number)

    def _decoded(self, video: VideoStream, packet: Packet | None, number: int) -> list[VideoFrame]:
        from av.error import FFmpegError

        try:
            return video.codec_context.decode(packet)
        except FFmpegError as error:
            raise self._refused(f"holds a frame that cannot be decoded ({error.strerror})", number) from error

    def _refused(self, what: str, number: int) -> InputError:
        start = self.plan.gops[number].start
        return InputError(f"{self._source.path} {what} (from frame {start} on); run without --smart")

    def _prepared(self, frame: VideoFrame, number: int) -> VideoFrame:
        from ..frames import tabled

        if frame.interlaced_frame or frame.is_corrupt:
            what = "interlaced" if frame.interlaced_frame else "damaged"
            raise self._refused(f"holds {what} frames", number)
        return tabled(frame)


def write_smart(work: Work, source: SmartSource, target: SmartTarget, progress: Progress) -> None:
    """All packets and, between them, the groups that are encoded again. work: reads `source`."""

    def pass_on(packet: Packet, number: int | None) -> None:
        target.pass_on(packet, number)
        if number is not None:
            progress.update(target.sent)

    source.pass_on = pass_on
    for done in work.frames():
        target.put(done)
        progress.update(target.sent)


class SmartTarget(VideoTarget):
    """The output file: copied groups of the input, and encoded ones in their place."""

    def __init__(self, *arguments: Any, plan: SmartPlan, **options: Any) -> None:
        """As VideoTarget."""
        self._plan = plan
        self._line: deque[tuple[int, list[Packet]]] = deque()
        """Groups from the first on that is being encoded, each with its number and the packets to be copied."""
        self._group, self._place = -1, 0
        self._encoder: VideoCodecContext | None = None
        self._made: list[Packet] = []
        super().__init__(*arguments, **options)

    def pass_on(self, packet: Packet, number: int | None) -> None:
        """Take a packet of the input as it comes: number, of its group; None: it is not of the video."""
        if number is None:
            self.copy(packet)
            return
        if number != self._group:
            self._group, self._place = number, 0
            if self._line or number in self._plan.encoded:
                self._line.append((number, []))
        if number in self._plan.encoded:
            return
        times = self._plan.gops[number].dts
        if self._place == len(times):
            raise self._changed()
        packet.stream, packet.dts = self._video, times[self._place]
        self._place += 1
        if self._line:
            self._line[-1][1].append(packet)
        else:
            self._copy_picture(packet)

    def put(self, done: RepairedFrame) -> None:
        """Take the next of the frames of groups that are encoded again; others are ignored."""
        number = self._plan.number(done.index)
        if number not in self._plan.encoded:
            return
        gop = self._plan.gops[number]
        self._encode_frame(done, gop)
        if done.index < gop.frames.stop - 1:
            return
        assert self._line[0][0] == number
        self._finish_group(gop)
        self._line.popleft()
        while self._line and self._line[0][0] not in self._plan.encoded:
            for packet in self._line.popleft()[1]:
                self._copy_picture(packet)

    def finish(self) -> None:
        """As VideoTarget. Raises OutputError also where the file was not what it was when it was read first."""
        if self.sent != self._plan.num_frames:
            raise self._changed()
        super().finish()

    def _changed(self) -> OutputError:
        return OutputError(f"{self._source.path} has changed meanwhile; run again")

    def _copy_picture(self, packet: Packet) -> None:
        self._mux(packet)
        self.sent += 1

    def _add_video(self, recipe: Any) -> VideoStream:
        source = self._source
        video = cast("VideoStream", self._output.add_stream_from_template(source.video, opaque=True))
        context: Any = video.codec_context
        context.codec_tag = source.video.codec_context.codec_tag
        if source.rate is not None:
            context.framerate = source.rate  # without it mov has no timecode
        if source.sample_aspect_ratio is not None:
            context.sample_aspect_ratio = source.sample_aspect_ratio
        if self._plan.match.extradata is not None:
            context.extradata = self._plan.match.extradata
        video.disposition = source.video.disposition
        video.metadata.update(source.video.metadata)
        return video

    def _encode(self, frame: VideoFrame | None) -> None:
        assert frame is None  # `finish` empties an encoder that there is none of; groups are emptied one by one

    def _encode_frame(self, done: RepairedFrame, gop: Gop) -> None:
        from av.error import FFmpegError

        if self._encoder is None:
            self._encoder = make_encoder(self._source, self._plan.match)
        pixels = build_frame(done.frame, done.samples, self._source.first.format.name)
        pixels.pts, pixels.time_base = done.index - gop.start, self._encoder.time_base
        try:
            self._made += self._encoder.encode(pixels)
        except FFmpegError as error:
            raise self._failure(error) from error

    def _finish_group(self, gop: Gop) -> None:
        """Empty the encoder and give its packets the times of the group: it does not reorder."""
        import av
        from av.error import FFmpegError

        assert self._encoder is not None
        try:
            packets = [*self._made, *self._encoder.encode(None)]
        except FFmpegError as error:
            raise self._failure(error) from error
        self._encoder, self._made = None, []
        if len(packets) != len(gop.pts):
            raise OutputError(f"the encoder gave {len(packets)} packets for {len(gop.pts)} frames; run without --smart")
        durations = dict(zip(gop.pts, gop.durations, strict=True))
        for pts, dts, made in zip(sorted(gop.pts), gop.dts, packets, strict=True):
            packet = av.Packet(self._plan.match.packed(bytes(laid_in(made))))
            packet.stream = self._video
            packet.time_base = self._source.time_base
            packet.pts, packet.dts, packet.duration = pts, dts, durations[pts]
            packet.is_keyframe = made.is_keyframe
            self._copy_picture(packet)
