"""Fits the score by which described blobs are judged to be dust or not, on training clips.

    python tests/bench/fit_detectors.py ../shared/data/train filters/framemend_filters/damage/detectors/fitted.json

Clean clips are shown as they are, with film grain, flicker and codec alone, and with synthetic defects as well, whose
edges, opacity and tone vary more than those that training draws. A quarter of an hour on a busy core.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend.clips import codec_round_trip, read_clip
from framemend_filters.damage import defects, film
from framemend_filters.damage.detectors.blobs import MOST_BLOBS, describe
from framemend_filters.damage.detectors.outliers import outliers
from framemend_filters.damage.detectors.view import Memory, View
from framemend_filters.fitted import terms

Frames = NDArray[np.uint8]
KINDS = ("clean", "film", "dust", "dropouts")
"""What each clip is shown with."""
FRAMES = 9
"""Frames read of each clip."""
TRUE_SHARE, FALSE_SHARE = 0.4, 0.05
"""Share of a blob that is damage, from which it is taken to be some, and up to which none; between it is left out."""
RIDGE = 1e-3
"""Weight decay of the fit."""


def main(data: Path, out: Path) -> None:
    """Fit the score and write it into the table `out`."""
    rows: list[NDArray[np.float64]] = []
    for number, path in enumerate(sorted(data.glob("*.mp4"))):
        clean = read_clip(path, FRAMES).frames
        for draw, kind in enumerate(KINDS):
            rng = np.random.default_rng([number, draw])
            frames, truth = clean, np.zeros(clean.shape[:3], bool)
            if kind != "clean":
                frames, truth = old_film(clean, rng, kind)
            for view in _views(frames):
                if (found := outliers(view)) is not None and len(found.blobs) <= MOST_BLOBS:
                    rows += _labelled(found.labels, found.blobs, describe(view, found), truth[view.index])
        print(f"{path.stem}: {len(rows)} blobs so far", flush=True)
    out.write_text(json.dumps({"blobs": _fit(np.array(rows))}) + "\n")


def old_film(clean: Frames, rng: np.random.Generator, kind: str) -> tuple[Frames, NDArray[np.bool_]]:
    """Damaged frames and where the damage can be seen (T H W): defects under grain, flicker and a codec."""
    if rng.random() < 0.35:
        grey = clean.astype(np.float32).mean(3, keepdims=True)
        clean = np.rint(np.repeat(grey, 3, 3)).astype(np.uint8)
    out = clean.astype(np.float32)
    truth = np.zeros(clean.shape[:3], bool)
    if kind != "film":
        draw = {"dust": defects.dust, "dropouts": defects.dropouts}[kind]
        spoiled, _ = draw(clean, rng, float(rng.uniform(0.2, 0.9)))
        change = spoiled.astype(np.float32) - clean
        softness, opacity = rng.uniform(0, 1.0), rng.uniform(0.3, 1.0)
        if softness > 0.3 and kind != "dropouts":
            change = np.stack([cv2.GaussianBlur(c, (0, 0), softness) for c in change])
        out += opacity * change
        truth = np.abs(out - clean).max(3) >= 7
    if rng.random() < 0.3:
        out *= (1 + rng.normal(0, 0.05, len(out)))[:, None, None, None]
    made = np.clip(np.rint(out), 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        made = film.grain(made, float(rng.uniform(1, 9)), float(rng.uniform(0, 1.1)), rng)
    if rng.random() < 0.4:
        made = codec_round_trip(made, "h264", float(rng.integers(14, 27)))
    return made, truth


def _views(frames: Frames) -> Iterator[View]:
    pictures = {i: frame.astype(np.float32) / 255 for i, frame in enumerate(frames)}
    memory = Memory(10_000)
    for index in range(1, len(frames) - 1):
        yield View(pictures, index, range(len(frames)), memory)


def _labelled(
    labels: NDArray[np.int32],
    boxes: NDArray[np.int32],
    features: NDArray[np.float32],
    truth: NDArray[np.bool_],
) -> list[NDArray[np.float64]]:
    """Rows: 1 or 0, area, features; for each blob that is clearly damage or clearly none."""
    rows: list[NDArray[np.float64]] = []
    for number, (left, top, width, height, area) in enumerate(boxes, 1):
        window = (slice(top, top + height), slice(left, left + width))
        blob = labels[window] == number
        share = np.count_nonzero(blob & truth[window]) / area
        if share >= TRUE_SHARE or share <= FALSE_SHARE:
            rows.append(np.concatenate([[share >= TRUE_SHARE, area], features[number - 1]]).astype(np.float64))
    return rows


def _fit(rows: NDArray[np.float64]) -> dict[str, list[float]]:
    """Logistic regression by Newton's method; blobs count by the square root of their area."""
    truth, area, features = rows[:, 0], rows[:, 1], rows[:, 2:]
    mean, deviation = features.mean(0), features.std(0) + 1e-6
    basis = terms(features, mean, deviation)
    weight = np.sqrt(area) / np.sqrt(area).mean()
    theta = np.zeros(basis.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(basis @ theta, -30, 30)))
        gradient = basis.T @ (weight * (p - truth)) / len(truth) + RIDGE * theta
        curvature = (basis * (weight * p * (1 - p))[:, None]).T @ basis / len(truth) + RIDGE * np.eye(len(theta))
        theta -= np.linalg.solve(curvature, gradient)
    right = ((basis @ theta > 0) == (truth > 0.5)).mean()
    print(f"{len(rows)} descriptions, {truth.mean():.1%} of damage, {right:.2%} judged right at log odds 0")
    return {
        n: [round(float(v), 5) for v in a] for n, a in (("mean", mean), ("deviation", deviation), ("weights", theta))
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
