"""Fits what tells codecs and blur (engine/history.py) on clips, and says how well it tells them on others.

    PYTHONPATH=tests python -m bench.fit_history ../shared/data/train ../shared/data/val

writes engine/history.json.
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
from framemend_filters.damage import lens, synthesis
from framemend_filters.engine.history import FILE, MOST_CODING, describe
from framemend_filters.engine.noise import noise_level
from framemend_filters.fitted import Score, terms

FRAMES, MARGIN = 9, 2
"""Frames that are coded, and how many at both ends are not looked at."""
STEADINESS = 30.0
"""Weight of the ridge that keeps the fit from following single clips."""
CODED = {"h264": (20, 45), "hevc": (20, 43), "mpeg2": (2, 30), "mpeg4": (2, 30)}
Frames = NDArray[np.uint8]
Row = tuple[str, dict[str, float], NDArray[np.float32]]
"""What was done, what each score is to say (log2 of 1 + codes of a codec's error, and 1 for blur), description."""


def main(train: Path, held_out: Path) -> None:
    cv2.setNumThreads(1)
    learned, judged = list(_rows(train, 2)), list(_rows(held_out, 3))
    features = np.stack([row[2] for row in learned])
    mean, deviation = features.mean(0), features.std(0) + 1e-6
    basis = terms(features, mean, deviation)
    kept: dict[str, dict[str, list[float]]] = {}
    for name in ("coding", "blur"):
        targets = np.array([row[1][name] for row in learned])
        weights = np.linalg.solve(basis.T @ basis + STEADINESS * np.eye(basis.shape[1]), basis.T @ targets)
        parts = {"mean": mean, "deviation": deviation, "weights": weights}
        kept[name] = {n: [round(float(v), 6) for v in values] for n, values in parts.items()}
        judge = Score(*(np.array(kept[name][n]) for n in ("mean", "deviation", "weights")))
        told = judge(np.stack([row[2] for row in judged]))
        right = np.array([row[1][name] for row in judged])
        print(f"{name}: correlation with the truth {np.corrcoef(told, right)[0, 1]:.3f}")
        for kind in dict.fromkeys(row[0] for row in judged):
            of_kind = np.array([row[0] == kind for row in judged])
            low, middle, high = np.quantile(told[of_kind], [0.1, 0.5, 0.9])
            print(f"  {kind}: {middle:.2f} ({low:.2f} to {high:.2f}), truth {np.median(right[of_kind]):.2f}")
    FILE.write_text(json.dumps(kept) + "\n")


def _rows(folder: Path, pieces: int) -> Iterator[Row]:
    for number, path in enumerate(sorted(folder.glob("*.mp4"))):
        frames = read_clip(path, 60).frames
        if len(frames) < FRAMES:
            continue
        for piece in range(pieces):
            rng = np.random.default_rng([number, piece])
            start = int(rng.integers(0, len(frames) - FRAMES + 1))
            clean = frames[start : start + FRAMES]
            if rng.random() < 0.3:
                clean = np.stack([cv2.resize(f, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA) for f in clean])
            height, width = (int(edge) // 2 * 2 for edge in clean.shape[1:3])
            clean = np.ascontiguousarray(clean[:, :height, :width])
            edge = int(rng.choice([128, 192, 256]))
            step = int(rng.choice([1, 16]))
            top, left = (int(rng.integers(0, max(1, n - edge + 1))) // step * step for n in (height, width))
            part = slice(MARGIN, -MARGIN), slice(top, top + edge), slice(left, left + edge)
            for kind, blurred, before, made in _made(clean, rng):
                shown = [f.astype(np.float32) / 255 for f in made[part]]
                error = np.square(made[part].astype(np.float32) - before[part]).mean() ** 0.5
                noise = float(np.mean([noise_level(f) or 0.0 for f in shown]))
                wanted = {"coding": float(np.log2(1 + min(error, MOST_CODING))), "blur": float(blurred)}
                yield kind, wanted, describe(shown, noise)


def _made(clean: Frames, rng: np.random.Generator) -> Iterator[tuple[str, bool, Frames, Frames]]:
    """What was done, whether it blurs, frames before a codec had them, and after."""

    def blurred() -> Frames:
        if rng.random() < 0.6:
            return lens.gaussian_blur(clean, float(rng.uniform(0.6, 2.2)))
        if rng.random() < 0.5:
            return lens.defocus(clean, float(rng.uniform(1, 3.5)))
        return lens.motion_blur(clean, float(rng.uniform(2, 8)), rng)

    def coded(frames: Frames, kind: str, quality: float) -> Frames:
        return codec_round_trip(frames, kind, round(quality))  # pyright: ignore[reportArgumentType]

    yield "clean", False, clean, clean
    for kind, (low, high) in CODED.items():
        for third in range(3):
            quality = low + (high - low) * (third + rng.random()) / 3
            yield kind, False, clean, coded(clean, kind, quality)
    for _ in range(3):
        soft = blurred()
        yield "blur", True, soft, soft
    noisy = synthesis.gaussian_noise(clean, float(rng.uniform(1, 15)), rng)
    yield "noise", False, noisy, noisy
    soft = synthesis.gaussian_noise(blurred(), float(rng.uniform(1, 6)), rng)
    yield "blur, then noise", True, soft, soft
    soft = blurred()
    kind = str(rng.choice(list(CODED)))
    yield "blur, then a codec", True, soft, coded(soft, kind, float(rng.uniform(*CODED[kind])))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
