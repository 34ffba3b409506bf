"""Repairs part of a video file: the frames from one number to another, the same as when the whole file is repaired.

Frames are found by their number through the times of the packets, so that a range in the middle costs a seek and not the
decoding of all before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from framemend_filters.errors import InputError

from .archive.chunks import ChunkRepairer
from .archive.feed import Feed
from .frames import plane_format
from .ordering import TIMES_IN_DECODING_ORDER
from .sources import VideoSource

if TYPE_CHECKING:
    from av import VideoFrame
    from numpy.typing import NDArray

    from framemend_filters.engine import Repairer

    from .masks import MaskSource
    from .planes import PlaneFormat


class IndexedVideo:
    """A video file whose frames can be asked for by number, counted from 0 in order of presentation.

    path; width, height in samples; rate: frames a second; num_frames; time_base: seconds of a tick; start_pts: of the first
    frame, in ticks; times: pts of every frame in rising order. Holds no file open; `frames` may be called from several threads.
    """

    def __init__(self, path: str | Path) -> None:
        """Reads all packets once, decoding none but the first. Raises InputNotFound and InputError as VideoSource does."""
        self.path = Path(path)
        with VideoSource(path) as source:
            self.width, self.height = source.first.width, source.first.height
            self.rate = source.rate or Fraction(25)
            self.start_pts, self.time_base = source.start_pts, source.time_base
            self.pix_fmt = source.first.format.name
            source.container.seek(0, backward=True)
            packets = [p for p in source.container.demux(source.video) if p.size and not p.is_discard]
            exact = source.container.format.name not in TIMES_IN_DECODING_ORDER
            self.times = sorted(p.pts for p in packets if p.pts is not None) if exact else []
            self.num_frames = len(packets)
        self._seekable = len(self.times) == self.num_frames == len(set(self.times))

    @property
    def is_constant_rate(self) -> bool:
        """Whether every frame stands within half a frame of where its number and the rate put it."""
        if not self._seekable:
            return True
        slack = 1 / (2 * self.rate)
        return all(
            abs((time - self.times[0]) * self.time_base - number / self.rate) < slack
            for number, time in enumerate(self.times)
        )

    def seconds(self, number: int) -> Fraction:
        """When a frame is shown, after the first one."""
        return (self.times[number] - self.times[0]) * self.time_base if self._seekable else number / self.rate

    def frames(self, first: int, stop: int) -> Iterator[VideoFrame]:
        """Frames first..stop-1, in a format of frames.LAYOUTS. Raises InputError where one cannot be decoded."""
        number = first
        for number, frame in enumerate(self._from(first), first):
            if number == stop:
                return
            if self._seekable and frame.pts != self.times[number]:
                break
            yield frame
            if number + 1 == stop:
                return
        raise InputError(f"frame {number} of {self.path} cannot be decoded; repair the file as a whole first")

    def _from(self, first: int) -> Iterator[VideoFrame]:
        with VideoSource(self.path) as source:
            if first and self._seekable:
                found = source.frames_from(self.times[first])
                frame = next(found, None)
                if frame is not None and frame.pts == self.times[first]:
                    yield frame
                    yield from found
                    return
        with VideoSource(self.path) as source:  # a container that seeks past the place: from the beginning
            yield from islice(source.frames(), first, None)


def repair_range(
    video: IndexedVideo, repairer: Repairer, masks: MaskSource | None, first: int, stop: int
) -> Iterator[tuple[VideoFrame, list[NDArray]]]:
    """Frames first..stop-1 as given, each with its repaired planes, as views() has them."""
    length, total = repairer.chunk_frames, video.num_frames
    chunks = range(first // length, -(-stop // length))
    begin, end = repairer.span(chunks.start, total).start, repairer.span(chunks[-1], total).stop
    feed = Feed(_Part(video, begin, end), masks, first=begin)
    for done in ChunkRepairer(feed, repairer, lambda index, _: first <= index < stop, recorded=False).repair(chunks):
        if first <= done.index < stop:
            yield done.frame, done.samples


class _Part:
    """Frames of a video from one number to another, as a feed reads them."""

    def __init__(self, video: IndexedVideo, first: int, stop: int) -> None:
        self._video, self._first, self._stop = video, first, stop
        self.start_pts, self.time_base = video.start_pts, video.time_base

    def plane_format(self, frame: VideoFrame) -> PlaneFormat:
        """How the samples of a frame are to be read."""
        return plane_format(frame)

    def frames(self) -> Iterator[VideoFrame]:
        """Each once, in order."""
        return self._video.frames(self._first, self._stop)
