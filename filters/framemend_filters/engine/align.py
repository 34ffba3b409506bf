"""Lays the neighbours in time of each frame onto it: what the model is given.

For each frame: the frame, its mask and the certainty of what was filled into its holes; the neighbours at +-1 and +-2
warped onto it with a validity each; the base, which is the aligned mean over a longer radius less the noise that is left in
it, with the number of frames that it amounts to; and the mean again, of all that differs no more than codecs make it.
All of it is computed from the frames as given (their holes filled), never from clean ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.borrow import Borrower
from framemend_filters.engine.composite import carriers, decoded
from framemend_filters.engine.deblur import REACH, drifts, of_frame, undo, undoing
from framemend_filters.engine.exposure import BLOCK, brightness
from framemend_filters.engine.flow import expand
from framemend_filters.engine.history import history
from framemend_filters.engine.laying import Laying, squared_error
from framemend_filters.engine.lines import misplaced, straightened
from framemend_filters.engine.motion import FlowMemory, Motion, Once
from framemend_filters.engine.noise import noise_by_tone, noise_level, unrest
from framemend_filters.engine.shrink import shrink
from framemend_filters.engine.windows import Segment
from framemend_filters.levels import Levels

ERROR_BOX = 5
"""Edge of the box over which the error of an aligned neighbour is averaged, in samples."""
ERROR_FLOOR = 2 / 255**2
"""Squared error that alignment itself leaves, added to that of the noise."""
CROSS = 6 / 255
"""Standard deviation of what is left of the subcarrier, and taken for it, where composite colour was decoded anew (chosen on data/val)."""
HOLE_TOLERANCE = 12 / 255
"""Error that is forgiven inside holes, where the picture compared with is itself a guess."""
LEAST_COUNT = 0.25
"""Frames that a mean is taken to amount to at least, where its noise is judged."""
HALO = 16
"""Samples around a part that are aligned with it: no less than the boxes and blocks reach, a multiple of the blocks."""
FALL = 4.0
"""How fast the weight of a neighbour falls with its error beyond the expected one."""
STRONG_NOISE = 12 / 255
"""Standard deviation of the noise from which on the mean is taken over a longer radius (chosen on data/val)."""

WEAK_NOISE, WEAK_RADIUS = 3 / 255, 2
"""Where neither a frame alone nor time shows this much noise anywhere, the base is taken from so few frames on both sides: more
would only blur it (chosen on data/val)."""

TOLERANCE, MOST_TOLERANCE, UNREST = 12 / 255, 40 / 255, 2.0
"""Standard deviation of the errors that the mean forgives at least and at most, where the base forgives no more than noise:
those of codecs look like picture, in a frame alone and in time. In between, UNREST times `unrest`: composite colour changes
in every frame (chosen on data/val)."""

NOISE_IN_BASE = 0.25
"""Share of the noise that is taken to be left in the base where a blur of it is undone (chosen on data/val)."""
TONE_BOX = 9
"""Edge of the box over which the brightness is taken that noise is looked up by."""


@dataclass(frozen=True)
class Aligned:
    """One segment as the model takes it; T frames, N neighbours, float32, pictures 0..1.

    frames T H W 3 (holes filled); masks T H W, 1 in holes; certainty T H W, 1 where given; neighbours T N H W 3;
    validity T N H W, 0..1; mean T H W 3; count T H W, how many frames the base amounts to (from 0); base T H W 3, its blur undone;
    levels: those of `Levels`. Where frames flicker, frames, mean and base are exposed as those around them; lines that jitter are put
    back, and composite colour is decoded anew.
    """

    frames: NDArray[np.float32]
    masks: NDArray[np.float32]
    certainty: NDArray[np.float32]
    neighbours: NDArray[np.float32]
    validity: NDArray[np.float32]
    mean: NDArray[np.float32]
    count: NDArray[np.float32]
    base: NDArray[np.float32]
    levels: NDArray[np.float32]


def longest_radius(radius: int) -> int:
    """Frames on both sides that the mean is taken over where noise is strong, of those where it is not."""
    return radius + radius // 2


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
    `segment.reach`; masks may lack frames. radius: frames on both sides that mean and base are taken over, `longest_radius` of
    it from STRONG_NOISE on, WEAK_RADIUS for the base below WEAK_NOISE; neighbours: frames on both sides handed on one by one. memory, through: where flows may be
    found, and are left for the next segment: those between aligned frames, and those through holes. holes_alone: whether nothing
    else is repaired; then holes are to be as blurred as the rest, exposed as their frame is, and lines and colour stay as they are. noise: standard
    deviation on the pictures' scale, one for the segment; levels: as `Aligned` has them.
    """

    def __init__(
        self,
        segment: Segment,
        frames: Mapping[int, NDArray[np.floating]],
        masks: Mapping[int, NDArray[np.uint8]] | None = None,
        *,
        radius: int,
        neighbours: int,
        memory: FlowMemory | None = None,
        through: FlowMemory | None = None,
        holes_alone: bool = False,
    ) -> None:
        self._segment, self._neighbours, self._holes_alone = segment, neighbours, holes_alone
        self._steadied = Once[int, NDArray[np.float32] | None]()
        self.height, self.width = frames[segment.frames.start].shape[:2]
        self.whole = slice(0, self.height), slice(0, self.width)
        masks = masks or {}
        written = segment.frames
        self.noise = _segment_noise(segment, _around(segment, radius), frames, masks)
        self._kept = longest_radius(radius) if self.noise >= STRONG_NOISE else radius
        wanted = _around(segment, self._kept)
        filler = Borrower(segment, frames, masks, through)
        # holes of frames that are only looked at say nothing (their validity is 0): a rough filling is enough for flow
        self._filled = {
            i: filler.fill(i) if i in written else filler.rough(i)
            for i in wanted
            if i in written or not filler.is_lost(i)
        }
        filler.remember()
        self._lost = {i for i in written if filler.is_lost(i)}
        self._masks = {i: masks[i] for i in wanted if i in masks and masks[i].any()}
        self._left = ERROR_FLOOR
        self._motion = self._given_motion = Motion(self._pictures(), memory)
        if not holes_alone and any([self._straighten(), self._decode()]):
            self._motion = Motion(self._pictures())
        self._laying = Laying(self._filled, self._masks, self._motion)
        changes = [blocks for t in written if (blocks := self._changes(t))]
        self._by_tone = noise_by_tone(changes)
        restless = unrest(changes, self.noise)
        self._tolerance = min(MOST_TOLERANCE, max(TOLERANCE, UNREST * restless))
        grain = self.noise if self._by_tone is None else self._by_tone.mean
        been = history([self._filled[i].picture for i in written], self.noise)
        if holes_alone:
            been = been._replace(blur=0.0, spread=(0.0,) * len(been.spread), disc=0.0)
        self.levels = Levels(
            self.noise, been.coding, been.blur, *been.spread, disc=been.disc, grain=grain, unrest=restless
        )
        self._undoing = self._kernels(NOISE_IN_BASE * max(self.noise, grain))
        self._halo = HALO + REACH if self._undoing else HALO
        is_weak = self._by_tone is not None and max(self.noise, self._by_tone.strongest) < WEAK_NOISE
        self._base_radius = min(self._kept, max(WEAK_RADIUS, neighbours)) if is_weak else self._kept

    def part(self, rows: slice, columns: slice, threads: int = 1) -> Aligned:
        """A part of all frames, exactly as it is in the whole. Parts begin at multiples of 8 samples. threads: frames
        aligned at the same time; the result is the same for any number."""
        outer = _widened(rows, self.height, self._halo), _widened(columns, self.width, self._halo)
        inner = _within(rows, outer[0]), _within(columns, outer[1])
        size = rows.stop - rows.start, columns.stop - columns.start
        made = _allocated(len(self._segment.frames), 2 * self._neighbours, size, self.levels.array())

        def frame(place: int) -> None:
            self._frame(self._segment.frames[place], outer, inner, made, place)

        if threads > 1 and len(self._segment.frames) > 1:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(frame, range(len(self._segment.frames))))
        else:
            for place in range(len(self._segment.frames)):
                frame(place)
        return made

    def remember(self) -> None:
        """Leave the flows that the next segment needs as well in the memory."""
        self._given_motion.remember(self._segment.frames.stop - self._kept)

    def given(self, t: int) -> NDArray[np.floating]:
        """Frame t, its holes filled, H W 3: what pictures of `part` are cut from."""
        return self._filled[t].picture

    def is_lost(self, t: int) -> bool:
        """Whether frame t of the segment was hidden as a whole: what is given of it was interpolated."""
        return t in self._lost

    def sources(self, t: int) -> Mapping[int, float]:
        """Share of frame t that its holes' filling took from each other frame, by number."""
        return self._filled[t].sources

    def _frame(self, t: int, outer: tuple[slice, slice], inner: tuple[slice, slice], made: Aligned, place: int) -> None:
        """Align a part `outer` of frame t and write what lies `inner` in it to number `place` of `made`."""
        rows, columns = outer
        filled = self._filled[t]
        frame = filled.picture[rows, columns].astype(np.float32, copy=False)
        certainty = filled.certainty[rows, columns]
        height, width = frame.shape[:2]
        given = (self._masks[t][rows, columns] == 0).astype(np.float32) if t in self._masks else None
        variance = self._variance(frame)
        expected = 2 * variance + np.float32(self._left)
        if given is not None:
            expected = expected + (1 - given) * np.float32(HOLE_TOLERANCE**2)
        tolerated = np.maximum(expected, np.float32(2 * self._tolerance**2))
        own = np.ones((height, width), np.float32) if given is None else given
        strict, squares = _Mean(frame, own), own.copy()
        alike = self._base_radius == self._kept and np.array_equal(tolerated, expected)
        wide = strict if alike else _Mean(frame, own)
        near = 0
        for offset in (sign * step for step in range(1, self._kept + 1) for sign in (-1, 1)):
            is_near, is_real = abs(offset) <= self._neighbours, t + offset in self._segment.reach
            other = self._segment.mirror(t + offset)
            if not (is_near or is_real):
                continue
            if other == t or other not in self._filled:
                if is_near:
                    _write(frame[inner], made.neighbours[place, near])
                    made.validity[place, near] = 0
                    near += 1
                continue
            laid = self._laying.lay(other, t, rows, columns)
            if is_real:
                error = _error(laid.exposed, frame)
                if abs(offset) <= self._base_radius:
                    weight = _likeness(error, expected) * laid.visible
                    strict.add(laid.exposed, weight)
                    squares += weight * weight
                if wide is not strict:
                    wide.add(laid.exposed, _likeness(error, tolerated) * laid.visible)
            if is_near:
                trust = expand(self._motion.consistency(t, other), self._motion.scale, rows, columns)
                _write(laid.picture[inner], made.neighbours[place, near])
                made.validity[place, near] = (laid.visible * trust)[inner]
                near += 1
        noisy = strict.over(frame)
        mean = noisy if wide is strict else wide.over(frame)
        base = shrink(noisy, np.sqrt(variance) * _noise_left(strict.count, squares))
        if t in self._undoing:
            base = undo(base, self._undoing[t])
        steady = None if self._holes_alone else self._steadied.get(t, self._steadying)
        gain = None if steady is None else expand(steady, BLOCK, rows, columns)[..., None]
        for picture, all_pictures in ((frame, made.frames), (mean, made.mean), (base, made.base)):
            _write((picture if gain is None else picture * gain)[inner], all_pictures[place])
        made.masks[place] = 0 if given is None else 1 - given[inner]
        made.certainty[place] = certainty[inner]
        made.count[place] = strict.count[inner]

    def _kernels(self, noise: float) -> dict[int, NDArray[np.float32]]:
        """What undoes the blur of each frame to write, where it is blurred; noise: see `undoing`."""
        written = self._segment.frames
        kernel = undoing(self.levels, noise)
        if kernel is None:
            return {}
        if not drifts(self.levels):
            return dict.fromkeys(written, kernel)
        own = {t: history([self._filled[t].picture], self.noise).spread for t in written}
        told = {t: undoing(of_frame(self.levels, spread), noise) for t, spread in own.items()}
        return {t: kernel for t, kernel in told.items() if kernel is not None}

    def _pictures(self) -> dict[int, NDArray[np.floating]]:
        return {i: filled.picture for i, filled in self._filled.items()}

    def _decode(self) -> bool:
        """Take composite colour apart anew; whether a simple receiver had left it in the frames. Their noise is another one then."""
        pictures = self._pictures()
        written = [t for t in self._segment.frames if t not in self._lost]
        found = carriers(written, pictures) if written else {}
        for t, carrier in found.items():
            self._filled[t] = replace(self._filled[t], picture=decoded(pictures[t], carrier))
        if found:
            self._left += 2 * CROSS**2
            self.noise = _segment_noise(self._segment, range(0), self._pictures(), self._masks) or self.noise
        return bool(found)

    def _straighten(self) -> bool:
        """Put lines of the frames to write back in place; whether they were out of it."""
        pictures = self._pictures()
        offsets = misplaced([t for t in self._segment.frames if t not in self._lost], pictures, self._motion)
        for t, by in offsets.items():
            filled = self._filled[t]
            self._filled[t] = replace(
                filled, picture=straightened(filled.picture, by), certainty=straightened(filled.certainty, by)
            )
            if t in self._masks:
                hole = (self._masks[t] > 0).astype(np.float32)
                self._masks[t] = np.where(straightened(hole, by) > 0.05, 255, 0).astype(np.uint8)
        return bool(offsets)

    def _steadying(self, t: int) -> NDArray[np.float32] | None:
        """See `Laying.steadied`; by all frames that the mean is taken over."""
        reach = self._segment.reach
        around = range(max(reach.start, t - self._kept), min(reach.stop, t + self._kept + 1))
        others = [i for i in around if i != t and i in self._filled]
        return self._laying.steadied(t, others) if t not in self._lost else None

    def _variance(self, frame: NDArray[np.float32]) -> NDArray[np.float32]:
        """Variance of the noise of each sample of a picture H W 3, H W: that of the segment, or more where time shows it."""
        least = np.full(frame.shape[:2], self.noise**2, np.float32)
        if self._by_tone is None:
            return least
        tone = cv2.blur(brightness(frame), (TONE_BOX, TONE_BOX))
        return np.maximum(least, self._by_tone.at(np.asarray(tone, np.float32)), out=least)

    def _changes(self, t: int) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """See `Laying.changes`: of frame t to the one after it, or before it; None where there is none."""
        near = [i for i in (t + 1, t - 1) if i in self._segment.reach and i in self._filled]
        return self._laying.changes(t, near[0]) if near and t not in self._lost else None


