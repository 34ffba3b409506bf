"""What each part of the model is worth, at equal cost.

    PYTHONPATH=tests python -m bench.ablation DIR --data DIR [DIR ...] --validation DIR [--only NAME ...] [--steps 2000]

trains a small run from nothing for every row of `VARIANTS`, on the same windows (64x64, damaged once), for as much
processor time as the first row takes for `--steps` steps, and prints the PSNR of the middle frames of the validation windows
(13 tasks). Rows are kept in DIR and not made again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import torch
from torch import Tensor

from bench.ablation.views import SHAPES, Drawn, make_cases, make_shelves
from framemend.train import ClipFolder
from framemend_filters.model.network import NOISE_FLOOR
from framemend_filters.model.pretrained import FramemendConfig, FramemendModel
from framemend_filters.training.loop import Run
from framemend_filters.training.objective import loss
from framemend_filters.training.recipe import Recipe, pretrain, repair
from framemend_filters.training.validation import ValidationSet, overall_of


@dataclass(frozen=True)
class Variant:
    """One change.

    view: how frames are seen; pretraining, more: steps of it before, and of repair besides, in those of repair alone; hidden:
    share of the windows of repair that are those of pretraining; early, change: settings of the recipes of pretraining and
    repair; sizes: settings of the model; blind: what the network is not shown; loss: in place of training's.
    """

    name: str
    view: str = "full"
    pretraining: float = 0.0
    more: float = 0.0
    hidden: float = 0.0
    early: dict[str, Any] = field(default_factory=dict)
    change: dict[str, Any] = field(default_factory=dict)
    sizes: dict[str, Any] = field(default_factory=dict)
    blind: str = ""
    loss: Callable[..., dict[str, Tensor]] = loss


def charbonnier(
    picture: Tensor, log_error: Tensor, target: Tensor, masks: Tensor, noise: Tensor, recipe: Recipe
) -> dict[str, Tensor]:
    """Charbonnier in units of the noise, as training had it before the logarithm; the predicted error as it is."""
    unit = (noise + NOISE_FLOOR).reshape(-1, 1, 1, 1, 1)
    robust = (((picture - target) / unit).square() + 0.25**2).sqrt().mean()
    usual = loss(picture, log_error, target, masks, noise, recipe)
    return usual | {"loss": robust + usual["loss"] - _picture(picture, target, masks, noise, recipe)}


def _picture(picture: Tensor, target: Tensor, masks: Tensor, noise: Tensor, recipe: Recipe) -> Tensor:
    """The picture's part of the loss, with its gradient."""
    silent = dataclasses.replace(recipe, error_weight=0.0)
    return loss(picture, torch.zeros_like(masks), target, masks, noise, silent)["loss"]


VARIANTS = (
    Variant("repair alone"),
    Variant("repair alone, as long as with pretraining", more=0.5),
    Variant("pretraining for a third, then repair", pretraining=0.5),
    Variant("pretraining for a fifth, then repair", pretraining=0.25),
    Variant("a quarter of the windows hidden, as in pretraining", hidden=0.25),
    Variant("pretraining at half the rate, then repair", pretraining=0.5, early={"rate": 1e-3}),
    Variant("a window of 1 frame", view="one", change={"batch": 20}),
    Variant("a window of 3 frames", view="three", change={"batch": 7}),
    Variant("not aligned", view="unaligned"),
    Variant("no mean: the frame is the base", blind="mean"),
    Variant("not told what is known of the window", blind="levels"),
    Variant("no neighbours beside the mean", blind="neighbours"),
    Variant("Charbonnier", loss=charbonnier),
    Variant("a quarter of the loss on gradients", change={"gradient_weight": 0.25}),
    Variant("rate 1e-3", change={"rate": 1e-3}),
    Variant("rate 4e-3", change={"rate": 4e-3}),
    Variant("batches of 2", change={"batch": 2}),
    Variant("batches of 8", change={"batch": 8}),
    Variant("1 Transformer block", sizes={"depth": 1}),
    Variant("6 Transformer blocks", sizes={"depth": 6}),
    Variant("convolutions at 1/2 and 1/4 before and after", sizes={"encoder_depths": (1, 1), "decoder_depths": (1, 1)}),
    Variant("no convolutions around it", sizes={"encoder_depths": (0, 0), "decoder_depths": (0, 0)}),
    Variant("no running mean of the weights", change={"ema": 0.0}),
)


