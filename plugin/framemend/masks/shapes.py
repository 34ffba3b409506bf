"""Shapes to generate, with the frames or times they are meant for: rectangles from the command line, and rectangles,
polygons, circles and ellipses from a JSON or SVG file.

JSON: a list of shapes, in samples, each with "from" and "to" if it is not meant for all frames (frame numbers, or times
such as "12.5s" and "00:01:02.5", both included)::

    [{"polygon": [[10, 10], [60, 12], [40, 50]], "from": 25, "to": "00:00:04"},
     {"rect": [5, 5, 40, 20]}, {"circle": [80, 40, 12]}, {"ellipse": [80, 40, 20, 9]}]

SVG: rect, polygon, circle and ellipse, with data-from and data-to; a viewBox is scaled to the picture.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from framemend_filters.errors import InputError, SettingError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = frozenset({".json", ".svg"})
ELLIPSE_POINTS = 72
"""Corners of the polygon that stands for a circle or an ellipse."""
SUBSAMPLES = 4
"""Bits of a fraction of a sample that polygons are drawn with."""


@dataclass(frozen=True)
class Polygon:
    """Corners (x, y), in samples, to generate in the frames from `start` to `end`, both included, as in Rect."""

    corners: tuple[tuple[float, float], ...]
    start: int | Fraction | None = None
    end: int | Fraction | None = None

    def covers(self, index: int, pts_seconds: float | Fraction | None) -> bool:
        """Whether frame `index`, shown at `pts_seconds`, is one of those meant."""
        return _covers(self.start, self.end, index, pts_seconds)

    def draw(self, mask: NDArray[np.uint8]) -> None:
        """Lay the shape on a mask, in place."""
        import cv2

        # OpenCV's coordinates are those of sample centres, ours of edges: (0, 0) is the corner of the picture
        points = np.rint((np.array(self.corners) - 0.5) * (1 << SUBSAMPLES)).astype(np.int32)
        cv2.fillPoly(mask, [points], 255, cv2.LINE_8, SUBSAMPLES)


@dataclass(frozen=True)
class Rect:
    """A rectangle to generate, in samples, in the frames from `start` to `end`, both included."""

    x: int
    y: int
    width: int
    height: int
    start: int | Fraction | None = None
    """int: frame number from 0; Fraction: seconds after the first frame; None: from the beginning."""
    end: int | Fraction | None = None

    def covers(self, index: int, pts_seconds: float | Fraction | None) -> bool:
        """Whether frame `index`, shown at `pts_seconds`, is one of those meant."""
        return _covers(self.start, self.end, index, pts_seconds)

    def draw(self, mask: NDArray[np.uint8]) -> None:
        """Lay the shape on a mask, in place."""
        mask[self.y : self.y + self.height, self.x : self.x + self.width] = 255


def _covers(
    start: int | Fraction | None, end: int | Fraction | None, index: int, seconds: float | Fraction | None
) -> bool:
    return _at_least(index, seconds, start) and _at_least(index, seconds, end, sign=-1)


def _at_least(index: int, seconds: float | Fraction | None, bound: int | Fraction | None, sign: int = 1) -> bool:
    if bound is None:
        return True
    if isinstance(bound, int):
        return sign * index >= sign * bound
    if seconds is None:
        raise SettingError("--rect with a time needs a clip that has times; give frame numbers instead")
    return sign * Fraction(seconds).limit_denominator(10**7) >= sign * bound


_RECT = re.compile(r"(\d+),(\d+),(\d+),(\d+)(?:@([^-]*)-([^-]*))?")
_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)s?")


def parse_rect(text: str) -> Rect:
    """Read X,Y,W,H[@START-END]. Raises SettingError."""
    match = _RECT.fullmatch(text.strip())
    if match is None or not (int(match[3]) and int(match[4])):
        raise SettingError(
            f"--rect {text} is not X,Y,W,H or X,Y,W,H@START-END, such as 10,20,64,48@00:00:01-00:00:02.5"
        )
    x, y, width, height = (int(match[i]) for i in range(1, 5))
    start, end = _parse_moment(match[5], f"--rect {text}"), _parse_moment(match[6], f"--rect {text}")
    if start is not None and end is not None and isinstance(start, int) is isinstance(end, int) and end < start:
        raise SettingError(f"--rect {text} ends before it starts")
    return Rect(x, y, width, height, start, end)


def _parse_moment(moment: str | None, text: str) -> int | Fraction | None:
    if not moment:
        return None
    if moment.isdecimal():
        return int(moment)
    time = parse_time(moment) if moment.endswith("s") or ":" in moment else None
    if time is None:
        raise SettingError(f"{text}: {moment} is neither a frame number nor a time such as 12.5s or 00:01:02.5")
    return time


def parse_time(text: str) -> Fraction | None:
    """Seconds of 12.5, 12.5s, 01:02.5 or 00:01:02.5; None: it is none of these."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = match.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + Fraction(seconds)


