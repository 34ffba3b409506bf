"""A small fixed set of validation windows, damaged once, that a run is judged by while it goes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from framemend_filters.damage import defects, film, lens, synthesis, tape
from framemend_filters.engine.align import align_segment
from framemend_filters.engine.windows import Segment
from framemend_filters.training.data import ClipSource
from framemend_filters.training.pool import pack
from framemend_filters.training.recipe import Recipe
from framemend_filters.training.samples import Sample, WindowShape, cropped

TASKS = (
    "noise10", "noise20", "noise40", "lowlight", "h264", "blur", "film", "tape", "clean", "box", "moving", "scratches", "lost",
)  # fmt: skip
CAP = 45.0
"""dB that a task counts at most in the mean of all."""
WINDOWS = 5
"""Windows of a clip: two were too few, and chose weights that were worse on whole frames."""


@dataclass(frozen=True)
class ValidationSet:
    """records V T C H W float16, levels V L (as `Levels` has them), the task of each."""

    records: NDArray[np.float16]
    levels: NDArray[np.float32]
    tasks: Sequence[str]


@dataclass(frozen=True)
class ValidationCase:
    """damaged, clean T H W 3 uint8; masks T H W uint8, 255 where hidden; task; clip; middle: the frames that are judged."""

    damaged: NDArray[np.uint8]
    clean: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    task: str
    clip: int
    middle: range


def kept(path: Path, source: ClipSource, clips: Sequence[int], recipe: Recipe, shape: WindowShape) -> ValidationSet:
    """`build`, or what it gave before: a run that goes on is judged by what it was judged by, and need not wait."""
    asked = json.dumps(
        [
            [source.names[clip] for clip in clips],
            TASKS,
            WINDOWS,
            recipe.crop,
            recipe.margin,
            recipe.hole_reach,
            astuple(shape),
        ]
    )
    if path.exists():
        with np.load(path) as held:
            if str(held["asked"]) == asked:
                return ValidationSet(held["records"], held["levels"], [str(task) for task in held["tasks"]])
    made = build(source, clips, recipe, shape)
    partial = path.with_name(f"partial-{path.name}")
    np.savez(partial, asked=asked, records=made.records, levels=made.levels, tasks=np.array(made.tasks))
    partial.replace(path)
    return made


def build(source: ClipSource, clips: Sequence[int], recipe: Recipe, shape: WindowShape) -> ValidationSet:
    """WINDOWS windows of every clip for each task; the same at every call."""
    records, levels, tasks = [], [], []
    crop = slice(recipe.margin, recipe.margin + recipe.crop)
    for case in cases(source, clips, recipe, shape):
        given = {i: f.astype(np.float32) / 255 for i, f in enumerate(case.damaged)}
        hidden = {i: m for i, m in enumerate(case.masks) if m.any()}
        segment = Segment(case.middle, range(len(case.clean)))
        aligned = align_segment(segment, given, hidden, radius=shape.radius, neighbours=shape.neighbours)
        target = case.clean[case.middle.start : case.middle.stop, crop, crop].astype(np.float32) / np.float32(255)
        records.append(pack(Sample(cropped(aligned, crop), target, case.task), shape))
        levels.append(aligned.levels)
        tasks.append(case.task)
    return ValidationSet(np.stack(records), np.stack(levels), tasks)


def cases(source: ClipSource, clips: Sequence[int], recipe: Recipe, shape: WindowShape) -> Iterator[ValidationCase]:
    """What `build` aligns, crop + 2 * margin samples on an edge: WINDOWS windows of every clip, every task for each."""
    reach = max(shape.radius, recipe.hole_reach)
    edge = recipe.crop + 2 * recipe.margin
    for clip in clips:
        frames = source.frames(clip)
        if len(frames) < shape.frames:
            continue
        for number in range(WINDOWS):
            rng = np.random.default_rng([7, clip, number])
            length = min(len(frames), shape.frames + 2 * reach)
            start = int(rng.integers(0, len(frames) - length + 1))
            height, width = frames.shape[1:3]
            h, w = min(edge, height), min(edge, width)
            top, left = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
            clean = np.ascontiguousarray(frames[start : start + length, top : top + h, left : left + w])
            if (h, w) != (edge, edge):
                clean = np.pad(clean, ((0, 0), (0, edge - h), (0, edge - w), (0, 0)), mode="symmetric")
            first = (length - shape.frames) // 2
            for task in TASKS:
                damaged, masks = _spoil(clean, task, rng, source)
                yield ValidationCase(damaged, clean, masks, task, clip, range(first, first + shape.frames))


def overall_of(tasks: Mapping[str, float]) -> float:
    """Mean of the PSNR of all tasks, none counted with more than CAP dB: clean pictures do not outweigh the rest."""
    return sum(min(value, CAP) for value in tasks.values()) / len(tasks)


def psnr_of(picture: torch.Tensor, target: torch.Tensor, masks: torch.Tensor) -> float:
    """PSNR in dB of a window, T 3 H W, clamped to 0..1; inside the holes (masks T H W) where there are any."""
    squared = (picture.clamp(0, 1) - target).square().mean(1)
    inside = masks > 0.5
    error = squared[inside].mean() if bool(inside.any()) else squared.mean()
    return float(-10 * torch.log10(error.clamp_min(1e-6)))


def _spoil(clean: NDArray[np.uint8], task: str, rng: np.random.Generator, source: ClipSource):
    masks = np.zeros(clean.shape[:3], np.uint8)
    if task.startswith("noise"):
        return synthesis.gaussian_noise(clean, float(task[5:]), rng), masks
    if task == "h264":
        return source.codec_round_trip(clean, "h264", 38), masks
    if task == "blur":
        return lens.gaussian_blur(clean, 1.5), masks
    if task == "lowlight":
        return synthesis.low_light(clean, 120, 1.5, rng), masks
    if task == "film":
        return film.grain(film.flicker(clean, 0.04, rng), 8, 0.7, rng), masks
    if task == "tape":
        return tape.recording(clean, rng), masks
    if task == "box":
        height, width = clean.shape[1:3]
        masks[
            :,
            height // 2 - height // 10 : height // 2 + height // 10,
            width // 2 - width // 12 : width // 2 + width // 12,
        ] = 255
    elif task == "moving":
        masks = synthesis.moving_mask(clean.shape[:3], rng)
    elif task == "lost":
        masks[len(clean) // 2 :: 8] = 255
    elif task == "scratches":
        return defects.scratches(clean, rng, 0.7)
    return np.where(masks[..., None] > 0, np.uint8(0), clean), masks
