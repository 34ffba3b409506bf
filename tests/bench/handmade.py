"""What the parts that need no training give on their own: the aligned mean, the shrunk base, borrowed holes.

    PYTHONPATH=plugin:filters python tests/bench/handmade.py DIR

prints the mean PSNR over the clips of DIR, in RGB; noise is drawn once a clip. Holes are measured inside the hole.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend.clips import read_clip
from framemend.evaluation import telea
from framemend_filters.damage.synthesis import gaussian_noise, moving_mask
from framemend_filters.engine.align import align_segment
from framemend_filters.engine.borrow import Borrower
from framemend_filters.engine.windows import Segment

MIDDLE, LENGTH = 18, 37


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    rows: dict[str, list[list[float]]] = {}
    for path in sorted(folder.glob("*.mp4")):
        clean = read_clip(path, LENGTH).frames
        if len(clean) < LENGTH:
            continue
        print(path.name, file=sys.stderr)
        for sigma in (0, 5, 10, 20, 40):
            rows.setdefault(f"noise {sigma}: given, mean, base", []).append(_bases(clean, sigma))
        for name, masks in _holes(clean.shape[:3]).items():
            other = "average of neighbours" if name == "lost" else "Telea"
            rows.setdefault(f"{name}: borrowed, {other}", []).append(_borrowed(clean, masks))
    for label, values in rows.items():
        print(f"{label}: " + " / ".join(f"{v:.2f}" for v in np.mean(values, 0)))
    return 0


def _bases(clean: NDArray[np.uint8], sigma: int) -> list[float]:
    given = gaussian_noise(clean, sigma, np.random.default_rng(0)) if sigma else clean
    frames = {i: f.astype(np.float32) / 255 for i, f in enumerate(given)}
    segment = Segment(range(MIDDLE, MIDDLE + 1), range(LENGTH))
    aligned = align_segment(segment, frames, radius=4, neighbours=2)
    target = clean[MIDDLE] / 255
    return [_psnr(picture, target) for picture in (frames[MIDDLE], aligned.mean[0], aligned.base[0])]


def _holes(shape: tuple[int, int, int]) -> dict[str, NDArray[np.uint8]]:
    _, height, width = shape
    box, lost = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    box[:, height * 2 // 5 : height * 2 // 5 + height // 5, width * 5 // 12 : width * 5 // 12 + width // 6] = 255
    lost[MIDDLE % 8 :: 8] = 255
    return {"box": box, "moving": moving_mask(shape, np.random.default_rng(3)), "lost": lost}


def _borrowed(clean: NDArray[np.uint8], masks: NDArray[np.uint8]) -> list[float]:
    frames = {
        i: np.where(m[..., None] > 0, 0, f / np.float32(255)) for i, (f, m) in enumerate(zip(clean, masks, strict=True))
    }
    segment = Segment(range(MIDDLE, MIDDLE + 1), range(MIDDLE - 16, MIDDLE + 17))
    filled = Borrower(segment, frames, dict(enumerate(masks))).fill(MIDDLE).picture
    hole = masks[MIDDLE] > 0
    if hole.all():
        other = (frames[MIDDLE - 1] + frames[MIDDLE + 1]) / 2
    else:
        given = np.rint(frames[MIDDLE] * 255).astype(np.uint8)
        other = telea(given[None], masks[MIDDLE][None])[0] / 255
    return [_psnr(picture[hole], clean[MIDDLE][hole] / 255) for picture in (filled, other)]


def _psnr(a: NDArray, b: NDArray) -> float:
    return float(-10 * np.log10(max(np.mean(np.square(a - b)), 1e-10)))


if __name__ == "__main__":
    cv2.setNumThreads(1)
    raise SystemExit(main())
