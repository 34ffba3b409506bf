"""Runs a method on a shot and measures it; keeps what was measured, one JSON a task, so that a run can be completed later."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.quality.ffmpeg import vmaf
from bench.quality.method import Method
from bench.quality.shots import Shot
from framemend.clips import Frames
from framemend.evaluation import measure
from framemend_filters.metrics import Motion, flicker, motion_of

FOLDER = Path(__file__).parent / "figures"
WHOLE = FOLDER / "whole"
"""Figures of whole frames."""
INPUT, CLEAN = "input", "clean"


@dataclass(frozen=True, kw_only=True)
class Figures:
    """psnr (dB), ssim: where the task is measured, inside holes or on whole frames; whole: PSNR of whole frames after
    compositing, of those that have a hole; vmaf and flicker (codes): of all frames, whole; NaN where it was
    not measured. seconds: of one core, a frame.
    setting: what the method ran with, and for framemend the weights."""

    psnr: float
    ssim: float
    whole: float
    vmaf: float
    flicker: float
    seconds: float
    setting: str = ""


def figures_of(
    shot: Shot, result: Frames, motion: Motion, seconds: float, setting: str, *, is_watched: bool = True
) -> Figures:
    """Measure one result, T H W 3 uint8. Rounded, so that files stay small. is_watched: with VMAF, which takes its time."""
    with_hole = shot.masks.any((1, 2)) if shot.case.masks is not None else np.ones(len(result), bool)
    masks = shot.masks[with_hole] if "hole" in shot.case.regions else None
    given, clean = result[with_hole], shot.clean[with_hole]
    inside = measure(given, clean, masks)
    return Figures(
        psnr=round(inside.psnr, 3),
        ssim=round(inside.ssim, 4),
        whole=round(measure(given, clean).psnr if masks is not None else inside.psnr, 3),
        vmaf=round(vmaf(result, shot.clean), 2) if is_watched else math.nan,
        flicker=round(flicker(result, motion), 3),
        seconds=round(seconds, 3),
        setting=setting,
    )


def measured(
    method: Method, shot: Shot, setting: float, motion: Motion, note: str = "", *, is_watched: bool = True
) -> Figures:
    """Run a method and measure what it gives. The time is that of the processor, this process and its children together,
    so that a busy machine makes no difference."""
    method.prepare(shot)
    start = _processor_seconds()
    result = method.run(shot, setting)
    seconds = (_processor_seconds() - start) / len(result)
    if result.shape != shot.given.shape or result.dtype != np.uint8:
        raise ValueError(f"{method.name} gave {result.dtype} {result.shape} for {shot.given.shape}")
    return figures_of(shot, result, motion, seconds, note or method.says(setting), is_watched=is_watched)


def ends(shot: Shot, *, is_watched: bool = True) -> tuple[Motion, dict[str, Figures]]:
    """The motion of a shot, and the figures of what is given and of what is right."""
    motion = motion_of(shot.clean)
    return motion, {
        INPUT: figures_of(shot, shot.given, motion, 0.0, "", is_watched=is_watched),
        CLEAN: figures_of(shot, shot.clean, motion, 0.0, "", is_watched=is_watched),
    }


class Kept:
    """The figures of one task: by method, then by clip."""

    def __init__(self, task: str, frames: int, folder: Path = FOLDER) -> None:
        self.task, self.frames = task, frames
        self._path = folder / f"{task}.json"
        self.by_method = self._read()

    def has(self, method: str, clip: str, setting: str) -> bool:
        """Whether this was measured with this setting."""
        kept = self.by_method.get(method, {}).get(clip)
        return kept is not None and kept.setting == setting

    def add(self, method: str, clip: str, figures: Figures) -> None:
        """Keep these, beside what another process has kept meanwhile, and write the file anew."""
        self.by_method = self._read()
        self.by_method.setdefault(method, {})[clip] = figures
        lines = [
            f"  {json.dumps(name)}: {{\n"
            + ",\n".join(f"   {json.dumps(c)}: {json.dumps(_row(f))}" for c, f in sorted(rows.items()))
            + "\n  }"
            for name, rows in self.by_method.items()
        ]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_suffix(f".{os.getpid()}.part")
        part.write_text(
            f'{{\n "frames": {self.frames},\n "figures": {{\n' + ",\n".join(lines) + "\n }\n}\n", encoding="utf-8"
        )
        part.replace(self._path)

    def _read(self) -> dict[str, dict[str, Figures]]:
        """What is kept, if it was measured on as many frames."""
        content: dict[str, Any] = json.loads(self._path.read_text()) if self._path.is_file() else {"frames": 0}
        if content["frames"] != self.frames:
            return {}
        names = [f.name for f in dataclasses.fields(Figures)]

        def figures(row: list[Any]) -> Figures:
            values: dict[str, Any] = {n: math.nan if v is None else v for n, v in zip(names, row, strict=True)}
            return Figures(**values)

        return {
            method: {clip: figures(row) for clip, row in rows.items()} for method, rows in content["figures"].items()
        }


def _row(figures: Figures) -> list[float | str | None]:
    """The values in order; JSON has no NaN."""
    return [None if isinstance(v, float) and math.isnan(v) else v for v in dataclasses.astuple(figures)]


def _processor_seconds() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)