def _around(segment: Segment, radius: int) -> range:
    """Frames within reach that are at most `radius` away from those that are written."""
    reach, written = segment.reach, segment.frames
    return range(max(reach.start, written.start - radius), min(reach.stop, written.stop + radius))


def _widened(part: slice, length: int, halo: int) -> slice:
    return slice(max(0, part.start - halo), min(length, part.stop + halo))


def _within(part: slice, around: slice) -> slice:
    return slice(part.start - around.start, part.stop - around.start)


def _allocated(frames: int, neighbours: int, size: tuple[int, int], levels: NDArray[np.float32]) -> Aligned:
    """Room for a segment. Pictures lie plane by plane, as the network takes them, under the shape that they are known by."""

    def pictures(*count: int) -> NDArray[np.float32]:
        return np.moveaxis(np.empty((*count, 3, *size), np.float32), -3, -1)

    def maps(*count: int) -> NDArray[np.float32]:
        return np.empty((*count, *size), np.float32)

    return Aligned(
        frames=pictures(frames),
        masks=maps(frames),
        certainty=maps(frames),
        neighbours=pictures(frames, neighbours),
        validity=maps(frames, neighbours),
        mean=pictures(frames),
        count=maps(frames),
        base=pictures(frames),
        levels=levels,
    )


