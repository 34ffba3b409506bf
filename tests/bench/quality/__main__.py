"""Compare framemend with hand-made filters.

python -m bench.quality tune     choose every filter's setting on data/val
python -m bench.quality run      measure what has not been measured yet, on data/test
python -m bench.quality report   write examples/results.md from what was measured
python -m bench.quality sheets   write the pictures
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.quality import ffmpeg, painting, report, sheets, vs
from bench.quality.figures import CLEAN, FOLDER, INPUT, WHOLE, Kept, ends, measured
from bench.quality.method import Method
from bench.quality.shots import TASKS, shots
from bench.quality.tuning import Settings, tune, validation_shots

FRAMES, CROP = 7, (192, 256)
"""What is measured of every clip: frames, and the height and width of the part from the middle."""
WHOLE_FRAMES, BEST = 20, 2
"""What is measured of every clip with --whole: frames, and the number of hand-made filters, the best on the parts."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, then do it."""
    parser = argparse.ArgumentParser(
        prog="bench.quality", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=("tune", "run", "report", "sheets"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with val/ and test/")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS, metavar="TASK")
    parser.add_argument(
        "--only", nargs="+", metavar="METHOD", help="some of the methods (framemend: after new weights)"
    )
    parser.add_argument("--without", nargs="+", default=(), metavar="METHOD", help="all methods but these")
    parser.add_argument("--clips", nargs="+", metavar="NAME", help="some of the clips")
    parser.add_argument(
        "--whole",
        action="store_true",
        help=f"run: whole frames, {WHOLE_FRAMES} of every clip, framemend and the {BEST} best filters on the parts\n(some GB of memory: a task at a time)",
    )
    parser.add_argument("--model", default="fast", help="weights of framemend (default: fast)")
    args = parser.parse_args(arguments)
    methods = [m for m in available(args.model, args.only) if m.name not in args.without]
    if args.what == "tune":
        _tune(args, methods)
    elif args.what == "run":
        _run(args, methods)
    elif args.what == "report":
        report.write(methods, Settings(), FRAMES, CROP, WHOLE_FRAMES)
    else:
        sheets.write(methods, Settings(), args.data / "test", args.tasks)
    return 0


def available(model: str, only: Sequence[str] | None = None) -> list[Method]:
    """All methods that can be run here; the others are named on stderr."""
    methods = [*vs.methods(), *ffmpeg.methods(), *painting.methods(model)]
    unknown = set(only or ()) - {m.name for m in methods}
    if unknown:
        raise SystemExit(
            f"no such method: {', '.join(sorted(unknown))}; there are {', '.join(m.name for m in methods)}"
        )
    chosen = [m for m in methods if only is None or m.name in only]
    for method in chosen:
        if reason := method.missing():
            print(f"{method.name} is left out: {reason}", file=sys.stderr)
    return [m for m in chosen if m.missing() is None]


def weights_of(model: str) -> str:
    """Weights in a few letters, so that figures of others are not taken for theirs."""
    from framemend_filters.weights import model_folder

    content = (Path(model_folder(model)) / "model.safetensors").read_bytes()
    return (
        f"{model} {hashlib.sha256(content).hexdigest()[:8]}"
        if model == "fast"
        else hashlib.sha256(content).hexdigest()[:8]
    )


def _tune(args: argparse.Namespace, methods: list[Method]) -> None:
    settings = Settings()
    for task in args.tasks:
        wanted = [m for m in methods if task in m.tasks and len(m.settings(1.0)) > 1]
        wanted = [m for m in wanted if args.only or m.name not in settings.tuned.get(task, {})]
        clips = validation_shots(args.data / "val", task) if wanted else []
        for method in wanted if clips else ():
            tuned = tune(method, task, clips)
            settings.add(task, method.name, tuned)
            end = "  (at an end of the list)" if method.extends and tuned.at_an_end else ""
            print(f"{task}: {method.name}: {method.says(tuned.chosen)}{end}  {tuned.tried}", flush=True)


def _run(args: argparse.Namespace, methods: list[Method]) -> None:
    settings, weights = Settings(), weights_of(args.model)
    for task in args.tasks:
        frames, crop, folder = (WHOLE_FRAMES, None, WHOLE) if args.whole else (FRAMES, CROP, FOLDER)
        kept = Kept(task, frames, folder)
        chosen = [m for m in methods if task in m.tasks]
        if args.whole:
            best = report.peers(Kept(task, FRAMES))[:BEST]
            chosen = [m for m in chosen if m.name in (*best, painting.OURS)]
        for shot in shots(args.data / "test", task, frames, args.clips, crop):
            wanted: list[tuple[Method, float, str]] = []
            for method in chosen:
                setting = settings.chosen(method, task)
                if setting is None:
                    print(f"{task}: {method.name} is left out: run `tune` first", file=sys.stderr)
                    continue
                note = weights if method.name in (painting.OURS, painting.LIVE) else method.says(setting)
                if not kept.has(method.name, shot.name, note):
                    wanted.append((method, setting, note))
            if not wanted:
                continue
            motion, known = ends(shot, is_watched=not args.whole)
            for name in (INPUT, CLEAN):
                kept.add(name, shot.name, known[name])
            for method, setting, note in wanted:
                try:
                    figures = measured(method, shot, setting, motion, note, is_watched=not args.whole)
                except ArithmeticError as error:
                    print(f"{task} {shot.name} {method.name} is left out: {error}", file=sys.stderr)
                    continue
                kept.add(method.name, shot.name, figures)
                print(f"{task} {shot.name} {method.name}: {figures.psnr:.2f} dB, {figures.seconds:.2f} s", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
