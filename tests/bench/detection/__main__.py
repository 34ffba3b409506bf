"""Measures the detectors of damage: what they find of damage that is known, what they find where there is none, and what
a repair by found masks loses against one by true masks.

    PYTHONPATH=tests python -m bench.detection ../shared/data/test > examples/detection.md       (make bench-detection)
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from bench.detection.damage import DAMAGE, Frames, damaged
from bench.detection.peers import descratch, median_of_three
from bench.detection.repairs import RepairCase
from bench.detection.score import MARGIN, Score, by_finder
from framemend.clips import read_clip
from framemend_filters.damage.detection import Finder
from framemend_filters.damage.detectors.learned import RULES
from framemend_filters.damage.detectors.overlay import OverlaySearch
from framemend_filters.damage.survey import survey
from framemend_filters.training.pretenders import PRETENDERS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--frames", type=int, default=12, help="frames of each clip")
    parser.add_argument("--every", type=int, default=3, help="of these, every so many is measured")
    parser.add_argument("--kinds", nargs="*", default=list(DAMAGE), choices=list(DAMAGE), help="damage to measure")
    parser.add_argument("--repair", type=int, default=128, help="edge of the crops that are repaired; 0: none")
    args = parser.parse_args()
    clips = [(p.stem, read_clip(p, args.frames).frames) for p in sorted(args.data.glob("clean_*.mp4"))]
    validation = [(p.stem, read_clip(p, 6).frames) for p in sorted((args.data.parent / "val").glob("*.mp4"))]
    wanted = range(1, args.frames - 1, args.every)
    print("# How well damage is found\n")
    print(
        f"Printed by `make bench-detection`: {args.frames} frames of each of {len(clips)} clips of data/test (clean_*), one in "
        f"{args.every} measured; damage drawn by tests/bench/detection/damage.py. Precision and recall of samples, within {MARGIN} "
        "samples; the network was trained on data/train, its rules and the settings of the others were chosen on data/val.\n"
    )
    print("| damage | detector | precision | recall | F1 | found in undamaged clips, % of samples | ms a frame |")
    print("|---|---|---|---|---|---|---|")
    for kind in args.kinds:
        started = time.process_time()
        own, clean = Score(), Score()
        # blocks are drawn on every other frame, lost frames are few
        chosen = {"frames": range(1, args.frames - 1), "blocks": range(1, args.frames - 1, 2)}.get(kind, wanted)
        for spoiled, truth, frames in damaged(clips, kind, 7):
            for i, found in by_finder((kind,), spoiled, chosen):
                own.add(found, truth[i])
            for _, found in by_finder((kind,), frames, chosen):
                clean.add(found, np.zeros_like(found))
        spent = (time.process_time() - started) / (2 * len(clips) * len(chosen))
        _print_row(kind, "framemend", own, clean, spent)
        if kind == "dust":
            _print_row(kind, *median_of_three(clips, validation, wanted))
        if kind == "scratches":
            _print_row(kind, *descratch(clips, validation, wanted))
    print(_hard(clips, args.kinds, wanted))
    print(f"\n`auto` on the undamaged clips: {_auto(clips)}.\n")
    print(_logo(args.data))
    if args.repair:
        print(_repairs(clips, args.repair))


def _print_row(kind: str, name: str, own: Score, clean: Score, seconds: float | None = None) -> None:
    precision, recall, f1 = own.row
    speed = "" if seconds is None else f"{1000 * seconds:.0f}"
    share = 100 * clean.wrong / max(1, clean.seen)
    print(f"| {kind} | {name} | {precision:.3f} | {recall:.3f} | {f1:.3f} | {share:.4f} | {speed} |", flush=True)


def _hard(clips: list[tuple[str, Frames]], kinds: list[str], wanted: range) -> str:
    """Dust at the ends of a shot, and what is found of things that come near to damage."""
    ends = Score()
    if "dust" in kinds:
        for spoiled, truth, _ in damaged(clips, "dust", 7):
            for i, found in by_finder(("dust",), spoiled, range(0, len(spoiled), len(spoiled) - 1)):
                ends.add(found, truth[i])
    lines = [
        "\nDust on the first and last frame of a shot: precision {:.3f}, recall {:.3f}, F1 {:.3f}.\n".format(*ends.row)
    ]
    lines += ["| drawn over the undamaged clips | kinds | found, % of samples |", "|---|---|---|"]
    learned = tuple(kind for kind in kinds if kind in RULES)
    for number, pretender in enumerate(PRETENDERS):
        found = 0.0
        for clip, (_, frames) in enumerate(clips):
            drawn = pretender.draw(frames, np.random.default_rng([5, number, clip]))
            found += sum(float(mask.mean()) for _, mask in by_finder(learned, drawn, wanted))
        share = 100 * found / (len(clips) * len(wanted))
        lines.append(f"| {pretender.name} | {', '.join(learned)} | {share:.4f} |")
    return "\n".join(lines)


def _auto(clips: list[tuple[str, Frames]]) -> str:
    """What `auto` turns on, and in how many frames something is found then."""
    parts = []
    for name, frames in clips:
        pictures = {i: f.astype(np.float32) / 255 for i, f in enumerate(frames)}
        plan = survey(pictures.values(), ("auto",))
        finder = Finder(plan)
        touched = sum(bool(finder.find(i, pictures, len(frames)).masks) for i in pictures)
        if touched or set(plan.kinds) - {"blocks", "frames"}:
            parts.append(f"{name} turns on {', '.join(plan.kinds)} and changes {touched} of {len(frames)} frames")
    return "; ".join(parts) or "nothing is turned on that comes and goes, and all clips come back bit-exact"


def _logo(data: Path) -> str:
    """A mark over all clips in a row: how much of it is found, and what is left of it when it is computed back."""
    lines = ["| logo | precision | recall | mean error in the mark before, codes | after |", "|---|---|---|---|---|"]
    size = (320, 200)
    firsts = [read_clip(path, 1).frames[0] for path in sorted(data.rglob("*.mp4"))]
    scenes = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in firsts]
    shape = np.zeros(size[::-1], np.uint8)
    cv2.putText(shape, "ARD", (230, 40), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 255, 3, cv2.LINE_AA)
    for opacity in (0.35, 0.6, 1.0):
        share = (shape / 255 * opacity)[..., None]
        search, score, before, after = OverlaySearch(), Score(), [], []
        marked = [s * (1 - share) + 240 * share for s in scenes]
        for frame in marked:
            search.look_at((np.rint(frame) / 255).astype(np.float32))
        overlay = search.result()
        truth = shape > 127
        if overlay is None:
            lines.append(f"| opacity {opacity} | - | 0 | - | - |")
            continue
        score.add(overlay.opacity > 0.1, truth)
        for frame, scene in zip(marked, scenes, strict=True):
            back = overlay.remove((np.rint(frame) / 255).astype(np.float32)) * 255
            before.append(np.abs(frame - scene)[truth].mean())
            after.append(np.abs(back - scene)[truth].mean())
        left = "generated" if (overlay.mask() > 0)[truth].mean() > 0.9 else f"{np.mean(after):.1f}"
        lines.append(
            f"| opacity {opacity} | {score.row[0]:.3f} | {score.row[1]:.3f} | {np.mean(before):.1f} | {left} |"
        )
    return "\n".join(lines) + "\n"


def _repairs(clips: list[tuple[str, Frames]], edge: int) -> str:
    """PSNR of whole frames repaired with found and with true masks, on crops."""
    lines = [
        f"Repaired with the shipped weights: found in whole frames, repaired in the {edge}x{edge} samples of each clip that have "
        + "most damage, 5 frames, PSNR of the whole crop in dB, mean of the clips:\n",
        "| damage | damaged | found masks | true masks | loss |",
        "|---|---|---|---|---|",
    ]
    for kind in RULES:
        rows = []
        for number, (_, frames) in enumerate(clips):
            case = RepairCase.draw(kind, frames[: RepairCase.FRAMES], np.random.default_rng([11, number]), edge)
            rows.append((case.psnr(case.spoiled), case.repaired(case.found), case.repaired(case.true)))
        before, found, true = np.mean(rows, 0)
        lines.append(f"| {kind} | {before:.2f} | {found:.2f} | {true:.2f} | {true - found:.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
