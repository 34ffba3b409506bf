"""The parts of MLT's XML: properties of an element, positions in frames, the speed in a resource's name."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from fractions import Fraction

from framemend_filters.errors import InputError

from .timecode import timecode_text

SPEED_PREFIX = re.compile(r"^(-?\d+(?:\.\d+)?):")
KDENLIVE_ID = "kdenlive:id"
"""Property that all producers of one clip share in Kdenlive."""
FILES = frozenset({"avformat", "avformat-novalidate", "timewarp", ""})
"""Services that read video files; "": not said, MLT finds out."""


def property_of(element: ET.Element, name: str) -> str | None:
    return next((p.text or "" for p in element.findall("property") if p.get("name") == name), None)


def set_property(element: ET.Element, name: str, value: str) -> None:
    for found in element.findall("property"):
        if found.get("name") == name:
            found.text = value
            return
    ET.SubElement(element, "property", {"name": name}).text = value


def remove_property(element: ET.Element, name: str) -> None:
    for found in element.findall("property"):
        if found.get("name") == name:
            element.remove(found)


def frames_of(text: str, rate: Fraction) -> int:
    """A position: a number of frames, HH:MM:SS.mmm or HH:MM:SS:FF."""
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if match := re.fullmatch(r"(\d+):(\d+):(\d+)[:;](\d+)", text):
        hours, minutes, seconds, number = map(int, match.groups())
        return round((3600 * hours + 60 * minutes + seconds) * rate) + number
    if match := re.fullmatch(r"(?:(?:(\d+):)?(\d+):)?(\d+)[.,](\d+)", text):
        hours, minutes, seconds = (int(match[i] or 0) for i in (1, 2, 3))
        return round((3600 * hours + 60 * minutes + seconds + Fraction(int(match[4]), 10 ** len(match[4]))) * rate)
    raise InputError(f"{text!r} is no position that is known: a number of frames, HH:MM:SS.mmm or HH:MM:SS:FF")


def written_like(old: str, frames: int, rate: Fraction) -> str:
    """A position written as the old one was."""
    if ":" not in old:
        return str(frames)
    if re.fullmatch(r"\d+:\d+:\d+[:;]\d+", old):
        return timecode_text(frames, rate, drop=False)
    thousandths = round(1000 * frames / rate)
    seconds, rest = divmod(thousandths, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"


def speed_of(producer: ET.Element) -> Fraction:
    if property_of(producer, "mlt_service") != "timewarp":
        return Fraction(1)
    prefix = speed_prefix(property_of(producer, "resource") or "")
    return Fraction(property_of(producer, "warp_speed") or prefix or "1").limit_denominator(10**4)


def speed_prefix(resource: str) -> str | None:
    """The 0.5 of "0.5:clip.mp4"."""
    match = SPEED_PREFIX.match(resource)
    return match[1] if match else None


def original_of_proxy(producer: ET.Element) -> str | None:
    """The file that a producer stands for while a proxy is shown, None where it shows the file itself."""
    if (property_of(producer, "kdenlive:proxy") or "-") != "-":
        return property_of(producer, "kdenlive:originalurl")
    return property_of(producer, "shotcut:resource") if property_of(producer, "shotcut:proxy") == "1" else None


def media_name(producer: ET.Element) -> str:
    """The file that a producer shows."""
    name = property_of(producer, "warp_resource") or property_of(producer, "resource") or ""
    return re.sub(SPEED_PREFIX, "", name)


def is_remapped(producer: ET.Element) -> bool:
    """Whether its speed changes over time."""
    return any(property_of(link, "mlt_service") == "timeremap" for link in producer.findall("link"))
