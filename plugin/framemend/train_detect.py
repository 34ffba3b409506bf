"""`framemend train detect --data DIR --out RUN`: weights of the network that finds damage."""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from framemend_filters.errors import InputError, SettingError

if TYPE_CHECKING:
    import argparse

    from framemend.train import ClipFolder
    from framemend_filters.training.defect_training import DefectRecipe


def train_detect(args: argparse.Namespace) -> int:
    """Train on `args.data` until the recipe's steps are done; 0 when RUN/detect.safetensors is there."""
    import torch

    from framemend.progress import Progress
    from framemend.train import ClipFolder
    from framemend_filters.training.defect_training import DefectRecipe, Windows, train
    from framemend_filters.training.recipe import load_recipe

    if args.init or args.minutes or args.device != "cpu":
        raise SettingError("train detect knows --data, --validation, --config, --threads and --resume alone")
    if (args.out / "log.csv").exists() and not args.resume:
        raise SettingError(f"{args.out} holds a run already; pass --resume to use its windows again, or another --out")
    recipe = load_recipe(DefectRecipe(), args.config)
    torch.set_num_threads(max(1, args.threads))
    source = ClipFolder.open(tuple(args.data), args.out / "cache")
    if not _by_length(source)[0]:
        raise InputError(f"{', '.join(map(str, args.data))}: no clip is long enough to learn from")
    windows = Windows(args.out / "windows", recipe.windows, recipe.edge)
    validation = None
    if args.validation:
        held_out = ClipFolder.open((args.validation,), args.out / "cache")
        validation = Windows(args.out / "validation", recipe.validation_windows, recipe.edge)
        validation.prepare(held_out, _by_length(held_out), recipe.edge, recipe.seed + 1)
    worker = multiprocessing.get_context("spawn").Process(target=_prepare, args=(args.out, source, recipe), daemon=True)
    worker.start()
    print(f"training on {len(source.names)} clips and stills", file=sys.stderr)
    with Progress(recipe.steps, "training (detect)", quiet=False, unit="steps") as progress:
        train(args.out, recipe, windows, validation, lambda step, _: progress.update(step), worker.is_alive)
    worker.join()
    return 0


def _prepare(folder: Path, source: ClipFolder, recipe: DefectRecipe) -> None:
    """What the worker does."""
    import cv2

    from framemend_filters.training.defect_training import Windows

    cv2.setNumThreads(1)
    windows = Windows(folder / "windows", recipe.windows, recipe.edge)
    windows.prepare(source, _by_length(source), recipe.edge, recipe.seed)


def _by_length(source: ClipFolder) -> tuple[list[int], list[int]]:
    """Numbers of the clips long enough for a window, and of the stills and others."""
    from framemend_filters.training.defect_samples import LENGTH

    lengths = [len(source.frames(i)) for i in range(len(source.names))]
    return [i for i, n in enumerate(lengths) if n >= LENGTH], [i for i, n in enumerate(lengths) if n < LENGTH]
