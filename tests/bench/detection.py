"""Measures the detectors of damage: what they find of damage that is known, what they find where there is none, and what
a repair by found masks loses against one by true masks.

    python tests/bench/detection.py ../shared/data/test > examples/detection.md       (make bench-detection)

The damage is drawn here, with other shapes than those of training. Found and true samples count as the same within
MARGIN samples: masks are widened on purpose. Damage counts where it changes a sample by LEAST_SEEN codes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend.clips import read_clip
from framemend_filters.damage.detection import Finder, Plan
from framemend_filters.damage.detectors.overlay import OverlaySearch
from framemend_filters.damage.survey import survey

Frames = NDArray[np.uint8]
Masks = NDArray[np.bool_]
Draw = Callable[[Frames, np.random.Generator], tuple[Frames, Masks]]

MARGIN = 3
LEAST_SEEN = 8
MEDIAN_THRESHOLDS = (8, 12, 16, 24, 32, 48)
"""Codes tried for the median-of-three test, on validation clips."""


def dust(frames: Frames, rng: np.random.Generator) -> tuple[Frames, Masks]:
    """Level sets of smooth noise, soft at the edge, some of them see-through: no polygons as in training."""
    count, height, width = frames.shape[:3]
    out, truth = frames.astype(np.float32), np.zeros(frames.shape[:3], bool)
    for t in range(count):
        for _ in range(int(rng.integers(2, 9))):
            size = int(rng.integers(6, 6 + height // 14))
            noise = cv2.GaussianBlur(rng.standard_normal((size, size)).astype(np.float32), (0, 0), size / 7)
            falloff = np.hypot(*np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j])
            blob = np.clip((noise / noise.std() + 1.6 - 3.2 * falloff) * 2, 0, 1) * rng.uniform(0.5, 1.0)
            y, x = int(rng.integers(0, height - size)), int(rng.integers(0, width - size))
            tone = rng.uniform(225, 255) if rng.random() < 0.5 else rng.uniform(0, 30)
            part = out[t, y : y + size, x : x + size]
            part += (tone - part) * blob[..., None]
    return _finished(frames, out, truth)


def scratches(frames: Frames, rng: np.random.Generator) -> tuple[Frames, Masks]:
    """Lines with a Gaussian profile over the whole height that sway as a sine, light and dark."""
    count, height, width = frames.shape[:3]
    out = frames.astype(np.float32)
    rows, columns = np.arange(height)[:, None], np.arange(width)[None]
    for _ in range(int(rng.integers(2, 5))):
        place, phase = rng.uniform(0.05, 0.95) * width, rng.uniform(0, 6)
        thickness, depth = rng.uniform(0.5, 1.1) * height / 360, rng.uniform(40, 130) * rng.choice([-1, 1])
        for t in range(count):
            centre = place + 0.006 * height * np.sin(1.7 * t + phase) + 0.01 * (rows - height / 2)
            profile = np.exp(-0.5 * ((columns - centre) / thickness) ** 2)
            out[t] += (depth * profile)[..., None]
    return _finished(frames, out, np.zeros(frames.shape[:3], bool))


def dropouts(frames: Frames, rng: np.random.Generator) -> tuple[Frames, Masks]:
    """Comets: white at the head, falling off along one or two lines."""
    count, height, width = frames.shape[:3]
    out = frames.astype(np.float32)
    for t in range(count):
        for _ in range(int(rng.integers(1, 5))):
            length, lines = int(rng.uniform(0.05, 0.4) * width), int(rng.integers(1, 3))
            y, x = int(rng.integers(0, height - lines)), int(rng.integers(0, width - length))
            fall = np.exp(-3 * np.linspace(0, 1, length))[None, :, None]
            part = out[t, y : y + lines, x : x + length]
            part += (250 - part) * fall
    return _finished(frames, out, np.zeros(frames.shape[:3], bool))


def blocks(frames: Frames, rng: np.random.Generator) -> tuple[Frames, Masks]:
    """Runs of macroblocks that are grey, green, or taken from elsewhere in the frame."""
    count, height, width = frames.shape[:3]
    out = frames.astype(np.float32)
    for t in range(1, count, 2):
        for _ in range(int(rng.integers(1, 4))):
            run = int(rng.integers(2, 7))
            y, x = 16 * int(rng.integers(0, height // 16 - 1)), 16 * int(rng.integers(0, width // 16 - run))
            fill = rng.integers(0, 3)
            if fill < 2:
                out[t, y : y + 16, x : x + 16 * run] = (128, 128, 128) if fill == 0 else (0, 135, 0)
            else:
                v, u = 16 * int(rng.integers(0, height // 16 - 1)), 16 * int(rng.integers(0, width // 16 - run))
                out[t, y : y + 16, x : x + 16 * run] = frames[t, v : v + 16, u : u + 16 * run]
    return _finished(frames, out, np.zeros(frames.shape[:3], bool))


def lost(frames: Frames, rng: np.random.Generator) -> tuple[Frames, Masks]:
    """A blank frame and a frozen one."""
    out, truth = frames.copy(), np.zeros(frames.shape[:3], bool)
    out[3] = int(rng.choice([0, 16, 128, 255]))
    truth[3] = True
    if len(frames) > 9:
        out[7], truth[7] = out[6], True
    return out, truth


DAMAGE: dict[str, Draw] = {
    "dust": dust,
    "scratches": scratches,
    "dropouts": dropouts,
    "blocks": blocks,
    "frames": lost,
}


def _finished(clean: Frames, out: NDArray[np.float32], truth: Masks) -> tuple[Frames, Masks]:
    spoiled = np.clip(np.rint(out), 0, 255).astype(np.uint8)
    seen = np.abs(spoiled.astype(np.int16) - clean).max(3) >= LEAST_SEEN
    return spoiled, truth | seen


class Score:
    """Counts of samples: found rightly, found wrongly, of the true ones those found, and true ones."""

    def __init__(self) -> None:
        self.right = self.wrong = self.hit = self.true = self.seen = 0

    def add(self, found: Masks, truth: Masks) -> None:
        kernel = np.ones((2 * MARGIN + 1,) * 2, np.uint8)
        near = cv2.dilate(truth.astype(np.uint8), kernel) > 0
        self.wrong += int(np.count_nonzero(found & ~near))
        self.right += int(np.count_nonzero(found & near))
        self.hit += int(np.count_nonzero(found & truth))
        self.true += int(np.count_nonzero(truth))
        self.seen += truth.size

    @property
    def row(self) -> tuple[float, float, float]:
        """Precision, recall, F1."""
        precision = self.right / max(1, self.right + self.wrong)
        recall = self.hit / max(1, self.true)
        return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def by_finder(kind: str, frames: Frames, wanted: range) -> Iterator[tuple[int, Masks]]:
    """Masks of one detector."""
    pictures = {i: f.astype(np.float32) / 255 for i, f in enumerate(frames)}
    finder = Finder(Plan(kinds=(kind,)))
    for i in wanted:
        mask = finder.find(i, pictures, len(frames)).mask()
        yield i, np.zeros(frames.shape[1:3], bool) if mask is None else mask > 127


def by_median(threshold: int, frames: Frames, wanted: range) -> Iterator[tuple[int, Masks]]:
    """The median-of-three test: samples that differ from the temporal median by more than `threshold` codes."""
    grey = frames.astype(np.float32).mean(3)
    for i in wanted:
        middle = np.median(grey[i - 1 : i + 2], 0)
        yield i, np.abs(grey[i] - middle) > threshold


def by_descratch(settings: dict[str, int], frames: Frames, wanted: range) -> Iterator[tuple[int, Masks]]:
    """DeScratch of VapourSynth in its marking mode: samples that it marks."""
    import vapoursynth as vs

    core: Any = vs.core
    height, width = frames.shape[1:3]
    even = frames[:, : height - height % 4, : width - width % 4]
    grey = np.rint(even.astype(np.float32) @ np.array([0.2126, 0.7152, 0.0722], np.float32)).astype(np.uint8)
    blank = core.std.BlankClip(width=grey.shape[2], height=grey.shape[1], format=vs.YUV420P8, length=len(grey))

    def paint(n, f):
        out = f.copy()
        np.copyto(np.asarray(out[0]), grey[n])
        return out

    clip = core.std.ModifyFrame(blank, blank, paint)
    marked = core.descratch.DeScratch(clip, mark=True, modeu=0, modev=0, **settings)
    for i in wanted:
        with marked.get_frame(i) as frame:
            mask = np.zeros(frames.shape[1:3], bool)
            mask[: grey.shape[1], : grey.shape[2]] = np.asarray(frame[0]) != grey[i]
            yield i, mask


def damaged(clips: list[tuple[str, Frames]], kind: str, seed: int) -> Iterator[tuple[Frames, Masks, Frames]]:
    """Each clip spoiled, with the truth and the clean frames."""
    for number, (_, frames) in enumerate(clips):
        yield *DAMAGE[kind](frames, np.random.default_rng([seed, number])), frames


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
        f"{args.every} measured; damage drawn by tests/bench/detection.py. Precision and recall of samples, within {MARGIN} "
        "samples; detectors were fitted on data/train and chosen on data/val.\n"
    )
    print("| damage | detector | precision | recall | F1 | found in undamaged clips, % of samples | ms a frame |")
    print("|---|---|---|---|---|---|---|")
    for kind in args.kinds:
        started = time.process_time()
        own, clean = Score(), Score()
        chosen = range(1, args.frames - 1) if kind in ("frames", "blocks") else wanted
        for spoiled, truth, frames in damaged(clips, kind, 7):
            for i, found in by_finder(kind, spoiled, chosen):
                own.add(found, truth[i])
            for _, found in by_finder(kind, frames, chosen):
                clean.add(found, np.zeros_like(found))
        spent = (time.process_time() - started) / (2 * len(clips) * len(chosen))
        _print_row(kind, "framemend", own, clean, spent)
        if kind == "dust":
            _print_row(kind, *_median_of_three(clips, validation, wanted))
        if kind == "scratches":
            _print_row(kind, *_descratch(clips, validation, wanted))
    print(f"\n`auto` on the undamaged clips: {_auto(clips)}.\n")
    print(_logo(args.data))
    if args.repair:
        print(_repairs(clips, args.repair))


def _print_row(kind: str, name: str, own: Score, clean: Score, seconds: float | None = None) -> None:
    precision, recall, f1 = own.row
    speed = "" if seconds is None else f"{1000 * seconds:.0f}"
    share = 100 * clean.wrong / max(1, clean.seen)
    print(f"| {kind} | {name} | {precision:.3f} | {recall:.3f} | {f1:.3f} | {share:.4f} | {speed} |", flush=True)


def _median_of_three(clips, validation, wanted: range) -> tuple[str, Score, Score]:
    """The test with the threshold that is best on validation clips, measured."""

    def measured(on, threshold: int, frames_wanted: range) -> Score:
        score = Score()
        for spoiled, truth, _ in damaged(on, "dust", 3):
            for i, found in by_median(threshold, spoiled, frames_wanted):
                score.add(found, truth[i])
        return score

    best = max(MEDIAN_THRESHOLDS, key=lambda t: measured(validation, t, range(1, 5)).row[2])
    clean = Score()
    for _, frames in clips:
        for _, found in by_median(best, frames, wanted):
            clean.add(found, np.zeros_like(found))
    own = Score()
    for spoiled, truth, _ in damaged(clips, "dust", 7):
        for i, found in by_median(best, spoiled, wanted):
            own.add(found, truth[i])
    return f"median of three, threshold {best}", own, clean


def _descratch(clips, validation, wanted: range) -> tuple[str, Score, Score]:
    """DeScratch with the settings that are best on validation clips, measured."""

    def measured(on, settings: dict[str, int], frames_wanted: range) -> Score:
        score = Score()
        for spoiled, truth, _ in damaged(on, "scratches", 3):
            for i, found in by_descratch(settings, spoiled, frames_wanted):
                score.add(found, truth[i])
        return score

    grid = [
        {"mindif": difference, "minlen": length, "maxwidth": width, "modey": 3, "maxangle": 5, "maxgap": 10}
        for difference in (2, 5, 9)
        for length in (50, 120)
        for width in (3, 5)
    ]
    best = max(grid, key=lambda settings: measured(validation, settings, range(2, 4)).row[2])
    clean = Score()
    for _, frames in clips:
        for _, found in by_descratch(best, frames, wanted):
            clean.add(found, np.zeros_like(found))
    own = Score()
    for spoiled, truth, _ in damaged(clips, "scratches", 7):
        for i, found in by_descratch(best, spoiled, wanted):
            own.add(found, truth[i])
    return f"DeScratch, mindif {best['mindif']}, minlen {best['minlen']}, maxwidth {best['maxwidth']}", own, clean


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
    from framemend_filters.engine import Repairer, RepairSettings

    lines = [
        f"Repaired with the shipped weights: found in whole frames, repaired in the {edge}x{edge} samples of each clip that have "
        + "most damage, 5 frames, PSNR of the whole crop in dB:\n",
        "| damage | damaged | found masks | true masks | loss |",
        "|---|---|---|---|---|",
    ]
    for kind in ("dust", "scratches", "dropouts"):
        errors: dict[str, list[float]] = {"damaged": [], "found": [], "true": []}
        for number, (_, frames) in enumerate(clips):
            spoiled, truth = DAMAGE[kind](frames[:7], np.random.default_rng([11, number]))
            masks = dict(by_finder(kind, spoiled, range(len(spoiled))))
            crop = (slice(None), *_most_damaged(truth, edge))
            clean, spoiled, truth = frames[:7][crop], spoiled[crop], truth[crop]
            found = np.stack([masks[i] for i in range(len(masks))])[crop]
            grown = [cv2.dilate(t.astype(np.uint8) * 255, np.ones((3, 3), np.uint8)).astype(np.uint8) for t in truth]
            inner = slice(1, 6)
            errors["damaged"].append(_error(spoiled[inner], clean[inner]))
            for name, given in (("found", list(found.astype(np.uint8) * np.uint8(255))), ("true", grown)):
                repairer = Repairer(RepairSettings(grain=False), masked=True)
                pictures = [s.astype(np.float32) / 255 for s in spoiled]
                repairs = list(repairer.repair_stream(zip(pictures, given, strict=True)))
                made = np.stack([(p + r.residual) * 255 for p, r in zip(pictures, repairs, strict=True)])
                errors[name].append(_error(made[inner], clean[inner]))
        means = {name: float(np.mean(values)) for name, values in errors.items()}
        loss = means["true"] - means["found"]
        lines.append(f"| {kind} | {means['damaged']:.2f} | {means['found']:.2f} | {means['true']:.2f} | {loss:.2f} |")
    return "\n".join(lines) + "\n"


def _most_damaged(truth: Masks, edge: int) -> tuple[slice, slice]:
    """The square of a clip that has most damage, on a grid of half its edge."""
    _, height, width = truth.shape
    places = [(y, x) for y in range(0, height - edge + 1, edge // 2) for x in range(0, width - edge + 1, edge // 2)]
    y, x = max(places, key=lambda p: np.count_nonzero(truth[:, p[0] : p[0] + edge, p[1] : p[1] + edge]))
    return slice(y, y + edge), slice(x, x + edge)


def _error(made: NDArray, clean: Frames) -> float:
    """PSNR, dB."""
    return float(10 * np.log10(255**2 / max(float(np.square(made.astype(np.float64) - clean).mean()), 1e-6)))


if __name__ == "__main__":
    main()