class Trial(Run):
    """A run in which the network may be blind to a part of its input."""

    blind = ""

    def _unpack(self, records: Tensor, levels: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        inputs, target, masks = super()._unpack(records, levels)
        if self.blind == "mean":
            inputs |= {"mean": inputs["frames"], "base": inputs["frames"], "count": torch.ones_like(inputs["count"])}
        if self.blind == "neighbours":
            inputs["validity"] = torch.zeros_like(inputs["validity"])
        return inputs, target, masks


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--validation", type=Path, required=True)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--steps", type=int, default=2000, help="steps of the first row (default 2000)")
    parser.add_argument("--windows", type=int, default=2000, help="training windows (default 2000)")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    args.folder.mkdir(parents=True, exist_ok=True)
    chosen = [v for v in VARIANTS if not args.only or v.name in args.only]
    tests = ClipFolder.open((args.validation,), args.folder / "cache")
    clips = ClipFolder.open(tuple(args.data), args.folder / "cache")
    moving = [i for i in range(len(clips.names)) if len(clips.frames(i)) >= 5]
    stills = [i for i in range(len(clips.names)) if len(clips.frames(i)) < 5]
    base = _recipe(repair(), args.steps)
    shelves = {"repair": make_shelves(args.folder, clips, (moving, stills), base, args.windows, list(SHAPES))}
    early = _recipe(pretrain(), args.steps)
    shelves["pretrain"] = make_shelves(args.folder, clips, (moving, stills), early, args.windows, ["full"])
    judged = make_cases(args.folder, tests, list(range(len(tests.names))), base, list(SHAPES))
    kept = args.folder / "rows.json"
    for variant in chosen:
        rows = json.loads(kept.read_text()) if kept.exists() else {}
        if variant.name not in rows:
            rows[variant.name] = _trial(args.folder / "run", variant, base, early, shelves, judged)
            kept.write_text(json.dumps(rows, indent=1))
            print(f"{variant.name}: {rows[variant.name]['mean']:.2f}", flush=True)
    _print(json.loads(kept.read_text()))
    return 0


def _recipe(recipe: Recipe, steps: int) -> Recipe:
    never = 10**9
    return dataclasses.replace(
        recipe,
        steps=steps,
        crop=64,
        rate=2e-3,
        warmup=100,
        ema=0.995,
        hidden=0.0,
        gradient_weight=0.0,
        validate_every=never,
        checkpoint_minutes=never,
    )


def _trial(
    folder: Path, variant: Variant, base: Recipe, early: Recipe, shelves: dict, judged: dict[str, ValidationSet]
) -> dict[str, Any]:
    recipe = dataclasses.replace(base, **variant.change)
    cost = _cost(folder, variant, recipe, shelves) / _cost(folder, VARIANTS[0], base, shelves)
    steps = round(base.steps * (1 + variant.more) / cost)
    recipe = dataclasses.replace(recipe, steps=steps)
    started = None
    if variant.pretraining:
        first = dataclasses.replace(early, **{"steps": round(base.steps * variant.pretraining / cost)} | variant.early)
        started = _train(folder, variant, first, shelves["pretrain"][variant.view], None).mean
    hidden = shelves["pretrain"][variant.view] if variant.hidden else None
    trial = _train(folder, variant, recipe, shelves["repair"][variant.view], started, hidden)
    middle = trial.shape.frames // 2
    scores = trial.judge(judged[variant.view], slice(middle, middle + 1))
    shutil.rmtree(folder)
    return {"steps": steps, "step cost": round(cost, 3), "mean": overall_of(scores)} | scores


def _train(
    folder: Path,
    variant: Variant,
    recipe: Recipe,
    shelf: ValidationSet,
    start: dict[str, Tensor] | None,
    hidden: ValidationSet | None = None,
) -> Trial:
    shutil.rmtree(folder, ignore_errors=True)
    shape = SHAPES[variant.view]
    sizes = dataclasses.asdict(shape) | variant.sizes

    def model() -> FramemendModel:
        made = FramemendModel(FramemendConfig(**sizes))
        if start:
            made.load_state_dict(start)
        return made

    trial = Trial(folder, recipe, model)
    trial.blind = variant.blind
    if variant.blind == "levels":
        trial.model.told.register_forward_pre_hook(lambda _, told: (torch.zeros_like(told[0]),))
    with patch("framemend_filters.training.loop.loss", variant.loss):
        trial.train(Drawn(shelf, recipe, hidden, variant.hidden), None, None, lambda _: None)  # pyright: ignore[reportArgumentType]
    return trial


def _cost(folder: Path, variant: Variant, recipe: Recipe, shelves: dict) -> float:
    """Processor seconds of a step: the least of three short runs."""
    few = dataclasses.replace(recipe, steps=8)

    def seconds() -> float:
        start = time.process_time()
        _train(folder, variant, few, shelves["repair"][variant.view], None)
        return time.process_time() - start

    return min(seconds() for _ in range(3)) / few.steps


def _print(rows: dict[str, dict[str, Any]]) -> None:
    tasks = [name for name in rows[VARIANTS[0].name] if name not in ("steps", "step cost", "mean")]
    print("| | steps | mean | " + " | ".join(tasks) + " |\n|---|" + "---|" * (len(tasks) + 2))
    for variant in VARIANTS:
        if variant.name in rows:
            row = rows[variant.name]
            print(
                f"| {variant.name} | {row['steps']} | {row['mean']:.2f} | "
                + " | ".join(f"{row[t]:.2f}" for t in tasks)
                + " |"
            )


if __name__ == "__main__":
    raise SystemExit(main())
