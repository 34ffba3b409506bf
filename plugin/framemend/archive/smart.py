"""Encodes again only the groups of pictures that hold frames to repair; all others are copied, packet by packet."""

from __future__ import annotations

import argparse
import bisect
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

from framemend_filters.errors import InputError, OutputError

from ..frames import build_frame, views
from ..remux import VideoTarget
from ..sequences import is_sequence
from .gops import Gop, Unusable, read_gops, usable_kind
from .matching import Match, find_match, make_encoder
from .ranges import ranges_from

if TYPE_CHECKING:
    from av import Packet, VideoCodecContext, VideoFrame
    from av.video.stream import VideoStream

    from framemend_filters.engine import Repairer

    from ..masks import MaskSource
    from ..planes import PlaneFormat
    from ..sources import VideoSource
    from .chunks import RepairedFrame
    from .work import Note


@dataclass(frozen=True)
class SmartPlan:
    """What is copied and what is not.

    gops: all groups; encoded, decoded: numbers of those that are encoded again, and of those that are decoded, which are
    more: repaired frames look at their neighbours. match: how to encode.
    """

    gops: Sequence[Gop]
    encoded: frozenset[int]
    decoded: frozenset[int]
    match: Match

    @property
    def num_frames(self) -> int:
        return self.gops[-1].frames.stop

    def number(self, frame: int) -> int:
        """Number of the group that a frame is in."""
        return bisect.bisect_right(self.gops, frame, key=lambda gop: gop.start) - 1


