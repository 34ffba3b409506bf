"""Fits what tells codecs and blurs (engine/history.py) on clips, and says how well it tells them on others.

    PYTHONPATH=tests python -m bench.fit_history ../shared/data/train ../shared/data/val

writes engine/history.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend.clips import codec_round_trip, read_clip
from framemend_filters.damage import lens, synthesis
from framemend_filters.engine.history import FILE, MOST_CODING, describe
from framemend_filters.engine.noise import noise_level
from framemend_filters.fitted import Score, terms
from framemend_filters.levels import DIRECTIONS

FRAMES, MARGIN = 9, 2
"""Frames that are coded, and how many at both ends are not looked at."""
STEADINESS = 30.0
"""Weight of the ridge that keeps the fit from following single clips."""
CODED = {"h264": (20, 45), "hevc": (20, 43), "mpeg2": (2, 30), "mpeg4": (2, 30)}
Frames = NDArray[np.uint8]
NO_BLUR = np.zeros(len(DIRECTIONS))


class Made(NamedTuple):
    """kind: what was done; before, after: frames before a codec had them, and after; spread: of the blur, as `Levels` has it, of
    each frame or of all; disc: whether it is one."""

    kind: str
    before: Frames
    after: Frames
    spread: NDArray[np.float64] = NO_BLUR
    disc: bool = False


class Row(NamedTuple):
    """kind: what was done; wanted: what each score is to say; described: by what."""

    kind: str
    wanted: dict[str, NDArray[np.float64]]
    described: dict[str, NDArray[np.float32]]


def main(train: Path, held_out: Path) -> None:
    cv2.setNumThreads(1)
    learned, judged = list(_rows(train, 3)), list(_rows(held_out, 6))
    kept: dict[str, dict[str, list[float]]] = {}
    for name in ("coding", "blur", "spread", "disc"):
        features = np.concatenate([row.described[name] for row in learned])
        mean, deviation = features.mean(0), features.std(0) + 1e-6
        basis = terms(features, mean, deviation)
        targets = np.concatenate([row.wanted[name] for row in learned])
        weights = np.linalg.solve(basis.T @ basis + STEADINESS * np.eye(basis.shape[1]), basis.T @ targets)
        parts = {"mean": mean, "deviation": deviation, "weights": weights}
        kept[name] = {n: [round(float(v), 5) for v in values] for n, values in parts.items()}
        judge = Score(*(np.array(kept[name][n]) for n in ("mean", "deviation", "weights")))
        told = [judge(row.described[name]) for row in judged]
        right = [row.wanted[name] for row in judged]
        print(
            f"{name}: correlation with the truth {np.corrcoef(np.concatenate(told), np.concatenate(right))[0, 1]:.3f}"
        )
        for kind in dict.fromkeys(row.kind for row in judged):
            ours = np.concatenate([t for t, row in zip(told, judged, strict=True) if row.kind == kind])
            true = np.concatenate([t for t, row in zip(right, judged, strict=True) if row.kind == kind])
            low, middle, high = np.quantile(ours, [0.1, 0.5, 0.9])
            off = np.sqrt(np.square(ours - true).mean())
            print(f"  {kind}: {middle:.2f} ({low:.2f} to {high:.2f}), truth {np.median(true):.2f}, off by {off:.2f}")
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
            for made in _made(clean, rng):
                shown = [f.astype(np.float32) / 255 for f in made.after[part]]
                error = np.square(made.after[part].astype(np.float32) - made.before[part]).mean() ** 0.5
                noise = float(np.mean([noise_level(f) or 0.0 for f in shown]))
                spread = np.broadcast_to(made.spread, (FRAMES, len(DIRECTIONS)))[MARGIN:-MARGIN].mean(0)
                found = describe(shown, noise)
                wanted = {
                    "coding": np.log2([1 + min(error, MOST_CODING)]),
                    "blur": np.array([float(spread.any())]),
                    "spread": spread,
                    "disc": np.array([float(made.disc)]),
                }
                by_name = {"coding": found.coefficients[None], "spread": found.directed, "disc": found.undirected[None]}
                yield Row(made.kind, wanted, by_name | {"blur": by_name["coding"]})


def _made(clean: Frames, rng: np.random.Generator) -> Iterator[Made]:
    def blurred() -> Made:
        chance = rng.random()
        if chance < 0.4:
            sigma = float(rng.uniform(0.4, 2.3))
            soft = lens.gaussian_blur(clean, sigma)
            return Made("Gaussian blur", soft, soft, sigma + NO_BLUR)
        is_disc = chance < 0.7
        if is_disc:
            kernels = [lens.disc(float(rng.uniform(0.7, 3.6)))] * len(clean)
        else:
            kernels = lens.shake(len(clean), float(rng.uniform(1.5, 8)), rng)
        soft = lens.through(clean, kernels)
        return Made("defocus" if is_disc else "shake", soft, soft, np.stack([_spread(k) for k in kernels]), is_disc)

    def coded(frames: Frames, kind: str, quality: float) -> Frames:
        return codec_round_trip(frames, kind, round(quality))  # pyright: ignore[reportArgumentType]

    yield Made("clean", clean, clean)
    for kind, (low, high) in CODED.items():
        for third in range(3):
            quality = low + (high - low) * (third + rng.random()) / 3
            yield Made(kind, clean, coded(clean, kind, quality))
    for _ in range(5):
        yield blurred()
    noisy = synthesis.gaussian_noise(clean, float(rng.uniform(1, 15)), rng)
    yield Made("noise", noisy, noisy)
    soft = blurred()
    noisy = synthesis.gaussian_noise(soft.after, float(rng.uniform(0.7, 6)), rng)
    yield Made("blur, then noise", noisy, noisy, soft.spread, soft.disc)
    soft = blurred()
    kind = str(rng.choice(list(CODED)))
    yield soft._replace(kind="blur, then a codec", after=coded(soft.after, kind, float(rng.uniform(*CODED[kind]))))


def _spread(kernel: NDArray[np.float32]) -> NDArray[np.float64]:
    """Standard deviation of a kernel, taken as a distribution, along each of DIRECTIONS."""
    y, x = np.mgrid[: kernel.shape[0], : kernel.shape[1]] - np.array(kernel.shape)[:, None, None] // 2
    angles = np.radians(DIRECTIONS)
    along = x * np.cos(angles)[:, None, None] + y * np.sin(angles)[:, None, None]
    return np.sqrt((kernel * np.square(along)).sum((1, 2)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
