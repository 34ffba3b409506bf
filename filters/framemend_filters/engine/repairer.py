"""The one way through: every host hands frames to a `Repairer` and adds what comes back to its own samples."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.align import Aligner, align_segment, longest_radius
from framemend_filters.engine.compose import FrameRepair, compose, untouched
from framemend_filters.engine.flow import halvings
from framemend_filters.engine.inference import Inference
from framemend_filters.engine.motion import FLOW_SCALE, FlowMemory
from framemend_filters.engine.repeats import distinct
from framemend_filters.engine.scenes import find_cuts
from framemend_filters.engine.settings import GRAIN, WHOLE_AREA, RepairSettings
from framemend_filters.engine.windows import (
    CUT_LOOK_AHEAD,
    CUT_LOOK_BACK,
    Segment,
    chunk_frames,
    chunk_span,
    plan_segments,
)
from framemend_filters.errors import SettingError
from framemend_filters.weights import is_single_frame, model_window

if TYPE_CHECKING:
    from framemend_filters.engine.memory import Fit

Picture = NDArray[np.float32]
Mask = NDArray[np.uint8]
Plane = NDArray[np.float32]

HOLE_RADIUS = 16
"""Frames on both sides that holes may borrow from."""
HOLE_CONTEXT = 96
"""Samples around holes that the network sees where nothing else is repaired."""
NETWORK_FROM_NOISE = 2.5 / 255
"""Standard deviation of the noise at which half of what the network makes of a lost frame is taken (chosen on data/val)."""
LEAST_EDGE = 16
"""Smallest height and width that can be repaired, in samples."""
_UNKNOWN_LENGTH = 1 << 40
_FAR = 1 << 20  # a chunk far from both ends of a clip


class Repairer:
    """Repairs clips chunk by chunk.

    chunk_frames: frames written from one window (K); chunk k holds frames k*K .. k*K+K-1. radius: frames to hand in on
    both sides of a chunk. With settings.lookahead L, K is 1 and frame n is written as if the clip ended with n + L. What is written for a frame depends on its number and its neighbours alone, not on the order
    of calls. Methods may be called from several threads.
    """

    def __init__(self, settings: RepairSettings | None = None, *, masked: bool = False) -> None:
        """masked: whether masks will be given, which asks for a longer radius. Raises SettingError and ModelError."""
        self.settings = settings or RepairSettings()
        self.strength = self.settings.strength if self.settings.strength is not None else (0.0 if masked else 1.0)
        self.masked = masked
        config = model_window(self.settings.model)
        self._lookahead = self.settings.lookahead
        self.chunk_frames: int = config["frames"] if self._lookahead is None else 1
        self._mean_radius: int = config["radius"]
        self._neighbours: int = config["neighbours"]
        self._reach = max(longest_radius(self._mean_radius), HOLE_RADIUS if masked else 0)
        self.radius = self._reach + max(CUT_LOOK_BACK, CUT_LOOK_AHEAD - 1)
        self._memory, self._through = FlowMemory(), FlowMemory()
        self._inference = Inference(self.settings)
        self.fit: Fit | None = None

    def fitted(self, height: int, width: int, *, streams: int = 1) -> Self:
        """This repairer with the tile and window that settings.memory has room for, for frames of this size; itself where
        no budget was set. `fit` then says what was chosen.

        streams: chunks repaired at the same time. Raises SettingError where nothing fits.
        """
        if self.settings.memory is None:
            return self
        from framemend_filters.engine.devices import pick_device, pick_precision
        from framemend_filters.engine.memory import Load, fit, parse_size

        if is_single_frame(self.settings.model):
            raise SettingError("memory is known for framemend's own models only; set tile for one of single frames")
        window = len(self.span(_FAR, _UNKNOWN_LENGTH))
        load = Load(
            height=height,
            width=width,
            chunk=self.chunk_frames,
            reach=self._reach,
            beyond=window - self.chunk_frames - 2 * self._reach,
            masked=self.masked,
            sample_bytes=pick_precision(self.settings.precision, pick_device(self.settings.device)).itemsize,
            scale=max(FLOW_SCALE, 1 << halvings(height, width)),
            streams=streams,
        )
        fitted = copy.copy(self)
        fitted.fit = fit(parse_size(self.settings.memory), load, least_reach=self._mean_radius, tile=self.settings.tile)
        fitted.chunk_frames, fitted._reach = fitted.fit.chunk, fitted.fit.reach
        fitted.radius += fitted._reach - self._reach
        fitted._inference = self._inference.with_tile(fitted.fit.tile or max(height, width))
        return fitted

    @property
    def looks_everywhere(self) -> bool:
        """Whether frames without a mask may change as well."""
        return self.strength > 0

    def span(self, chunk: int, num_frames: int) -> range:
        """Numbers of the frames that `repair_chunk` needs, in a clip of `num_frames`."""
        return chunk_span(chunk, self.chunk_frames, self._reach, self._visible_end(chunk, num_frames))

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
        """Repair a chunk: one FrameRepair for each of its frames that lies in the clip.

        frames: H W 3 float32 RGB 0..1 for every number in span(); masks: H W uint8, 255 where to generate, for frames
        that have one; cuts: numbers i with a cut between frames i and i+1, None to detect them; strengths: H W float32,
        0..1, in place of the setting's one number, for each frame of the chunk.
        """
        frames = {i: hold(f) for i, f in frames.items()}
        masks = {i: m for i, m in (masks or {}).items() if m.any()}
        written = chunk_frames(chunk, self.chunk_frames, num_frames)
        num_frames = self._visible_end(chunk, num_frames)
        strength = strengths or dict.fromkeys(written, self.strength)
        height, width = frames[written.start].shape[:2]
        if min(height, width) < LEAST_EDGE:
            raise SettingError(f"frames are {width}x{height}; the smallest that can be repaired is 16x16")
        if not any(i in masks or np.any(strength[i]) for i in written):
            return [untouched(height, width) for _ in written]
        if cuts is None:
            automatic = self.settings.scene_changes == "auto"
            cuts = find_cuts(frames, masks, num_frames) if automatic else frozenset()
        repairs: list[FrameRepair] = []
        for segment in plan_segments(chunk, self.chunk_frames, self._reach, num_frames, cuts):
            if not any(i in masks or np.any(strength[i]) for i in segment.frames):
                repairs += [untouched(height, width) for _ in segment.frames]
            else:
                repairs += self._repair_segment(segment, frames, masks, strength)
        return repairs

    def repair_stream(self, frames: Iterable[tuple[Picture, Mask | None]]) -> Iterator[FrameRepair]:
        """Repair frames as they come, in order, reading ahead no further than a window asks for."""
        source = enumerate(frames)
        pictures: dict[int, NDArray[np.floating]] = {}
        masks: dict[int, Mask] = {}
        num_frames = _UNKNOWN_LENGTH
        chunk = 0
        while chunk * self.chunk_frames < num_frames:
            needed = self.span(chunk, num_frames)
            while num_frames == _UNKNOWN_LENGTH and needed.stop - 1 not in pictures:
                entry = next(source, None)
                if entry is None:
                    num_frames = max(pictures, default=-1) + 1
                    break
                index, (picture, mask) = entry
                pictures[index] = hold(picture)
                if mask is not None:
                    masks[index] = mask
            if chunk * self.chunk_frames >= num_frames:
                return
            for index in [i for i in pictures if i < needed.start]:
                del pictures[index]
                masks.pop(index, None)
            yield from self.repair_chunk(chunk, pictures, masks, num_frames=num_frames)
            chunk += 1

    def _visible_end(self, chunk: int, num_frames: int) -> int:
        """Where the clip ends for those who write this chunk."""
        if self._lookahead is None:
            return num_frames
        return min(num_frames, (chunk + 1) * self.chunk_frames + self._lookahead)

    def _repair_segment(
        self,
        segment: Segment,
        frames: Mapping[int, NDArray[np.floating]],
        masks: Mapping[int, Mask],
        strength: Mapping[int, float | Plane],
    ) -> Iterator[FrameRepair]:
        one = distinct(segment, frames, masks)
        aligner = Aligner(
            one.segment,
            one.frames,
            one.masks,
            radius=self._mean_radius,
            neighbours=self._neighbours,
            memory=self._memory,
            through=self._through,
            holes_alone=not any(np.any(strength[i]) for i in segment.frames),
        )
        area = self._area(segment, masks, strength, aligner)
        made, errors = self._inference.run(aligner, area)
        aligner.remember()
        for index in segment.frames:
            place = one.places[index]
            row = place - one.segment.frames.start
            if area == aligner.whole:
                picture, error = made[row], errors[row]
            else:
                picture = aligner.given(place).astype(np.float32)
                error = np.zeros(picture.shape[:2], np.float32)
                picture[area], error[area] = made[row], errors[row]
            if aligner.is_lost(place) and not np.any(strength[index]):
                picture = _as_far_as_noisy(picture, aligner.given(place), aligner.noise)
            repair = compose(
                frames[index],
                picture,
                error,
                masks.get(index),
                strength=strength[index],
                noise=aligner.noise,
                grain=GRAIN[self.settings.grain],
                seed=one.numbers[place] if self.settings.hole_grain else None,
            )
            yield replace(repair, borrowed={one.numbers[p]: share for p, share in aligner.sources(place).items()})

    def _area(
        self,
        segment: Segment,
        masks: Mapping[int, Mask],
        strength: Mapping[int, float | Plane],
        aligner: Aligner,
    ) -> tuple[slice, slice]:
        """What of the frames the network has to see: where strength is 0 the holes alone and what is around them."""
        from framemend_filters.engine.tiles import area_around

        wanted = np.zeros((aligner.height, aligner.width), bool)
        for index in segment.frames:
            wanted |= np.asarray(strength[index]) > 0
            if index in masks:
                wanted |= masks[index] > 0
        return aligner.whole if wanted.all() else area_around(wanted, HOLE_CONTEXT)


def _as_far_as_noisy(made: Picture, interpolated: NDArray[np.floating], noise: float) -> Picture:
    """What the network made of an interpolated frame, between the two: it betters a noisy one alone. Only where nothing else is
    repaired: there, the frames around are the network's too."""
    share = noise**2 / (noise**2 + NETWORK_FROM_NOISE**2)
    mixed = interpolated * (1 - share) + made * share
    return mixed.astype(np.float32)


