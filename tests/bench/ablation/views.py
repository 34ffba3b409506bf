"""Ways of seeing the same damaged windows: as the engine does, over fewer frames, or without alignment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.align import Aligned, align_segment, longest_radius
from framemend_filters.engine.windows import Segment
from framemend_filters.training.data import ClipSource
from framemend_filters.training.pool import layout, pack
from framemend_filters.training.recipe import Recipe
from framemend_filters.training.samples import Sample, WindowShape, cropped, damaged_piece
from framemend_filters.training.validation import ValidationSet, cases

FULL = WindowShape(5, 4, 2)
SHAPES = {"full": FULL, "unaligned": FULL, "three": WindowShape(3, 1, 1), "one": WindowShape(1, 1, 1)}
"""Frames attended to at once, radius of the mean, neighbours handed on; of "three" and "one" nothing beyond is looked at."""


class Drawn:
    """Batches drawn at random from a shelf, the same for the same step: what `Run.train` takes in place of a pool.

    hidden, share: another shelf, and how many of the windows come from it.
    """

    def __init__(
        self, shelf: ValidationSet, recipe: Recipe, hidden: ValidationSet | None = None, share: float = 0.0
    ) -> None:
        self._shelf, self._recipe, self._hidden, self._share = shelf, recipe, hidden, share

    def batch(self, step: int) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
        rng = np.random.default_rng([self._recipe.seed, step])
        chosen = rng.integers(0, len(self._shelf.records), self._recipe.batch)
        records, levels = self._shelf.records[chosen], self._shelf.levels[chosen]
        if self._hidden is not None:
            other = rng.random(len(chosen)) < self._share
            places = chosen[other] % len(self._hidden.records)
            records[other], levels[other] = self._hidden.records[places], self._hidden.levels[places]
        return records, levels


def make_shelves(
    folder: Path, source: ClipSource, clips: tuple[list[int], list[int]], recipe: Recipe, count: int, views: list[str]
) -> dict[str, ValidationSet]:
    """`count` training windows, damaged once and seen in every way; kept in `folder`."""

    def made() -> Iterator[dict[str, tuple[Aligned, NDArray[np.float32], str]]]:
        crop = slice(recipe.margin, recipe.margin + recipe.crop)
        for index in range(count):
            damaged, focus, _ = damaged_piece(source, clips, recipe, FULL, index)
            reach = recipe.hole_reach if damaged.masks.any() else longest_radius(FULL.radius)
            around = range(max(0, focus.start - reach), min(len(damaged.clean), focus.stop + reach))
            yield _seen(damaged.frames, damaged.masks, damaged.clean, damaged.kind, focus, around, crop, views)

    return _kept(folder, f"{recipe.objective}-{recipe.crop}-{recipe.seed}-{count}", made, views)


def make_cases(
    folder: Path, source: ClipSource, clips: list[int], recipe: Recipe, views: list[str]
) -> dict[str, ValidationSet]:
    """The validation windows, seen in every way; kept in `folder`."""

    def made() -> Iterator[dict[str, tuple[Aligned, NDArray[np.float32], str]]]:
        crop = slice(recipe.margin, recipe.margin + recipe.crop)
        for case in cases(source, clips, recipe, FULL):
            around = range(len(case.clean))
            yield _seen(case.damaged, case.masks, case.clean, case.task, case.middle, around, crop, views)

    return _kept(folder, f"validation-{recipe.crop}", made, views)


def _seen(
    frames: NDArray[np.uint8],
    masks: NDArray[np.uint8],
    clean: NDArray[np.uint8],
    task: str,
    focus: range,
    around: range,
    crop: slice,
    views: list[str],
) -> dict[str, tuple[Aligned, NDArray[np.float32], str]]:
    seen = {}
    for view in views:
        shape = SHAPES[view]
        start = focus.start + (len(focus) - shape.frames) // 2
        written = range(start, start + shape.frames)
        reach = around if shape is FULL else written
        given = {i: frames[i].astype(np.float32) / 255 for i in reach}
        hidden = {i: masks[i] for i in reach if masks[i].any()}
        segment = Segment(written, reach)
        if view == "unaligned":
            with _no_motion():
                aligned = align_segment(segment, given, hidden, radius=shape.radius, neighbours=shape.neighbours)
        else:
            aligned = align_segment(segment, given, hidden, radius=shape.radius, neighbours=shape.neighbours)
        target = clean[written.start : written.stop, crop, crop].astype(np.float32) / np.float32(255)
        seen[view] = cropped(aligned, crop), target, task
    return seen


def _no_motion():
    """Flow between frames is nothing, wherever it is searched for."""

    def still(here: NDArray[np.uint8], there: NDArray[np.uint8], *_: object, **__: object) -> NDArray[np.float32]:
        return np.zeros((*here.shape[:2], 2), np.float32)

    return patch.multiple("framemend_filters.engine.motion", dis_flow=still)


def _kept(folder: Path, name: str, made, views: list[str]) -> dict[str, ValidationSet]:
    files = {view: folder / f"{name}-{view}.npz" for view in views}
    if not all(file.exists() for file in files.values()):
        parts: dict[str, list[tuple[NDArray[np.float16], NDArray[np.float32], str]]] = {view: [] for view in views}
        for seen in made():
            for view, (aligned, target, task) in seen.items():
                record = pack(Sample(aligned, target, task), SHAPES[view])
                parts[view].append((record, aligned.levels, task))
        for view, rows in parts.items():
            records, levels, tasks = zip(*rows, strict=True)
            partial = files[view].with_suffix(".partial.npz")
            np.savez(partial, records=np.stack(records), levels=np.stack(levels), tasks=np.array(tasks))
            partial.rename(files[view])
    shelves = {}
    for view, file in files.items():
        kept = np.load(file)
        shelves[view] = ValidationSet(kept["records"], kept["levels"], [str(task) for task in kept["tasks"]])
        assert shelves[view].records.shape[2] == layout(SHAPES[view])["target"].stop
    return shelves
