"""Edits that OpenTimelineIO reads: what they use, and how they come to use the repaired media."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from fractions import Fraction
from pathlib import Path
from typing import Any

from framemend_filters.errors import FramemendError, InputError, OutputError, SettingError

from ..ranges import IndexedVideo
from .edits import find_media
from .fcpxml import read_fcpxml, write_fcpxml
from .otioclips import (
    consumed,
    is_absolute,
    label_of,
    media_name,
    opentimelineio,
    path_of,
    plain,
    shown_range,
    track_kind,
    wish_of,
    written_as,
)
from .plan import Job, Use

NAMESPACE = "framemend"
"""Key of what is written into the metadata of clips and of the timeline."""
EDL_RATES = (24.0, 25.0, 30.0, 50.0, 60.0)
OF_THE_FILE = ("@id", "pathurl", "name", "duration", "rate", "timecode")
"""What Final Cut XML says of one file and not of another in its place."""


class OtioEdit:
    """An edit in OpenTimelineIO, or in a format that one of its adapters knows."""

    def __init__(self, path: Path, search: list[Path], media: Path) -> None:
        """Raises InputError where it cannot be read. search: folders to look for media in; media: where new ones go."""
        otio = opentimelineio()
        self._path, self._search, self._media = path, search, media
        self.reports: list[str] = []
        options: dict[str, Any] = {}
        if path.suffix.lower() == ".otioz":
            folder = Path(tempfile.mkdtemp(prefix="framemend-"))
            self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            options["extract_to_directory"] = str(folder)
            self._search = [folder, *search]
        try:
            if path.suffix.lower() == ".edl":
                options["rate"] = self._edl_rate()
            if path.suffix.lower() == ".fcpxml":
                self._timeline, self.reports = read_fcpxml(path)
            else:
                self._timeline = otio.adapters.read_from_file(str(path), **options)
        except otio.exceptions.NoKnownAdapterForExtensionError as error:
            known = ", ".join(f".{s}" for s in sorted(otio.adapters.suffixes_with_defined_adapters(read=True)))
            raise SettingError(f"{path} is no kind of edit that is known; {known}, .mlt and .kdenlive are") from error
        except Exception as error:
            raise InputError(f"{path} cannot be read as an edit: {type(error).__name__}: {error}") from error
        if isinstance(self._timeline, otio.schema.SerializableCollection):  # Final Cut XML may hold several sequences
            self._timelines = list(self._timeline.find_children(descended_from_type=otio.schema.Timeline))
        else:
            self._timelines = [self._timeline]
        if not all(isinstance(t, otio.schema.Timeline) for t in self._timelines) or not self._timelines:
            raise InputError(f"{path} holds no timeline but {type(self._timeline).__name__}")

    def _edl_rate(self) -> float:
        """An EDL does not say its rate: that of the first media found, else the least that its timecodes allow."""
        for rate in EDL_RATES:
            timeline = self._edl_at(rate)
            if timeline is None:
                continue
            for clip in timeline.find_clips():
                for name in (media_name(clip), clip.name):
                    path = find_media(name, self._search)
                    if path is not None:
                        return float(IndexedVideo(path).rate)
            return rate
        return EDL_RATES[0]

    def _edl_at(self, rate: float) -> Any:
        """The edit read at that rate, None where a frame number in it is none at that rate."""
        try:
            return opentimelineio().adapters.read_from_file(str(self._path), rate=rate)
        except Exception:  # noqa: BLE001  the adapter has no error of its own for it
            return None

    def uses(self, *, only_marked: bool) -> list[Use]:
        """One for each clip on a video track that shows frames of a file."""
        otio = opentimelineio()
        found: list[Use] = []
        for timeline in self._timelines:
            for clip in timeline.find_clips():
                if track_kind(clip) == otio.schema.TrackKind.Audio:
                    continue
                label = label_of(clip, timeline)
                try:
                    wish = wish_of(clip, timeline)
                    if only_marked and wish is None:
                        continue
                    use = self._use(clip, label, wish or {}, timeline.tracks)
                    if use is not None:
                        found.append(use)
                except FramemendError as error:
                    self.reports.append(f"{label}: {error}")
        return found

    def _use(self, clip: Any, label: str, wish: dict[str, Any], tracks: Any) -> Use | None:
        otio = opentimelineio()
        reference = clip.media_reference
        if isinstance(reference, otio.schema.GeneratorReference):
            return None
        if isinstance(reference, otio.schema.ImageSequenceReference):
            raise InputError("its media is an image sequence; make a video of it first")
        url = getattr(reference, "target_url", "") or ""
        name = media_name(clip)
        path = find_media(name, self._search)
        if path is None and not url:
            path = find_media(clip.name, self._search)
        if path is None:
            raise InputError(f"its media {name} is missing; --search DIR tells where to look")
        shown = shown_range(clip, tracks)
        if shown is None:
            return None
        start, end = consumed(clip, shown)
        rate = Fraction(shown.start_time.rate).limit_denominator(1001)
        by_timecode = reference.available_range is None
        if not by_timecode:
            begin = reference.available_range.start_time.rescaled_to(shown.start_time.rate)
            start, end = (Fraction(v) - Fraction(begin.value) for v in (start, end))
        start, end = (Fraction(v).limit_denominator(10**4) for v in (start, end))
        return Use(
            label=label,
            path=path,
            start=start,
            end=end,
            rate=rate,
            wish=wish,
            key=clip,
            by_timecode=by_timecode,
        )

    def relink(self, jobs: list[Job]) -> None:
        """Give the clips of these jobs references to the repaired files. Their own ranges stay as they are."""
        otio = opentimelineio()
        self._jobs = jobs
        for job in jobs:
            assert job.target is not None
            for use in job.uses:
                clip, old = use.key, use.key.media_reference
                rate = float(job.video.rate)
                if old.available_range is not None:
                    rate = old.available_range.start_time.rate
                    begin = old.available_range.start_time
                elif job.timecode.frames is not None and clip.source_range.start_time.value >= job.timecode.frames:
                    begin = otio.opentime.RationalTime(job.timecode.frames, rate)
                else:
                    begin = otio.opentime.RationalTime(0, rate)
                scale = rate / float(job.video.rate) if round(rate) != round(float(job.video.rate)) else 1
                available = otio.opentime.TimeRange(
                    begin + otio.opentime.RationalTime(job.first * scale, rate),
                    otio.opentime.RationalTime((job.stop - job.first) * scale, rate),
                )
                metadata = plain(old.metadata)
                if "fcp_xml" in metadata:
                    metadata["fcp_xml"] = {k: v for k, v in metadata["fcp_xml"].items() if k not in OF_THE_FILE}
                metadata[NAMESPACE] = job.metadata()
                new = otio.schema.ExternalReference(available_range=available, metadata=metadata)
                new.target_url = str(job.target.resolve())  # put the way the old one was when it is saved
                new.name = job.target.name
                new.metadata[NAMESPACE]["source_url"] = getattr(old, "target_url", "") or ""
                clip.media_reference = new
                clip.metadata[NAMESPACE] = job.metadata()

    def save(self, path: Path, shown_as: Path) -> None:
        """Raises OutputError where the format cannot hold the edit."""
        otio = opentimelineio()
        options: dict[str, Any] = {}
        suffix = shown_as.suffix.lower()
        extracted = self._path.suffix.lower() == ".otioz"
        for clip in (c for t in self._timelines for c in t.find_clips()):
            reference = clip.media_reference
            url = getattr(reference, "target_url", None)
            if not url:
                continue
            there = path_of(url)
            if suffix == ".otioz":
                found = find_media(there, self._search)
                reference.target_url = found.as_uri() if found else url
            elif NAMESPACE in reference.metadata and Path(there).is_absolute():
                reference.target_url = written_as(reference.metadata[NAMESPACE]["source_url"], Path(there), shown_as)
            elif extracted:
                reference.target_url = self._kept(there, shown_as)
            elif not is_absolute(url) and (found := find_media(there, self._search)):
                reference.target_url = os.path.relpath(found, shown_as.resolve().parent)
        if suffix == ".otioz":
            options["media_policy"] = otio.adapters.file_bundle_utils.MediaReferencePolicy.MissingIfNotFile
        elif suffix == ".edl":
            rates = [c.source_range.start_time.rate for t in self._timelines for c in t.find_clips() if c.source_range]
            options |= {"rate": rates[0] if rates else None, "reelname_len": None}
        try:
            if suffix == ".otioz":
                path.unlink(missing_ok=True)  # the adapter writes no file that is there
            if suffix == ".fcpxml":
                write_fcpxml(self._timeline, path)
            else:
                otio.adapters.write_to_file(self._timeline, str(path), **options)
        except Exception as error:
            raise OutputError(f"{shown_as} cannot be written: {type(error).__name__}: {error}") from error

    def _kept(self, there: str, shown_as: Path) -> str:
        """A file out of the bundle that the edit still uses, moved beside the repaired ones."""
        found = find_media(there, self._search[:1])
        if found is None:
            return there
        self._media.mkdir(parents=True, exist_ok=True)
        target = self._media / found.name
        if not target.exists():
            shutil.copy2(found, target)
        return os.path.relpath(target.resolve(), shown_as.resolve().parent)
