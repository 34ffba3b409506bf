"""MLT, Kdenlive and Shotcut projects, changed in place: only what names repaired media differs from the project given.

A repaired file begins where the range that the edit uses begins, so positions in it are counted anew: those of the
producer, of all entries that show it, and of filters on them. A Kdenlive clip is many producers with one `kdenlive:id`;
they are repaired and moved together.
"""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from framemend_filters.errors import FramemendError, InputError

from .edits import find_media
from .mltxml import (
    SPEED_PREFIX,
    frames_of,
    property_of,
    remove_property,
    set_property,
    speed_of,
    speed_prefix,
    written_like,
)
from .plan import Job, Use
from .timecode import timecode_text
from .wishes import wish_of_marker

FILES = frozenset({"avformat", "avformat-novalidate", "timewarp", ""})
"""Services that read video files; "": not said, MLT finds out."""
OF_THE_FILE = ("kdenlive:file_hash", "kdenlive:file_size", "kdenlive:originalurl", "kdenlive:proxy", "shotcut:hash")
"""Properties that tell of the file that is replaced. Besides these all that begin with `meta.`."""
_KEYFRAME = re.compile(r"(^|;)\s*[\d:.]+[~|!$]?=")
_MARK = re.compile(r"^\s*repair\b", re.IGNORECASE)


@dataclass(eq=False)
class _Source:
    """Producers of one clip, and everything that shows them."""

    name: str
    path: Path
    producers: list[ET.Element]
    shows: list[ET.Element] = field(default_factory=list)
    label: str = ""
    wish: dict[str, Any] | None = None
    shown: bool = False
    """Whether a track shows it, and not the bin alone."""
    first: int | None = None
    last: int | None = None


