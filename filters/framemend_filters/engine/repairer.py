"""The one way through: every host hands frames to a `Repairer` and adds what comes back to its own samples."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.align import Aligned, Aligner, align_segment
from framemend_filters.engine.compose import FrameRepair, compose, untouched
from framemend_filters.engine.scenes import find_cuts
from framemend_filters.engine.settings import WHOLE_AREA, RepairSettings
from framemend_filters.engine.windows import (
    CUT_LOOK_AHEAD,
    CUT_LOOK_BACK,
    Segment,
    chunk_frames,
    chunk_span,
    plan_segments,
)
from framemend_filters.errors import SettingError
from framemend_filters.weights import model_window

if TYPE_CHECKING:
    import torch

    from framemend_filters.engine.backends import Network

Picture = NDArray[np.float32]
Mask = NDArray[np.uint8]
Plane = NDArray[np.float32]

HOLE_RADIUS = 16
"""Frames on both sides that holes may borrow from."""
ALIGN_THREADS = min(4, os.cpu_count() or 1)
"""Frames aligned at the same time."""
HOLE_CONTEXT = 96
"""Samples around holes that the network sees where nothing else is repaired."""
LEAST_EDGE = 16
"""Smallest height and width that can be repaired, in samples."""
_UNKNOWN_LENGTH = 1 << 40


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
        self._reach = max(self._mean_radius, HOLE_RADIUS) if masked else self._mean_radius
        self.radius = self._reach + max(CUT_LOOK_BACK, CUT_LOOK_AHEAD - 1)
        self._lock = threading.Lock()
        self._network: Network | None = None
        self._device = ""

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
        aligner = Aligner(segment, frames, masks, radius=self._mean_radius, neighbours=self._neighbours)
        area = self._area(segment, masks, strength, aligner)
        made, errors = self._infer(aligner, area)
        for place, index in enumerate(segment.frames):
            if area == aligner.whole:
                picture, error = made[place], errors[place]
            else:
                picture = aligner.given(index).astype(np.float32)
                error = np.zeros(picture.shape[:2], np.float32)
                picture[area], error[area] = made[place], errors[place]
            seed = index if self.settings.grain else None
            repair = compose(frames[index], picture, error, masks.get(index), strength[index], aligner.noise, seed)
            yield replace(repair, borrowed=aligner.sources(index))

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

    def _infer(self, aligner: Aligner, area: tuple[slice, slice]) -> tuple[Picture, Picture]:
        """Align and run the network tile by tile: pictures T h w 3 and expected errors T h w of an area, float32."""
        import torch

        from framemend_filters.engine.tiles import run_tiled, tile_edge

        network, device = self._open()

        def run(rows: slice, columns: slice) -> torch.Tensor:
            inputs = _tensors(aligner.part(rows, columns, ALIGN_THREADS))
            with torch.inference_mode():
                picture, log_error = network(**{n: v.to(device) for n, v in inputs.items()})
            return torch.cat([picture, log_error.exp()[:, :, None]], 2)[0].float()

        tile = tile_edge(aligner.height, aligner.width, self.settings.tile)
        joined = run_tiled(run, area, tile, self.settings.tile_overlap).permute(0, 2, 3, 1).numpy()
        return joined[..., :3], joined[..., 3]

    def _open(self) -> tuple[Network, str]:
        from framemend_filters.engine.backends import open_network

        with self._lock:
            if self._network is None:
                self._network, self._device = open_network(self.settings)
            return self._network, self._device


def hold(picture: NDArray[np.floating]) -> NDArray[np.floating]:
    """A picture as it is kept while its window lasts: large ones as float16 (a window of 1080p is 0.5 GB so). What is
    written does not suffer: residuals are differences of pictures rounded alike."""
    return picture.astype(np.float16, copy=False) if picture[..., 0].size > WHOLE_AREA else picture


def aligned_mean_clip(
    frames: Sequence[Picture], masks: Sequence[Mask] | None = None, *, chunk: int = 5, radius: int = 6
) -> list[Picture]:
    """The aligned mean alone, without the network, for a whole clip: what the model starts from. Holes hold the first
    guess. Frames H W 3 float32 0..1, masks H W uint8."""
    given = dict(enumerate(frames))
    holes = {i: m for i, m in enumerate(masks or []) if m.any()}
    reach = max(radius, HOLE_RADIUS) if holes else radius
    cuts = find_cuts(given, holes, len(frames))
    means: list[Picture] = []
    for number in range(-(-len(frames) // chunk)):
        for segment in plan_segments(number, chunk, reach, len(frames), cuts):
            aligned = align_segment(segment, given, holes, radius=radius, neighbours=1)
            hole = aligned.masks[..., None]
            means.extend(aligned.mean * (1 - hole) + aligned.frames * hole)
    return means


def _tensors(aligned: Aligned) -> dict[str, torch.Tensor]:
    """An aligned segment as the arguments of the model's forward, with a batch of one."""
    import torch

    def tensor(array: NDArray[np.float32]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array))[None]

    return {
        "frames": tensor(aligned.frames.transpose(0, 3, 1, 2)),
        "masks": tensor(aligned.masks),
        "certainty": tensor(aligned.certainty),
        "neighbours": tensor(aligned.neighbours.transpose(0, 1, 4, 2, 3)),
        "validity": tensor(aligned.validity),
        "mean": tensor(aligned.mean.transpose(0, 3, 1, 2)),
        "count": tensor(aligned.count),
        "base": tensor(aligned.base.transpose(0, 3, 1, 2)),
        "noise": torch.tensor([aligned.noise], dtype=torch.float32),
    }
