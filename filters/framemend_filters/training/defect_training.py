"""Trains the detecting network: a worker prepares windows with known defects, the steps go over them, mirrored and inverted.

A run lives in one folder: windows/ (arrays of prepared windows), log.csv, and detect.safetensors, the running mean of the
weights in half precision, as damage/detectors/learned.py reads it. Which windows a step sees depends on the step alone: it
waits for those that are not prepared yet. Windows that are there already are used again; the steps begin anew.
"""

from __future__ import annotations

import copy
import csv
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from framemend_filters.damage.detectors.evidence import CHROMA_PLANES, LUMA_PLANES
from framemend_filters.damage.detectors.network import LEARNED_KINDS, DefectNetwork
from framemend_filters.engine.devices import cpu_computes_bf16
from framemend_filters.errors import FramemendError
from framemend_filters.training.data import ClipSource
from framemend_filters.training.defect_samples import make_defect_sample

SEEN_CODES, SEEN_NOISES = 6.0, 1.5
"""A defect counts where it changes a sample by this many codes, or standard deviations of noise, whichever is more."""
UNSEEN_CODES = 2.0
"""A sample changed by less than this is undamaged; between, and one sample around a defect, either answer is right."""
GAIN_CODES, MOST_GAIN = 32.0, 4.0
"""A defect's samples weigh 1 plus their change over GAIN_CODES, at most MOST_GAIN: strong ones cost most when missed."""
LOG_EVERY = 100


@dataclass(frozen=True, kw_only=True)
class DefectRecipe:
    """windows: how many are prepared, `first` of them before the first step, all by half of the steps; edge: of each, in
    samples; validation_windows; batch: windows a step; rate: peak learning rate, after `warmup` steps, along a cosine to 0;
    ema: decay of the running mean of the weights; width: of the network."""

    windows: int = 2600
    first: int = 700
    validation_windows: int = 160
    edge: int = 160
    batch: int = 4
    steps: int = 3600
    rate: float = 2e-3
    warmup: int = 100
    weight_decay: float = 1e-3
    ema: float = 0.998
    width: int = 16
    seed: int = 0


