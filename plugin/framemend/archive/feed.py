"""Hands out a clip's frames by number: decoded forwards only, kept as long as a window may still ask for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    import numpy as np
    from av import VideoFrame
    from numpy.typing import NDArray

    from ..masks import MaskSource
    from ..planes import PlaneFormat


_BEYOND = 1 << 60
"""More frames than any clip has."""


@dataclass(frozen=True)
class PassedOver:
    """A run of frames that nobody needs to see. pts: of each, rising, in ticks."""

    pts: Sequence[int]


@dataclass(frozen=True)
class _Unseen:
    """One of them, where a frame would be."""

    pts: int


class FrameSource(Protocol):
    """What a `Feed` reads: sources.VideoSource is one."""

    @property
    def start_pts(self) -> int:
        """pts of the clip's first frame, in ticks."""
        ...

    @property
    def time_base(self) -> Fraction:
        """Seconds of one tick of the frames' pts."""
        ...

    def plane_format(self, frame: VideoFrame) -> PlaneFormat:
        """How the samples of one of its frames are to be read."""
        ...

    def frames(self) -> Iterator[VideoFrame | PassedOver]:
        """Every frame once, in order of presentation, to the end of the clip or of what will be asked for."""
        ...


class Feed:
    """The frames of one clip, each with its mask.

    num_frames: length of the clip, None until its end has been read; plane_format: how a frame's samples are to be read.
    """

    def __init__(self, source: FrameSource, masks: MaskSource | None, *, first: int = 0) -> None:
        """first: number of the frame that `source.frames` begins with."""
        self.num_frames: int | None = None
        self.plane_format = source.plane_format
        self._frames = source.frames()
        self._masks = masks
        self._time_base = source.time_base
        self._start_pts = source.start_pts
        self._read = self._first_kept = first
        self._kept: dict[int, VideoFrame] = {}
        self._holes: dict[int, NDArray[np.uint8]] = {}
        self._pictures: dict[int, NDArray[np.floating]] = {}

    def keep_from(self, index: int) -> None:
        """Frames before `index` will not be asked for again."""
        if index <= self._first_kept:
            return
        for dropped in range(self._first_kept, min(index, self._read)):
            for held in (self._kept, self._holes, self._pictures):
                held.pop(dropped, None)
        self._first_kept = index

    def reach(self, index: int) -> bool:
        """Decode up to frame `index`. False: the clip ends before it."""
        while self._read <= index and self.num_frames is None:
            frame = next(self._frames, None)
            if frame is None:
                self.num_frames = self._read
                break
            if isinstance(frame, PassedOver):
                self._pass_over(frame)
                continue
            if self._read >= self._first_kept:
                self._kept[self._read] = frame
                mask = self._mask_of(frame)
                if mask is not None:
                    self._holes[self._read] = mask
            self._read += 1
        return index < self._read

    def read_out(self) -> None:
        """Read the source to its end; no frame will be asked for again."""
        self.keep_from(_BEYOND)
        self.reach(_BEYOND)

    def _pass_over(self, run: PassedOver) -> None:
        stop = self._read + len(run.pts)
        for index in range(max(self._read, self._first_kept), stop):
            self._kept[index] = cast("VideoFrame", _Unseen(run.pts[index - self._read]))
        self._read = stop

    @property
    def first_kept(self) -> int:
        """Number of the first frame that can still be asked for."""
        return self._first_kept

    def frame(self, index: int) -> VideoFrame:
        """A frame that was reached and is kept."""
        return self._kept[index]

    def seconds(self, index: int) -> Fraction | None:
        """When the frame is shown, after the first one; None: it does not say."""
        return self._seconds(self._kept[index])

    def mask(self, index: int) -> NDArray[np.uint8] | None:
        """What is to be generated in the frame, H W, 255 there; None: nothing."""
        return self._holes.get(index)

    def picture(self, index: int) -> NDArray[np.floating]:
        """The frame as H W 3 RGB, 0..1, as the engine holds it; made when first asked for."""
        if index not in self._pictures:
            from framemend_filters.engine.repairer import hold

            from ..frames import views
            from ..planes import to_rgb

            frame = self._kept[index]
            self._pictures[index] = hold(to_rgb(views(frame), self.plane_format(frame)))
        return self._pictures[index]

    def pictures(self, indices: range) -> Mapping[int, NDArray[np.floating]]:
        """The pictures of `indices`, each made only when it is looked at."""
        return _Pictures(self, indices)

    def _mask_of(self, frame: VideoFrame) -> NDArray[np.uint8] | None:
        """The mask of the frame that was read last."""
        if self._masks is None:
            return None
        from ..frames import alpha_view

        picture = self.picture(self._read) if self._masks.looks_at_pictures else None
        alpha = alpha_view(frame) if self._masks.from_alpha else None
        return self._masks.mask_for(self._read, self._seconds(frame), picture, alpha)

    def _seconds(self, frame: VideoFrame) -> Fraction | None:
        return None if frame.pts is None else (frame.pts - self._start_pts) * self._time_base


class _Pictures(Mapping[int, "NDArray[np.floating]"]):
    def __init__(self, feed: Feed, indices: range) -> None:
        self._feed, self._indices = feed, indices

    def __getitem__(self, index: int) -> NDArray[np.floating]:
        if index not in self._indices:
            raise KeyError(index)
        return self._feed.picture(index)

    def __iter__(self) -> Iterator[int]:
        return iter(self._indices)

    def __len__(self) -> int:
        return len(self._indices)
