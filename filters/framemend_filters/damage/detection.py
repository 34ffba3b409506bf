"""Finds damage frame by frame: which kinds there are, what is looked for in a clip, and what was found in a frame.

What is found in frame n depends on frames n - reach .. n + reach and on the plan alone: not on the order of calls, nor
on where reading began.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.detectors.blobs import blob_odds
from framemend_filters.damage.detectors.dust import dust
from framemend_filters.damage.detectors.evidence import REACH as EVIDENCE_REACH
from framemend_filters.damage.detectors.flicker import RADIUS as FLICKER_RADIUS
from framemend_filters.damage.detectors.flicker import flicker_gain
from framemend_filters.damage.detectors.learned import (
    RULES,
    STAYS_FOR,
    Reduced,
    full_size,
    is_one_sided,
    learned_mask,
    log_odds,
    reduction,
    where_again,
)
from framemend_filters.damage.detectors.lost import REACH as LOST_REACH
from framemend_filters.damage.detectors.lost import Loss, is_blank, lost
from framemend_filters.damage.detectors.overlay import Overlay
from framemend_filters.damage.detectors.view import Frame, Memory, View
from framemend_filters.engine.scenes import is_cut, thumbnail
from framemend_filters.engine.windows import CUT_LOOK_AHEAD, CUT_LOOK_BACK
from framemend_filters.errors import SettingError

Picture = NDArray[np.float32]
Mask = NDArray[np.uint8]

KINDS = (*RULES, "frames", "logo", "flicker")
"""All kinds of damage that can be looked for."""
WHOLE_CLIP_KINDS = frozenset({"logo"})
"""Kinds that only the clip as a whole can tell."""

UNKNOWN_LENGTH = 1 << 40
"""Stands for the length of a clip whose end is not in sight."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is looked for in one clip. Raises SettingError for a kind that is unknown."""

    kinds: tuple[str, ...] = ()
    overlay: Overlay | None = None
    """The logo of this clip, found by `survey`; looked for nowhere else."""

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise SettingError(f"no such kind of damage: {kind}; there are auto, {', '.join(KINDS)}")

    @property
    def idle(self) -> bool:
        """Whether nothing is looked for, so that every frame stays as it is."""
        return not set(self.kinds) - WHOLE_CLIP_KINDS and self.overlay is None


@dataclass(frozen=True)
class Findings:
    """What was found in one frame. masks: by kind, H W uint8, 255 where to generate; corrected: the frame with what is
    computed and not generated (flicker, see-through logos) set right, H W 3 float32, None where nothing was; flicker: by
    how much its regions were made darker or brighter, mean absolute logarithm."""

    masks: dict[str, Mask] = field(default_factory=dict)
    corrected: Picture | None = None
    flicker: float = 0.0
    odds: dict[str, float] = field(default_factory=dict)
    """Of kinds that are judged by log odds, the highest in the frame."""
    lost: Loss | None = None
    """How the frame is lost, where it is."""

    def mask(self) -> Mask | None:
        """All masks joined; None where there is none."""
        joined: Mask | None = None
        for mask in self.masks.values():
            joined = mask if joined is None else np.maximum(joined, mask)
        return joined


def find_stream(finder: Finder, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Findings]]:
    """Each frame of a clip with what is found in it, in order, reading `finder.reach` frames ahead.

    frames: H W 3 RGB 0..1, in order.
    """
    kept: dict[int, Frame] = {}
    index = 0
    for number, frame in enumerate(frames):
        kept[number] = frame
        if number - index > finder.reach:
            yield kept[index], finder.find(index, kept, UNKNOWN_LENGTH)
            kept.pop(index - finder.reach, None)
            index += 1
    length = index + len([i for i in kept if i >= index])
    for last in range(index, length):
        yield kept[last], finder.find(last, kept, length)