def hold(picture: NDArray[np.floating]) -> NDArray[np.floating]:
    """A picture as it is kept while its window lasts: large ones as float16 (a window of 1080p is 0.5 GB so). What is
    written does not suffer: residuals are differences of pictures rounded alike."""
    return picture.astype(np.float16, copy=False) if picture[..., 0].size > WHOLE_AREA else picture


def aligned_mean_clip(
    frames: Sequence[Picture], masks: Sequence[Mask] | None = None, *, chunk: int = 5, radius: int = 4
) -> list[Picture]:
    """The aligned mean alone, without the network, for a whole clip: what the model starts from. Holes hold the first
    guess. Frames H W 3 float32 0..1, masks H W uint8."""
    given = dict(enumerate(frames))
    holes = {i: m for i, m in enumerate(masks or []) if m.any()}
    reach = max(longest_radius(radius), HOLE_RADIUS if holes else 0)
    cuts = find_cuts(given, holes, len(frames))
    means: list[Picture] = []
    for number in range(-(-len(frames) // chunk)):
        for segment in plan_segments(number, chunk, reach, len(frames), cuts):
            aligned = align_segment(segment, given, holes, radius=radius, neighbours=1)
            hole = aligned.masks[..., None]
            means.extend(aligned.mean * (1 - hole) + aligned.frames * hole)
    return means
