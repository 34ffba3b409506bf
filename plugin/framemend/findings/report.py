"""Gathers what was found, frame by frame, into runs of frames a person can go to, with a picture of the worst of each."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.survey import LEAST_FLICKER

if TYPE_CHECKING:
    from framemend_filters.damage.detection import Findings, Plan

SAME_RUN = 12
"""Frames without damage after which what follows counts as another run."""
PICTURES = 6
"""Pictures of each kind that are kept, of the runs that are worst."""
PICTURE_WIDTH = 360
"""Width of the pictures, in samples."""
OUTLINE = (255, 40, 60)
"""Colour around what was found, RGB."""
GAP = 1.5
"""A step in time this many times the usual one is a gap."""
STEADY_SHARE = 0.9
"""Share of steps that are the usual one, from which a clip has a steady frame rate and gaps mean missing frames."""


@dataclass
class Run:
    """Damage of one kind in frames first..last. start, end: seconds; frames: those with damage; area: mean share of the
    picture that it covers in these; worst: the frame with most of it; lost: of lost frames, how many are blank or repeated."""

    kind: str
    first: int
    last: int
    start: float | None
    end: float | None
    frames: int = 0
    area: float = 0.0
    worst: int = 0
    worst_area: float = 0.0
    lost: Counter[str] = field(default_factory=Counter)
    picture: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Gap:
    """Frames that are missing between two that are there. start: seconds, of the last one before."""

    after_frame: int
    start: float
    frames: int


@dataclass(frozen=True)
class Report:
    """All that was found in one clip; flicker: mean change of brightness between frames, as a share."""

    name: str
    width: int
    height: int
    frames: int
    kinds: tuple[str, ...]
    runs: list[Run]
    gaps: list[Gap]
    flicker: float | None
    logo: tuple[int, int, int, int] | None

    def summary(self) -> str:
        """One line for a person."""
        per_kind, lost = Counter[str](), Counter[str]()
        for run in self.runs:
            per_kind[run.kind] += run.frames
            lost += run.lost
        parts = [f"{kind} in {count} of {self.frames} frames" for kind, count in per_kind.items() if kind != "frames"]
        parts += [f"{count} {how} frame{'s' if count > 1 else ''}" for how, count in sorted(lost.items())]
        if self.gaps:
            parts.append(f"{sum(gap.frames for gap in self.gaps)} frames missing")
        if self.flickers:
            parts.append(f"flicker of {100 * (self.flicker or 0):.1f} %")
        if self.logo and "logo" not in per_kind:
            parts.append("a see-through logo")
        return f"found {', '.join(parts)}" if parts else f"no damage found in {self.frames} frames"

    @property
    def flickers(self) -> bool:
        """Whether the brightness changes enough to be seen."""
        return (self.flicker or 0) >= LEAST_FLICKER

    def json(self) -> str:
        """The report as JSON, without pictures."""
        runs = []
        for run in self.runs:
            entry = asdict(run)
            del entry["picture"]
            entry["lost"] = dict(run.lost)
            if not run.lost:
                del entry["lost"]
            runs.append({k: round(v, 6) if isinstance(v, float) else v for k, v in entry.items()})
        table: dict[str, Any] = {
            "format": "framemend damage report 1",
            "input": self.name,
            "width": self.width,
            "height": self.height,
            "frames": self.frames,
            "kinds": list(self.kinds),
            "damage": runs,
            "missing": [asdict(gap) for gap in self.gaps],
            "flicker": None if self.flicker is None else round(self.flicker, 5),
            "logo": None if self.logo is None else dict(zip(("x", "y", "width", "height"), self.logo, strict=True)),
        }
        return json.dumps(table, indent=2) + "\n"


class Collector:
    """Takes the findings of one frame after the other."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._open: dict[str, Run] = {}
        self._closed: list[Run] = []
        self._times: list[float | None] = []
        self._changes: list[float] = []

    def add(self, number: int, seconds: float | None, picture: NDArray[np.floating], found: Findings) -> None:
        """Frame `number`: H W 3 RGB 0..1, shown `seconds` after the first, and what was found in it."""
        self._times.append(seconds)
        self._changes.append(found.flicker)
        for kind, mask in found.masks.items():
            run = self._open.get(kind)
            if run is not None and number - run.last > SAME_RUN:
                self._close(kind)
                run = None
            if run is None:
                run = self._open[kind] = Run(kind, number, number, seconds, seconds)
            area = float(np.count_nonzero(mask)) / mask.size
            run.last, run.end = number, seconds
            run.area += area
            run.frames += 1
            if found.lost and kind == "frames":
                run.lost[found.lost] += 1
            if area > run.worst_area:
                run.worst, run.worst_area, run.picture = number, area, _picture(picture, mask)

    def report(self, name: str, width: int, height: int) -> Report:
        """The report, after the last frame."""
        for kind in list(self._open):
            self._close(kind)
        kinds = self._plan.kinds
        overlay = self._plan.overlay
        box = None if overlay is None else cv2.boundingRect((overlay.opacity > 0).astype(np.uint8))
        return Report(
            name,
            width,
            height,
            len(self._times),
            kinds,
            sorted(self._closed, key=lambda run: (kinds.index(run.kind), run.first)),
            gaps(self._times),
            float(np.mean(self._changes)) if "flicker" in kinds and self._changes else None,
            None if box is None else (int(box[0]), int(box[1]), int(box[2]), int(box[3])),
        )

    def _close(self, kind: str) -> None:
        run = self._open.pop(kind)
        run.area /= run.frames
        self._closed.append(run)
        pictured = sorted((r for r in self._closed if r.kind == kind and r.picture), key=lambda r: -r.worst_area)
        for less in pictured[PICTURES:]:
            less.picture = b""


def gaps(times: list[float | None]) -> list[Gap]:
    """Where frames are missing, by the times of those that are there; none where the frame rate is not steady."""
    known = [t for t in times if t is not None]
    if len(known) < len(times) or len(known) < 4:
        return []
    steps = np.diff(np.array(known))
    usual = float(np.median(steps))
    if usual <= 0 or (np.abs(steps - usual) < 0.2 * usual).mean() < STEADY_SHARE:
        return []
    return [
        Gap(int(i), round(known[i], 6), round(float(steps[i]) / usual) - 1) for i in np.flatnonzero(steps > GAP * usual)
    ]


def _picture(frame: NDArray[np.floating], mask: NDArray[np.uint8]) -> bytes:
    """A small JPEG of the frame with an outline around what was found."""
    height, width = mask.shape
    size = (PICTURE_WIDTH, max(1, round(height * PICTURE_WIDTH / width)))
    small = cv2.resize(frame.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    colours = np.clip(np.rint(small * 255), 0, 255).astype(np.uint8)
    area = (cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 32).astype(np.uint8)
    around = cv2.dilate(area, np.ones((7, 7), np.uint8)) - cv2.dilate(area, np.ones((3, 3), np.uint8))
    if area.all():
        around[:4] = around[-4:] = around[:, :4] = around[:, -4:] = 1
    colours[around > 0] = OUTLINE
    return cv2.imencode(".jpg", colours[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
