"""How many frames a file promises, in its head or its index, and how many of those were never found."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from .times import as_fraction

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer
    from av.video.stream import VideoStream


class Promise:
    """What one file says of its video; `note` every packet as it goes by, then ask for what is `missing`."""

    def __init__(self, container: InputContainer, video: VideoStream, path: Path) -> None:
        """The container was just opened: its index holds what the file's own does."""
        self._container, self._video = container, video
        self._discarded = self._repeats = 0
        self._ends: dict[int, Fraction] = {}
        self._indexed = len(video.index_entries) if container.format.name == "avi" and _is_whole(path) else 0

    def note(self, packet: Packet) -> None:
        """A packet of any stream."""
        if packet.pts is not None and packet.time_base:
            end = (packet.pts + (packet.duration or 0)) * as_fraction(packet.time_base)
            self._ends[packet.stream_index] = max(end, self._ends.get(packet.stream_index, end))
        if packet.is_discard and packet.stream_index == self._video.index:
            self._discarded += 1

    def note_repeat(self) -> None:
        """An empty packet that stands for a frame: the same picture again."""
        self._repeats += 1

    def missing(self, found: int, rate: Fraction | None) -> int:
        """Frames that the file's index, or its duration in Matroska, promises beyond those found."""
        promised = self._indexed or self._video.frames  # the head of AVI counts empty ticks as frames
        if promised:
            return max(0, promised - self._discarded - self._repeats - found)
        if "matroska" not in self._container.format.name or not rate:
            return 0
        own = duration_tag(self._video.metadata.get("DURATION", ""))
        if own is not None:
            return max(0, round((own - self._ends.get(self._video.index, own)) * rate))
        if self._container.duration is None or not self._ends:
            return 0
        return max(0, round((Fraction(self._container.duration, 10**6) - max(self._ends.values())) * rate))


def _is_whole(path: Path) -> bool:
    """Whether an AVI file is as long as its head says: one that was cut short has lost its index."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(8)
    return len(head) == 8 and path.stat().st_size >= struct.unpack("<I", head[4:])[0] + 8


def duration_tag(text: str) -> Fraction | None:
    """Matroska's 00:01:02.500000000 in seconds."""
    try:
        return sum((Fraction(part) * 60**place for place, part in enumerate(reversed(text.split(":")))), Fraction(0))
    except ValueError:
        return None
