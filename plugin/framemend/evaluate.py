"""Measures a model on standard kinds of damage: PSNR and SSIM of the damaged input, the aligned mean, the output, and a
hand-made method where there is a cheap one.

The clips are DIR/clean_* if there are any, else all videos in DIR; the masks for the task `moving` come from
DIR/removal_*/mask_*.png. Tables are Markdown, one line for each task and clip as it is finished, then the means.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framemend.finished import finished_file
from framemend_filters.errors import InputError, InputNotFound, OutputError, SettingError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from framemend.clips import Clip
    from framemend.evaluation import Case, Figures
    from framemend_filters.engine import Repairer, RepairSettings

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mkv", ".mov", ".webm", ".avi", ".m4v", ".mpg", ".vob", ".ts", ".m2ts", ".mxf", ".nut", ".flv", ".y4m"}
)
METHODS = ("input", "aligned mean", "reference", "framemend")
COLUMNS = ("task", "clip", "input", "aligned mean", "hand-made", "framemend")


@dataclass(frozen=True)
class Row:
    """The figures of one task, region and clip, by method; seconds: of the repair, a frame."""

    task: str
    clip: str
    region: str
    frames: int
    reference: str
    figures: dict[str, Figures]
    seconds: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `framemend evaluate`."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with undamaged clips")
    parser.add_argument("--model", default="fast", metavar="M", help="shipped weights, or a folder (default: fast)")
    parser.add_argument("--tasks", nargs="+", metavar="T", help="some of the tasks (default: all)")
    parser.add_argument("--clips", nargs="+", metavar="NAME", help="some of the clips, by file name")
    parser.add_argument("--frames", type=int, metavar="N", help="the first N frames of each clip (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure, the settings and versions too")
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    parser.add_argument("--precision", default="auto", metavar="P", help="auto, fp32, bf16 or fp16 (default: auto)")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of the network on a CPU (default: torch's)")
    parser.add_argument("--no-grain", action="store_true", help="no grain on generated areas")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def run(args: argparse.Namespace) -> int:
    """Measure, print the tables, write the JSON; 0 when done."""
    from framemend.clips import read_clip
    from framemend.evaluation import TASKS
    from framemend.progress import Progress
    from framemend_filters.engine import RepairSettings

    tasks = _chosen(args.tasks, TASKS, "task")
    if args.frames is not None and args.frames < 1:
        raise SettingError(f"--frames {args.frames}: measure at least one frame")
    if args.threads is not None and args.threads < 1:
        raise SettingError(f"--threads {args.threads}: use at least one")
    files = _clips(args.data, args.clips)
    holes = sorted(p for p in args.data.glob("removal_*") if any(p.glob("mask_*.png")))
    _check_writable(args.json)
    settings = RepairSettings(
        model=args.model, device=args.device, precision=args.precision, hole_grain=not args.no_grain
    )
    if args.threads:
        import torch

        torch.set_num_threads(args.threads)
    rows: list[Row] = []
    print(_heading(COLUMNS), flush=True)
    total = len(tasks) * sum(len(read_clip(file, args.frames).frames) for file in files)
    with Progress(total, "evaluate", args.quiet) as progress:
        for row in _rows(files, tasks, holes, settings, args.frames, progress.update):
            rows.append(row)
            print(_line(row), flush=True)
    if not rows:
        raise InputError(f"none of the tasks {', '.join(tasks)} can be measured on the clips in {args.data}")
    print("\n" + summary(rows))
    if args.json:
        figures = {**_circumstances(args, settings), "rows": [_flat(row) for row in rows]}
        try:
            with finished_file(args.json) as unfinished:
                unfinished.write_text(json.dumps(figures, indent=1) + "\n")
        except OSError as error:
            raise OutputError(f"--json {args.json} cannot be written: {error.strerror}") from error
    return 0


def _rows(files, tasks, holes, settings, max_frames, update) -> Iterator[Row]:
    from framemend.clips import read_clip
    from framemend.evaluation import make_case, moving_masks
    from framemend_filters.engine import Repairer

    repairers = {masked: Repairer(settings, masked=masked) for masked in (False, True)}
    done = 0
    for number, file in enumerate(files):
        clip = read_clip(file, max_frames)
        for task in tasks:
            laid = [moving_masks(holes[number % len(holes)], *clip.frames.shape[:3])] if holes else []
            case = make_case(task, clip, laid)
            if case is None:
                print(f"framemend: {task} left out on {clip.name}: too short, or nothing is hidden", file=sys.stderr)
            else:
                yield from measure_case(task, clip, case, repairers[case.masks is not None])
            done += len(clip.frames)
            update(done)


def measure_case(task: str, clip: Clip, case: Case, repairer: Repairer) -> list[Row]:
    """One row for each region that the case is measured on; hole tasks count frames that have a hole, no others."""
    from framemend.evaluation import measure

    results = {"input": case.given, "aligned mean": aligned_mean(case)}
    if case.reference is not None:
        results["reference"] = case.reference()
    start = time.perf_counter()
    results["framemend"] = repaired(case, repairer)
    seconds = (time.perf_counter() - start) / len(case.given)
    rows = []
    clean = clip.frames if case.clean is None else case.clean
    with_hole = slice(None) if case.masks is None else case.masks.any((1, 2))
    for region in case.regions:
        inside = case.masks[with_hole] if region == "hole" and case.masks is not None else None
        figures = {n: measure(frames[with_hole], clean[with_hole], inside) for n, frames in results.items()}
        rows.append(Row(task, clip.name, region, len(case.given), case.reference_name, figures, seconds))
    return rows


def aligned_mean(case: Case) -> NDArray[np.uint8]:
    """What the model starts from, without the model, T H W 3 uint8."""
    import numpy as np

    from framemend_filters.engine import aligned_mean_clip

    masks = None if case.masks is None else list(case.masks)
    means = aligned_mean_clip([f.astype(np.float32) / 255 for f in case.given], masks)
    picture = np.stack([np.clip(np.rint(m * 255), 0, 255) for m in means]).astype(np.uint8)
    return picture if case.masks is None else np.where(case.masks[..., None] > 0, picture, case.given)


def repaired(case: Case, repairer: Repairer) -> NDArray[np.uint8]:
    """The clip as a user would get it, T H W 3 uint8."""
    import numpy as np

    masks = [None] * len(case.given) if case.masks is None else list(case.masks)
    stream = ((f.astype(np.float32) / 255, m) for f, m in zip(case.given, masks, strict=True))
    codes = [
        np.clip(given + np.rint(repair.residual * 255), 0, 255)
        for given, repair in zip(case.given, repairer.repair_stream(stream), strict=True)
    ]
    return np.stack(codes).astype(np.uint8)


def summary(rows: Sequence[Row]) -> str:
    """Markdown: the mean over the clips for each task and region, and the lowest gain of the output over the input."""
    lines = [_heading(("task", *COLUMNS[2:], "gain in dB: mean (least)", "s a frame"))]
    for key in dict.fromkeys((row.task, row.region) for row in rows):
        group = [row for row in rows if (row.task, row.region) == key]
        cells = [_label(group[0])]
        for method in METHODS:
            values = [row.figures[method] for row in group if method in row.figures]
            mean = [sum(v) / len(v) for v in ([f.psnr for f in values], [f.ssim for f in values]) if v]
            cells.append(f"{mean[0]:.2f} / {mean[1]:.4f}" if mean else "-")
        if group[0].reference:
            cells[3] += f" ({group[0].reference})"
        gains = [row.figures["framemend"].psnr - row.figures["input"].psnr for row in group]
        cells.append(f"{sum(gains) / len(gains):+.2f} ({min(gains):+.2f})" if group[0].task != "clean" else "-")
        cells.append(f"{sum(row.seconds for row in group) / len(group):.2f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _heading(columns: Sequence[str]) -> str:
    return "| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|"


def _label(row: Row) -> str:
    return f"{row.task}, whole frames" if row.task == "moving" and row.region == "frame" else row.task


def _line(row: Row) -> str:
    cells = [row.figures.get(method) for method in METHODS]
    figures = [f"{c.psnr:.2f} / {c.ssim:.4f}" if c else "-" for c in cells]
    return "| " + " | ".join([_label(row), row.clip, *figures]) + " |"


def _chosen(wanted: Sequence[str] | None, known: Sequence[str], kind: str) -> list[str]:
    names = [name for part in wanted or known for name in part.split(",") if name]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SettingError(f"no such {kind}: {', '.join(unknown)}; there are {', '.join(known)}")
    return [name for name in known if name in names]


def _clips(folder: Path, wanted: Sequence[str] | None) -> list[Path]:
    if not folder.is_dir():
        raise InputNotFound(f"--data {folder} is not a folder")
    videos = sorted(p for p in folder.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES)
    videos = [p for p in videos if p.name.startswith("clean_")] or videos
    if not videos:
        raise InputError(f"--data {folder} holds no video ({', '.join(sorted(VIDEO_SUFFIXES))})")
    if wanted is None:
        return videos
    names = _chosen([Path(name).stem for name in wanted], [p.stem for p in videos], "clip")
    return [p for p in videos if p.stem in names]


def _circumstances(args: argparse.Namespace, settings: RepairSettings) -> dict[str, Any]:
    import torch

    from framemend import __version__, evaluation

    packages = ("torch", "av", "numpy", "opencv-python-headless")
    constants = {name: getattr(evaluation, name) for name in ("CRF", "BLUR_SIGMA", "DEFECT_SEVERITY", "TELEA_RADIUS")}
    return {
        "command": "framemend evaluate",
        "data": args.data.name,
        "max_frames": args.frames,
        "settings": asdict(settings),
        "tasks": constants,
        "psnr": "RGB, mean over frames of the PSNR of each; pooled_psnr: of the mean squared error of the clip",
        "ssim": "Wang et al. 2004, 11x11 Gaussian, mean of R, G, B and of the frames",
        "versions": {"framemend": __version__, **{name: _version(name) for name in packages}},
        "machine": {
            "platform": platform.platform(),
            "python": platform.python_version(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
    }


def _flat(row: Row) -> dict[str, Any]:
    return {**asdict(row), "figures": {name: asdict(f) for name, f in row.figures.items()}}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _check_writable(path: Path | None) -> None:
    if path is None:
        return
    folder = path.absolute().parent
    if path.is_dir():
        raise OutputError(f"--json {path} is a folder; give the name of a file")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise OutputError(f"--json {path} cannot be written: no folder {folder} that can be written to")
