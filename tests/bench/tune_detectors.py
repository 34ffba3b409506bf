"""Tries the rules by which the network's log odds become masks, on validation clips: what they find of known damage, what they
find where there is none, and how much of the damage's energy they leave.

    PYTHONPATH=tests python -m bench.tune_detectors ../shared/data/val

The damage is that of tests/bench/detection/damage.py with another seed; false positives are those of the clips as they are, and of the
clips with rain, snow, sparks, titles, flashes and dissolves (training/pretenders.py, another seed).
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.detection.damage import DAMAGE
from bench.detection.score import Score
from framemend.clips import read_clip
from framemend_filters.damage.detectors import learned
from framemend_filters.damage.detectors.learned import RULES, Rule, learned_mask
from framemend_filters.damage.detectors.network import LEARNED_KINDS
from framemend_filters.damage.detectors.view import Memory, View
from framemend_filters.training.pretenders import PRETENDERS

FRAMES = 7
WANTED = (1, 4)
SEED = 23
GRID = [
    (sure, likely) for sure in (0.0, 1.0, 2.0, 3.0, 4.0, 6.0) for likely in (-2.0, -1.0, 0.0, 1.0) if likely <= sure
]

Odds = dict[str, NDArray[np.float32]]


def main(data: Path) -> None:
    cv2.setNumThreads(1)
    clips = [read_clip(path, FRAMES).frames for path in sorted(data.glob("*.mp4"))]
    undamaged = [odds for frames in clips for odds in _odds(frames)]
    rng = np.random.default_rng(SEED)
    pretended = [odds for frames in clips for p in PRETENDERS for odds in _odds(p.draw(frames, rng))]
    damaged: dict[str, list[tuple[Odds, NDArray[np.bool_], NDArray[np.float32]]]] = {}
    for kind in LEARNED_KINDS:
        for number, frames in enumerate(clips):
            spoiled, truth = DAMAGE[kind](frames, np.random.default_rng([SEED, number]))
            energy = np.square(spoiled.astype(np.float32) - frames).mean(3)
            shown = [(o, truth[i], energy[i]) for i, o in zip(WANTED, _odds(spoiled), strict=True)]
            damaged.setdefault(kind, []).extend(shown)
    print("| kind | sure | likely | precision | recall | F1 | energy left, % | undamaged, % of samples | pretenders |")
    print("|---|---|---|---|---|---|---|---|---|")
    for kind in LEARNED_KINDS:
        for sure, likely in GRID:
            rule = dataclasses.replace(RULES[kind], sure=sure, likely=likely)
            score, left, whole = Score(), 0.0, 0.0
            for odds, truth, energy in damaged[kind]:
                found = _found(odds, kind, rule)
                score.add(found, truth)
                left += float(energy[~found].sum())
                whole += float(energy.sum())
            harm = [
                100 * float(np.mean([_found(o, kind, rule).mean() for o in some])) for some in (undamaged, pretended)
            ]
            figures = [f"{v:.3f}" for v in score.row] + [f"{100 * left / whole:.2f}"] + [f"{v:.4f}" for v in harm]
            print(f"| {kind} | {sure:g} | {likely:g} | {' | '.join(figures)} |", flush=True)
    print(
        "\n| kind | frames with the highest log odds above | damaged, % | undamaged, % | pretenders, % |\n|---|---|---|---|---|"
    )
    for kind in LEARNED_KINDS:
        tops = [[float(o[kind].max()) for o in some] for some in ([d[0] for d in damaged[kind]], undamaged, pretended)]
        for least in range(2, 11):
            shares = " | ".join(f"{100 * np.mean(np.array(top) > least):.0f}" for top in tops)
            print(f"| {kind} | {least} | {shares} |", flush=True)


def _odds(frames: NDArray[np.uint8]) -> list[Odds]:
    """Log odds of the frames WANTED."""
    pictures = {i: f.astype(np.float32) / 255 for i, f in enumerate(frames)}
    memory = Memory()
    views = [View(pictures, i, range(len(frames)), memory) for i in WANTED]
    return [odds for view in views if (odds := learned.log_odds(view)) is not None]


def _found(odds: Odds, kind: str, rule: Rule) -> NDArray[np.bool_]:
    mask = learned_mask(odds[kind], rule, 1, odds[kind].shape)
    return np.zeros(odds[kind].shape, bool) if mask is None else mask > 127


if __name__ == "__main__":
    main(Path(sys.argv[1]))
