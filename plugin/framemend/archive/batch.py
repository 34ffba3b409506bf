"""Several inputs in one run: what is read and written, one failing file never stops the rest, and what came of each."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from framemend_filters.errors import FramemendError, InputError, OutputError, SettingError

Note = Callable[[str], None]


@dataclass(kw_only=True)
class Outcome:
    """What came of one input."""

    input: str
    output: str
    status: Literal["done", "failed", "skipped"] = "failed"
    frames: int = 0
    seconds: float = 0.0
    """It took, on the clock."""
    fps: float = 0.0
    generated: float = 0.0
    """Share of all samples that was generated, 0..1."""
    warnings: list[str] = field(default_factory=list)
    error: str | None = None


@dataclass(frozen=True)
class Counted:
    """What repairing one file gave: frames written, and the sum over them of the share that was generated."""

    frames: int
    generated: float


RepairOne = Callable[[argparse.Namespace, Note], Counted]


def add_batch_options(parser: argparse.ArgumentParser) -> None:
    """The files, -o, --to and --json; `jobs_from` reads them back."""
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="the input and the output; with -o: inputs only, files and folders, any number",
    )
    parser.add_argument(
        "-o", dest="into", metavar="FOLDER", help="where the results go, under the inputs' names; made if missing"
    )
    parser.add_argument(
        "--to", metavar=".EXT", help="with -o: kind of the results, such as .mkv (default: as the inputs)"
    )
    parser.add_argument("-y", "--overwrite", action="store_true", help="replace outputs that are there")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write what came of each input there; - is standard output"
    )


def jobs_from(args: argparse.Namespace) -> list[argparse.Namespace]:
    """One namespace a file, with `input` and `output`. Raises SettingError and InputError for what the command line
    alone shows to be wrong."""
    paths: list[Path] = args.paths
    if args.into is None:
        if len(paths) != 2:
            raise SettingError(f"{len(paths)} files named; give one input and one output, or inputs and -o FOLDER")
        return [_job(args, *paths)]
    into = Path(args.into)
    if len(paths) == 1 and paths[0].is_file() and into.suffix and not into.is_dir():
        return [_job(args, paths[0], into)]
    if args.to is not None and not args.to.startswith("."):
        raise SettingError(f"--to is {args.to!r}; give an extension with its dot, such as .mkv")
    jobs: list[argparse.Namespace] = []
    sources: dict[Path, Path] = {}
    for path in paths:
        for source, name in _files_in(path):
            target = into / (name if args.to is None else name.with_suffix(args.to))
            if target in sources:
                raise SettingError(f"{sources[target]} and {source} would both become {target}; repair them apart")
            sources[target] = source
            jobs.append(_job(args, source, target))
            if args.report is not None:
                jobs[-1].report = args.report / name.with_name(f"{target.name}.json")
    if not jobs:
        raise InputError(f"no video or picture in {', '.join(map(str, paths))}")
    return jobs


def run_jobs(args: argparse.Namespace, jobs: list[argparse.Namespace], repair_one: RepairOne, note: Note) -> int:
    """Repair every file; the exit status: 0, or 1 where one failed. Where there is but one, its error is raised."""
    outcomes: list[Outcome] = []
    try:
        for number, job in enumerate(jobs, 1):
            if len(jobs) > 1 and not args.quiet:
                print(f"framemend: {number}/{len(jobs)} {job.input}", file=sys.stderr)
            outcomes.append(Outcome(input=str(job.input), output=str(job.output)))
            _run_one(job, outcomes[-1], repair_one, note, alone=len(jobs) == 1)
    finally:
        if args.json is not None:
            _write_json(args.json, outcomes)
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    if len(jobs) > 1 and (failed or not args.quiet):
        print(f"framemend: {_summary(outcomes)}", file=sys.stderr)
    return 1 if failed else 0


def _run_one(job: argparse.Namespace, outcome: Outcome, repair_one: RepairOne, note: Note, *, alone: bool) -> None:
    if not alone and job.resume and job.output.exists():
        outcome.status = "skipped"
        return

    def noted(text: str) -> None:
        outcome.warnings.append(text)
        note(text)

    began = time.monotonic()
    try:
        for path in (job.output, job.report):
            if path is not None and not alone:
                _make_folder(path.parent)
        counted = repair_one(job, noted)
    except Exception as error:
        outcome.error = " ".join(str(error).split()) or type(error).__name__
        if alone:
            raise
        if not isinstance(error, FramemendError):
            outcome.error = f"unexpected {type(error).__name__}: {outcome.error}"
        if job.debug:
            import traceback

            traceback.print_exc()
        print(f"framemend: {outcome.error}", file=sys.stderr)
        return
    outcome.status, outcome.frames = "done", counted.frames
    outcome.seconds = round(time.monotonic() - began, 3)
    outcome.fps = round(counted.frames / max(outcome.seconds, 1e-3), 3)
    outcome.generated = round(counted.generated / max(counted.frames, 1), 6)


def _summary(outcomes: list[Outcome]) -> str:
    """`3 of 4 files repaired, 812 frames; failed: b.mp4`."""
    done = [o for o in outcomes if o.status == "done"]
    text = f"{len(done)} of {len(outcomes)} files repaired, {sum(o.frames for o in done)} frames"
    skipped = sum(o.status == "skipped" for o in outcomes)
    if skipped:
        text += f"; there already: {skipped}"
    failed = [o.input for o in outcomes if o.status == "failed"]
    return text + (f"; failed: {', '.join(failed)}" if failed else "")


def _job(args: argparse.Namespace, source: Path, target: Path) -> argparse.Namespace:
    return argparse.Namespace(**vars(args) | {"input": source, "output": target})


def _files_in(path: Path) -> list[tuple[Path, Path]]:
    """The files that a path stands for, each with its name under the output folder."""
    if not path.is_dir():
        return [(path, Path(path.name))]  # whether it is there is found out when its turn comes
    from ..evaluate import VIDEO_SUFFIXES
    from ..stills import STILL_SUFFIXES

    known = VIDEO_SUFFIXES | STILL_SUFFIXES
    found = sorted(p for p in path.rglob("*") if p.suffix.lower() in known and p.is_file())
    return [
        (p, p.relative_to(path)) for p in found if not any(part.startswith(".") for part in p.relative_to(path).parts)
    ]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error


def _write_json(path: Path, outcomes: list[Outcome]) -> None:
    from .. import __version__

    report: dict[str, Any] = {
        "framemend": __version__,
        "done": sum(o.status == "done" for o in outcomes),
        "failed": sum(o.status == "failed" for o in outcomes),
        "files": [asdict(outcome) for outcome in outcomes],
    }
    text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    if str(path) == "-":
        sys.stdout.write(text)
        return
    try:
        path.write_text(text)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
