"""Judges what is described by numbers by a quadratic score that was fitted on training clips (tests/bench/fit_detectors.py,
tests/bench/fit_history.py)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Score:
    """Regression on features, their squares and products: log odds, or what else the weights were fitted to."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    weights: NDArray[np.float64]

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """The score, N, of descriptions N F. Descriptions beyond what was fitted on count as the outermost."""
        return terms(features, self.mean, self.deviation) @ self.weights


def terms(
    features: NDArray[np.floating], mean: NDArray[np.floating], deviation: NDArray[np.floating]
) -> NDArray[np.float64]:
    """What the weights are for: N F features, in deviations from the mean and at most 4 of them, to N (1 + F + F (F + 1) / 2)
    terms."""
    features = np.clip((features - mean) / deviation, -4, 4)
    first, second = np.triu_indices(features.shape[1])
    products = features[:, first] * features[:, second]
    return np.concatenate([np.ones((len(features), 1)), features, products], 1).astype(np.float64)


@cache
def score(file: Path, name: str) -> Score:
    """The score of that name from a file of them."""
    stored = json.loads(file.read_text())[name]
    return Score(*(np.array(stored[part]) for part in ("mean", "deviation", "weights")))
