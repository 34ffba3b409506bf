"""Which frames are to be repaired: what --frames and --time say. All others leave as they came."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from framemend_filters.errors import SettingError

from ..masks import parse_time


@dataclass(frozen=True)
class Span:
    """From `start` to `end`, both included; None: from the beginning, to the end."""

    start: int | Fraction | None
    end: int | Fraction | None

    def holds(self, place: int | Fraction) -> bool:
        """Whether `place` lies inside."""
        return (self.start is None or place >= self.start) and (self.end is None or place <= self.end)


@dataclass(frozen=True)
class FrameRanges:
    """Frames by number and by time; with neither, all of them."""

    frames: tuple[Span, ...] = ()
    """Numbers from 0."""
    times: tuple[Span, ...] = ()
    """Seconds after the first frame."""

    def __bool__(self) -> bool:
        return bool(self.frames or self.times)

    def in_ticks(self, time_base: Fraction) -> FrameRanges:
        """The same for a clip that counts in ticks of `time_base` seconds: `covers` then takes ticks, whole numbers."""
        ticks = [
            Span(
                None if span.start is None else ceil(span.start / time_base),
                None if span.end is None else floor(span.end / time_base),
            )
            for span in self.times
        ]
        return FrameRanges(self.frames, tuple(ticks))

    def covers(self, index: int, seconds: Fraction | int | None) -> bool:
        """Whether frame `index`, shown `seconds` after the first, is to be repaired.

        Raises SettingError where a range speaks of time and the frame has none.
        """
        if not self or any(span.holds(index) for span in self.frames):
            return True
        if self.times and seconds is None:
            raise SettingError(f"--time needs a clip that has times, frame {index} has none; use --frames")
        return seconds is not None and any(span.holds(seconds) for span in self.times)


def add_range_options(parser: argparse.ArgumentParser) -> None:
    """--frames and --time; `ranges_from` reads them back."""
    group = parser.add_argument_group("ranges")
    group.add_argument(
        "--frames",
        action="append",
        default=[],
        metavar="A-B",
        help="repair frames A to B only, both included, from 0; A- to the end; may be repeated",
    )
    group.add_argument(
        "--time",
        action="append",
        default=[],
        metavar="A-B",
        help="repair from time A to B only, after the first frame: 12.5-14 or 00:01:02.5-00:01:04; may be repeated",
    )


def ranges_from(args: argparse.Namespace) -> FrameRanges:
    """What --frames and --time say. Raises SettingError."""
    return FrameRanges(tuple(_spans("--frames", args.frames, _number)), tuple(_spans("--time", args.time, parse_time)))


def _spans(option: str, texts: Iterable[str], parse) -> Iterable[Span]:
    for text in texts:
        first, dash, last = text.strip().partition("-")
        start = parse(first) if first else None
        end = (parse(last) if last else None) if dash else start
        wrong = (first and start is None) or (last and end is None) or not (first or last)
        if wrong:
            example = "100-250, 100- or -250" if option == "--frames" else "12.5-14 or 00:01:02.5-00:01:04"
            raise SettingError(f"{option} {text} is no range; write it like {example}")
        if start is not None and end is not None and end < start:
            raise SettingError(f"{option} {text} ends before it starts")
        yield Span(start, end)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
