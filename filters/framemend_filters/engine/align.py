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
from framemend_filters.engine.flow import consistency, dis_flow, flow_picture, inside, sample_positions, warp
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
    frames: Mapping[int, NDArray[np.float32]],
    masks: Mapping[int, NDArray[np.uint8]] | None = None,
    *,
    radius: int,
    neighbours: int,
    threads: int = 1,
) -> Aligned:
    """Align a segment.

    frames, masks: H W 3 float32 0..1 and H W uint8 (0 = given) for all of `segment.reach`; masks may lack frames.
    radius: frames on both sides that the mean is taken over; neighbours: frames on both sides handed on one by one.
    threads: frames aligned at the same time; the result is the same for any number.
    """
    aligner = _Aligner(segment, frames, masks or {}, radius, neighbours)
    if threads > 1 and len(segment.frames) > 1:
        with ThreadPoolExecutor(threads) as pool:
            columns = list(pool.map(aligner.frame, segment.frames))
    else:
        columns = [aligner.frame(t) for t in segment.frames]
    return Aligned(*(np.stack(column) for column in zip(*columns, strict=True)), noise=aligner.noise)


class _Aligner:
    """Aligns the frames of one segment one by one; keeps their pictures, and the flows that serve twice."""

    def __init__(
        self,
        segment: Segment,
        frames: Mapping[int, NDArray[np.float32]],
        masks: Mapping[int, NDArray[np.uint8]],
        radius: int,
        neighbours: int,
    ) -> None:
        self._segment, self._radius, self._neighbours = segment, radius, neighbours
        reach, written = segment.reach, segment.frames
        wanted = range(max(reach.start, written.start - radius), min(reach.stop, written.stop + radius))
        filler = Borrower(segment, frames, masks)
        # holes of frames that are only looked at say nothing (their validity is 0): a rough filling is enough for flow
        self._filled = {
            i: filler.fill(i) if i in written else filler.rough(i)
            for i in wanted
            if i in written or not filler.is_lost(i)
        }
        self._known = {i: (masks[i] == 0).astype(np.float32) for i in wanted if i in masks and masks[i].any()}
        self._pictures = {i: flow_picture(filled.picture) for i, filled in self._filled.items()}
        self._flows: dict[tuple[int, int], NDArray[np.float32]] = {}
        self.noise = _segment_noise(segment, wanted, frames, self._known)

    def frame(self, t: int) -> tuple[NDArray[np.float32], ...]:
        """Frame t as the fields of `Aligned`, in their order, without the time axis."""
        frame, given = self._filled[t].picture, self._known.get(t)
        height, width = frame.shape[:2]
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
            flow = self._flow(t, other)
            positions = sample_positions(flow)
            picture, visible = warp(self._filled[other].picture, positions), inside(positions, height, width)
            if other in self._known:
                visible = visible * warp(self._filled[other].certainty * self._known[other], positions)
            if is_real:
                weight = _likeness(picture, frame, expected) * visible
                total += picture * weight[..., None]
                count += weight
            if is_near:
                near.append((picture, visible * consistency(flow, self._flow(other, t), positions)))
        mean = np.where(count[..., None] > 1e-3, total / np.maximum(count, 1e-3)[..., None], frame).astype(np.float32)
        left = self.noise / np.sqrt(np.maximum(count, LEAST_COUNT))
        base = shrink(mean, left.astype(np.float32, copy=False))
        mask = np.zeros((height, width), np.float32) if given is None else 1 - given
        pictures, validity = (np.stack(parts) for parts in zip(*near, strict=True))
        return frame, mask, self._filled[t].certainty, pictures, validity, mean, count, base

    def _flow(self, here: int, there: int) -> NDArray[np.float32]:
        if (here, there) not in self._flows:
            self._flows[here, there] = dis_flow(self._pictures[here], self._pictures[there])
        return self._flows[here, there]


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
    frames: Mapping[int, NDArray[np.float32]],
    known: Mapping[int, NDArray[np.float32]],
) -> float:
    """Mean of the estimates of the segment's frames; where they are lost, of those around; 0 where none can tell."""
    for candidates in (segment.frames, wanted):
        levels = [noise_level(frames[i], known.get(i)) for i in candidates]
        usable = [level for level in levels if level is not None]
        if usable:
            return float(np.mean(usable))
    return 0.0
