"""`framemend train pretrain|repair|detect|adapt`: trains the model, or the network that finds damage, on folders of videos and
stills, or the model on one film."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from framemend.evaluate import VIDEO_SUFFIXES
from framemend_filters.errors import InputError, InputNotFound, SettingError

if TYPE_CHECKING:
    from framemend_filters.model.pretrained import FramemendModel
    from framemend_filters.training.data import Codec
    from framemend_filters.training.recipe import Recipe

STILLS = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `framemend train`."""
    parser.add_argument(
        "objective",
        choices=["pretrain", "repair", "detect", "adapt"],
        help="hide and predict, damage and repair, damage and find it, or learn one film",
    )
    parser.add_argument("input", type=Path, nargs="?", metavar="INPUT", help="adapt: the film to learn")
    parser.add_argument(
        "--data", type=Path, nargs="+", metavar="DIR", help="folders of videos and stills (not for adapt)"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of the run: checkpoints, logs, weights"
    )
    parser.add_argument(
        "--validation",
        type=Path,
        metavar="DIR",
        help="clips to choose the best weights by; default: every 10th of --data",
    )
    parser.add_argument(
        "--init",
        metavar="MODEL",
        help="weights to begin with: a shipped name or a folder (repair: the pretrained ones)",
    )
    parser.add_argument(
        "--minutes", type=float, metavar="M", help="stop after M minutes (resume later); default: the recipe's steps"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out, exactly")
    parser.add_argument("--device", default="cpu", metavar="D", help="cpu, cuda or cuda:N (default cpu)")
    parser.add_argument(
        "--threads", type=int, default=1, metavar="N", help="threads of the optimiser on a CPU (default 1)"
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes that prepare windows (default 1)"
    )
    parser.add_argument(
        "--size",
        choices=["fast", "base"],
        default="fast",
        help="size of what is trained; base: for a GPU (default fast)",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="JSON with settings of the recipe to change")


def run(args: argparse.Namespace) -> int:
    """Train; 0 when done or when the minutes are over."""
    if args.objective == "adapt":
        from framemend.adapt import adapt

        if args.input is None or args.data:
            raise SettingError("adapt learns one film: framemend train adapt INPUT --out MODEL")
        return adapt(args)
    if not args.data or args.input:
        raise SettingError(f"{args.objective} trains on folders: framemend train {args.objective} --data DIR --out DIR")
    if args.objective == "detect":
        from framemend.train_detect import train_detect

        return train_detect(args)
    import torch

    from framemend.progress import Progress
    from framemend_filters.training import recipe as recipes
    from framemend_filters.training.loop import Run, Status
    from framemend_filters.training.plot import plot_run
    from framemend_filters.training.pool import PoolKeeper
    from framemend_filters.training.validation import kept

    base = recipes.pretrain() if args.objective == "pretrain" else recipes.repair()
    recipe = recipes.load_recipe(recipes.of_base(base) if args.size == "base" else base, args.config)
    if args.device.startswith("cuda") and not torch.cuda.is_available():
        raise SettingError(f"--device {args.device}: torch finds no CUDA device here; use --device cpu")
    torch.set_num_threads(max(1, args.threads))
    source = ClipFolder.open(tuple(args.data), args.out / "cache")
    if args.validation:
        held_out = ClipFolder.open((args.validation,), args.out / "cache")
        validation_clips, training_clips = list(range(len(held_out.names))), list(range(len(source.names)))
    else:
        held_out = source
        validation_clips, training_clips = _hold_out(source)
    training = Run(args.out, recipe, lambda: _first_model(args.init, recipe), device=args.device, resume=args.resume)
    shape = training.shape
    moving = [i for i in training_clips if len(source.frames(i)) >= shape.frames]
    stills = [i for i in training_clips if len(source.frames(i)) < shape.frames]
    print(f"training on {len(moving)} clips and {len(stills)} stills, on {args.device}", file=sys.stderr)
    validation = (
        kept(args.out / "validation.npz", held_out, validation_clips, recipe, shape) if validation_clips else None
    )
    with (
        PoolKeeper(args.out / "pool", source, (moving, stills), recipe, shape, args.workers) as keeper,
        Progress(recipe.steps, f"training ({args.objective})", quiet=False, unit="steps") as progress,
    ):

        def report(status: Status) -> None:
            progress.update(status.step)
            plot_run(args.out)

        training.train(keeper, validation, args.minutes, report)
    plot_run(args.out)
    return 0


def _hold_out(source: ClipFolder) -> tuple[list[int], list[int]]:
    clips = [i for i in range(len(source.names)) if len(source.frames(i)) > 1]
    held = clips[::10] if len(clips) >= 10 else []
    return held, [i for i in range(len(source.names)) if i not in held]


def _first_model(init: str | None, recipe: Recipe) -> FramemendModel:
    from framemend_filters.model.pretrained import FramemendConfig, FramemendModel, load_for_training

    return load_for_training(init) if init else FramemendModel(FramemendConfig(**recipe.model))


@dataclasses.dataclass(frozen=True)
class ClipFolder:
    """A folder of videos and stills as a `ClipSource`: decoded once into a cache of arrays, then mapped into memory."""

    arrays: tuple[Path, ...]
    names: Sequence[str]

    @staticmethod
    def open(folders: Sequence[Path], cache: Path) -> ClipFolder:
        """Decode what is not in the cache yet. InputError where the folders hold nothing that can be decoded."""
        from framemend.clips import read_clip

        for folder in folders:
            if not folder.is_dir():
                raise InputNotFound(f"no such folder: {folder}")
        cache.mkdir(parents=True, exist_ok=True)
        arrays, names = [], []
        for path in sorted(path for folder in folders for path in folder.rglob("*")):
            if path.suffix.lower() not in VIDEO_SUFFIXES | STILLS or not path.is_file():
                continue
            stat = path.stat()
            array = cache / f"{path.stem}-{stat.st_size}-{int(stat.st_mtime)}.npy"
            if not array.exists():
                try:
                    frames = _read_still(path) if path.suffix.lower() in STILLS else read_clip(path).frames
                except InputError as error:
                    print(f"framemend: left out: {error}", file=sys.stderr)
                    continue
                partial = array.with_suffix(".partial")
                with open(partial, "wb") as file:
                    np.save(file, frames)
                partial.rename(array)
            arrays.append(array)
            names.append(path.as_posix())
        if not arrays:
            raise InputError(f"{', '.join(map(str, folders))}: no video and no still in it that can be decoded")
        return ClipFolder(tuple(arrays), names)

    def frames(self, index: int) -> NDArray[np.uint8]:
        """All frames of a clip, T H W 3 uint8 RGB, mapped read-only."""
        return np.load(self.arrays[index], mmap_mode="r")

    def codec_round_trip(self, frames: NDArray[np.uint8], codec: Codec, quality: float) -> NDArray[np.uint8]:
        """See `framemend.clips.codec_round_trip`."""
        from framemend.clips import codec_round_trip

        return codec_round_trip(frames, codec, quality)


def _read_still(path: Path) -> NDArray[np.uint8]:
    import cv2

    still = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if still is None:
        raise InputError(f"{path} is not a picture that OpenCV reads")
    return np.asarray(still, np.uint8)[None]
