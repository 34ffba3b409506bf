"""What clips of an OpenTimelineIO edit are called, show and ask for, and how they write the place of their media."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse
from urllib.request import url2pathname

from framemend_filters.errors import InputError, SettingError

from .wishes import wish_of_marker


def opentimelineio() -> Any:
    """The library. Raises SettingError where it is not installed."""
    try:
        import opentimelineio as otio
    except ImportError:
        raise SettingError("reading an edit needs opentimelineio; pip install 'framemend[timeline]'") from None
    return otio


def media_name(clip: Any) -> str:
    """What the clip calls its media: a path, else a reel, else its own name."""
    url = getattr(clip.media_reference, "target_url", "") or ""
    return path_of(url) or clip.metadata.get("cmx_3600", {}).get("reel") or clip.name


def track_kind(clip: Any) -> str | None:
    otio = opentimelineio()
    for parent in _ancestors(clip):
        if isinstance(parent, otio.schema.Track):
            return parent.kind
    return None


def _ancestors(item: Any) -> Iterator[Any]:
    parent = item.parent()
    while parent is not None:
        yield parent
        parent = parent.parent()


def label_of(clip: Any, timeline: Any) -> str:
    """clip 'A012' at 01:00:04:10, by the timecode of the edit."""
    otio = opentimelineio()
    try:
        zero = otio.opentime.RationalTime(0, clip.trimmed_range().start_time.rate)
        place = clip.transformed_time(clip.trimmed_range().start_time, timeline.tracks)
        start = (timeline.global_start_time or zero) + place
        text = otio.opentime.to_timecode(start.rescaled_to(_timecode_rate(start.rate)))
    except (
        ValueError,
        otio.exceptions.OTIOError,
    ):  # a clip without a range, or at no whole frame: the name alone must do
        return f"clip {clip.name!r}"
    return f"clip {clip.name!r} at {text}"


def _timecode_rate(rate: float) -> float:
    otio = opentimelineio()
    return otio.opentime.RationalTime.nearest_smpte_timecode_rate(rate)


def wish_of(clip: Any, timeline: Any) -> dict[str, Any] | None:
    """The options of the markers that stand on the clip, or on the timeline above it; None where there are none."""
    wishes = [wish_of_marker(m.name, _comment(m)) for m in clip.markers]
    start = clip.transformed_time_range(clip.trimmed_range(), timeline.tracks)
    for owner in (timeline.tracks, *_ancestors(clip)):
        for marker in owner.markers:
            place = owner.transformed_time_range(marker.marked_range, timeline.tracks)
            if start.contains(place.start_time) or start.intersects(place):
                wishes.append(wish_of_marker(marker.name, _comment(marker)))
    asked = [wish for wish in wishes if wish is not None]
    return {name: value for wish in reversed(asked) for name, value in wish.items()} if asked else None


def _comment(marker: Any) -> str:
    """What is written in a marker; the adapter of Final Cut XML leaves it in the metadata."""
    return marker.comment or marker.metadata.get("fcp_xml", {}).get("comment", "")


def shown_range(clip: Any, tracks: Any) -> Any:
    """The clip's own range with what transitions show beyond it, cut to what the stacks and tracks around it show.

    None where nothing of it is seen.
    """
    shown = clip.visible_range()
    for parent in _ancestors(clip):
        if parent.source_range is None or parent.source_range.start_time.value < 0:  # as the EDL adapter has it
            continue
        inside = clip.transformed_time_range(shown, parent)
        if not inside.intersects(parent.source_range):
            return None
        shown = parent.transformed_time_range(inside.clamped(parent.source_range), clip)
    return shown


def consumed(clip: Any, shown: Any) -> tuple[Fraction, Fraction]:
    """First frame and end of what is read of the media, frames: speed changes read more or less than they show."""
    otio = opentimelineio()
    start, length = Fraction(shown.start_time.value), Fraction(shown.duration.value)
    speed = Fraction(1)
    for effect in clip.effects:
        if isinstance(effect, otio.schema.FreezeFrame):
            return start, start + 1
        if isinstance(effect, otio.schema.LinearTimeWarp):
            speed *= Fraction(effect.time_scalar).limit_denominator(10**4)
        elif isinstance(effect, otio.schema.TimeEffect):
            raise InputError(f"its speed changes by {type(effect).__name__}, which cannot be followed")
    if speed < 0:  # backwards from the first frame, or over the range from its end: adapters differ, so both
        return start + length * speed, start + length * max(1, -speed)
    return start, start + length * speed


def plain(value: Any) -> Any:
    """A copy in plain Python: what opentimelineio hands out ends with the object that it belongs to."""
    if hasattr(value, "items"):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [plain(part) for part in value]
    return value


def path_of(url: str) -> str:
    """The path of a file URL, or the path itself, also where it is not written as a URL."""
    parsed = urlparse(url)
    if parsed.scheme == "file":
        return url2pathname(parsed.path)
    return unquote(url) if "%" in url and not os.path.exists(url) else url


def is_absolute(url: str) -> bool:
    return urlparse(url).scheme == "file" or Path(url).is_absolute()


def written_as(old: str, target: Path, edit: Path) -> str:
    """`target` written as the old reference was: as a URL, as a path from the root, or from the edit's folder."""
    if urlparse(old).scheme == "file":
        return target.as_uri()
    if old and not Path(old).is_absolute():
        return os.path.relpath(target, edit.resolve().parent)
    return str(target)