class Finder:
    """Finds what a plan looks for in the frames of one clip. Methods may be called from several threads.

    reach: frames on both sides of one that must be at hand.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._learned = tuple(kind for kind in RULES if kind in plan.kinds)
        self._views = 2 * EVIDENCE_REACH if self._learned else 0
        if any(RULES[kind].again for kind in self._learned):
            self._views += STAYS_FOR
        if "flicker" in plan.kinds:
            self._views = max(self._views, FLICKER_RADIUS + 2)
        cuts = max(CUT_LOOK_BACK, CUT_LOOK_AHEAD) if self._views else 0
        self.reach = max(self._views + cuts, LOST_REACH if "frames" in plan.kinds else 0)
        self._memory = Memory()
        self._reduced = Memory()
        self._found = Memory()

    def find(self, index: int, frames: Mapping[int, Frame], num_frames: int) -> Findings:
        """What is found in frame `index`. frames: H W 3 RGB 0..1, float32 or float16, for all numbers within `reach` that a clip of
        `num_frames` has."""
        end = min(num_frames, index + self.reach + 1)  # live, a clip seems to end a few frames ahead
        return self._found.get((index, end), lambda: self._find(index, frames, num_frames))

    def _find(self, index: int, frames: Mapping[int, Frame], num_frames: int) -> Findings:
        plan = self.plan
        if "frames" in plan.kinds and (loss := lost(frames, index, num_frames, self._memory)):
            return Findings({"frames": np.full(frames[index].shape[:2], 255, np.uint8)}, lost=loss)
        masks: dict[str, Mask] = {}
        corrected: Picture | None = None
        flicker = 0.0
        odds: dict[str, float] = {}
        if self._views:
            view = View(frames, index, self._scene(index, frames, num_frames), self._memory)
            if self._learned:
                masks, odds = self._look(view)
            if "flicker" in plan.kinds and (gain := flicker_gain(view)) is not None:
                corrected = np.clip(frames[index].astype(np.float32) * gain[..., None], 0, 1)
                flicker = float(np.abs(np.log(gain)).mean())
        if plan.overlay is not None:
            corrected = plan.overlay.remove(frames[index] if corrected is None else corrected)
            solid = plan.overlay.mask()
            if solid.any():
                masks["logo"] = solid
        return Findings(masks, corrected, flicker, odds)

    def _look(self, view: View) -> tuple[dict[str, Mask], dict[str, float]]:
        """Masks of what is taken for defects of single frames, and the highest log odds of each kind of which there is a mask."""
        shape, scale = view.shape, reduction(view.shape[0])
        seen = view if scale == 1 else View(Reduced(view.frames, scale), view.index, view.reach, self._reduced)
        shown = log_odds(seen) or {}
        one_sided = is_one_sided(seen)
        found = {
            k: learned_mask(shown[k], RULES[k], scale, shape, one_sided, where_again(seen, k))
            for k in self._learned
            if k in shown
        }
        masks = {kind: mask for kind, mask in found.items() if mask is not None}
        odds = {kind: float(shown[kind].max()) for kind in masks}
        support = full_size(shown["dust"], scale, shape) if "dust" in shown else None
        if "dust" in self._learned and (described := dust(view, support)) is not None:
            masks["dust"] = np.maximum(masks.get("dust", described), described)
            odds["dust"] = max(odds.get("dust", blob_odds(view)), blob_odds(view))
        return masks, odds

    def _scene(self, index: int, frames: Mapping[int, Frame], num_frames: int) -> range:
        """Frames around `index`, at most as many as detectors look at, up to the next cut or blank frame."""
        first = last = index
        while first > max(0, index - self._views) and not (
            self._cut(first - 1, frames, num_frames) or self._blank(first - 1, frames)
        ):
            first -= 1
        while last < min(num_frames - 1, index + self._views) and not (
            self._cut(last, frames, num_frames) or self._blank(last + 1, frames)
        ):
            last += 1
        return range(first, last + 1)

    def _cut(self, i: int, frames: Mapping[int, Frame], num_frames: int) -> bool:
        """Whether there is a cut between frames i and i + 1."""

        def decide() -> bool:
            around = range(max(0, i - CUT_LOOK_BACK), min(num_frames, i + CUT_LOOK_AHEAD + 1))
            pictures = [self._memory.get(("cut", n), lambda n=n: thumbnail(frames[n])) for n in around]
            return is_cut(pictures, i - around.start)

        return self._memory.get(("is cut", i, min(num_frames, i + CUT_LOOK_AHEAD + 1)), decide)

    def _blank(self, i: int, frames: Mapping[int, Frame]) -> bool:
        return self._memory.get(("blank", i), lambda: is_blank(frames[i]))
