"""Chooses the setting of every method for every task on data/val, by PSNR, and keeps what was tried."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.quality.method import Method
from bench.quality.shots import Shot, shots
from framemend.evaluation import measure

FILE = Path(__file__).parent / "tuned.json"
FRAMES, CROP = 4, (96, 128)
"""What is tuned on, of every clip: frames, and the height and width of the part from the middle."""
FURTHER = 3


@dataclass(frozen=True)
class Tuned:
    """tried: mean PSNR on data/val by setting, dB; None where the method broke down."""

    tried: dict[float, float | None]

    @property
    def chosen(self) -> float:
        """The setting with the highest PSNR."""
        working = {setting: psnr for setting, psnr in self.tried.items() if psnr is not None}
        if not working:
            raise ValueError(f"no setting of {list(self.tried)} worked")
        return max(working, key=lambda setting: working[setting])

    @property
    def at_an_end(self) -> bool:
        """Whether the best setting is the first or the last that was tried, so that more might be better."""
        return len(self.tried) > 1 and self.chosen in (min(self.tried), max(self.tried))


def tune(method: Method, task: str, clips: Sequence[Shot]) -> Tuned:
    """Try every setting on every clip; where the best is at an end, up to FURTHER more beyond it, in the same steps."""
    settings = sorted(s for s in method.settings(level_of(clips)) if s <= method.most)
    tuned = Tuned({s: _score(method, clips, s) for s in settings})
    for _ in range(FURTHER if method.extends else 0):
        if not tuned.at_an_end:
            break
        inner, end = list(tuned.tried)[:2][::-1] if tuned.chosen == next(iter(tuned.tried)) else list(tuned.tried)[-2:]
        beyond = min(method.most, float(f"{end * end / inner:.3g}"))
        if beyond in tuned.tried:
            break
        tuned = Tuned(dict(sorted({**tuned.tried, beyond: _score(method, clips, beyond)}.items())))
    return tuned


def level_of(clips: Sequence[Shot]) -> float:
    """The standard deviation of what is wrong with the clips, codes; the true one where the task says it."""
    if clips[0].sigma is not None:
        return clips[0].sigma
    errors = [np.mean(np.square(s.given.astype(np.float32) - s.clean)) for s in clips]
    return float(np.sqrt(np.mean(errors)))


def validation_shots(folder: Path, task: str) -> list[Shot]:
    """The parts of the clips of data/val that are tuned on; a frame that is lost needs some around it."""
    return list(shots(folder, task, FRAMES if task != "lost" else 8, crop=CROP if task != "lost" else None))


class Settings:
    """What was tuned, by task and method."""

    def __init__(self, path: Path = FILE) -> None:
        self._path = path
        content = json.loads(path.read_text()) if path.is_file() else {}
        self.tuned = {
            task: {name: Tuned({s: p for s, p in tried}) for name, tried in methods.items()}
            for task, methods in content.items()
        }

    def chosen(self, method: Method, task: str) -> float | None:
        """The setting to run with; None if it has not been tuned. A method with one setting needs no tuning."""
        only = method.settings(1.0)
        if len(only) == 1:
            return only[0]
        tuned = self.tuned.get(task, {}).get(method.name)
        return None if tuned is None else tuned.chosen

    def add(self, task: str, name: str, tuned: Tuned) -> None:
        """Keep this, with whatever another process has kept meanwhile."""
        self.tuned = {**Settings(self._path).tuned}
        self.tuned.setdefault(task, {})[name] = tuned
        lines = [
            f" {json.dumps(task)}: {{\n"
            + ",\n".join(f"  {json.dumps(n)}: {json.dumps(list(t.tried.items()))}" for n, t in sorted(rows.items()))
            + "\n }"
            for task, rows in sorted(self.tuned.items())
        ]
        part = self._path.with_suffix(f".{os.getpid()}.part")
        part.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        part.replace(self._path)


def _score(method: Method, clips: Sequence[Shot], setting: float) -> float | None:
    """Mean PSNR, inside the hole where there is one."""
    scores = []
    for shot in clips:
        try:
            result = method.run(shot, setting)
        except ArithmeticError:
            return None
        scores.append(measure(result, shot.clean, shot.masks if "hole" in shot.case.regions else None).psnr)
    return round(float(np.mean(scores)), 3)
