"""`framemend train adapt INPUT --out MODEL`: weights that have learned one film.

Pieces from all over the film are repaired with the weights as they are, and training goes on on those: parts are hidden
and predicted, which other frames show, and the film's own noise and the recipe's damage are laid on and taken off again.
The weights land in MODEL itself, so that `framemend repair --model MODEL` takes them: a part of the way from what they were to
what they became, so that they lose little of what they knew (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022).
"""

from __future__ import annotations

import dataclasses
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from framemend_filters.errors import InputError, InputNotFound

if TYPE_CHECKING:
    import argparse

    from framemend_filters.engine import Repairer
    from framemend_filters.training.data import Codec

MINUTES = 10.0
"""How long it goes on when nothing else is asked for."""
LEARNED = 0.35
"""How far the weights go to what they became on the film (chosen on data/val)."""
PIECE = 48
"""Frames of a piece."""
SAMPLES = 100_000_000
"""Samples of all pieces together, at most: what is repaired and kept in memory (0.3 GB)."""


@dataclass(frozen=True)
class Pieces:
    """Repaired pieces of the film, as a `ClipSource`: one array a piece in a folder."""

    arrays: tuple[Path, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(path.stem for path in self.arrays)

    def frames(self, index: int) -> NDArray[np.uint8]:
        """A piece, T H W 3 uint8 RGB, mapped read-only."""
        return np.load(self.arrays[index], mmap_mode="r")

    def codec_round_trip(self, frames: NDArray[np.uint8], codec: Codec, quality: float) -> NDArray[np.uint8]:
        """See `framemend.clips.codec_round_trip`."""
        from framemend.clips import codec_round_trip

        return codec_round_trip(frames, codec, quality)


def adapt(args: argparse.Namespace) -> int:
    """Learn `args.input` for `args.minutes`; 0 when the weights are in `args.out`."""
    import torch

    from framemend.progress import Progress
    from framemend_filters.engine import Repairer, RepairSettings
    from framemend_filters.model.pretrained import load_for_training
    from framemend_filters.training import recipe as recipes
    from framemend_filters.training.loop import Run, Status
    from framemend_filters.training.pool import PoolKeeper

    start = args.init or "fast"
    run_folder = args.out / "run"
    torch.set_num_threads(max(1, args.threads))
    repairer = Repairer(RepairSettings(model=start, device="auto" if args.device == "cpu" else args.device))
    arrays, levels = [], []
    (run_folder / "pieces").mkdir(parents=True, exist_ok=True)
    for number, piece in enumerate(_pieces(args.input)):
        path = run_folder / "pieces" / f"{number}.npy"
        repaired, level = _repaired(piece, repairer)
        np.save(path, repaired)
        arrays.append(path)
        levels.append(level)
    noise = float(np.median(levels)) * 255
    print(f"{args.input}: {len(arrays)} pieces, noise {noise:.1f} of 255", file=sys.stderr)
    recipe = recipes.load_recipe(dataclasses.replace(recipes.adapt(), own_noise=noise), args.config)
    training = Run(run_folder, recipe, lambda: load_for_training(start), device=args.device, resume=args.resume)
    shape = training.shape
    source = Pieces(tuple(arrays))
    with (
        PoolKeeper(run_folder / "pool", source, (list(range(len(arrays))), []), recipe, shape, args.workers) as keeper,
        Progress(None, "adapting", quiet=False, unit="steps") as progress,
    ):

        def report(status: Status) -> None:
            progress.update(status.step)

        training.train(keeper, None, args.minutes or MINUTES, report)
    weights = load_for_training(start)
    for name, value in weights.state_dict().items():
        value.lerp_(training.mean[name].to(value), LEARNED)
    weights.save_pretrained(args.out)
    shutil.rmtree(run_folder / "pool")
    shutil.rmtree(run_folder / "pieces")
    return 0


def _pieces(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Pieces of up to PIECE frames, evenly spread over the film; the whole of a short one."""
    import av

    from framemend.clips import rgb_reader

    if not path.is_file():
        raise InputNotFound(f"no such file: {path}")
    with av.open(str(path)) as container:
        if not container.streams.video:
            raise InputError(f"{path} holds no video")
        stream = container.streams.video[0]
        area = stream.codec_context.width * stream.codec_context.height
        count = max(1, SAMPLES // max(1, area * PIECE))
        length = stream.duration or 0
        given = 0
        last_end = -1
        for number in range(count):
            if number and not length:
                break
            if number:
                container.seek((stream.start_time or 0) + number * length // count, stream=stream)
            convert = rgb_reader()
            frames = []
            for frame in container.decode(stream):
                if frame.pts is not None and frame.pts <= last_end:
                    continue
                frames.append(convert(frame))
                last_end = frame.pts if frame.pts is not None else last_end
                if len(frames) == PIECE:
                    break
            if len(frames) > 1 or (frames and not given):
                given += 1
                yield np.stack(frames)
    if not given:
        raise InputError(f"{path} holds no frame that can be decoded")


def _repaired(piece: NDArray[np.uint8], repairer: Repairer) -> tuple[NDArray[np.uint8], float]:
    """The piece repaired, T H W 3 uint8, and the noise that was in it (standard deviation, 0..1 scale)."""
    from framemend_filters.engine.noise import noise_level

    given = piece.astype(np.float32) / 255
    levels = [level for frame in given[:: max(1, len(given) // 4)] if (level := noise_level(frame)) is not None]
    repairs = repairer.repair_stream((frame, None) for frame in given)
    made = [np.clip(np.rint((f + r.residual) * 255), 0, 255) for f, r in zip(given, repairs, strict=True)]
    return np.stack(made).astype(np.uint8), float(np.mean(levels)) if levels else 0.0
