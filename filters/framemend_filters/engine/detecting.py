"""A `Repairer` that looks for the damage itself: what is found is joined with the masks given, what can be computed back
(flicker, see-through logos) is set right first, and the rest goes the one way through. Or shows what it would do."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.detection import Finder, Findings, Plan
from framemend_filters.engine.compose import FrameRepair, untouched
from framemend_filters.engine.repairer import Mask, Plane, Repairer, hold
from framemend_filters.engine.settings import RepairSettings
from framemend_filters.engine.windows import chunk_frames

PAINT = np.array([1.0, 0.1, 0.2], np.float32)
"""Colour in which MaskPainter paints masks, RGB 0..1."""
PAINT_OPACITY = 0.65


class DetectingRepairer(Repairer):
    """Repairs one clip, the one that its plan was made for; it keeps what it has found in it.

    As with every Repairer, what is written for a frame depends on its number and its neighbours alone. Where nothing is
    found, nothing is given and the strength is 0 (the default here), frames stay as they are, bit by bit.
    """

    def __init__(self, settings: RepairSettings | None, plan: Plan) -> None:
        """Raises SettingError and ModelError."""
        super().__init__(settings, masked=True)
        self.finder = Finder(plan)
        self.radius += self.finder.reach

    def finder_for(self, frames: Mapping[int, NDArray[np.floating]]) -> Finder:
        """The finder for these frames: a finder knows frames by their numbers, so each clip needs its own."""
        return self.finder

    @property
    def looks_everywhere(self) -> bool:
        """Whether frames without a mask may change as well: unless there is nothing to look for."""
        return self.strength > 0 or not self.finder.plan.idle

    def span(self, chunk: int, num_frames: int) -> range:
        """Numbers of the frames that `repair_chunk` needs: those of a Repairer, and those that tell what is in them."""
        inner, reach = super().span(chunk, num_frames), self.finder.reach
        return range(max(0, inner.start - reach), min(self._visible_end(chunk, num_frames), inner.stop + reach))

    def repair_chunk(
        self,
        chunk: int,
        frames: Mapping[int, NDArray[np.floating]],
        masks: Mapping[int, Mask] | None = None,
        *,
        num_frames: int,
        cuts: frozenset[int] | None = None,
        strengths: Mapping[int, Plane] | None = None,
    ) -> list[FrameRepair]:
        """As Repairer.repair_chunk, with frames for all of span(); masks are joined with what is found."""
        finder = self.finder_for(frames)
        frames = {i: hold(f) for i, f in frames.items()}
        end = self._visible_end(chunk, num_frames)
        given = {i: m for i, m in (masks or {}).items() if m.any()}
        written = chunk_frames(chunk, self.chunk_frames, num_frames)
        found = {i: finder.find(i, frames, end) for i in written}
        strong = self.strength > 0 or any(np.any(s) for s in (strengths or {}).values())
        if not strong and not any(i in given or found[i].masks for i in written):
            height, width = frames[written.start].shape[:2]
            return [_with_correction(untouched(height, width), frames[i], found[i]) for i in written]
        inner = super().span(chunk, num_frames)
        found |= {i: finder.find(i, frames, end) for i in inner if i not in found}
        joined = {i: m for i in inner if (m := _joined(given.get(i), found[i].mask())) is not None}
        pictures = {i: _corrected(frames[i], found[i]) for i in inner}
        repairs = super().repair_chunk(chunk, pictures, joined, num_frames=num_frames, cuts=cuts, strengths=strengths)
        return [_with_correction(r, frames[i], found[i]) for i, r in zip(written, repairs, strict=True)]


class MaskPainter(DetectingRepairer):
    """Repairs nothing, and paints what would be generated instead, for a person to look at."""

    def repair_chunk(
        self,
        chunk: int,
        frames: Mapping[int, NDArray[np.floating]],
        masks: Mapping[int, Mask] | None = None,
        *,
        num_frames: int,
        cuts: frozenset[int] | None = None,
        strengths: Mapping[int, Plane] | None = None,
    ) -> list[FrameRepair]:
        """As DetectingRepairer.repair_chunk; the residual leads towards PAINT where the masks are."""
        finder = self.finder_for(frames)
        frames = {i: hold(f) for i, f in frames.items()}
        end = self._visible_end(chunk, num_frames)
        painted: list[FrameRepair] = []
        for i in chunk_frames(chunk, self.chunk_frames, num_frames):
            mask = _joined((masks or {}).get(i), finder.find(i, frames, end).mask())
            height, width = frames[i].shape[:2]
            if mask is None or not mask.any():
                painted.append(untouched(height, width))
                continue
            share = (mask.astype(np.float32) / 255)[..., None]
            residual = (PAINT - frames[i]) * PAINT_OPACITY * share
            painted.append(FrameRepair(residual.astype(np.float32), mask > 0, None, float(share.mean())))
        return painted


def _joined(given: Mask | None, found: Mask | None) -> Mask | None:
    if given is None or found is None:
        return found if given is None else given
    return np.maximum(given, found)


def _corrected(frame: NDArray[np.floating], found: Findings) -> NDArray[np.floating]:
    return frame if found.corrected is None else found.corrected


def _with_correction(repair: FrameRepair, frame: NDArray[np.floating], found: Findings) -> FrameRepair:
    """The repair of the corrected frame as one of the frame itself."""
    if found.corrected is None:
        return repair
    change = found.corrected - frame
    touched = None if repair.touched is None else repair.touched | (change != 0).any(2)
    return dataclasses.replace(repair, residual=repair.residual + change, touched=touched)
