"""Makes training windows: a piece of a clip, damaged or hidden in part, aligned just as the engine does it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.synthesis import Damaged, damage, gaussian_noise
from framemend_filters.engine.align import Aligned, align_segment, longest_radius
from framemend_filters.engine.windows import Segment
from framemend_filters.training.data import ClipSource
from framemend_filters.training.hiding import hide
from framemend_filters.training.motion import camera_over_still
from framemend_filters.training.recipe import Recipe

STILLS_SHARE, LIVE_SHARE = 0.04, 0.05
"""Shares of the windows whose frames are seen each alone, and each with the frames before it alone."""


@dataclass(frozen=True)
class WindowShape:
    """frames (K), radius and neighbours as in ModelSizes."""

    frames: int
    radius: int
    neighbours: int


@dataclass(frozen=True)
class Sample:
    """An aligned window and what it should have been: target T H W 3 float32, 0..1."""

    aligned: Aligned
    target: NDArray[np.float32]
    kind: str


def make_sample(
    source: ClipSource, clips: tuple[list[int], list[int]], recipe: Recipe, shape: WindowShape, index: int
) -> Sample:
    """The training window number `index`: the same for the same arguments, whoever makes it.

    clips: numbers of the moving clips and of the stills in `source`.
    """
    damaged, focus, rng = damaged_piece(source, clips, recipe, shape, index)
    reach = max(shape.radius, recipe.hole_reach)
    needs_holes = damaged.masks.any()
    side = reach if needs_holes else longest_radius(shape.radius)
    first, last = max(0, focus.start - side), min(len(damaged.clean), focus.stop + side)
    if rng.random() < 0.1:  # a scene that begins or ends near
        first = max(first, focus.start - int(rng.integers(0, 3)))
    if rng.random() < 0.1:
        last = min(last, focus.stop + int(rng.integers(0, 3)))
    frames = {i: damaged.frames[i].astype(np.float32) / 255 for i in range(first, last)}
    masks = {i: damaged.masks[i] for i in frames if damaged.masks[i].any()}
    segments = _segments(focus, range(first, last), rng)
    parts = [align_segment(s, frames, masks, radius=shape.radius, neighbours=shape.neighbours) for s in segments]
    crop = slice(recipe.margin, recipe.margin + recipe.crop)
    target = damaged.clean[focus.start : focus.stop, crop, crop].astype(np.float32) / np.float32(255)
    return Sample(cropped(_join(parts), crop), target, damaged.kind)


def damaged_piece(
    source: ClipSource, clips: tuple[list[int], list[int]], recipe: Recipe, shape: WindowShape, index: int
) -> tuple[Damaged, range, np.random.Generator]:
    """What the training window number `index` is made of: a piece of a clip, crop + 2 * margin samples on an edge, damaged or
    hidden in part; the frames that are learned; and what draws the rest."""
    rng = np.random.default_rng([recipe.seed, index, recipe.objective == "repair"])
    reach = max(shape.radius, recipe.hole_reach)
    length = shape.frames + 2 * reach
    edge = recipe.crop + 2 * recipe.margin
    clean = _cut_piece(source, clips, recipe, length, edge, rng)
    focus = range(reach, reach + shape.frames) if len(clean) == length else range(min(len(clean), shape.frames))
    if len(clean) < length and len(clean) > shape.frames:
        start = int(rng.integers(0, len(clean) - shape.frames + 1))
        focus = range(start, start + shape.frames)
    damaged = _spoil(clean, rng, source, recipe, focus)
    return damaged, focus, rng


def _segments(focus: range, reach: range, rng: np.random.Generator) -> list[Segment]:
    """How the frames are seen: mostly together; now and then one by one, as stills or live, with the past alone."""
    chance = rng.random()
    if chance < STILLS_SHARE:
        return [Segment(range(i, i + 1), range(i, i + 1)) for i in focus]
    if chance < STILLS_SHARE + LIVE_SHARE:
        return [Segment(range(i, i + 1), range(reach.start, i + 1)) for i in focus]
    return [Segment(focus, reach)]


def _cut_piece(
    source: ClipSource,
    clips: tuple[list[int], list[int]],
    recipe: Recipe,
    length: int,
    edge: int,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    moving, stills = clips
    if stills and (not moving or rng.random() < recipe.stills):
        return camera_over_still(source.frames(int(rng.choice(stills)))[0], length, edge, rng)
    frames = source.frames(int(rng.choice(moving)))
    stride = 2 if rng.random() < 0.15 and len(frames) >= 2 * length else 1
    span = min(len(frames), length * stride)
    start = int(rng.integers(0, len(frames) - span + 1))
    frames = frames[start : start + span : stride]
    if rng.random() < 0.5:
        frames = frames[::-1]
    height, width = frames.shape[1:3]
    scale = max(float(rng.choice([1.0, 0.75, 0.5], p=[0.5, 0.25, 0.25])), edge / min(height, width))
    size = min(round(edge / scale), height, width)
    top, left = int(rng.integers(0, height - size + 1)), int(rng.integers(0, width - size + 1))
    piece = frames[:, top : top + size, left : left + size]
    if size == edge:
        return np.ascontiguousarray(piece)
    kind = cv2.INTER_AREA if size > edge else cv2.INTER_CUBIC
    return np.stack([cv2.resize(f, (edge, edge), interpolation=kind) for f in piece])


def _spoil(
    clean: NDArray[np.uint8], rng: np.random.Generator, source: ClipSource, recipe: Recipe, focus: range
) -> Damaged:
    if recipe.objective == "pretrain" or (recipe.hidden and rng.random() < recipe.hidden):
        masks, kind = hide(clean.shape[:3], rng, focus)
        frames = gaussian_noise(clean, float(rng.uniform(1, 25)), rng) if rng.random() < 0.4 else clean
        return Damaged(frames, masks, kind, clean)
    if recipe.own_noise and rng.random() < 0.5:
        noisy = gaussian_noise(clean, recipe.own_noise * float(rng.uniform(0.85, 1.15)), rng)
        return Damaged(noisy, np.zeros(clean.shape[:3], np.uint8), "own noise", clean)
    return damage(clean, rng, source.codec_round_trip)


def _join(parts: list[Aligned]) -> Aligned:
    if len(parts) == 1:
        return parts[0]
    names = ("frames", "masks", "certainty", "neighbours", "validity", "mean", "count", "base")
    levels = np.mean([p.levels for p in parts], 0, np.float32)
    return Aligned(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names}, levels=levels)


def cropped(a: Aligned, crop: slice) -> Aligned:
    """Rows and columns `crop` of a segment."""
    return Aligned(
        frames=a.frames[:, crop, crop],
        masks=a.masks[:, crop, crop],
        certainty=a.certainty[:, crop, crop],
        neighbours=a.neighbours[:, :, crop, crop],
        validity=a.validity[:, :, crop, crop],
        mean=a.mean[:, crop, crop],
        count=a.count[:, crop, crop],
        base=a.base[:, crop, crop],
        levels=a.levels,
    )