def plan_smart(
    args: argparse.Namespace, source: VideoSource, masks: MaskSource | None, repairer: Repairer, note: Note
) -> SmartPlan | None:
    """The plan for --smart; None, and one line that says why, where all of the video has to be encoded.

    masks: of their own, they are read to the end here.
    """
    try:
        asked = [name for name in ("codec", "profile", "pix_fmt", "encoder_opt") if getattr(args, name)]
        if asked:
            raise Unusable(f"--{asked[0].replace('_', '-')} asks for an encoding of its own")
        if is_sequence(args.input):
            raise Unusable("pictures have no groups")
        if source.first.interlaced_frame:
            raise Unusable("it is interlaced")
        usable_kind(source, args.output)
        gops = read_gops(source)
        wanted = _wanted_frames(args, source, gops, masks, repairer)
        match = find_match(source, gops, args.crf, args.preset)
    except Unusable as reason:
        note(f"--smart: nothing is copied, since {reason}; the whole video is encoded")
        return None
    plan = SmartPlan(gops, frozenset(), frozenset(), match)
    num_frames = plan.num_frames
    encoded = {plan.number(frame) for frame in wanted}
    seen = {chunk for chunk in (frame // repairer.chunk_frames for frame in wanted)}
    decoded = {plan.number(frame) for chunk in seen for frame in repairer.span(chunk, num_frames)} | encoded
    copied = sum(len(gop.pts) for number, gop in enumerate(gops) if number not in encoded)
    note(f"--smart: {copied} of {num_frames} frames are copied as they are")
    return SmartPlan(gops, frozenset(encoded), frozenset(decoded), match)


def _wanted_frames(
    args: argparse.Namespace, source: VideoSource, gops: Sequence[Gop], masks: MaskSource | None, repairer: Repairer
) -> list[int]:
    """Numbers of the frames that may change."""
    ranges, start = ranges_from(args), source.first.pts or 0
    wanted = []
    for index, pts in enumerate(sorted(time for gop in gops for time in gop.pts)):
        seconds = (pts - start) * source.time_base
        open_ = masks is not None and (masks.looks_at_pictures or masks.from_alpha)  # only the frame itself can tell
        mask = masks.mask_for(index, seconds) if masks is not None and not open_ else None
        if (open_ or mask is not None or repairer.looks_everywhere) and ranges.covers(index, seconds):
            wanted.append(index)
    return wanted


class PassedOver:
    """Stands in the feed for a frame that nobody needs to see."""

    def __init__(self, pts: int) -> None:
        self.pts = pts


class SmartSource:
    """Reads the file like a VideoSource, decodes only the groups that are needed, and hands on all packets."""

    def __init__(self, source: VideoSource, plan: SmartPlan) -> None:
        self._source, self.plan = source, plan
        self.first = source.first
        self.time_base: Fraction = source.time_base
        self.passing: deque[tuple[Packet, int | None]] = deque()
        """Packets in the order of the file; those of the video with the number of their group."""

    def plane_format(self, frame: VideoFrame) -> PlaneFormat:
        """How the samples of a frame are to be read."""
        return self._source.plane_format(frame)

    def frames(self) -> Iterator[VideoFrame]:
        """Every frame in order: decoded, or PassedOver. Raises InputError where a group does not decode to its frames."""
        import av

        with av.open(str(self._source.path)) as container:
            video = cast("VideoStream", container.streams[self._source.video.index])
            video.thread_type = "AUTO"
            number, given = -1, 0
            for packet in container.demux():
                if not packet.size:
                    continue
                if packet.stream_index != video.index:
                    self.passing.append((packet, None))
                    continue
                if packet.is_keyframe:
                    yield from self._ended(video, number, given)
                    number, given = number + 1, 0
                self.passing.append((packet, number))
                if number in self.plan.decoded:
                    for frame in packet.decode():
                        given += 1
                        yield self._prepared(cast("VideoFrame", frame), number)
            yield from self._ended(video, number, given)

    def _ended(self, video: VideoStream, number: int, given: int) -> Iterator[VideoFrame]:
        if number < 0:
            return
        gop = self.plan.gops[number]
        if number not in self.plan.decoded:
            yield from (cast("VideoFrame", PassedOver(pts)) for pts in sorted(gop.pts))
            return
        for frame in video.codec_context.decode(None):
            given += 1
            yield self._prepared(frame, number)
        video.codec_context.flush_buffers()
        if given != len(gop.pts):
            raise InputError(
                f"{self._source.path} gives {given} frames where {len(gop.pts)} were expected (from frame {gop.start} on); "
                "run without --smart"
            )

    def _prepared(self, frame: VideoFrame, number: int) -> VideoFrame:
        from ..frames import tabled

        if frame.interlaced_frame or frame.is_corrupt:
            what = "interlaced" if frame.interlaced_frame else "damaged"
            raise InputError(
                f"{self._source.path} holds {what} frames (from frame {self.plan.gops[number].start} on); "
                "run without --smart"
            )
        return tabled(frame)


class SmartTarget(VideoTarget):
    """The output file: copied groups of the input, and encoded ones in their place."""

    def __init__(self, *arguments: Any, plan: SmartPlan, **options: Any) -> None:
        """As VideoTarget."""
        self._plan = plan
        self._waiting: dict[int, list[Packet]] = {}
        self._encoder: VideoCodecContext | None = None
        self._made: list[Packet] = []
        super().__init__(*arguments, **options)

    def pass_on(self, packet: Packet, number: int | None) -> None:
        """Take a packet of the input as it comes: number, of its group; None: it is not of the video."""
        if number is None:
            self.copy(packet)
        elif number not in self._plan.encoded:
            self._waiting.setdefault(number, []).append(packet)

    def put(self, done: RepairedFrame) -> None:
        """Take the next frame; the packets of its group must have been passed on."""
        number = self._plan.number(done.index)
        gop = self._plan.gops[number]
        last = done.index == gop.frames.stop - 1
        self._sent += 1
        if number in self._plan.encoded:
            self._encode_frame(done, gop)
            if last:
                self._finish_group(gop)
        elif last:
            for packet, dts in zip(self._waiting.pop(number), gop.dts, strict=True):
                packet.stream, packet.dts = self._video, dts
                self._mux(packet)

    def _add_video(self, recipe: Any) -> VideoStream:
        source = self._source
        video = cast("VideoStream", self._output.add_stream_from_template(source.video, opaque=True))
        if self._plan.match.extradata is not None:
            video.codec_context.extradata = self._plan.match.extradata
        video.disposition = source.video.disposition
        video.metadata.update(source.video.metadata)
        return video

    def _encode(self, frame: VideoFrame | None) -> None:
        assert frame is None  # `finish` empties an encoder that there is none of; groups are emptied one by one

    def _encode_frame(self, done: RepairedFrame, gop: Gop) -> None:
        from av.error import FFmpegError

        if self._encoder is None:
            self._encoder = make_encoder(self._source, self._plan.match)
        frame = done.frame
        pixels = build_frame(
            frame, views(frame) if done.planes is None else done.planes, self._source.first.format.name
        )
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
        for pts, dts, made in zip(sorted(gop.pts), gop.dts, packets, strict=True):
            packet = av.Packet(self._plan.match.packed(bytes(made)))
            packet.stream = self._video
            packet.time_base = self._source.time_base
            packet.pts, packet.dts, packet.duration = pts, dts, gop.durations[pts]
            packet.is_keyframe = made.is_keyframe
            self._mux(packet)