def read_shapes(path: Path, width: int, height: int) -> list[Polygon]:
    """The shapes of a JSON or SVG file, for a picture of that size. Raises InputError where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"mask {path} cannot be read: {error}") from error
    try:
        shapes = _from_svg(text, width, height) if path.suffix.lower() == ".svg" else _from_json(text)
    except (ValueError, TypeError, KeyError, ElementTree.ParseError) as error:
        raise InputError(f"mask {path} is not a list of shapes as `framemend repair` reads it: {error}") from error
    if not shapes:
        raise InputError(f"mask {path} has no rect, polygon, circle or ellipse in it")
    return shapes


def _from_json(text: str) -> list[Polygon]:
    return [_shape(entry, entry.get("from"), entry.get("to")) for entry in json.loads(text)]


def _shape(entry: dict[str, Any], start: object, end: object) -> Polygon:
    moments = tuple(_parse_moment(None if m is None else str(m), "mask") for m in (start, end))
    if "polygon" in entry:
        corners = [(float(x), float(y)) for x, y in entry["polygon"]]
        if len(corners) < 3:
            raise ValueError(f"a polygon has 3 corners or more, not {len(corners)}")
    elif "rect" in entry:
        x, y, w, h = (float(v) for v in entry["rect"])
        corners = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
    elif "circle" in entry:
        x, y, radius = (float(v) for v in entry["circle"])
        corners = _ellipse(x, y, radius, radius)
    elif "ellipse" in entry:
        corners = _ellipse(*(float(v) for v in entry["ellipse"]))
    else:
        raise ValueError(f"a shape is a polygon, rect, circle or ellipse, not {', '.join(entry) or 'nothing'}")
    return Polygon(tuple(corners), *moments)


def _ellipse(x: float, y: float, across: float, down: float) -> list[tuple[float, float]]:
    angles = np.arange(ELLIPSE_POINTS) * (2 * np.pi / ELLIPSE_POINTS)
    return [(x + across * float(np.cos(a)), y + down * float(np.sin(a))) for a in angles]


def _from_svg(text: str, width: int, height: int) -> list[Polygon]:
    root = ElementTree.fromstring(text)
    left, top, across, down = (
        float(v) for v in (root.get("viewBox") or f"0 0 {width} {height}").replace(",", " ").split()
    )
    shapes: list[Polygon] = []
    for element in root.iter():
        entry = _svg_entry(element)
        if entry is None:
            continue
        shape = _shape(entry, element.get("data-from"), element.get("data-to"))
        corners = tuple(((x - left) * width / across, (y - top) * height / down) for x, y in shape.corners)
        shapes.append(Polygon(corners, shape.start, shape.end))
    return shapes


def _svg_entry(element: ElementTree.Element) -> dict[str, Any] | None:
    """An SVG element as a JSON entry; None for one that is no shape. Raises ValueError for shapes that are not read."""
    name = element.tag.rpartition("}")[2]

    def numbers(*names: str) -> list[float]:
        return [float(element.get(n, "0").removesuffix("px")) for n in names]

    if name in ("path", "polyline", "line", "text", "image"):
        raise ValueError(f"<{name}> is not read; draw with rect, polygon, circle or ellipse, or export a PNG")
    if name in ("rect", "polygon", "circle", "ellipse") and element.get("transform"):
        raise ValueError(f"the transform of a <{name}> is not read; apply it in the editor first")
    if name == "polygon":
        values = [float(v) for v in re.split(r"[\s,]+", element.get("points", "").strip()) if v]
        return {"polygon": list(zip(values[::2], values[1::2], strict=True))}
    if name == "rect":
        return {"rect": numbers("x", "y", "width", "height")}
    if name == "circle":
        return {"circle": numbers("cx", "cy", "r")}
    if name == "ellipse":
        return {"ellipse": numbers("cx", "cy", "rx", "ry")}
    return None
