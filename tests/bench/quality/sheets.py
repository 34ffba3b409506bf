"""Sheets of pictures to judge by eye: damaged, each method, framemend, clean; a part of one clip at twice the size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from bench.quality.method import Method
from bench.quality.painting import LIVE, MEAN, OURS
from bench.quality.shots import Shot, shots
from bench.quality.tuning import Settings
from framemend.clips import Frames

FOLDER = Path(__file__).parents[3] / "examples" / "results"
CLIPS = {"noise10": "clean_calendar", "noise20": "clean_foreman", "h264": "clean_foreman", "moving": "clean_tractor"}
OTHER_CLIP = "clean_couple"
FRAMES, CROP, PART = 7, (160, 256), (104, 136)
"""Frames that the methods see, the part of the picture that they see, and the part of that which is shown."""
COLUMNS, LINE = 4, 22
QUALITY = 88


def write(
    methods: Sequence[Method], settings: Settings, data: Path, tasks: Sequence[str], folder: Path = FOLDER
) -> None:
    """One JPEG a task, a few tens of kB."""
    folder.mkdir(exist_ok=True)
    for task in tasks:
        for shot in shots(data, task, FRAMES, [CLIPS.get(task, OTHER_CLIP)], CROP):
            sheet = _sheet(shot, [m for m in methods if task in m.tasks and m.name not in (MEAN, LIVE)], settings)
            cv2.imwrite(str(folder / f"{task}.jpg"), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
            print(f"{task}: {folder / f'{task}.jpg'}", flush=True)


def _sheet(shot: Shot, methods: Sequence[Method], settings: Settings) -> Frames:
    number = _frame_shown(shot)
    pictures = [("damaged", shot.given)]
    for method in sorted(methods, key=lambda m: m.name == OURS):
        setting = settings.chosen(method, shot.task)
        if setting is not None:
            pictures.append((method.name, method.run(shot, setting)))
    pictures.append(("clean", shot.clean))
    where = _part(shot.masks[number])
    tiles = [_tile(name, frames[number][where]) for name, frames in pictures]
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS)
    return np.vstack([np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)])


def _frame_shown(shot: Shot) -> int:
    """The middle, or the frame with the largest hole."""
    areas = (shot.masks > 0).sum((1, 2))
    return int(areas.argmax()) if areas.any() else len(shot.given) // 2


def _part(mask: Frames) -> tuple[slice, slice]:
    """What is shown: round the middle of the hole, or the middle of the picture."""
    rows, columns = np.nonzero(mask) if mask.any() and not mask.all() else (np.array([-1]), np.array([-1]))
    slices = []
    for places, edge, part in zip((rows, columns), mask.shape, PART, strict=True):
        centre = edge / 2 if places[0] < 0 else float(places.mean())
        start = int(np.clip(centre - part / 2, 0, max(0, edge - part)))
        slices.append(slice(start, start + part))
    return slices[0], slices[1]


def _tile(name: str, picture: Frames) -> Frames:
    """A picture at twice the size under its name, with a margin."""
    large = np.repeat(np.repeat(picture, 2, 0), 2, 1)
    tile = np.full((large.shape[0] + LINE + 4, large.shape[1] + 6, 3), 255, np.uint8)
    tile[LINE : LINE + large.shape[0], 3 : 3 + large.shape[1]] = large
    cv2.putText(tile, name, (4, LINE - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.48, (0, 0, 0), 1, cv2.LINE_AA)
    return tile