class MltEdit:
    """A project in MLT XML."""

    def __init__(self, path: Path, search: list[Path]) -> None:
        """Raises InputError where it is none."""
        self.reports: list[str] = []
        self._search = search
        try:
            self._tree = ET.parse(path)
        except (ET.ParseError, OSError) as error:
            raise InputError(f"{path} cannot be read as a project: {error}") from error
        self._root = self._tree.getroot()
        if self._root.tag != "mlt":
            raise InputError(f"{path} begins with <{self._root.tag}> and not with <mlt>")
        if self._root.get("root"):
            self._search = [Path(self._root.get("root", "")), *search]
        profile = self._root.find("profile")
        numbers = profile.attrib if profile is not None else {}
        self._rate = Fraction(int(numbers.get("frame_rate_num", 25)), int(numbers.get("frame_rate_den", 1)))

    def uses(self, *, only_marked: bool) -> list[Use]:
        """One for each clip of the bin, or each producer where there is no bin: from its first to its last frame shown."""
        found: list[Use] = []
        self._find_sources()
        for source in self._sources.values():
            if not source.shown or source.first is None or source.last is None:
                continue
            if only_marked and source.wish is None:
                continue
            movable = all(self._can_move(p) for p in source.producers)
            speed = {speed_of(p) for p in source.producers}
            try:
                if any(s <= 0 for s in speed):
                    raise InputError("it plays backwards; reverse a repaired copy instead")
                fastest = max(speed)
                found.append(
                    Use(
                        label=source.label,
                        path=source.path,
                        start=Fraction(source.first) * min(speed),
                        end=Fraction(source.last + 1) * fastest,
                        rate=self._rate,
                        wish=source.wish or {},
                        key=source,
                        step=self._step(source.path) if movable and speed == {1} else 0,
                        at_time=True,
                    )
                )
            except FramemendError as error:
                self.reports.append(f"{source.label}: {error}")
        return found

    def _step(self, path: Path) -> int:
        """Frames of the file after which a frame of the project begins at the same moment."""
        from framemend.ranges import IndexedVideo

        try:
            return (self._rate / IndexedVideo(path).rate).denominator
        except FramemendError:
            return 1  # said where the range is planned

    def _find_sources(self) -> None:
        self._sources: dict[str, _Source] = {}
        by_id: dict[str, _Source] = {}
        missing: dict[str, str] = {}
        for producer in self._root.iter():
            if producer.tag not in ("producer", "chain"):
                continue
            resource = property_of(producer, "resource")
            if (
                (property_of(producer, "mlt_service") or "") not in FILES
                or not resource
                or property_of(producer, "set.test_image") == "1"
            ):
                continue
            name = property_of(producer, "warp_resource") or re.sub(SPEED_PREFIX, "", resource)
            path = find_media(name, self._search)
            shown_name = (
                property_of(producer, "kdenlive:clipname")
                or property_of(producer, "shotcut:caption")
                or Path(name).name
            )
            if path is None:
                missing[producer.get("id", "")] = (
                    f"clip {shown_name!r}: its media {name} is missing; --search DIR tells where to look"
                )
                continue
            group = property_of(producer, "kdenlive:id") or "producer " + producer.get("id", "")
            source = self._sources.setdefault(f"{group} {path}", _Source(shown_name, path, []))
            source.producers.append(producer)
            by_id[producer.get("id", "")] = source
            wish = _wish(producer)
            if wish is not None:
                source.wish = (source.wish or {}) | wish
        hidden = self._ids_without_picture()
        marks = self._timeline_marks()
        for holder in self._root.iter():
            if holder.tag not in ("playlist", "tractor"):
                continue
            in_bin = holder.get("id") == "main_bin"
            place = 0
            for entry in holder:
                if entry.tag == "blank":
                    place += frames_of(entry.get("length", "0"), self._rate)
                if entry.tag not in ("entry", "track"):
                    continue
                first, last = self._span(entry)
                source, named = by_id.get(entry.get("producer", "")), missing.get(entry.get("producer", ""))
                shown = not in_bin and holder.get("id", "") not in hidden
                if source is not None:
                    source.shows.append(entry)
                    self._note(source, entry, first, last, place, shown=shown, marks=marks)
                elif named and shown:
                    clip, _, what = named.partition(": ")
                    self.reports.append(f"{clip} at {timecode_text(place, self._rate, drop=False)}: {what}")
                if entry.tag == "entry":
                    place += last - first + 1

    def _note(
        self, source: _Source, entry: ET.Element, first: int, last: int, place: int, *, shown: bool, marks: list[Any]
    ) -> None:
        wish = _wish(entry)
        if shown:
            for at, options in marks:
                if place <= at <= place + last - first:
                    wish = options | (wish or {})
            if not source.shown:
                source.label = f"clip {source.name!r} at {timecode_text(place, self._rate, drop=False)}"
            source.shown = True
        in_project = shown or property_of(source.producers[0], "kdenlive:id")
        bin_alone = not shown and first == 0
        if in_project and not bin_alone:
            source.first = first if source.first is None else min(first, source.first)
            source.last = last if source.last is None else max(last, source.last)
        if wish is not None:
            source.wish = (source.wish or {}) | wish

    def _span(self, entry: ET.Element) -> tuple[int, int]:
        """First and last frame of its producer that an entry or a track shows."""
        producer = next((p for p in self._root.iter() if p.get("id") == entry.get("producer") and p is not entry), None)
        fallback: dict[str, str] = {} if producer is None else producer.attrib
        first = frames_of(entry.get("in") or fallback.get("in", "0"), self._rate)
        last = entry.get("out") or fallback.get("out")
        length = None if producer is None else property_of(producer, "length")
        if last is None:
            return first, max(first, frames_of(length, self._rate) - 1) if length else first
        return first, frames_of(last, self._rate)

    def _ids_without_picture(self) -> set[str]:
        """Playlists that only give sound."""
        return {t.get("producer", "") for t in self._root.iter("track") if t.get("hide") in ("video", "both")}

    def _timeline_marks(self) -> list[tuple[int, dict[str, Any]]]:
        """Shotcut's markers and Kdenlive's guides: frame and options."""
        marks: list[tuple[int, dict[str, Any]]] = []
        for properties in self._root.iter("properties"):
            wish = wish_of_marker(property_of(properties, "text"))
            start = property_of(properties, "start")
            if wish is not None and start:
                marks.append((frames_of(start, self._rate), wish))
        for element in self._root.iter("property"):
            if element.get("name") in ("kdenlive:docproperties.guides", "kdenlive:sequenceproperties.guides"):
                marks += [(int(g.get("pos", 0)), w) for g, w in _kdenlive_marks(element.text)]
        return marks

    def _can_move(self, producer: ET.Element) -> bool:
        """Whether nothing on it counts its frames in a way that cannot be changed: keyframes of a filter without a start."""
        for element in [producer, *self._shows_of(producer)]:
            for effect in element.iter("filter"):
                has_start = effect.get("in") is not None or property_of(effect, "in") is not None
                if not has_start and any(_KEYFRAME.search(p.text or "") for p in effect.iter("property")):
                    return False
        return True

    def _shows_of(self, producer: ET.Element) -> list[ET.Element]:
        return [e for e in self._root.iter() if e.tag in ("entry", "track") and e.get("producer") == producer.get("id")]

    def relink(self, jobs: list[Job]) -> None:
        """Point the producers of these jobs to the repaired files and count their positions from the files' first frames."""
        self._jobs = jobs
        for job in jobs:
            for use in job.uses:
                source: _Source = use.key
                shift = job.first * self._rate / job.video.rate
                assert shift.denominator == 1 or use.step == 0
                frames = int((job.stop - job.first) * self._rate / job.video.rate)
                for producer in source.producers:
                    self._move_producer(producer, int(shift), frames, job)
                for entry in source.shows:
                    self._move_positions(entry, int(shift), frames)

    def _move_producer(self, producer: ET.Element, shift: int, frames: int, job: Job) -> None:
        assert job.target is not None
        speed = speed_of(producer)
        length = int(frames / speed)
        for name in [p.get("name", "") for p in producer.findall("property")]:
            if name in OF_THE_FILE or name.startswith("meta."):
                remove_property(producer, name)
        if property_of(producer, "length"):
            set_property(producer, "length", str(length))
        for name in ("kdenlive:zone_in", "kdenlive:zone_out"):
            if (value := property_of(producer, name)) and value.lstrip("-").isdigit():
                set_property(producer, name, str(min(length - 1, max(0, int(value) - shift))))
        if marks := property_of(producer, "kdenlive:markers"):
            moved = [m | {"pos": int(m.get("pos", 0)) - shift} for m in json.loads(marks)]
            set_property(producer, "kdenlive:markers", json.dumps([m for m in moved if 0 <= m["pos"] < length]))
        if property_of(producer, "audio_index") not in (None, "-1"):
            set_property(producer, "audio_index", "1")
        if property_of(producer, "video_index") not in (None, "-1"):
            set_property(producer, "video_index", "0")
        set_property(producer, "framemend:repair", json.dumps(job.metadata(), sort_keys=True))
        self._move_positions(producer, shift, length)

    def _move_positions(self, element: ET.Element, shift: int, length: int) -> None:
        """Move `in` and `out` of an element and of the filters on it."""
        for part in [element, *element.iter("filter")]:
            for name in ("in", "out"):
                value = part.get(name)
                if value is not None:
                    moved = max(0, frames_of(value, self._rate) - shift)
                    part.set(name, written_like(value, min(moved, length - 1), self._rate))

    def save(self, path: Path, shown_as: Path) -> None:
        """Paths from the project's folder stay so; the root attribute of the project, where it has one, is made to fit."""
        here = shown_as.resolve().parent
        relinked = {id(p): job for job in getattr(self, "_jobs", []) for use in job.uses for p in use.key.producers}
        for producer in self._root.iter():
            if producer.tag not in ("producer", "chain"):
                continue
            for name in ("resource", "warp_resource"):
                value = property_of(producer, name)
                if not value:
                    continue
                prefix, _, rest = value.rpartition(":") if speed_prefix(value) else ("", "", value)
                job = relinked.get(id(producer))
                target = job.target.resolve() if job is not None and job.target else find_media(rest, self._search)
                if target is None or (job is None and Path(rest).is_absolute()):
                    continue
                if (property_of(producer, "mlt_service") or "") not in FILES and not Path(rest).suffix:
                    continue
                text = str(target) if Path(rest).is_absolute() else os.path.relpath(target, here)
                set_property(producer, name, f"{prefix}:{text}" if prefix else text)
        if self._root.get("root"):
            self._root.set("root", str(here))
        self._tree.write(path, encoding="utf-8", xml_declaration=True)


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