class Windows:
    """Prepared windows in a folder of arrays: as many as are told, made in order of their numbers."""

    def __init__(self, folder: Path, count: int, edge: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        shapes = {
            "luma": (count, LUMA_PLANES, edge, edge),
            "chroma": (count, CHROMA_PLANES, edge // 2, edge // 2),
            "change": (count, len(LEARNED_KINDS), edge, edge),
        }
        self._arrays = {name: _map(folder / f"{name}.u8", np.dtype(np.uint8), shape) for name, shape in shapes.items()}
        self._noise = _map(folder / "noise.f32", np.dtype(np.float32), (count,))
        self._sides = _map(folder / "sides.f32", np.dtype(np.float32), (count,))
        self.count = count

    def holds(self, number: int) -> bool:
        """Whether a window is there."""
        return bool(self._noise[number] > 0)  # a new file is all 0, and no estimate of noise is

    def prepare(self, source: ClipSource, clips: tuple[list[int], list[int]], edge: int, seed: int) -> None:
        """Make the windows that are not there yet."""
        for number in range(self.count):
            if not self.holds(number):
                sample = make_defect_sample(source, clips, edge, seed, number)
                self._arrays["luma"][number] = sample.evidence.luma
                self._arrays["chroma"][number] = sample.evidence.chroma
                self._arrays["change"][number] = sample.change
                self._sides[number] = sample.evidence.both_sides
                self._noise[number] = sample.evidence.noise

    def batch(self, numbers: NDArray[np.int64]) -> dict[str, Tensor]:
        """Tensors luma, chroma, noise, both_sides, change of windows."""
        parts = {name: torch.from_numpy(array[numbers]) for name, array in self._arrays.items()}
        return parts | {
            "noise": torch.from_numpy(self._noise[numbers]),
            "both_sides": torch.from_numpy(self._sides[numbers]),
        }


def train(
    folder: Path,
    recipe: DefectRecipe,
    windows: Windows,
    validation: Windows | None,
    report: Callable[[int, float], None],
    preparing: Callable[[], bool] = lambda: False,
) -> DefectNetwork:
    """Train from nothing; returns the running mean of the weights, which detect.safetensors holds too. report: is told the
    step and the loss since it was told last; preparing: whether windows that are missing will come. FramemendError where
    they will not."""
    torch.manual_seed(recipe.seed)
    network = DefectNetwork(recipe.width).to(memory_format=torch.channels_last)
    mean = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)
    rng = np.random.default_rng(recipe.seed)
    losses: list[float] = []
    for step in range(1, recipe.steps + 1):
        rate = recipe.rate * min(1.0, step / recipe.warmup) * (0.5 + 0.5 * math.cos(math.pi * step / recipe.steps))
        for group in optimizer.param_groups:
            group["lr"] = rate
        ready = min(recipe.windows, recipe.first + round(2 * recipe.windows * step / recipe.steps))
        while not windows.holds(ready - 1):
            if not preparing() and not windows.holds(ready - 1):
                raise FramemendError("the worker that prepares training windows has stopped; its error is above")
            time.sleep(0.05)
        numbers = rng.integers(0, ready, recipe.batch)
        batch = _turned(windows.batch(numbers), rng)
        loss = _loss(network, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        decay = min(recipe.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            for kept, now in zip(mean.parameters(), network.parameters(), strict=True):
                kept.lerp_(now, 1 - decay)
        losses.append(float(loss.detach()))
        if step % LOG_EVERY == 0 or step == recipe.steps:
            report(step, float(np.mean(losses)))
            row: dict[str, float] = {"step": step, "loss": float(np.mean(losses))}
            if validation is not None and (step % (10 * LOG_EVERY) == 0 or step == recipe.steps):
                row |= f1_scores(mean, validation)
            _log(folder / "log.csv", row)
            _save(mean, folder / "detect.safetensors")
            losses = []
    return mean


def f1_scores(network: DefectNetwork, windows: Windows) -> dict[str, float]:
    """F1 of samples by kind, at even odds; what counts neither way in training counts neither way here."""
    right, wrong, missed = (np.zeros(len(LEARNED_KINDS)) for _ in range(3))
    for number in range(windows.count):
        batch = windows.batch(np.array([number]))
        with torch.inference_mode():
            found = _logits(network, batch) > 0
        truth, weight = _target(batch["change"], batch["noise"])
        counts = weight > 0
        for total, of in ((right, found & (truth > 0)), (wrong, found & (truth == 0)), (missed, ~found & (truth > 0))):
            total += (of & counts).sum((0, 2, 3)).numpy()
    return {
        kind: float(f1)
        for kind, f1 in zip(LEARNED_KINDS, 2 * right / np.maximum(1, 2 * right + wrong + missed), strict=True)
    }


def _logits(network: DefectNetwork, batch: dict[str, Tensor]) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16, enabled=cpu_computes_bf16()):
        return network(batch["luma"], batch["chroma"], batch["noise"], batch["both_sides"])


def _loss(network: DefectNetwork, batch: dict[str, Tensor]) -> Tensor:
    """Weighted cross-entropy, per thousand samples."""
    target, weight = _target(batch["change"], batch["noise"])
    return 1000 * functional.binary_cross_entropy_with_logits(_logits(network, batch), target, weight)


def _target(change: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """What the network should say, 0 or 1, and how much it counts, from `change`: both B K H W float32."""
    seen = (SEEN_NOISES * noise).clamp(min=SEEN_CODES).ceil().clamp(max=255)
    defect = change >= seen.to(torch.uint8)[:, None, None, None]
    planes = defect.numpy().view(np.uint8).reshape(-1, *change.shape[2:])
    near = np.stack([cv2.dilate(plane, np.ones((3, 3), np.uint8)) for plane in planes]).reshape(change.shape)
    clear = (change <= UNSEEN_CODES) & torch.from_numpy(near == 0)
    gain = (1 + change.float() / GAIN_CODES).clamp(max=MOST_GAIN)
    return defect.float(), torch.where(defect, gain, clear.float())


def _turned(batch: dict[str, Tensor], rng: np.random.Generator) -> dict[str, Tensor]:
    """The windows mirrored and inverted at random: a scratch stays upright."""
    axes = [axis for axis in (-1, -2) if rng.random() < 0.5]
    turned = {n: v.flip(axes) if v.ndim == 4 and axes else v for n, v in batch.items()}
    if rng.random() < 0.3:
        turned["luma"] = 255 - turned["luma"]
        turned["chroma"] = 255 - turned["chroma"]
    return turned


def _map(path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> np.memmap:
    size = int(np.prod(shape)) * dtype.itemsize
    if not path.exists() or path.stat().st_size != size:
        with open(path, "wb") as file:
            file.truncate(size)
    return np.memmap(path, dtype=dtype, mode="r+", shape=shape)


def _log(path: Path, row: dict[str, float]) -> None:
    fields = ["step", "loss", *LEARNED_KINDS]
    begin = row["step"] == LOG_EVERY or not path.exists()
    with open(path, "w" if begin else "a", newline="") as file:
        writer = csv.DictWriter(file, fields)
        if begin:
            writer.writeheader()
        writer.writerow({name: round(value, 4) for name, value in row.items()})


def _save(network: DefectNetwork, path: Path) -> None:
    partial = path.with_suffix(".partial")
    save_file({n: v.half().contiguous() for n, v in network.state_dict().items()}, partial)
    partial.replace(path)
