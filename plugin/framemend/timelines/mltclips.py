"""What an MLT project shows: its clips, the stretches of them on its tracks, and what markers ask for."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from .edits import find_media
from .mltxml import FILES, KDENLIVE_ID, frames_of, media_name, original_of_proxy, property_of, speed_of
from .timecode import timecode_text
from .wishes import wish_of_marker

_KEYFRAME = re.compile(r"(^|;)\s*[\d:.]+[~|!$]?=")
_MARK = re.compile(r"^\s*repair\b", re.IGNORECASE)


@dataclass(eq=False)
class Clip:
    """A clip of the bin, or a producer where there is no bin. In Kdenlive it is many producers with one `kdenlive:id`.

    wish: options of its markers, None where it has none that ask for repair.
    """

    name: str
    path: Path
    producers: list[ET.Element] = field(default_factory=list)
    wish: dict[str, Any] | None = None
    stretches: list[Stretch] = field(default_factory=list)


@dataclass(eq=False)
class Stretch:
    """Frames first..last of a producer in one place of the project.

    element: the entry or track that shows them. in_bin: that place is the bin. is_seen: a track shows the picture, and does
    not only play the sound. label: clip and timecode. wish: as of the clip, with that of guides above it.
    """

    clip: Clip
    element: ET.Element
    producer: ET.Element
    first: int
    last: int
    label: str
    in_bin: bool
    is_seen: bool
    wish: dict[str, Any] | None

    @property
    def speed(self) -> Fraction:
        return speed_of(self.producer)

    @property
    def can_move(self) -> bool:
        """Whether nothing counts its frames in a way that cannot be changed: keyframes of a filter without a start."""
        for element in [self.element, *self.clip.producers]:
            for effect in element.iter("filter"):
                has_start = effect.get("in") is not None or property_of(effect, "in") is not None
                if not has_start and any(_KEYFRAME.search(p.text or "") for p in effect.iter("property")):
                    return False
        return True


class ClipFinder:
    """Goes through a project. `clips` and `reports` are the result; a report is a line about media that are missing."""

    def __init__(self, root: ET.Element, rate: Fraction, search: list[Path]) -> None:
        self._root, self._rate, self._search = root, rate, search
        self._producers: dict[str, ET.Element] = {}
        self._clip_of: dict[str, Clip] = {}
        self._missing: dict[str, tuple[str, str]] = {}
        self.clips: dict[str, Clip] = {}
        self.reports: list[str] = []
        producers = [p for p in root.iter() if p.tag in ("producer", "chain")]
        originals = {p: original_of_proxy(p) for p in producers}
        self._originals = {_group(p): name for p, name in originals.items() if name}
        for element in root.iter():
            if element.get("id") and element.tag not in ("entry", "track"):
                self._producers.setdefault(element.get("id", ""), element)
            if element.tag in ("producer", "chain"):
                self._add_producer(element)
        self._marks = list(self._timeline_marks())
        hidden = {t.get("producer", "") for t in root.iter("track") if t.get("hide") in ("video", "both")}
        for holder in root.iter():
            if holder.tag in ("playlist", "tractor"):
                self._add_stretches(holder, in_bin=holder.get("id") == "main_bin", is_heard=holder.get("id") in hidden)

    def _add_producer(self, producer: ET.Element) -> None:
        if (property_of(producer, "mlt_service") or "") not in FILES:
            return
        name = self._originals.get(_group(producer)) or media_name(producer)
        if not name:
            return
        path = find_media(name, self._search)
        shown_name = (
            property_of(producer, "kdenlive:clipname") or property_of(producer, "shotcut:caption") or Path(name).name
        )
        identity = producer.get("id", "")
        if path is None:
            self._missing[identity] = shown_name, f"its media {name} is missing; --search DIR tells where to look"
            return
        clip = self.clips.setdefault(f"{_group(producer)} {path}", Clip(shown_name, path))
        clip.producers.append(producer)
        clip.wish = _both(clip.wish, _wish(producer))
        self._clip_of[identity] = clip

    def _add_stretches(self, holder: ET.Element, *, in_bin: bool, is_heard: bool) -> None:
        place = 0
        for element in holder:
            if element.tag == "blank":
                place += frames_of(element.get("length", "0"), self._rate)
            if element.tag not in ("entry", "track"):
                continue
            name = element.get("producer", "")
            first, last = self._span(element)
            clip, at = self._clip_of.get(name), timecode_text(place, self._rate, drop=False)
            if clip is not None:
                marked = [w for frame, w in self._marks if place <= frame <= place + last - first and not in_bin]
                wish = clip.wish
                for more in (*marked, _wish(element)):
                    wish = _both(wish, more)
                producer, label = self._producers[name], f"clip {clip.name!r} at {at}"
                is_seen = not in_bin and not is_heard and property_of(producer, "set.test_image") != "1"
                clip.stretches.append(Stretch(clip, element, producer, first, last, label, in_bin, is_seen, wish))
            elif name in self._missing and not in_bin and not is_heard:
                shown_name, what = self._missing[name]
                self.reports.append(f"clip {shown_name!r} at {at}: {what}")
            if element.tag == "entry":
                place += last - first + 1

    def _span(self, element: ET.Element) -> tuple[int, int]:
        """First and last frame of its producer that an entry or a track shows."""
        producer = self._producers.get(element.get("producer", ""))
        own: dict[str, str] = {} if producer is None else producer.attrib
        first = frames_of(element.get("in") or own.get("in", "0"), self._rate)
        last = element.get("out") or own.get("out")
        length = None if producer is None else property_of(producer, "length")
        if last is None:
            return first, max(first, frames_of(length, self._rate) - 1) if length else first
        return first, frames_of(last, self._rate)

    def _timeline_marks(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Shotcut's markers and Kdenlive's guides: frame and options."""
        for properties in self._root.iter("properties"):
            wish, start = wish_of_marker(property_of(properties, "text")), property_of(properties, "start")
            if wish is not None and start:
                yield frames_of(start, self._rate), wish
        for element in self._root.iter("property"):
            if element.get("name") in ("kdenlive:docproperties.guides", "kdenlive:sequenceproperties.guides"):
                yield from ((int(guide.get("pos", 0)), wish) for guide, wish in _kdenlive_marks(element.text))


def _group(producer: ET.Element) -> str:
    """What the producers of one clip have in common; in Kdenlive the one of the bin alone tells of a proxy."""
    return property_of(producer, KDENLIVE_ID) or "producer " + producer.get("id", "")


def _both(first: dict[str, Any] | None, second: dict[str, Any] | None) -> dict[str, Any] | None:
    return (first or {}) | second if second is not None else first


def _wish(element: ET.Element) -> dict[str, Any] | None:
    asked = [wish for _, wish in _kdenlive_marks(property_of(element, "kdenlive:markers"))]
    for name in ("kdenlive:description", "shotcut:comment"):
        text = property_of(element, name)
        if text and _MARK.match(text):
            wish = wish_of_marker(text)
            asked += [] if wish is None else [wish]
    return {name: value for wish in asked for name, value in wish.items()} if asked else None


def _kdenlive_marks(text: str | None) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Markers in Kdenlive's JSON that ask for repair, each with its options."""
    if not text or not text.strip():
        return []
    try:
        markers = json.loads(text)
    except ValueError:
        return []
    pairs = [(m, wish_of_marker(str(m.get("comment", "")))) for m in markers if isinstance(m, dict)]
    return [(marker, wish) for marker, wish in pairs if wish is not None]
