"""Where a repair by found masks loses against one by true masks: PSNR with what was missed put right (both masks joined), and
with what was found wrongly put right (what both masks have).

    PYTHONPATH=tests python -m bench.found_masks ../shared/data/val [KIND ...]

The damage is that of tests/bench/detection/damage.py with another seed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from bench.detection.repairs import RepairCase
from framemend.clips import read_clip
from framemend_filters.damage.detectors.network import LEARNED_KINDS

EDGE = 96
SEED = 31


def main(data: Path, kinds: tuple[str, ...]) -> None:
    cv2.setNumThreads(1)
    clips = [read_clip(path, RepairCase.FRAMES).frames for path in sorted(data.glob("*.mp4"))]
    print(
        "| damage | damaged | found | found or true | found and true | true | energy missed, % | found, of true samples |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for kind in kinds:
        rows = []
        for number, frames in enumerate(clips):
            case = RepairCase.draw(kind, frames, np.random.default_rng([SEED, number]), EDGE)
            energy = np.square(case.spoiled.astype(np.float32) - case.clean).mean(3)
            masks = case.found, np.maximum(case.found, case.true), np.minimum(case.found, case.true), case.true
            missed = 100 * float(energy[case.found == 0].sum() / energy.sum())
            size = float((case.found > 0).sum() / (case.true > 0).sum())
            rows.append((case.psnr(case.spoiled), *map(case.repaired, masks), missed, size))
        print(f"| {kind} | {' | '.join(f'{value:.2f}' for value in np.mean(rows, 0))} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), tuple(sys.argv[2:]) or LEARNED_KINDS)
