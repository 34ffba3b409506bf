"""Where the groups of pictures of a video begin, read from its packets alone, and which of its frames each one holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av import Packet

    from ..sources import VideoSource


@dataclass(kw_only=True, slots=True)
class Gop:
    """The packets from one key frame to the next, one a frame.

    start: number of its first frame in order of presentation; pts, dts, durations: of the packets in the order of the
    file, in ticks; kinds: of the units in the key frame's packet, where somebody asked.
    """

    start: int
    pts: list[int] = field(default_factory=list)
    dts: list[int] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    kinds: frozenset[int] = frozenset()

    @property
    def frames(self) -> range:
        """Numbers of its frames."""
        return range(self.start, self.start + len(self.pts))


class Unusable(Exception):
    """Why the packets cannot be told apart into groups; a phrase for a message."""


def read_gops(source: VideoSource, kinds: Callable[[bytes], frozenset[int]] | None = None) -> list[Gop]:
    """The groups of the video of `source`, in order. Reads the file to its end, in a container of its own.

    kinds: what each key frame's packet is asked. Raises Unusable where a group cannot be taken out: it is open (frames before its key frame belong to it or need the
    group before), times are missing or repeated, or an edit list hides frames.
    """
    import av
    from av.error import FFmpegError

    from ..sources import location, packets_of

    gops: list[Gop] = []
    count = 0
    try:
        with av.open(location(source.path)) as container:
            for packet in packets_of(container, source.video.index):
                if packet.is_keyframe:
                    gops.append(Gop(start=count, kinds=kinds(bytes(packet)) if kinds else frozenset()))
                _take(gops, packet)
                count += 1
    except FFmpegError as error:
        raise Unusable(f"the file cannot be read to its end ({error.strerror})") from error
    if not gops:
        raise Unusable("there is no key frame")
    times = [time for gop in gops for time in gop.pts]
    if len(set(times)) != len(times):
        raise Unusable("two frames have the same time")
    for gop, following in pairwise(gops):
        if min(gop.pts) < gop.pts[0] or max(gop.pts) > min(following.pts):
            raise Unusable("its groups of pictures are open")
    if min(gops[-1].pts) < gops[-1].pts[0]:
        raise Unusable("its groups of pictures are open")
    if any(_UNKNOWN in gop.dts for gop in gops):
        _fill_in_decoding_times(gops, times)
    return gops


def _fill_in_decoding_times(gops: list[Gop], pts: list[int]) -> None:
    """Matroska has none: the times of presentation in rising order, as many frames earlier as frames are reordered."""
    rising = sorted(pts)
    place = {time: rank for rank, time in enumerate(rising)}
    delay = max(number - place[time] for number, time in enumerate(pts))
    step = rising[1] - rising[0] if len(rising) > 1 else 1
    dts = [rising[0] - (delay - n) * step for n in range(delay)] + rising[: len(rising) - delay]
    for gop in gops:
        gop.dts = dts[gop.start : gop.start + len(gop.pts)]


_UNKNOWN = -(1 << 63)


def _take(gops: list[Gop], packet: Packet) -> None:
    if packet.pts is None:
        raise Unusable("packets have no times")
    if packet.is_discard:
        raise Unusable("an edit list hides some of its frames")
    if not gops:
        raise Unusable("it does not begin with a key frame")
    gop, dts = gops[-1], packet.dts
    gop.pts.append(packet.pts)
    gop.dts.append(_UNKNOWN if dts is None else dts)
    gop.durations.append(packet.duration or 0)


def usable_kind(source: VideoSource, output: Path) -> None:
    """Raise Unusable where packets cannot move unchanged from the container of `source` into that of `output`."""
    kind = CONTAINERS.get(output.suffix.lower())
    if kind is None:
        raise Unusable(f"packets are copied into {', '.join(CONTAINERS)} only")
    if kind not in source.container.format.name.split(","):
        raise Unusable(f"{output.suffix} packs video differently from {source.path.suffix or 'the input'}")


CONTAINERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".avi": "avi",
    ".nut": "nut",
}
