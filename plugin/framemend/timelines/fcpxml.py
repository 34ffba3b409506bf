"""Notes of markers in FCPXML. Its adapter drops them, so markers pass through it under a number in place of their name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from .otioclips import opentimelineio
from .wishes import is_wish

_NUMBER = "framemend-marker-{}"
_WRITTEN = re.compile(r'value="framemend-marker-(\d+)"')


def read_fcpxml(path: Path) -> tuple[Any, list[str]]:
    """What the adapter makes of the file, with the notes of markers as their comments.

    And a line for each marker of a repair that the adapter left out: it reads those of clips alone.
    """
    root = ElementTree.parse(path).getroot()
    given: dict[str, tuple[str, str]] = {}
    places: dict[str, str] = {}
    for parent in root.iter():
        for marker in parent.findall("marker"):
            number = _NUMBER.format(len(given))
            given[number] = marker.get("value", ""), marker.get("note", "")
            places[number] = f"<{parent.tag}> {parent.get('name', '')!r}"
            marker.set("value", number)
    edit = opentimelineio().adapters.read_from_string(ElementTree.tostring(root, encoding="unicode"), "fcpx_xml")
    lost = dict(given)
    for marker in _markers(edit):
        lost.pop(marker.name, None)
        marker.name, marker.comment = given.get(marker.name, (marker.name, ""))
    wishes = [number for number, texts in lost.items() if is_wish(*texts)]
    return edit, [f"the marker {lost[n][0]!r} on {places[n]} is not read, it is on no clip" for n in wishes]


def write_fcpxml(edit: Any, path: Path) -> None:
    """Write the edit by the adapter, with the comments of markers as their notes."""
    found = list(_markers(edit))
    given = [(marker.name, marker.comment) for marker in found]
    for number, marker in enumerate(found):
        marker.name = _NUMBER.format(number)
    try:
        text = opentimelineio().adapters.write_to_string(edit, "fcpx_xml")
    finally:
        for marker, (name, _) in zip(found, given, strict=True):
            marker.name = name

    def attributes(match: re.Match[str]) -> str:
        name, note = given[int(match[1])]
        return f"value={quoteattr(name)}" + (f" note={quoteattr(note)}" if note else "")

    path.write_text(_WRITTEN.sub(attributes, text), "utf-8")


def _markers(edit: Any) -> Iterator[Any]:
    """Of a timeline, or of all in a collection."""
    otio = opentimelineio()
    is_one = isinstance(edit, otio.schema.Timeline)
    for timeline in [edit] if is_one else edit.find_children(descended_from_type=otio.schema.Timeline):
        yield from timeline.tracks.markers
        for item in timeline.find_children(descended_from_type=otio.core.Item):
            yield from item.markers
