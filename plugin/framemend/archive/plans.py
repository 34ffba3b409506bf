"""What --smart copies and what it encodes again: decided from the packets of the whole file, before anything is written."""

from __future__ import annotations

import argparse
import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..sequences import is_sequence
from .gops import Gop, Unusable, read_gops, usable_kind
from .matching import Match, find_match, kinds_of_units
from .ranges import ranges_from

if TYPE_CHECKING:
    from framemend_filters.engine import Repairer

    from ..masks import MaskSource
    from ..sources import VideoSource
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

    @property
    def worked_at(self) -> list[range]:
        """Numbers of the frames that are encoded again, group by group."""
        return [self.gops[number].frames for number in sorted(self.encoded)]

    def number(self, frame: int) -> int:
        """Number of the group that a frame is in."""
        return _number(self.gops, frame)


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
        gops = read_gops(source, kinds_of_units(source))
        wanted = _wanted_frames(args, source, gops, masks, repairer)
        match = find_match(source, gops, args.crf, args.preset)
    except Unusable as reason:
        note(f"--smart: nothing is copied, since {reason}; the whole video is encoded")
        return None
    num_frames = gops[-1].frames.stop
    encoded = frozenset(_number(gops, frame) for frame in wanted)
    chunks = {frame // repairer.chunk_frames for frame in wanted}
    seen = {frame for chunk in chunks for frame in repairer.span(chunk, num_frames)}
    decoded = encoded | {_number(gops, frame) for frame in seen}
    copied = sum(len(gop.pts) for number, gop in enumerate(gops) if number not in encoded)
    note(f"--smart: {copied} of {num_frames} frames are copied as they are")
    return SmartPlan(gops, encoded, decoded, match)


def _number(gops: Sequence[Gop], frame: int) -> int:
    """Number of the group that a frame is in."""
    return bisect.bisect_right(gops, frame, key=lambda gop: gop.start) - 1


def _wanted_frames(
    args: argparse.Namespace, source: VideoSource, gops: Sequence[Gop], masks: MaskSource | None, repairer: Repairer
) -> list[int]:
    """Numbers of the frames that may change."""
    start, base = source.start_pts, source.time_base
    times = sorted(time for gop in gops for time in gop.pts)
    ranges = ranges_from(args).in_ticks(base)
    covered = [index for index, pts in enumerate(times) if ranges.covers(index, pts - start)]
    if repairer.looks_everywhere or masks is None:
        return covered if repairer.looks_everywhere else []
    if masks.looks_at_pictures or masks.from_alpha:  # only the frame itself can tell
        return covered
    return [index for index in covered if masks.mask_for(index, (times[index] - start) * base) is not None]
