"""Looks over a clip before its repair: which kinds of damage it shows, and the logo that only the whole of it can tell.

What is kept of a clip is bounded, whatever its length: a few short stretches spread evenly over it, and frames of
different content for the logo. The same clip gives the same plan.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.detection import KINDS, Finder, Plan
from framemend_filters.damage.detectors.flicker import LARGEST
from framemend_filters.damage.detectors.overlay import OverlaySearch
from framemend_filters.damage.detectors.view import Frame
from framemend_filters.errors import SettingError

STRETCH = 9
"""Frames of a stretch that is looked at closely."""
MOST_STRETCHES = 8
"""Stretches kept; when there are more, every other is dropped and they come half as often from then on."""
EVIDENCE = {"dust": 0.4, "scratches": 0.4, "dropouts": 0.15}
"""Share of the frames looked at closely that must show a kind of damage before `auto` looks for it everywhere."""
SURE_ODDS = {"dust": 4.0, "scratches": 6.0, "dropouts": 9.0}
"""Log odds that the most likely find of a frame must have for the frame to count; chosen on validation clips, by what is
found in rain, titles and flashes (tests/bench/tune_detectors.py)."""
LEAST_FLICKER = 0.012
"""Mean change of the logarithm of brightness from frame to frame from which `auto` calls it flicker."""
RARE = ("blocks", "frames")
"""Kinds that come and go: `auto` always looks for them. Their detectors hardly err (see examples/detection.md)."""


def parse_kinds(text: str | Iterable[str]) -> tuple[str, ...]:
    """Kinds of damage from names or names with commas between; "auto" stays. Raises SettingError for unknown ones."""
    words = text.split(",") if isinstance(text, str) else list(text)
    kinds = tuple(dict.fromkeys(word.strip() for word in words if word.strip()))
    if not kinds:
        raise SettingError(f"no kind of damage given; there are auto, {', '.join(KINDS)}")
    Plan(kinds=tuple(kind for kind in kinds if kind != "auto"))
    return kinds


def needs_survey(kinds: Iterable[str]) -> bool:
    """Whether the clip must be looked over first for these kinds."""
    return not {"auto", "logo"}.isdisjoint(kinds)


def survey(frames: Iterable[Frame], kinds: tuple[str, ...]) -> Plan:
    """The plan for a clip: the kinds asked for, and with "auto" those that the clip shows as well.

    frames: all frames in order, H W 3 RGB 0..1. They are read only as far as the kinds need it.
    """
    asked = tuple(kind for kind in kinds if kind != "auto")
    if not needs_survey(kinds):
        return Plan(kinds=asked)
    automatic = "auto" in kinds
    search = OverlaySearch()
    stretches = _Stretches()
    for index, frame in enumerate(frames):
        search.look_at(frame)
        if automatic:
            stretches.look_at(index, frame)
    overlay = search.result()
    shown = _shown(stretches.whole()) if automatic else ()
    chosen = {*asked, *shown, *(("logo",) if overlay is not None else ())}
    return Plan(kinds=tuple(kind for kind in KINDS if kind in chosen), overlay=overlay)


class _Stretches:
    """Short runs of consecutive frames, evenly spread over a clip of unknown length."""

    def __init__(self) -> None:
        self._runs: dict[int, list[NDArray[np.uint8]]] = {}
        self._spacing = STRETCH

    def look_at(self, index: int, frame: Frame) -> None:
        start = index - index % self._spacing
        if index - start >= STRETCH:
            return
        if index == start and len(self._runs) == MOST_STRETCHES:
            self._spacing *= 2
            self._runs = {s: run for s, run in self._runs.items() if s % self._spacing == 0}
            if start % self._spacing:
                return
        self._runs.setdefault(start, []).append(np.clip(np.rint(frame * 255), 0, 255).astype(np.uint8))

    def whole(self) -> list[list[NDArray[np.uint8]]]:
        """The stretches, without those that the clip's end cut too short to tell anything."""
        return [run for run in self._runs.values() if len(run) >= 3]


def _shown(stretches: list[list[NDArray[np.uint8]]]) -> tuple[str, ...]:
    """The kinds that a clip shows, judged by its stretches."""
    plan = Plan(kinds=(*EVIDENCE, "flicker"))
    seen = dict.fromkeys(EVIDENCE, 0)
    looked = 0
    changes: list[float] = []
    for run in stretches:
        frames = {i: frame.astype(np.float32) / 255 for i, frame in enumerate(run)}
        finder = Finder(plan)
        for index in range(1, len(run) - 1):
            found = finder.find(index, frames, len(run))
            looked += 1
            for kind in found.odds:
                seen[kind] += found.odds[kind] >= SURE_ODDS[kind]
            changes.append(min(found.flicker, LARGEST))
    if not looked:
        return RARE
    kinds = tuple(kind for kind, share in EVIDENCE.items() if seen[kind] >= max(2, share * looked))
    flickers = float(np.mean(changes)) >= LEAST_FLICKER
    return (*kinds, *RARE, *(("flicker",) if flickers else ()))
