"""When the frames of the output are shown: the encoder counts them, and each packet gets the time of its frame back."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from av import Packet
    from av.video.stream import VideoStream

CONSTANT_RATE = frozenset({"mxf"})
"""Containers whose pictures have no times at all."""


class Rational(Protocol):
    """PyAV's numbers of two parts, and Python's own."""

    @property
    def numerator(self) -> int: ...
    @property
    def denominator(self) -> int: ...


def as_fraction(value: Rational) -> Fraction:
    """A rate or time base of PyAV, to reckon with."""
    return Fraction(value.numerator, value.denominator)


class FrameTimes:
    """The times of one video: `add` each frame in order of presentation, `stamp` each packet that the encoder gives."""

    def __init__(
        self, time_base: Fraction, rate: Fraction | None, video: VideoStream, note: Callable[[str], None]
    ) -> None:
        """time_base: seconds of a tick, rate: frames a second, both of the input; video: in the output, its header written;
        note: called once with a line where times cannot stay as they are."""
        self._time_base, self._rate, self._note = time_base, rate, note
        self._kind = video.container.format.name
        self._tick = as_fraction(video.time_base) if video.time_base else time_base
        self._pts: list[int] = []
        self._durations: list[int] = []
        self._noted: set[str] = set()

    def add(self, pts: int | None, duration: int) -> None:
        """The next frame is shown at `pts` for `duration`, both in ticks of the input; pts None: right after the frame before."""
        if self._pts and (pts is None or pts <= self._pts[-1]):
            if pts is not None:
                self._say(
                    "order", f"frame {len(self._pts)} has a time at or before that of the frame before; moved behind it"
                )
            pts = self._pts[-1] + (1 if pts is not None else max(1, self._durations[-1]))
        pts = pts or 0
        self._look_at_rounding(pts)
        self._look_at_rate(pts)
        self._pts.append(pts)
        self._durations.append(duration)

    def stamp(self, packet: Packet) -> None:
        """Give a packet the time of its frame.

        Decoding times are the presentation times in rising order, as many frames earlier as the encoder reorders.
        """
        assert packet.pts is not None
        number = packet.pts
        order = packet.dts if packet.dts is not None else number
        packet.pts = self._pts[number]
        packet.dts = self._pts[order] if order >= 0 else self._pts[0] + order * max(1, self._typical_duration())
        packet.duration = self._durations[number]
        packet.time_base = self._time_base

    def _typical_duration(self) -> int:
        if self._durations[0]:
            return self._durations[0]
        return round(1 / self._rate / self._time_base) if self._rate else 1

    def _look_at_rounding(self, pts: int) -> None:
        """Matroska counts milliseconds and avi frames: a time may fall between."""
        if (pts * self._time_base / self._tick).denominator != 1:
            self._say("rounding", f"{self._kind} keeps times to {self._tick} s; they are rounded to that")

    def _look_at_rate(self, pts: int) -> None:
        if self._kind not in CONSTANT_RATE or not self._pts or not self._rate:
            return
        frames = (pts - self._pts[0]) * self._time_base * self._rate
        if abs(frames - len(self._pts)) >= 1:
            self._say(
                "rate",
                f"{self._kind} shows pictures at a constant rate; from frame {len(self._pts)} on the input does not",
            )

    def _say(self, what: str, text: str) -> None:
        if what not in self._noted:
            self._noted.add(what)
            self._note(text)
