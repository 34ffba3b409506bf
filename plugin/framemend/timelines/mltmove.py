"""Makes a project use repaired files: producers point to them, and positions count from their first frames.

A file holds only the range that was repaired, so a clip that is shown in two places far apart becomes two clips: the
producers (in Kdenlive the clip of the bin too) are copied for the second file, and the entries of that place point to the copies.
"""

from __future__ import annotations

import copy
import json
import math
import uuid
import xml.etree.ElementTree as ET
from fractions import Fraction

from .mltclips import Clip, Stretch
from .mltxml import KDENLIVE_ID, frames_of, property_of, remove_property, set_property, speed_of, written_like
from .plan import Job

OF_THE_FILE = ("kdenlive:file_hash", "kdenlive:file_size", "kdenlive:originalurl", "kdenlive:proxy", "shotcut:hash")
"""Properties that tell of the file that is replaced. Besides these all that begin with `meta.` or tell of a proxy."""


class Mover:
    """Changes a project in place. `files`: for each producer that was relinked (by `id()`), its job."""

    def __init__(self, root: ET.Element, rate: Fraction) -> None:
        """rate: frames of the project a second."""
        self._root, self._rate = root, rate
        self._parents = {child: parent for parent in root.iter() for child in parent}
        self.files: dict[int, Job] = {}

    def relink(self, clip: Clip, jobs: list[Job]) -> None:
        """Point a clip to the files of its jobs. What none of them holds keeps the file it had."""
        held: dict[Job, list[Stretch]] = {job: [] for job in jobs}
        rest: list[Stretch] = []
        for stretch in clip.stretches:
            if stretch.in_bin:
                continue
            own = next((job for job in jobs if any(use.key is stretch for use in job.uses)), None)
            if own is None and not stretch.is_seen:  # sound alone, of the same frames
                own = next((job for job in jobs if self._holds(job, stretch)), None)
            (rest if own is None else held[own]).append(stretch)
        moves: list[tuple[Job, list[ET.Element], list[tuple[ET.Element, Fraction]]]] = []
        for number, (job, stretches) in enumerate(held.items()):
            places = [(s.element, s.speed) for s in stretches]
            if number or rest:
                producers, entries = self._copies(clip, job, stretches)
                moves.append((job, producers, [*entries, *places]))
            else:
                moves.append(
                    (job, clip.producers, [*((s.element, s.speed) for s in clip.stretches if s.in_bin), *places])
                )
        for job, producers, places in moves:  # after all copies were made of what the project says now
            for producer in producers:
                self._move_producer(producer, job)
            for element, speed in places:
                self._move_positions(element, speed, job)

    def _holds(self, job: Job, stretch: Stretch) -> bool:
        scale = stretch.speed * job.video.rate / self._rate
        return job.first <= math.floor(stretch.first * scale) and math.ceil((stretch.last + 1) * scale) <= job.stop

    def _copies(
        self, clip: Clip, job: Job, stretches: list[Stretch]
    ) -> tuple[list[ET.Element], list[tuple[ET.Element, Fraction]]]:
        """Copies of the producers that these stretches and the bin show, and the bin's entries of them, each with its speed.

        The stretches show the copies from then on.
        """
        suffix = f"_{job.key}_{job.first}"
        in_bin = [s for s in clip.stretches if s.in_bin]
        identity = self._new_kdenlive_id() if property_of(clip.producers[0], KDENLIVE_ID) else None
        copies: dict[int, ET.Element] = {}
        for stretch in [*in_bin, *stretches]:
            given = stretch.producer
            if id(given) in copies:
                continue
            made = copies[id(given)] = copy.deepcopy(given)
            made.set("id", given.get("id", "") + suffix)
            if identity is not None:
                set_property(made, KDENLIVE_ID, identity)
            for name in ("kdenlive:control_uuid", "kdenlive:uuid"):
                if property_of(made, name):
                    set_property(made, name, f"{{{uuid.uuid5(uuid.NAMESPACE_OID, suffix)}}}")
            self._insert_after(given, made)
        entries: list[tuple[ET.Element, Fraction]] = []
        for stretch in in_bin:
            entry = copy.deepcopy(stretch.element)
            self._show(entry, copies[id(stretch.producer)], identity)
            self._insert_after(stretch.element, entry)
            entries.append((entry, stretch.speed))
        for stretch in stretches:
            self._show(stretch.element, copies[id(stretch.producer)], identity)
        return list(copies.values()), entries

    def _show(self, element: ET.Element, producer: ET.Element, identity: str | None) -> None:
        element.set("producer", producer.get("id", ""))
        if identity is not None and property_of(element, KDENLIVE_ID):
            set_property(element, KDENLIVE_ID, identity)

    def _new_kdenlive_id(self) -> str:
        found = (p.text or "" for p in self._root.iter("property") if p.get("name") == KDENLIVE_ID)
        return str(1 + max((int(text) for text in found if text.isdigit()), default=0))

    def _insert_after(self, given: ET.Element, made: ET.Element) -> None:
        parent = self._parents[given]
        parent.insert(list(parent).index(given) + 1, made)
        self._parents[made] = parent

    def _shift(self, job: Job, speed: Fraction) -> int:
        """How many frames later the job's file begins, in frames of a producer of that speed."""
        shift = job.first * self._rate / job.video.rate / speed
        assert shift.denominator == 1, shift  # as `Use.step` asks for
        return int(shift)

    def _length(self, job: Job, speed: Fraction) -> int:
        return int((job.stop - job.first) * self._rate / job.video.rate / speed)

    def _move_producer(self, producer: ET.Element, job: Job) -> None:
        speed = speed_of(producer)
        shift, length = self._shift(job, speed), self._length(job, speed)
        for name in [p.get("name", "") for p in producer.findall("property")]:
            if name in OF_THE_FILE or name.startswith(("meta.", "shotcut:proxy", "shotcut:resource")):
                remove_property(producer, name)
        if given := property_of(producer, "length"):
            set_property(producer, "length", written_like(given, length, self._rate))
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
        self._move_positions(producer, speed, job)
        self.files[id(producer)] = job

    def _move_positions(self, element: ET.Element, speed: Fraction, job: Job) -> None:
        """Move `in` and `out` of an element and of the filters on it."""
        shift, length = self._shift(job, speed), self._length(job, speed)

        def moved(value: str) -> str:
            frame = max(0, frames_of(value, self._rate) - shift)
            return written_like(value, min(frame, length - 1), self._rate)

        for part in [element, *element.iter("filter")]:
            for name in ("in", "out"):
                value = part.get(name)
                if value is not None:
                    part.set(name, moved(value))
                elif part.tag == "filter" and (value := property_of(part, name)):
                    set_property(part, name, moved(value))
