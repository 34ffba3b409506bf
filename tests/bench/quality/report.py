"""Writes examples/results.md from the figures that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.quality.figures import CLEAN, INPUT, WHOLE, Figures, Kept
from bench.quality.method import Method
from bench.quality.painting import LIVE, MEAN, OURS
from bench.quality.shots import TASKS, WORDS
from bench.quality.tuning import Settings

FILE = Path(__file__).parents[3] / "examples" / "results.md"
NOT_PEERS = (INPUT, CLEAN, MEAN, OURS, LIVE)

END = " (end of the range tried)"

INTRODUCTION = """# Results, method by method

framemend beside hand-made filters, on the same frames. Made by `make bench-quality`
(`python -m bench.quality tune`, `run`, `report`, `sheets` in `tests/bench`); do not edit.

- **Frames:** of each of the {clips} clips `clean_*` of data/test the first {frames}, of these the middle {width}x{height}.
  Figures on whole, longer clips are not the same: see "On whole frames", and the README for those of framemend.
- **Settings:** each filter's best of three to six on data/val (up to three more where the best was the last), by PSNR, for each task
  (`tests/bench/quality/tuned.json` has all that were tried); nothing is tuned on data/test. framemend has one setting for all tasks
  and is told neither the task nor the strength of the damage.
- **PSNR** (dB) and **SSIM**: RGB, 8 bit, means over frames and clips; tasks with holes are measured inside the hole, *whole* is the
  PSNR of whole frames that have one. **VMAF**: model v0.6.1, luma, whole frames. **Flicker**: warping error between neighbouring
  frames along the clean clip's flow, codes of 255; lower is steadier, but what is below *clean* is blurred.
- **Past alone:** what `--lookahead 0` costs, which sees no frame that comes after.
- **s/frame**: processor time of one thread, with all that belongs to a method (so it does not depend on how busy the machine was).
"""


WHOLE_FRAMES = """### On whole frames

The same settings on whole frames, the first {frames} of each clip, where more of what moves stays in view: framemend and the filters that are
best above (`python -m bench.quality run --whole --tasks TASK`).
"""


def write(
    methods: Sequence[Method],
    settings: Settings,
    frames: int,
    crop: tuple[int, int],
    whole_frames: int,
    path: Path = FILE,
) -> None:
    """Write the page from what has been measured; tasks without any figures are left out."""
    kept = {task: Kept(task, frames) for task in TASKS}
    kept = {task: k for task, k in kept.items() if k.by_method}
    whole = {task: Kept(task, whole_frames, WHOLE) for task in TASKS}
    whole = {task: k for task, k in whole.items() if k.by_method}
    clips = max((len(common_clips(k)) for k in kept.values()), default=0)
    parts = [
        INTRODUCTION.format(clips=clips, frames=frames, width=crop[1], height=crop[0]),
        "## In short\n",
        _overview(kept),
    ]
    if whole:
        parts += [WHOLE_FRAMES.format(frames=whole_frames), _overview(whole)]
    ordered = {m.name for m in methods if m.extends}
    parts += [_task(task, k, settings, ordered, path.parent) for task, k in kept.items()]
    path.write_text("\n".join(parts), encoding="utf-8")


def mean_of(rows: dict[str, Figures], clips: Sequence[str]) -> Figures:
    """Mean over the clips."""
    chosen = [rows[clip] for clip in clips]
    names = ("psnr", "ssim", "whole", "vmaf", "flicker", "seconds")
    return Figures(**{n: float(np.mean([getattr(f, n) for f in chosen])) for n in names}, setting=chosen[0].setting)


def common_clips(kept: Kept) -> list[str]:
    """The clips that every method has been measured on, so that means are of the same frames."""
    return sorted(set.intersection(*(set(rows) for rows in kept.by_method.values())))


def peers(kept: Kept) -> list[str]:
    """The hand-made filters of a task, the best first."""
    clips = common_clips(kept) if kept.by_method else []
    means = {name: mean_of(rows, clips).psnr for name, rows in kept.by_method.items() if name not in NOT_PEERS}
    return sorted(means, key=lambda name: -means[name])


def _overview(kept: dict[str, Kept]) -> str:
    lines = [
        "| task | input | best hand-made filter | framemend | ahead by | past alone | flicker: best, framemend |",
        "|---|---|---|---|---|---|---|",
    ]
    for task, k in kept.items():
        means = {name: mean_of(rows, common_clips(k)) for name, rows in k.by_method.items()}
        best = next(iter(peers(k)), None)
        ours, theirs = means.get(OURS), None if best is None else means[best]
        cells = [f"[{task}](#{task})", f"{means[INPUT].psnr:.2f}"]
        cells.append(f"{theirs.psnr:.2f} ({best})" if theirs else "-")
        cells.append(f"{ours.psnr:.2f}" if ours else "-")
        cells.append(f"{ours.psnr - theirs.psnr:+.2f}" if ours and theirs else "-")
        live = means.get(LIVE)
        cells.append(f"{live.psnr - ours.psnr:+.2f}" if ours and live else "-")
        cells.append(", ".join(_or_dash(f.flicker) if f else "-" for f in (theirs, ours)))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _task(task: str, kept: Kept, settings: Settings, ordered: set[str], folder: Path) -> str:
    clips = common_clips(kept)
    means = {name: mean_of(rows, clips) for name, rows in kept.by_method.items()}
    holes = any(abs(f.whole - f.psnr) > 1e-6 for name, f in means.items() if name != CLEAN)
    heads = ["method", "setting", "PSNR", "SSIM", *(["whole"] if holes else []), "VMAF", "flicker", "s/frame"]
    lines = [f"## {task}\n", f"{WORDS[task]} Mean of {len(clips)} clips.\n"]
    lines += ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    order = sorted(means, key=lambda name: (name != INPUT, name == CLEAN, means[name].psnr))
    for name in order:
        figures = means[name]
        cells = [
            f"**{name}**" if name == OURS else name,
            figures.setting + (END if name in ordered and _at_an_end(task, name, settings) else ""),
        ]
        cells += ["-", "-"] if name == CLEAN else [f"{figures.psnr:.2f}", f"{figures.ssim:.4f}"]
        cells += ([f"{figures.whole:.2f}"] if name != CLEAN else ["-"]) if holes else []
        cells += [f"{figures.vmaf:.1f}", _or_dash(figures.flicker)]
        cells.append("-" if name in (INPUT, CLEAN) else f"{figures.seconds:.2f}")
        lines.append("| " + " | ".join(cells) + " |")
    if (folder / "results" / f"{task}.jpg").is_file():
        lines.append(f"\n![{task}: damaged, each method, framemend, clean](results/{task}.jpg)")
    return "\n".join(lines) + "\n"


def _at_an_end(task: str, name: str, settings: Settings) -> bool:
    tuned = settings.tuned.get(task, {}).get(name)
    return tuned is not None and tuned.at_an_end


def _or_dash(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"
