"""A pool of aligned training windows on disk, kept full by worker processes ahead of the optimiser.

Windows are numbered from 0 and are pure functions of their number. At any step the optimiser draws from a block of
`size` consecutive windows that moves on as training goes, so that which windows a step sees depends on the step alone:
a run that is killed and resumed makes the same steps as one that is not. A window lies in the slot number % slots.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from framemend_filters.errors import FramemendError
from framemend_filters.levels import COUNT as LEVELS
from framemend_filters.training.data import ClipSource
from framemend_filters.training.recipe import Recipe
from framemend_filters.training.samples import Sample, WindowShape, make_sample

AHEAD = 128
"""Slots beyond the block in use, for the worker to fill in the meantime."""


def layout(shape: WindowShape) -> dict[str, slice]:
    """Channels of a record (T C H W), by the names of `Aligned`."""
    near = 2 * shape.neighbours
    sizes = {"frames": 3, "masks": 1, "certainty": 1, "neighbours": 3 * near, "validity": near}
    sizes |= {"mean": 3, "count": 1, "base": 3, "target": 3}
    slices, start = {}, 0
    for name, size in sizes.items():
        slices[name] = slice(start, start + size)
        start += size
    return slices


def pack(sample: Sample, shape: WindowShape) -> NDArray[np.float16]:
    """A sample as one record, T C H W float16."""
    a = sample.aligned
    frames, height, width = a.masks.shape
    near = a.neighbours.transpose(0, 1, 4, 2, 3).reshape(frames, -1, height, width)
    parts = [
        a.frames.transpose(0, 3, 1, 2),
        a.masks[:, None],
        a.certainty[:, None],
        near,
        a.validity,
        a.mean.transpose(0, 3, 1, 2),
        a.count[:, None],
        a.base.transpose(0, 3, 1, 2),
        sample.target.transpose(0, 3, 1, 2),
    ]
    return np.concatenate(parts, 1).astype(np.float16)


class Pool:
    """The files of a pool: records (slots T C H W float16), levels (as in `Aligned`), numbers of the windows, and how far training is."""

    def __init__(self, folder: Path, recipe: Recipe, shape: WindowShape) -> None:
        self.slots = recipe.pool + AHEAD
        channels = layout(shape)["target"].stop
        record = (self.slots, shape.frames, channels, recipe.crop, recipe.crop)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{recipe.objective}-{recipe.seed}-" + "x".join(str(n) for n in record)
        self.records = _map(folder / f"{name}.records", np.float16, record)
        self.levels = _map(folder / f"{name}.levels", np.float32, (self.slots, LEVELS))
        # number + 1 of the window in each slot: 0, as in a new file, is none
        self.numbers = _map(folder / f"{name}.numbers", np.int64, (self.slots,))
        self.oldest = _map(folder / f"{name}.oldest", np.int64, (1,))

    def holds(self, number: int) -> bool:
        return int(self.numbers[number % self.slots]) == number + 1

    def put(self, number: int, record: NDArray[np.float16], levels: NDArray[np.float32]) -> None:
        slot = number % self.slots
        self.numbers[slot] = 0
        self.records[slot] = record
        self.levels[slot] = levels
        self.numbers[slot] = number + 1


class PoolKeeper:
    """Starts the workers and waits for windows. Use as a context manager."""

    def __init__(
        self, folder: Path, source: ClipSource, clips: tuple[list[int], list[int]], recipe: Recipe, shape: WindowShape,
        workers: int = 1,
    ) -> None:  # fmt: skip
        self._recipe, self._pool = recipe, Pool(folder, recipe, shape)
        context = multiprocessing.get_context("spawn")
        self._workers = [
            context.Process(
                target=_fill, args=(folder, source, clips, recipe, shape, n, workers, os.getpid()), daemon=True
            )
            for n in range(workers)
        ]

    def __enter__(self) -> Self:
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.join()

    def batch(self, step: int) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
        """Records (B T C H W) and levels (B, as `Levels` has them) of a step; waits until its windows are there."""
        recipe = self._recipe
        oldest = self.first_window(step)
        self._pool.oldest[0] = oldest
        rng = np.random.default_rng([recipe.seed, step])
        numbers = oldest + rng.integers(0, recipe.pool, recipe.batch)
        for number in numbers.tolist():
            while not self._pool.holds(number):
                if not all(worker.is_alive() for worker in self._workers):
                    raise FramemendError("the worker that prepares training windows has stopped; its error is above")
                time.sleep(0.01)
        slots = numbers % self._pool.slots
        return self._pool.records[slots], self._pool.levels[slots]

    def first_window(self, step: int) -> int:
        return int(step * self._recipe.batch / self._recipe.reuse)


def _fill(
    folder: Path,
    source: ClipSource,
    clips: tuple[list[int], list[int]],
    recipe: Recipe,
    shape: WindowShape,
    worker: int,
    workers: int,
    parent: int,
) -> None:
    import cv2

    cv2.setNumThreads(1)
    with contextlib.suppress(OSError):
        os.nice(5)
    pool = Pool(folder, recipe, shape)
    number = int(pool.oldest[0])
    while os.getppid() == parent:
        oldest = int(pool.oldest[0])
        number = max(number, oldest)
        if number >= oldest + pool.slots:
            time.sleep(0.02)
            continue
        if number % workers == worker and not pool.holds(number):
            sample = make_sample(source, clips, recipe, shape, number)
            pool.put(number, pack(sample, shape), sample.aligned.levels)
        number += 1


def _map(path: Path, dtype: type, shape: tuple[int, ...]) -> np.memmap:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if not path.exists() or path.stat().st_size != size:
        with open(path, "wb") as file:
            file.truncate(size)
    return np.memmap(path, dtype=dtype, mode="r+", shape=shape)
