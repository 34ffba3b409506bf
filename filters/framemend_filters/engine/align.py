"""Lays the neighbours in time of each frame onto it: what the model is given.

For each frame: the frame, its mask and the certainty of what was filled into its holes; the neighbours at +-1 and +-2
warped onto it with a validity each; the aligned mean over a longer radius, with the number of frames it amounts to; and
the base, which is the mean less the noise that is left in it.
All of it is computed from the frames as given (their holes filled), never from clean ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.borrow import Borrower, Filled
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
) -> Aligned:
    """Align a segment.

    frames, masks: H W 3 float32 0..1 and H W uint8 (0 = given) for all of `segment.reach`; masks may lack frames.
    radius: frames on both sides that the mean is taken over; neighbours: frames on both sides handed on one by one.
    """
    masks = masks or {}
    filler = Borrower(segment, frames, masks)
    wanted = range(
        max(segment.reach.start, segment.frames.start - radius), min(segment.reach.stop, segment.frames.stop + radius)
    )
    # holes of frames that are only looked at say nothing (their validity is 0): a rough filling is enough for flow
    filled = {i: filler.fill(i) if i in segment.frames else filler.rough(i) for i in wanted if not filler.is_lost(i)}
    filled |= {i: filler.fill(i) for i in segment.frames if filler.is_lost(i)}
    pictures = {i: flow_picture(filled[i].picture) for i in filled}
    known = {i: (masks[i] == 0).astype(np.float32) for i in wanted if i in masks and masks[i].any()}
    noise = _segment_noise(segment, wanted, frames, known)
    flows: dict[tuple[int, int], NDArray[np.float32]] = {}

    def flow(here: int, there: int) -> NDArray[np.float32]:
        if (here, there) not in flows:
            flows[here, there] = dis_flow(pictures[here], pictures[there])
        return flows[here, there]

    columns = [_align_frame(i, wanted, filled, known, noise, flow, radius, neighbours, segment) for i in segment.frames]
    stacked = [np.stack(column) for column in zip(*columns, strict=True)]
    return Aligned(*stacked, noise=noise)


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


def _align_frame(t, wanted, filled: dict[int, Filled], known, noise, flow, radius, neighbours, segment):
    frame = filled[t].picture
    height, width = frame.shape[:2]
    given = known.get(t)
    expected = np.float32(2 * noise * noise + ERROR_FLOOR)
    if given is not None:
        expected = expected + (1 - given) * np.float32(HOLE_TOLERANCE**2)
    count = np.ones((height, width), np.float32) if given is None else given.copy()
    total = frame * count[..., None]
    near_pictures, near_validity = [], []
    offsets = [d for step in range(1, radius + 1) for d in (-step, step)]
    for offset in offsets:
        near = abs(offset) <= neighbours
        real = (t + offset) in segment.reach
        if not real and not near:
            continue
        other = segment.mirror(t + offset)
        if other == t or other not in filled:
            if near:
                near_pictures.append(frame)
                near_validity.append(np.zeros((height, width), np.float32))
            continue
        way = flow(t, other)
        positions = sample_positions(way)
        picture = warp(filled[other].picture, positions)
        visible = inside(positions, height, width)
        if other in known:
            visible = visible * warp(filled[other].certainty * known[other], positions)
        difference = picture - frame
        error = cv2.blur(np.einsum("hwc,hwc->hw", difference, difference) / 3, (ERROR_BOX, ERROR_BOX))
        weight = np.exp(-FALL * np.maximum(0, error / expected - 1)) * visible
        if real:
            total += picture * weight[..., None]
            count += weight
        if near:
            near_pictures.append(picture)
            near_validity.append(visible * consistency(way, flow(other, t), positions))
    mean = np.where(count[..., None] > 1e-3, total / np.maximum(count, 1e-3)[..., None], frame)
    mean = mean.astype(np.float32)
    base = shrink(mean, noise / np.sqrt(np.maximum(count, LEAST_COUNT)))
    mask = np.zeros((height, width), np.float32) if given is None else 1 - given
    return (
        frame,
        mask,
        filled[t].certainty,
        np.stack(near_pictures) if near_pictures else np.zeros((0, height, width, 3), np.float32),
        np.stack(near_validity) if near_validity else np.zeros((0, height, width), np.float32),
        mean,
        count,
        base,
    )
