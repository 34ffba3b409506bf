"""First filling of holes: what a hole hides is carried over from frames where it can be seen.

Flow between consecutive frames is completed through the holes (`completion`); every hidden sample follows it forward and
backward until it comes out on a sample that is given, and takes its colour there (read once, so that nothing blurs with
distance), exposed as the frame with the hole is. What no frame in reach shows is spread in from the surroundings. A lost
frame (hidden as a whole) is first interpolated between the nearest frames that are given. The model goes on from this
picture.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine import exposure
from framemend_filters.engine.completion import complete
from framemend_filters.engine.filled import AGREEMENT, Filled
from framemend_filters.engine.flow import (
    dis_flow,
    expand,
    fill_smoothly,
    flow_picture,
    halvings,
    inside,
    reduce,
    sample_positions,
    warp,
)
from framemend_filters.engine.interpolate import interpolate
from framemend_filters.engine.motion import FlowMemory, Inputs
from framemend_filters.engine.scenes import LOST_SHARE
from framemend_filters.engine.windows import Segment

ROUND_TRIP = (1.5, 0.1)
"""Samples, and share of the step, that flow there and back may miss by before a sample is followed no further."""
SPREAD_MARGIN, SPREAD_STEPS = 16, 30
"""Samples around what no frame shows that its filling starts from, and steps of relaxation."""
DOUBT_PER_FRAME = 0.05
"""Certainty of a borrowed sample falls by 1 / (1 + this * frames between)."""


class Borrower:
    """Fills the holes of one segment. Keeps the flows between consecutive frames of its reach while it lives.

    memory: where flows between the same frames with the same holes may be found; `remember` puts them there.
    """

    def __init__(
        self,
        segment: Segment,
        frames: Mapping[int, NDArray[np.floating]],
        masks: Mapping[int, NDArray[np.uint8]],
        memory: FlowMemory | None = None,
    ) -> None:
        height, width = frames[segment.frames.start].shape[:2]
        self._shape, self._scale = (height, width), 1 << halvings(height, width)
        self._reach, self._written = segment.reach, segment.frames
        self._frames = frames
        self._holes = {i: masks[i] > 0 for i in self._reach if i in masks and masks[i].any()}
        self._lost = {i for i, hole in self._holes.items() if np.count_nonzero(hole) > LOST_SHARE * hole.size}
        self._shown = [i for i in self._reach if i not in self._lost]
        self._pictures: dict[int, NDArray[np.uint8]] = {}
        self._memory = memory
        self._flows = memory.take(self._inputs()) if memory else {}
        self._gains: dict[tuple[int, int], NDArray[np.float32] | None] = {}

    def remember(self) -> None:
        """Leave the flows that the next segment needs as well in the memory."""
        if self._memory and self._flows:
            # the next one's reach begins as many frames later as this one writes
            self._memory.keep(self._inputs(), self._flows, self._reach.start + len(self._written))

    def _inputs(self) -> dict[int, Inputs]:
        return {i: (self._frames[i], self._holes[i]) if i in self._holes else (self._frames[i],) for i in self._reach}

    def fill(self, index: int) -> Filled:
        """The frame `index` with its holes filled from the others."""
        frame = self._frames[index]
        if index not in self._holes:
            return Filled(frame, _certain(self._shape))
        if index in self._lost:
            return self._interpolate(index)
        return self._carry(index)

    def rough(self, index: int) -> Filled:
        """The frame `index` with its holes filled smoothly, without certainty: enough to compute flow towards it."""
        frame = self._frames[index]
        if index not in self._holes:
            return Filled(frame, _certain(self._shape))
        known = 1.0 - self._holes[index].astype(np.float32)
        filled = fill_smoothly(frame.astype(np.float32, copy=False), known)
        return Filled(filled.astype(frame.dtype, copy=False), known)

    def is_lost(self, index: int) -> bool:
        """Whether the frame `index` is hidden as a whole, or nearly so."""
        return index in self._lost

    def _carry(self, index: int) -> Filled:
        frame, hole = self._frames[index], self._holes[index]
        rows, columns = np.nonzero(hole)
        points = np.stack([columns, rows], -1).astype(np.float32)
        place = self._shown.index(index)
        ahead = self._follow(points, self._shown[place:])
        behind = self._follow(points, self._shown[: place + 1][::-1])
        weights = [np.where(way > 0, 1.0 / np.maximum(way, 1), 0.0) for _, way in (ahead, behind)]
        total = weights[0] + weights[1]
        seen = total > 0
        colour = (ahead[0] * weights[0][:, None] + behind[0] * weights[1][:, None]) / np.maximum(total, 1e-6)[:, None]
        both = (ahead[1] > 0) & (behind[1] > 0)
        distance = np.abs(ahead[0] - behind[0]).max(1)
        nearest = np.where(both, np.minimum(ahead[1], behind[1]), np.maximum(ahead[1], behind[1]))
        certainty = np.where(both, 1 / (1 + distance / AGREEMENT), 0.6) / (1 + DOUBT_PER_FRAME * nearest)
        picture = frame.astype(np.float32)
        picture[rows[seen], columns[seen]] = colour[seen]
        sure = np.ones(hole.shape, np.float32)
        sure[rows, columns] = np.where(seen, certainty, 0.0)
        unseen = np.zeros(hole.shape, np.uint8)
        unseen[rows[~seen], columns[~seen]] = 1
        sources = _sources(index, (ahead[1], behind[1]), [w / np.maximum(total, 1e-6) for w in weights], hole.size)
        return Filled(spread(picture, unseen).astype(frame.dtype, copy=False), sure, sources)

    def _follow(self, points: NDArray[np.float32], way: list[int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Colours (N 3) that points of frame way[0] have where they come into sight along `way`, exposed as it is, and after
        how many frames (N, 0: never)."""
        colour = np.zeros((len(points), 3), np.float32)
        steps = np.zeros(len(points), np.float32)
        position = points.copy()
        exposed = np.ones(len(points), np.float32)
        open_ = np.arange(len(points))
        for here, there in itertools.pairwise(way):
            if not open_.size:
                break
            if (gain := self._gain(here, there)) is not None:
                exposed = exposed * read_points(gain, _reduced(position, exposure.BLOCK))[:, 0]
            step_taken = self._step(here, there, position)
            position = position + step_taken
            miss = np.linalg.norm(step_taken + self._step(there, here, position), axis=1)
            comes_back = miss < ROUND_TRIP[0] + ROUND_TRIP[1] * np.linalg.norm(step_taken, axis=1)
            within = (inside(position, *self._shape) > 0) & comes_back
            position, exposed, open_ = position[within], exposed[within], open_[within]
            if not open_.size:
                break
            if there in self._holes:
                hidden = read_points(self._holes[there].astype(np.float32), position)[:, 0]
                visible = hidden == 0
            else:
                visible = np.ones(len(open_), bool)
            seen = read_points(self._frames[there], position[visible]) * exposed[visible, None]
            colour[open_[visible]] = np.minimum(seen, 1)
            steps[open_[visible]] = abs(there - way[0])
            position, exposed, open_ = position[~visible], exposed[~visible], open_[~visible]
        return colour, steps

    def _step(self, here: int, there: int, position: NDArray[np.float32]) -> NDArray[np.float32]:
        """Where points (N 2) of frame `here` go on the way to frame `there`, N 2."""
        return read_points(self._flow(here, there), _reduced(position, self._scale))

    def _gain(self, here: int, there: int) -> NDArray[np.float32] | None:
        """See `exposure.gain_field`; what lies in holes is not compared."""
        if (here, there) not in self._gains:
            further = exposure.compared_scale(self._scale) // self._scale
            lights = [reduce(self._picture(i).astype(np.float32) / np.float32(255), further) for i in (here, there)]
            holes = [reduce(self._reduced_hole(i).astype(np.float32), further) for i in (here, there)]
            self._gains[here, there] = exposure.gain_field(
                lights[0], lights[1], self._flow(here, there), self._scale, (holes[0], holes[1])
            )
        return self._gains[here, there]

    def _interpolate(self, index: int) -> Filled:
        """A lost frame between the nearest that are given."""
        before = max((i for i in self._shown if i < index), default=None)
        after = min((i for i in self._shown if i > index), default=None)
        if before is None and after is None:
            return Filled(np.full((*self._shape, 3), 0.5, np.float32), np.zeros(self._shape, np.float32))
        if before is None or after is None:
            return self._extrapolate(index)
        a, b = self.fill(before), self.fill(after)
        share = (index - before) / (after - before)
        picture, certainty = interpolate(a, b, share, self._scale)
        return Filled(picture.astype(a.picture.dtype, copy=False), certainty * 0.8, {before: 1 - share, after: share})

    def _whole(self, flow: NDArray[np.float32]) -> NDArray[np.float32]:
        return expand(flow, self._scale, *(slice(0, edge) for edge in self._shape))

    def _extrapolate(self, index: int) -> Filled:
        """A lost frame at an end of the scene: the nearest one given, moved on as it was moving."""
        nearest = sorted(self._shown, key=lambda i: abs(i - index))[:2]
        last = self.fill(nearest[0])
        ahead = abs(index - nearest[0])
        doubt = 0.3 / ahead
        if len(nearest) == 1:
            return Filled(last.picture, last.certainty * doubt, {nearest[0]: 1.0})
        back = self._whole(self._flow(nearest[0], nearest[1])) / np.float32(abs(nearest[0] - nearest[1]))
        positions = sample_positions(back * np.float32(ahead))
        certainty = warp(last.certainty, positions) * inside(positions, *self._shape)
        moved = warp(last.picture, positions, cubic=True).astype(last.picture.dtype, copy=False)
        return Filled(moved, certainty * doubt, {nearest[0]: 1.0})

    def _picture(self, index: int) -> NDArray[np.uint8]:
        if index not in self._pictures:
            self._pictures[index] = flow_picture(self.rough(index).picture)
        return self._pictures[index]

    def _flow(self, here: int, there: int) -> NDArray[np.float32]:
        """Flow between frames that are given, completed through the holes of `here`."""
        if (here, there) not in self._flows:
            flow = dis_flow(self._picture(here), self._picture(there), self._scale)
            if here in self._holes:
                flow = complete(flow, self._reduced_hole(here), self._reduced_hole(there), self._scale)
            self._flows[here, there] = flow
        return self._flows[here, there]

    def _reduced_hole(self, index: int) -> NDArray[np.bool_]:
        """What of a flow picture lies in the hole, all or in part, h w."""
        hole = self._holes.get(index)
        if hole is None:
            height, width = (-(-edge // self._scale) for edge in self._shape)
            return np.zeros((height, width), bool)
        return hole if self._scale == 1 else reduce(hole.astype(np.float32), self._scale) > 0


def _reduced(position: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    """Where points of a frame (N 2) lie in what is reduced by `scale`."""
    return position if scale == 1 else (position + np.float32(0.5)) / np.float32(scale) - np.float32(0.5)


def spread(picture: NDArray[np.float32], unknown: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Fill `unknown` (H W uint8, not 0) in `picture` (H W 3 float32) smoothly from its surroundings, without creases: a
    pyramid first, then relaxation towards the membrane that the edge spans."""
    if not unknown.any():
        return picture
    rows, columns = (np.flatnonzero((unknown > 0).any(axis)) for axis in (1, 0))
    top, bottom = max(0, rows[0] - SPREAD_MARGIN), rows[-1] + 1 + SPREAD_MARGIN
    left, right = max(0, columns[0] - SPREAD_MARGIN), columns[-1] + 1 + SPREAD_MARGIN
    hole = (unknown[top:bottom, left:right] > 0)[..., None]
    part = fill_smoothly(picture[top:bottom, left:right], 1.0 - hole[..., 0].astype(np.float32))
    for _ in range(SPREAD_STEPS):
        part = np.where(hole, np.asarray(cv2.blur(part, (5, 5)), np.float32), part)
    filled = picture.copy()
    filled[top:bottom, left:right] = part
    return filled


def _sources(
    index: int, steps: Sequence[NDArray[np.float32]], weights: Sequence[NDArray[np.floating]], size: int
) -> dict[int, float]:
    """Share of a frame of `size` samples that comes from each other one: steps, N ahead and N behind, how many frames away
    a sample was seen, 0 never; weights, how much of it came from there."""
    shares: dict[int, float] = {}
    for sign, away, weight in zip((1, -1), steps, weights, strict=True):
        for distance in np.unique(away[away > 0]):
            source = index + sign * int(distance)
            shares[source] = shares.get(source, 0.0) + float(weight[away == distance].sum()) / size
    return dict(sorted(shares.items()))


def _certain(shape: tuple[int, int]) -> NDArray[np.float32]:
    """1 everywhere, without taking memory."""
    return np.broadcast_to(np.float32(1), shape)


def read_points(picture: NDArray[np.floating], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bilinear values (N C) of `picture` (H W or H W C) at points (N 2: x, y)."""
    if picture.ndim == 2:
        picture = picture[..., None]
    height, width = picture.shape[:2]
    x = np.clip(points[:, 0], 0, width - 1)
    y = np.clip(points[:, 1], 0, height - 1)
    left = np.minimum(x.astype(np.intp), max(width - 2, 0))
    top = np.minimum(y.astype(np.intp), max(height - 2, 0))
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    u, v = (x - left)[:, None], (y - top)[:, None]
    upper = picture[top, left] * (1 - u) + picture[top, right] * u
    lower = picture[bottom, left] * (1 - u) + picture[bottom, right] * u
    return (upper * (1 - v) + lower * v).astype(np.float32)
