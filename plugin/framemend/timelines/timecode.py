"""Timecode as files bear it: read as a number of frames, written as a clock, with dropped numbers where the rate asks for it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

from ..times import as_fraction


@dataclass(frozen=True, kw_only=True)
class Timecode:
    """Of a file's first frame: frames since midnight, None where the file has none; whether it drops numbers; reel name."""

    frames: int | None = None
    drop: bool = False
    reel: str = ""


def nominal(rate: Fraction) -> int:
    """The whole number of frames that timecode counts to a second."""
    return math.ceil(rate)


@lru_cache(maxsize=256)
def read_timecode(path: Path) -> Timecode:
    """The timecode and reel name that a file bears."""
    import av

    with av.open(str(path)) as container:
        tags = [container.metadata, *(s.metadata for s in container.streams)]
        rates = [s.average_rate for s in container.streams.video if s.average_rate]
    text = next((t["timecode"] for t in tags if "timecode" in t), "")
    reel = next((t[name] for t in tags for name in ("reel_name", "com.apple.proapps.reel") if t.get(name)), "")
    match = re.fullmatch(r"(\d+):(\d+):(\d+)([:;.])(\d+)", text)
    if match is None or not rates:
        return Timecode(reel=reel)
    rate = nominal(as_fraction(rates[0]))
    hours, minutes, seconds, number = (int(match[i]) for i in (1, 2, 3, 5))
    drop = match[4] != ":"
    frames = (3600 * hours + 60 * minutes + seconds) * rate + number
    if drop:
        frames -= _dropped(rate) * (60 * hours + minutes - (60 * hours + minutes) // 10)
    return Timecode(frames=frames, drop=drop, reel=reel)


def timecode_text(frames: int, rate: Fraction, *, drop: bool) -> str:
    """HH:MM:SS:FF of a frame counted from midnight; drop-frame with a semicolon."""
    whole = nominal(rate)
    if drop:
        lost = _dropped(whole)
        ten_minutes = 600 * whole - 9 * lost
        tens, rest = divmod(frames, ten_minutes)
        frames += 9 * lost * tens + lost * max(0, (rest - lost) // (60 * whole - lost))
    seconds, number = divmod(frames, whole)
    clock = f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{clock}{';' if drop else ':'}{number:02}"


def _dropped(rate: int) -> int:
    """Numbers left out each minute but the tenth."""
    return rate // 15
