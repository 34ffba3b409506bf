"""`make gpu-train`: one slice of training a model on a GPU, for machines that are lent by the minute.

    PYTHONPATH=plugin:filters python tests/bench/gpu_train.py FOLDER --data DIR [DIR ...] --validation DIR [--minutes 9]

pretrains until its steps are done, then trains repair, and stops in time; called again, it goes on where it was. The best
weights so far are in FOLDER/weights in halves of at most 11 MB, for `framemend --model`, beside validation.csv and log.csv.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from pathlib import Path

import torch

from framemend.cli import main as framemend
from framemend_filters.model.pretrained import FramemendModel

AFTER = 0.5
"""Minutes kept for what comes after the last step: the checkpoint and the weights."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--validation", required=True)
    parser.add_argument("--minutes", type=float, default=9.0, help="of the whole call (default 9)")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", default="base")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 2))
    parser.add_argument("--config", help="settings of both recipes, as of framemend train")
    args = parser.parse_args()
    end = time.monotonic() + 60 * args.minutes
    begun: list[str] = []
    for objective in ("pretrain", "repair"):
        out = args.folder / objective
        left = (end - time.monotonic()) / 60 - AFTER
        if left > 0 and not _is_done(out):
            given = [
                "--data",
                *args.data,
                "--validation",
                args.validation,
                "--device",
                args.device,
                "--size",
                args.size,
            ]
            given += ["--workers", str(args.workers), "--minutes", f"{left:.2f}", "--out", str(out), "--resume", *begun]
            status = framemend(["train", objective, *given, *(["--config", args.config] if args.config else [])])
            if status:
                return status
        if not _is_done(out):
            break
        begun = ["--init", str(out / "last")]
    return _weights(args.folder)


def _is_done(out: Path) -> bool:
    checkpoint = out / "checkpoint.pt"
    if not checkpoint.exists():
        return False
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    return state["step"] >= state["recipe"]["steps"]


def _weights(folder: Path) -> int:
    """The best, or else last, weights of the furthest run, and how it went, in FOLDER/weights."""
    runs = [folder / name for name in ("repair", "pretrain") if (folder / name / "checkpoint.pt").exists()]
    if not runs:
        return 1
    run, weights = runs[0], folder / "weights"
    shutil.rmtree(weights, ignore_errors=True)
    model = FramemendModel.from_pretrained(run / ("best" if (run / "best").exists() else "last"))
    model.half().save_pretrained(weights, max_shard_size="11MB")
    for name in ("validation.csv", "log.csv"):
        if (run / name).exists():
            shutil.copyfile(run / name, weights / name)
    print(f"{run.name}: {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters in {weights}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
