"""Does the model know how sure it is? Predicted against true error, in bins of the predicted one.

    PYTHONPATH=plugin:filters python tests/bench/calibration.py DIR [--frames 5] [--plot examples/calibration.png]

prints, over noise 10, 20 and 40, H.264, blur and the moving hole (inside it), the mean predicted and the mean true
absolute error in each bin, in codes of 255, and their rank correlation over all samples.
"""

import argparse
import itertools
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend.clips import codec_round_trip, read_clip
from framemend_filters.damage.lens import gaussian_blur
from framemend_filters.damage.synthesis import gaussian_noise, moving_mask
from framemend_filters.engine import Repairer, RepairSettings

EDGES = (0, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 20, 255)
"""Bins of the predicted error, codes of 255."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=5)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    predicted, true = [], []
    for path in sorted(args.folder.glob("*.mp4")):
        clean = read_clip(path, args.frames).frames
        for given, masks in _cases(clean):
            repairer = Repairer(RepairSettings(model=args.model, hole_grain=False), masked=masks is not None)
            pairs = (
                (f.astype(np.float32) / 255, m)
                for f, m in zip(given, [None] * len(given) if masks is None else masks, strict=True)
            )
            for index, repair in enumerate(repairer.repair_stream(pairs)):
                assert repair.error is not None
                made = given[index] + repair.residual * 255
                error = np.abs(np.clip(made, 0, 255) - clean[index]).mean(2)
                where = np.ones(error.shape, bool) if masks is None else masks[index] > 0
                predicted.append(repair.error[where] * 255)
                true.append(error[where])
    x, y = np.concatenate(predicted), np.concatenate(true)
    points = _bins(x, y)
    print("| predicted error | share of samples | mean predicted | mean true |\n|---|---|---|---|")
    for low, high, share, mean_x, mean_y in points:
        print(f"| {low:g} to {high:g} | {share:.3f} | {mean_x:.2f} | {mean_y:.2f} |")
    some = np.random.default_rng(0).choice(len(x), min(len(x), 200_000), replace=False)
    print(f"\nrank correlation {np.corrcoef(_ranks(x[some]), _ranks(y[some]))[0, 1]:.3f} ({len(x)} samples)")
    if args.plot:
        _plot(args.plot, points)
    return 0


def _cases(clean: NDArray[np.uint8]) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8] | None]]:
    rng = np.random.default_rng(11)
    masks = moving_mask(clean.shape[:3], rng)
    return [
        *((gaussian_noise(clean, sigma, rng), None) for sigma in (10, 20, 40)),
        (codec_round_trip(clean, "h264", 38), None),
        (gaussian_blur(clean, 1.5), None),
        (np.where(masks[..., None] > 0, np.uint8(0), clean), masks),
    ]


def _bins(x: NDArray, y: NDArray) -> list[tuple[float, float, float, float, float]]:
    points = []
    for low, high in itertools.pairwise(EDGES):
        inside = (x >= low) & (x < high)
        if inside.any():
            points.append((low, high, float(inside.mean()), float(x[inside].mean()), float(y[inside].mean())))
    return points


def _ranks(values: NDArray) -> NDArray:
    return np.argsort(np.argsort(values))


def _plot(path: Path, points: list[tuple[float, float, float, float, float]]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0.2, 60], [0.2, 60], color="0.7", label="predicted = true")
    axes.plot([p[3] for p in points], [p[4] for p in points], "o-", label="framemend")
    axes.set(xscale="log", yscale="log", xlabel="predicted error, codes of 255", ylabel="true error, mean of the bin")
    axes.legend()
    axes.grid(alpha=0.3)
    FigureCanvasAgg(figure).print_png(str(path))


if __name__ == "__main__":
    cv2.setNumThreads(1)
    raise SystemExit(main())
