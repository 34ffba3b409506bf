"""Recipes: a function each that returns everything a training run is made of."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from framemend_filters.errors import SettingError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of one run. Sizes are in samples, lengths in frames.

    objective: "pretrain" hides parts and predicts them, "repair" damages and repairs. steps: optimiser steps in all.
    batch: windows a step. crop: edge of what the network sees; margin: samples around it that alignment sees besides.
    pool: windows ready at a time; reuse: how often each is used on average. rate: peak learning rate, after `warmup`
    steps; from `decay_from` (share of the steps) on it falls to `rate_end` times that along a cosine.
    ema: decay of the running mean of the weights, which is what is kept. stills: share of windows from stills.
    hole_reach: frames on both sides that holes may borrow from.
    hidden: share of the windows of repair in which parts are hidden as in pretraining; own_noise: standard deviation, of
    255, of noise that half of the others get, 0 for none: what a film has of its own.
    hole_weight, gradient_weight, error_weight: weights in the loss of samples in holes, of differences between
    neighbouring samples and of the predicted error.
    model: settings of ModelSizes for a start from nothing.
    """

    objective: Literal["pretrain", "repair"]
    steps: int
    batch: int = 4
    crop: int = 96
    margin: int = 16
    pool: int = 512
    reuse: float = 6.0
    rate: float = 2e-3
    rate_end: float = 0.02
    warmup: int = 200
    decay_from: float = 0.35
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    ema: float = 0.999
    stills: float = 0.25
    hole_reach: int = 10
    hidden: float = 0.0
    own_noise: float = 0.0
    hole_weight: float = 0.5
    gradient_weight: float = 0.25
    error_weight: float = 0.02
    seed: int = 2026
    validate_every: int = 1000
    checkpoint_minutes: float = 3.0
    compile: bool = False
    model: dict[str, Any] = field(default_factory=dict)


def pretrain() -> Recipe:
    """Masked, generative pretraining of `fast`."""
    return Recipe(objective="pretrain", steps=3_000, decay_from=0.7, rate_end=0.2, hole_reach=6, reuse=8.0)


def repair() -> Recipe:
    """Repair training of `fast`, from pretrained weights."""
    return Recipe(objective="repair", steps=23_000, hidden=0.1)


BASE: dict[str, Any] = {
    "dims": [64, 128, 384], "depth": 8, "heads": 8, "encoder_depths": [1, 1], "decoder_depths": [1, 1],
}  # fmt: skip
"""Sizes of `base` where they are not those of `fast`: the same network with 11 million parameters."""


def of_base(recipe: Recipe) -> Recipe:
    """The same run for `base` on a GPU: sixteen times the windows a step, the network compiled, each window used twice as
    often, so that what a dozen processor cores prepare keeps it busy."""
    shorter = {"pretrain": 2_000, "repair": 10_000}[recipe.objective]
    return dataclasses.replace(
        recipe, model=BASE, steps=shorter, batch=64, pool=4096, reuse=2 * recipe.reuse, compile=True, rate=1e-3
    )


def adapt() -> Recipe:
    """Going on, for some minutes, on one film alone; `own_noise` is the caller's to set."""
    return Recipe(
        objective="repair",
        steps=1_000_000,
        rate=3e-4,
        warmup=50,
        decay_from=1.0,
        ema=0.995,
        pool=256,
        stills=0.0,
        hidden=0.25,
        validate_every=1_000_000,
    )


def load_recipe[R: DataclassInstance](base: R, path: Path | None) -> R:
    """`base` with the settings of a JSON file laid over it. Unknown settings are a SettingError."""
    if path is None:
        return base
    try:
        settings: Mapping[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SettingError(f"cannot read the recipe {path}: {error}; pass a JSON file of settings") from error
    known = {f.name for f in dataclasses.fields(base)} - {"objective"}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise SettingError(f"unknown setting {unknown[0]!r} in {path}; known are {', '.join(sorted(known))}")
    return dataclasses.replace(base, **settings)
