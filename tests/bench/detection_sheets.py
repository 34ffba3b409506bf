"""Draws what is found and repaired in real old films: before, what would be generated, after, side by side.

python tests/bench/detection_sheets.py ../shared/data/test examples/
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from framemend.clips import read_clip
from framemend_filters.damage.detection import Plan
from framemend_filters.engine import RepairSettings
from framemend_filters.engine.detecting import DetectingRepairer

CLIPS = ("real_market_street_1906", "real_train_robbery_1903", "real_film_street", "real_holland_winter")
KINDS = ("dust", "scratches", "dropouts")
FIRST, FRAMES = 10, 9
"""Frames of each clip that are repaired."""
WIDTH = 330
"""Width of a picture on the sheet, in samples."""
RED = np.array([255, 30, 50], np.float32)


def main(data: Path, out: Path) -> None:
    for name in CLIPS:
        clip = read_clip(data / f"{name}.mp4", FIRST + FRAMES).frames[FIRST:]
        repairer = DetectingRepairer(RepairSettings(), Plan(kinds=KINDS))
        pictures = [frame.astype(np.float32) / 255 for frame in clip]
        repairs = list(repairer.repair_stream((picture, None) for picture in pictures))
        inner = range(3, FRAMES - 3)
        most = sorted(inner, key=lambda i: -repairs[i].generated)[:2]
        rows = []
        for i in sorted(most):
            mask = repairs[i].touched
            share = (np.zeros(clip[i].shape[:2]) if mask is None else mask)[..., None] * 0.7
            shown = clip[i] * (1 - share) + RED * share
            after = np.clip((pictures[i] + repairs[i].residual) * 255, 0, 255)
            rows.append(np.hstack([_small(p) for p in (clip[i], shown, after)]))
            print(f"{name}: frame {FIRST + i}, {100 * repairs[i].generated:.2f} % generated")
        sheet = np.vstack(rows)
        for quality in (92, 80, 65):
            data_out = cv2.imencode(".jpg", sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            if data_out.size < 240_000:
                break
        (out / f"found-{name.removeprefix('real_').replace('_', '-')}.jpg").write_bytes(data_out.tobytes())


def _small(picture: np.ndarray) -> np.ndarray:
    height = round(picture.shape[0] * WIDTH / picture.shape[1])
    return np.asarray(cv2.resize(np.rint(picture).astype(np.uint8), (WIDTH, height), interpolation=cv2.INTER_AREA))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
