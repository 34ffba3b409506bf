"""Frames to come, measured: `framemend extend` against the last frame repeated and against its flow carried on.

    PYTHONPATH=plugin:filters python tests/bench/ahead.py DIR [--frames 8] [--model fast]

prints the mean PSNR over the clips of DIR, whole frames in RGB, 1 to 8 frames after the 20 that are given (from the last
cut on, where there is one). An eighth of the frame at each edge is left out: what comes into view is nobody's to know.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend.clips import read_clip
from framemend_filters.engine import Repairer, RepairSettings
from framemend_filters.engine.borrow import Borrower
from framemend_filters.engine.extend import extend
from framemend_filters.engine.windows import Segment

GIVEN = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--model", default="fast")
    args = parser.parse_args()
    repairer = Repairer(RepairSettings(model=args.model, hole_grain=False), masked=True)
    rows: list[NDArray] = []
    for path in sorted(args.folder.glob("*.mp4")):
        clean = read_clip(path, GIVEN + args.frames).frames.astype(np.float32) / 255
        if len(clean) < GIVEN + args.frames:
            continue
        given, ahead = list(clean[:GIVEN]), clean[GIVEN:]
        made = [given[-1:] * args.frames, _carried(given, args.frames), list(extend(repairer, given, args.frames))]
        rows.append(np.array([[_psnr(a, b) for a, b in zip(method, ahead, strict=True)] for method in made]))
        print(path.name, *(" ".join(f"{v:.2f}" for v in row) for row in rows[-1]), sep="\n  ", file=sys.stderr)
    print("| method | " + " | ".join(f"+{n}" for n in range(1, args.frames + 1)) + " |")
    print("|---" * (args.frames + 1) + "|")
    for name, row in zip(("last frame repeated", "flow carried on", "framemend extend"), np.mean(rows, 0), strict=True):
        print(f"| {name} | " + " | ".join(f"{v:.2f}" for v in row) + " |")
    return 0


def _carried(given: list[NDArray[np.float32]], count: int) -> list[NDArray]:
    end = len(given)
    frames = dict(enumerate(given + [np.zeros_like(given[0])] * count))
    masks = {i: np.full(given[0].shape[:2], 255, np.uint8) for i in range(end, end + count)}
    borrower = Borrower(Segment(range(end, end + count), range(end + count)), frames, masks)
    return [borrower.fill(i).picture for i in masks]


def _psnr(a: NDArray, b: NDArray) -> float:
    height, width = a.shape[:2]
    inner = slice(height // 8, -(height // 8)), slice(width // 8, -(width // 8))
    return float(-10 * np.log10(max(np.mean(np.square(a[inner] - b[inner])), 1e-10)))


if __name__ == "__main__":
    cv2.setNumThreads(1)
    raise SystemExit(main())
