"""MLT, Kdenlive and Shotcut projects, changed in place: only what names repaired media differs from the project given."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from fractions import Fraction
from pathlib import Path

from framemend_filters.errors import FramemendError, InputError

from .edits import find_media
from .mltclips import ClipFinder, Stretch
from .mltmove import Mover
from .mltxml import FILES, is_remapped, property_of, set_property, speed_prefix
from .plan import Job, Use


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
        self._file_rates: dict[Path, Fraction] = {}
        self._files: dict[int, Job] = {}

    def uses(self, *, only_marked: bool) -> list[Use]:
        """One for each place where a track shows frames of a file."""
        finder = ClipFinder(self._root, self._rate, self._search)
        self._clips = list(finder.clips.values())
        self.reports += finder.reports
        found: list[Use] = []
        for stretch in (s for clip in self._clips for s in clip.stretches if s.is_seen):
            if only_marked and stretch.wish is None:
                continue
            try:
                found.append(self._use(stretch))
            except FramemendError as error:
                self.reports.append(f"{stretch.label}: {error}")
        return found

    def _use(self, stretch: Stretch) -> Use:
        speed = stretch.speed
        if speed <= 0:
            raise InputError("it plays backwards; reverse a repaired copy instead")
        if is_remapped(stretch.producer):
            raise InputError("its speed changes over time (time remapping), which cannot be followed")
        return Use(
            label=stretch.label,
            path=stretch.clip.path,
            start=stretch.first * speed,
            end=stretch.last * speed + max(1, speed),  # MLT rounds half frames up
            rate=self._rate,
            wish=stretch.wish or {},
            key=stretch,
            step=self._step(stretch) if stretch.can_move else 0,
            at_time=True,
        )

    def _step(self, stretch: Stretch) -> int:
        """Frames of the file after which a frame of every producer of the clip begins at the same moment."""
        from framemend.ranges import IndexedVideo

        path = stretch.clip.path
        try:
            rate = self._file_rates.get(path) or self._file_rates.setdefault(path, IndexedVideo(path).rate)
        except FramemendError:
            return 1  # said where the range is planned
        return (self._rate / rate / stretch.speed).denominator

    def relink(self, jobs: list[Job]) -> None:
        """Point the clips of these jobs to the repaired files and count their positions from the files' first frames."""
        mover = Mover(self._root, self._rate)
        for clip in self._clips:
            own = [job for job in jobs if any(use.key.clip is clip for use in job.uses)]
            if own:
                mover.relink(clip, own)
        self._files = mover.files

    def save(self, path: Path, shown_as: Path) -> None:
        """Paths from the project's folder stay so; the root attribute of the project, where it has one, is made to fit."""
        here = shown_as.resolve().parent
        for producer in self._root.iter():
            if producer.tag not in ("producer", "chain"):
                continue
            for name in ("resource", "warp_resource"):
                value = property_of(producer, name)
                if not value:
                    continue
                prefix, _, rest = value.rpartition(":") if speed_prefix(value) else ("", "", value)
                job = self._files.get(id(producer))
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