def _write(picture: NDArray[np.float32], room: NDArray[np.float32]) -> None:
    """Copy a picture H W 3 to where `_allocated` made room."""
    cv2.split(picture, [room[..., channel] for channel in range(3)])


class _Mean:
    """A weighted mean as it adds up: `picture`, H W 3, with weights `count`, H W, and what is laid onto it."""

    def __init__(self, picture: NDArray[np.float32], count: NDArray[np.float32]) -> None:
        self.count, self._total = count.copy(), picture * count[..., None]

    def add(self, picture: NDArray[np.float32], weight: NDArray[np.float32]) -> None:
        cv2.accumulateProduct(picture, cv2.merge([weight] * 3), self._total)
        self.count += weight

    def over(self, frame: NDArray[np.float32]) -> NDArray[np.float32]:
        """The mean, and `frame` where nothing weighs anything."""
        count = self.count[..., None]
        return np.where(count > 1e-3, self._total / np.maximum(count, 1e-3), frame).astype(np.float32, copy=False)


def _noise_left(count: NDArray[np.float32], squares: NDArray[np.float32]) -> NDArray[np.float32]:
    """Standard deviation of a mean's noise over that of one picture, H W; sums of its weights and of their squares."""
    left = np.sqrt(squares) / np.maximum(count, LEAST_COUNT)
    return np.where(count > LEAST_COUNT, left, LEAST_COUNT**-0.5).astype(np.float32, copy=False)


def _error(picture: NDArray[np.float32], frame: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean squared error of a warped neighbour around each sample, H W."""
    return np.asarray(cv2.blur(squared_error(picture, frame), (ERROR_BOX, ERROR_BOX)), np.float32)


def _likeness(error: NDArray[np.float32], expected: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weight of a warped neighbour in a mean, H W, 1 where its squared error is no more than expected."""
    weight = error * (np.float32(-FALL) / expected)
    weight += np.float32(FALL)
    return np.asarray(cv2.exp(np.minimum(weight, 0, out=weight)), np.float32)


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
