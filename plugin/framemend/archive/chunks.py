"""Repairs any run of a clip's chunks: what is written for a frame is the same whichever chunks are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from .records import FrameRecord, record_frame

if TYPE_CHECKING:
    from av import VideoFrame
    from numpy.typing import NDArray

    from framemend_filters.engine import FrameRepair, Repairer

    from .feed import Feed

_UNKNOWN_LENGTH = 1 << 40


@dataclass(frozen=True)
class RepairedFrame:
    """One frame after the repair.

    frame: as it was given; planes: its samples now, as frames.views gives them, None: as given; record: what was
    changed, None: nothing, or nobody asked; generated: share of the frame that was generated, 0..1.
    """

    index: int
    frame: VideoFrame
    planes: list[NDArray] | None
    record: FrameRecord | None
    generated: float = 0.0

    @property
    def samples(self) -> list[NDArray]:
        """Its planes after the repair, as frames.views gives them, whether anything was changed or not."""
        from ..frames import views

        return views(self.frame) if self.planes is None else self.planes


class ChunkRepairer:
    """Repairs chunks of one clip.

    in_range: whether a frame, by number and seconds after the first, is to be repaired at all; recorded: whether to
    record what was changed.
    """

    def __init__(
        self,
        feed: Feed,
        repairer: Repairer,
        in_range: Callable[[int, Fraction | None], bool],
        *,
        recorded: bool,
    ) -> None:
        self._feed, self._repairer, self._in_range, self._recorded = feed, repairer, in_range, recorded
        self.worked_on = 0
        """Chunks so far that held something to repair."""

    def repair(self, chunks: Iterable[int]) -> Iterator[RepairedFrame]:
        """The frames of `chunks`, which rise. Ends with them or with the clip."""
        feed, size = self._feed, self._repairer.chunk_frames
        for chunk in chunks:
            feed.keep_from(self._repairer.span(chunk, _UNKNOWN_LENGTH).start)
            if not feed.reach(chunk * size):
                return
            feed.reach(self._repairer.span(chunk, _UNKNOWN_LENGTH).stop - 1)
            length = _UNKNOWN_LENGTH if feed.num_frames is None else feed.num_frames
            written = range(chunk * size, min(length, (chunk + 1) * size))
            wanted = [self._is_wanted(index) for index in written]
            repairs: list[FrameRepair] = []
            if any(wanted):
                self.worked_on += 1
                span = self._repairer.span(chunk, length)
                masks = {i: mask for i in span if (mask := feed.mask(i)) is not None}
                repairs = self._repairer.repair_chunk(chunk, feed.pictures(span), masks, num_frames=length)
            for place, index in enumerate(written):
                yield self._laid_on(index, repairs[place] if wanted[place] else None)

    def _is_wanted(self, index: int) -> bool:
        touches = self._repairer.looks_everywhere or self._feed.mask(index) is not None
        return touches and self._in_range(index, self._feed.seconds(index))

    def _laid_on(self, index: int, repair: FrameRepair | None) -> RepairedFrame:
        from ..frames import views
        from ..planes import add_residual

        frame = self._feed.frame(index)
        if repair is None:
            return RepairedFrame(index, frame, None, None)
        given = views(frame)
        planes = add_residual(given, self._feed.plane_format(frame), repair)
        record = record_frame(index, frame.pts, given, planes, repair) if self._recorded else None
        return RepairedFrame(index, frame, planes, record, repair.generated)
