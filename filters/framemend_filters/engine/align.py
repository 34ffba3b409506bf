"""Lays the neighbours in time of each frame onto it: what the model is given.

For each frame: the frame, its mask and the certainty of what was filled into its holes; the neighbours at +-1 and +-2
warped onto it with a validity each; the aligned mean over a longer radius, with the number of frames it amounts to; and
the base, which is the mean less the noise that is left in it.
All of it is computed from the frames as given (their holes filled), never from clean ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.borrow import Borrower
from framemend_filters.engine.flow import (
    consistency,
    dis_flow,
    expand,
    flow_picture,
    halvings,
    inside,
    sample_positions,
    warp,
)
from framemend_filters.engine.noise import noise_level
from framemend_filters.engine.shrink import shrink
from framemend_filters.engine.windows import Segment

ERROR_BOX = 7
"""Edge of the box over which the error of an aligned neighbour is averaged, in samples."""
ERROR_FLOOR = 4 / 255**2
"""Squared error that alignment itself leaves, added to that of the noise."""
HOLE_TOLERANCE = 12 / 255
"""Error that is forgiven inside holes, where the picture compared with is itself a guess."""
LEAST_COUNT = 0.25
"""Frames that a mean is taken to amount to at least, where its noise is judged."""
HALO = 16
"""Samples around a part that are aligned with it: no less than the boxes and blocks reach, a multiple of the blocks."""
FALL = 2.5
"""How fast the weight of a neighbour falls with its error beyond the expected one."""


@dataclass(frozen=True)
class Aligned:
    """One segment as the model takes it; T frames, N neighbours, float32, pictures 0..1.

    frames T H W 3 (holes filled); masks T H W, 1 in holes; certainty T H W, 1 where given; neighbours T N H W 3;
    validity T N H W, 0..1; mean T H W 3; count T H W, how many frames the mean amounts to (from 0); noise, the
    standard deviation of white noise on the pictures' scale; base T H W 3.
    """

    frames: NDArray[np.float32]
    masks: NDArray[np.float32]
    certainty: NDArray[np.float32]
    neighbours: NDArray[np.float32]
    validity: NDArray[np.float32]
    mean: NDArray[np.float32]
    count: NDArray[np.float32]
    base: NDArray[np.float32]
    noise: float


def align_segment(
    segment: Segment,
    frames: Mapping[int, NDArray[np.floating]],
    masks: Mapping[int, NDArray[np.uint8]] | None = None,
    *,
    radius: int,
    neighbours: int,
) -> Aligned:
    """Align a segment, whole frames at once: see `Aligner`."""
    aligner = Aligner(segment, frames, masks, radius=radius, neighbours=neighbours)
    return aligner.part(*aligner.whole)


class Aligner:
    """Aligns the frames of one segment, part by part, so that memory is that of a part; holds the frames with their
    holes filled, and reduced pictures and flows.

    segment: what to align. frames, masks: H W 3 float32 or float16, 0..1, and H W uint8 (0 = given) for all of
    `segment.reach`; masks may lack frames. radius: frames on both sides that the mean is taken over; neighbours: frames
    on both sides handed on one by one. noise: standard deviation on the pictures' scale, one for the segment.
    """

    def __init__(
        self,
        segment: Segment,
        frames: Mapping[int, NDArray[np.floating]],
        masks: Mapping[int, NDArray[np.uint8]] | None = None,
        *,
        radius: int,
        neighbours: int,
    ) -> None:
        self._segment, self._radius, self._neighbours = segment, radius, neighbours
        self.height, self.width = frames[segment.frames.start].shape[:2]
        self.whole = slice(0, self.height), slice(0, self.width)
        self._scale = 1 << halvings(self.height, self.width)
        masks = masks or {}
        reach, written = segment.reach, segment.frames
        wanted = range(max(reach.start, written.start - radius), min(reach.stop, written.stop + radius))
        filler = Borrower(segment, frames, masks)
        # holes of frames that are only looked at say nothing (their validity is 0): a rough filling is enough for flow
        self._filled = {
            i: filler.fill(i) if i in written else filler.rough(i)
            for i in wanted
            if i in written or not filler.is_lost(i)
        }
        self._masks = {i: masks[i] for i in wanted if i in masks and masks[i].any()}
        self._pictures: dict[int, NDArray[np.uint8]] = {}
        self._flows: dict[tuple[int, int], NDArray[np.float32]] = {}
        self._trust: dict[tuple[int, int], NDArray[np.float32]] = {}
        self.noise = _segment_noise(segment, wanted, frames, masks)

    def part(self, rows: slice, columns: slice, threads: int = 1) -> Aligned:
        """A part of all frames, exactly as it is in the whole. Parts begin at multiples of 8 samples. threads: frames
        aligned at the same time; the result is the same for any number."""
        outer = tuple(
            slice(max(0, part.start - HALO), min(length, part.stop + HALO))
            for part, length in ((rows, self.height), (columns, self.width))
        )
        inner = tuple(
            slice(part.start - around.start, part.stop - around.start)
            for part, around in zip((rows, columns), outer, strict=True)
        )

        def frame(t: int) -> list[NDArray[np.float32]]:
            axes = (inner,) * 3 + ((slice(None), *inner),) * 2 + (inner,) * 3
            return [field[axis] for field, axis in zip(self._frame(t, *outer), axes, strict=True)]

        if threads > 1 and len(self._segment.frames) > 1:
            with ThreadPoolExecutor(threads) as pool:
                columns_of_fields = list(pool.map(frame, self._segment.frames))
        else:
            columns_of_fields = [frame(t) for t in self._segment.frames]
        return Aligned(*(np.stack(column) for column in zip(*columns_of_fields, strict=True)), noise=self.noise)

    def given(self, t: int) -> NDArray[np.floating]:
        """Frame t, its holes filled, H W 3: what pictures of `part` are cut from."""
        return self._filled[t].picture

    def sources(self, t: int) -> Mapping[int, float]:
        """Share of frame t that its holes' filling took from each other frame, by number."""
        return self._filled[t].sources

    def _frame(self, t: int, rows: slice, columns: slice) -> tuple[NDArray[np.float32], ...]:
        """A part of frame t as the fields of `Aligned`, in their order, without the time axis."""
        filled = self._filled[t]
        frame = filled.picture[rows, columns].astype(np.float32, copy=False)
        certainty = filled.certainty[rows, columns]
        height, width = frame.shape[:2]
        given = (self._masks[t][rows, columns] == 0).astype(np.float32) if t in self._masks else None
        expected: NDArray[np.float32] | np.float32 = np.float32(2 * self.noise**2 + ERROR_FLOOR)
        if given is not None:
            expected = expected + (1 - given) * np.float32(HOLE_TOLERANCE**2)
        count = np.ones((height, width), np.float32) if given is None else given.copy()
        total = frame * count[..., None]
        near: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
        for offset in (sign * step for step in range(1, self._radius + 1) for sign in (-1, 1)):
            is_near, is_real = abs(offset) <= self._neighbours, t + offset in self._segment.reach
            other = self._segment.mirror(t + offset)
            if not (is_near or is_real):
                continue
            if other == t or other not in self._filled:
                if is_near:
                    near.append((frame, np.zeros((height, width), np.float32)))
                continue
            flow = expand(self._flow(t, other), self._scale, rows, columns)
            positions = sample_positions(flow, rows.start, columns.start)
            picture, visible = warp(self._filled[other].picture, positions), inside(positions, self.height, self.width)
            if other in self._masks:
                shown = self._filled[other].certainty * (self._masks[other] == 0)
                visible = visible * warp(shown, positions)
            if is_real:
                weight = _likeness(picture, frame, expected) * visible
                total += picture * weight[..., None]
                count += weight
            if is_near:
                near.append((picture, visible * expand(self._consistency(t, other), self._scale, rows, columns)))
        mean = np.where(count[..., None] > 1e-3, total / np.maximum(count, 1e-3)[..., None], frame).astype(np.float32)
        left = self.noise / np.sqrt(np.maximum(count, LEAST_COUNT))
        base = shrink(mean, left.astype(np.float32, copy=False))
        mask = np.zeros((height, width), np.float32) if given is None else 1 - given
        pictures, validity = (np.stack(parts) for parts in zip(*near, strict=True))
        return frame, mask, certainty, pictures, validity, mean, count, base

    def _picture(self, i: int) -> NDArray[np.uint8]:
        if i not in self._pictures:
            self._pictures[i] = flow_picture(self._filled[i].picture.astype(np.float32, copy=False))
        return self._pictures[i]

    def _flow(self, here: int, there: int) -> NDArray[np.float32]:
        if (here, there) not in self._flows:
            self._flows[here, there] = dis_flow(self._picture(here), self._picture(there), self._scale)
        return self._flows[here, there]

    def _consistency(self, here: int, there: int) -> NDArray[np.float32]:
        if (here, there) not in self._trust:
            self._trust[here, there] = consistency(self._flow(here, there), self._flow(there, here), self._scale)
        return self._trust[here, there]


def _likeness(
    picture: NDArray[np.float32], frame: NDArray[np.float32], expected: NDArray[np.float32] | np.float32
) -> NDArray[np.float32]:
    """Weight of a warped neighbour in the mean, H W, 1 where its squared error is no more than expected."""
    difference = picture - frame
    error = cv2.blur(np.einsum("hwc,hwc->hw", difference, difference) / 3, (ERROR_BOX, ERROR_BOX))
    return np.exp(-FALL * np.maximum(0, np.asarray(error, np.float32) / expected - 1))


def _segment_noise(
    segment: Segment,
    wanted: range,
    frames: Mapping[int, NDArray[np.floating]],
    masks: Mapping[int, NDArray[np.uint8]],
) -> float:
    """Mean of the estimates of the segment's frames; where they are lost, of those around; 0 where none can tell."""

    def level(i: int) -> float | None:
        known = (masks[i] == 0).astype(np.float32) if i in masks and masks[i].any() else None
        return noise_level(frames[i].astype(np.float32, copy=False), known)

    for candidates in (segment.frames, wanted):
        usable = [found for found in map(level, candidates) if found is not None]
        if usable:
            return float(np.mean(usable))
    return 0.0
