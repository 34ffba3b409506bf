"""The training loop: draws windows from the pool, steps, keeps a running mean of the weights, saves and resumes.

A run lives in one folder: checkpoint.pt (everything needed to go on exactly), log.csv, validation.csv, best/ (the
running mean with the best validation, as `from_pretrained` takes it), last/, and the pool of prepared windows.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from framemend_filters.engine.devices import cpu_computes_bf16, place
from framemend_filters.errors import FramemendError, SettingError
from framemend_filters.levels import places_turned
from framemend_filters.model.pretrained import FramemendModel
from framemend_filters.training.objective import loss
from framemend_filters.training.pool import PoolKeeper, layout
from framemend_filters.training.recipe import Recipe
from framemend_filters.training.samples import WindowShape
from framemend_filters.training.validation import ValidationSet, overall_of, psnr_of

LOG_EVERY = 50
"""Steps between lines of log.csv."""


@dataclass
class Status:
    """How a run stands: steps done, loss (mean since the last log line), share of the wall time spent in forward and
    backward, seconds trained in all (over resumes), windows a second."""

    step: int
    steps: int
    loss: float
    busy: float
    seconds: float
    speed: float


class Run:
    """One training run in `folder`. `start` gives the model to begin with when there is no checkpoint."""

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        start: Callable[[], FramemendModel],
        *,
        device: str = "cpu",
        resume: bool = False,
    ) -> None:
        self.folder, self.recipe = folder, recipe
        folder.mkdir(parents=True, exist_ok=True)
        self._checkpoint = folder / "checkpoint.pt"
        if self._checkpoint.exists() and not resume:
            raise SettingError(f"{folder} holds a run already; pass --resume to go on with it, or another --out")
        torch.manual_seed(recipe.seed)
        self.device = torch.device(device)
        self.model = place(start(), device, torch.float32)
        self.mean = {name: value.detach().clone().float() for name, value in self.model.state_dict().items()}
        self._optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=recipe.rate, betas=(0.9, 0.99), weight_decay=recipe.weight_decay, fused=True
        )
        self.step, self.seconds, self.best = 0, 0.0, -math.inf
        if resume and self._checkpoint.exists():
            self._load()
        self._amp = self.device.type == "cuda" or cpu_computes_bf16()
        # on a CPU the graph is traced alone: code made of it saves less than it takes to make (examples/experiments.md)
        backend = "inductor" if self.device.type == "cuda" else "aot_eager"
        self._forward = torch.compile(self.model, backend=backend) if recipe.compile else self.model
        sizes = self.model.sizes
        self.shape = WindowShape(sizes.frames, sizes.radius, sizes.neighbours)
        self._slices = layout(self.shape)

    def train(
        self,
        keeper: PoolKeeper,
        validation: ValidationSet | None,
        minutes: float | None,
        report: Callable[[Status], None],
    ) -> None:
        """Train until the recipe's steps are done, `minutes` have passed or the process is interrupted; then save."""
        started = time.monotonic()
        earlier = self.seconds
        saved = started
        busy = waiting = 0.0
        sums: list[Tensor] = []
        since = time.monotonic()
        self.model.train()
        reader = ThreadPoolExecutor(1)
        coming = reader.submit(self._read, keeper, self.step)
        try:
            while self.step < self.recipe.steps:
                tick = time.monotonic()
                records, levels = coming.result()
                if self.step + 1 < self.recipe.steps:
                    coming = reader.submit(self._read, keeper, self.step + 1)
                inputs = self._unpack(records, levels)
                ready = time.monotonic()
                sums.append(self._take_step(inputs))
                done = time.monotonic()
                waiting += ready - tick
                busy += done - ready
                self.step += 1
                self.seconds = earlier + done - started
                if self.step % LOG_EVERY == 0 or self.step == self.recipe.steps:
                    mean_loss = float(torch.stack(sums).mean())
                    if not math.isfinite(mean_loss):
                        raise FramemendError(f"the loss is {mean_loss} at step {self.step}; lower `rate` in the recipe")
                    speed = len(sums) * self.recipe.batch / (time.monotonic() - since)
                    status = Status(
                        self.step, self.recipe.steps, mean_loss, busy / max(busy + waiting, 1e-9), self.seconds, speed
                    )
                    self._log(status)
                    report(status)
                    sums, busy, waiting, since = [], 0.0, 0.0, time.monotonic()
                if validation is not None and (
                    self.step % self.recipe.validate_every == 0 or self.step == self.recipe.steps
                ):
                    self.validate(validation)
                if time.monotonic() - saved > 60 * self.recipe.checkpoint_minutes:
                    self.save()
                    saved = time.monotonic()
                if minutes is not None and time.monotonic() - started > 60 * minutes:
                    break
        finally:
            reader.shutdown(cancel_futures=True)
            self.save()

    def _read(self, keeper: PoolKeeper, step: int) -> tuple[Tensor, Tensor]:
        """Records and levels of a step, where a GPU takes them from while it computes."""
        records, levels = (torch.from_numpy(part) for part in keeper.batch(step))
        return (records.pin_memory(), levels.pin_memory()) if self.device.type == "cuda" else (records, levels)

    def validate(self, validation: ValidationSet) -> dict[str, float]:
        """PSNR of each task with the running mean of the weights; keeps them in best/ if their mean is the best."""
        tasks = self.judge(validation)
        overall = overall_of(tasks)
        _append(
            self.folder / "validation.csv",
            {"step": self.step, "hours": round(self.seconds / 3600, 4), "mean": round(overall, 3)}
            | {task: round(value, 3) for task, value in tasks.items()},
        )
        if overall > self.best:
            self.best = overall
            with self._averaged():
                self.model.save_pretrained(self.folder / "best")
        return tasks

    def judge(self, validation: ValidationSet, frames: slice = slice(None)) -> dict[str, float]:
        """PSNR of each task with the running mean of the weights, of these frames of each window."""
        scores: dict[str, list[float]] = {}
        with self._averaged(), torch.no_grad():
            self.model.eval()
            for record, levels, task in zip(validation.records, validation.levels, validation.tasks, strict=True):
                inputs, target, masks = self._unpack(torch.from_numpy(record)[None], torch.from_numpy(levels)[None])
                with self._autocast():
                    picture = self.model(**inputs).picture
                shown = (part[0, frames].cpu() for part in (picture, target, masks))
                scores.setdefault(task, []).append(psnr_of(*shown))
            self.model.train()
        return {task: sum(values) / len(values) for task, values in scores.items()}

    @contextlib.contextmanager
    def _averaged(self) -> Iterator[None]:
        """The model has the running mean of its weights meanwhile."""
        trained = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.mean)
        try:
            yield
        finally:
            self.model.load_state_dict(trained)

    def save(self) -> None:
        """Write the checkpoint, whole or not at all, and the running mean of the weights to last/."""
        state = {
            "recipe": dataclasses.asdict(self.recipe),
            "config": dataclasses.asdict(self.model.sizes),
            "step": self.step,
            "seconds": self.seconds,
            "best": self.best,
            "model": self.model.state_dict(),
            "mean": self.mean,
            "optimizer": self._optimizer.state_dict(),
        }
        partial = self._checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self._checkpoint)
        with self._averaged():
            self.model.save_pretrained(self.folder / "last")

    def _load(self) -> None:
        state = torch.load(self._checkpoint, map_location=self.device, weights_only=True)
        if state["recipe"]["objective"] != self.recipe.objective:
            raise SettingError(
                f"{self.folder} holds a run of {state['recipe']['objective']}, not {self.recipe.objective}"
            )
        self.model.load_state_dict(state["model"])
        self.mean = {name: value.float() for name, value in state["mean"].items()}
        self._optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds, self.best = state["step"], state["seconds"], state["best"]
        for name in ("log.csv", "validation.csv"):
            _forget_after(self.folder / name, self.step)

    def _take_step(self, batch: tuple[dict[str, Tensor], Tensor, Tensor]) -> Tensor:
        recipe = self.recipe
        inputs, target, masks = self._augment(batch)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(self.step, recipe)
        # compiled once, for whole windows: each number of frames would be compiled anew
        forward = self._forward if target.shape[1] == self.shape.frames else self.model
        with self._autocast():
            picture, log_error = forward(**inputs)
        parts = loss(picture, log_error, target, masks, inputs["levels"][:, 0], recipe)
        parts["loss"].backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip_norm)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        decay = min(recipe.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                self.mean[name].lerp_(value.float(), 1 - decay)
        return parts["loss"].detach()

    def _augment(self, batch: tuple[dict[str, Tensor], Tensor, Tensor]) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Mirror and transpose the windows of a batch, all alike; drawn from the step. Now and then fewer frames."""
        inputs, target, masks = batch
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + self.step)
        draw = torch.rand(5, generator=generator).tolist()
        flips = [axis for axis, d in zip((-1, -2), draw, strict=False) if d < 0.5]
        transposed = draw[2] < 0.5

        def turn(x: Tensor) -> Tensor:
            x = x.flip(flips) if flips else x
            return x.transpose(-1, -2) if transposed else x

        frames = target.shape[1]
        kept = 1 + int(draw[4] * frames) if draw[3] < 0.1 else frames
        turned = {name: turn(value[:, :kept]) for name, value in inputs.items() if name != "levels"}
        levels = inputs["levels"][:, places_turned(len(flips), transposed)]
        return turned | {"levels": levels}, turn(target[:, :kept]), turn(masks[:, :kept])

    def _unpack(self, records: Tensor, levels: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Records (B T C H W) as the arguments of the model's forward, the target and the masks."""
        records = records.to(self.device, non_blocking=True).float()
        fields = {name: records[:, :, channels] for name, channels in self._slices.items()}
        near = fields["neighbours"]
        fields["neighbours"] = near.unflatten(2, (near.shape[2] // 3, 3))
        for name in ("masks", "certainty", "count"):
            fields[name] = fields[name][:, :, 0]
        target = fields.pop("target")
        return fields | {"levels": levels.to(self.device)}, target, fields["masks"]

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._amp)

    def _log(self, status: Status) -> None:
        _append(
            self.folder / "log.csv",
            {
                "step": status.step,
                "hours": round(status.seconds / 3600, 4),
                "loss": round(status.loss, 5),
                "rate": f"{learning_rate(status.step, self.recipe):.3g}",
                "windows_per_second": round(status.speed, 2),
                "forward_backward_share": round(status.busy, 3),
            },
        )


def learning_rate(step: int, recipe: Recipe) -> float:
    """Linear warm-up, flat, then a cosine down to rate * rate_end at the last step."""
    if step < recipe.warmup:
        return recipe.rate * (step + 1) / recipe.warmup
    begin = recipe.decay_from * recipe.steps
    if step <= begin:
        return recipe.rate
    way = min(1.0, (step - begin) / max(1.0, recipe.steps - begin))
    return recipe.rate * (recipe.rate_end + (1 - recipe.rate_end) * 0.5 * (1 + math.cos(math.pi * way)))


def _forget_after(path: Path, step: int) -> None:
    """Drop the lines of steps that will be made again."""
    if path.exists():
        with open(path, newline="") as file:
            rows = [row for row in csv.DictReader(file) if int(row["step"]) <= step]
        path.unlink()
        for row in rows:
            _append(path, row)


def _append(path: Path, row: Mapping[str, object]) -> None:
    new = not path.exists()
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, row.keys())
        if new:
            writer.writeheader()
        writer.writerow(row)
