"""Draws the curves of a run: loss, and PSNR of each validation task, against hours."""

from __future__ import annotations

import csv
from pathlib import Path


def plot_run(folder: Path) -> Path | None:
    """Write folder/curves.png from log.csv and validation.csv; None where matplotlib (extra `train`) is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    log = _read(folder / "log.csv")
    left.plot([row["hours"] for row in log], [row["loss"] for row in log], linewidth=0.8)
    left.set(xlabel="hours", ylabel="loss")
    rows = _read(folder / "validation.csv")
    for task in [name for name in (rows[0] if rows else {}) if name not in ("step", "hours")]:
        right.plot([row["hours"] for row in rows], [row[task] for row in rows], label=task, linewidth=1)
    right.set(xlabel="hours", ylabel="PSNR on validation clips, dB")
    if rows:
        right.legend(fontsize=7, ncols=2)
    path = folder / "curves.png"
    figure.savefig(path, dpi=110)
    return path


def _read(path: Path) -> list[dict[str, float]]:
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
