"""Repair the media of an edit: just the ranges that it uses, each once, as mezzanine files that a new edit points to.

Reads OpenTimelineIO (.otio, .otioz) and what its adapters read (Final Cut XML, FCPX XML, CMX3600 EDL), and MLT and Kdenlive
projects. The edit itself stays as it is: cuts, transitions, speed changes, effects. What cannot be repaired is
named by clip and timecode and left pointing to the media it had. A second run repairs only what changed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from framemend_filters.errors import FramemendError, InputNotFound, SettingError

from ..options import add_repair_options

if TYPE_CHECKING:
    from .edits import Edit
    from .plan import Job, Use

DEFAULT_HANDLES = 12
"""Frames before and after what is used."""
NATIVE = frozenset({".mlt", ".kdenlive"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `framemend timeline`."""
    parser.add_argument(
        "edit", type=Path, metavar="EDIT", help="an edit: .otio, .otioz, .xml, .fcpxml, .edl, .mlt, .kdenlive"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="the edit with repaired media")
    parser.add_argument("-y", "--overwrite", action="store_true", help="replace OUT if it is there")
    parser.add_argument("--media", type=Path, metavar="DIR", help="where repaired media go (default: beside OUT)")
    parser.add_argument(
        "--search", type=Path, action="append", default=[], metavar="DIR",
        help="where to look for media that the edit names without a place, or that moved (default: beside EDIT)",
    )  # fmt: skip
    parser.add_argument(
        "--handles", type=int, default=DEFAULT_HANDLES, metavar="N",
        help=f"frames to repair before and after what is used (default: {DEFAULT_HANDLES})",
    )  # fmt: skip
    parser.add_argument("--only-marked", action="store_true", help="only clips with a marker named 'repair'")
    parser.add_argument(
        "--codec", choices=("prores", "dnxhr"), default="prores", help="of the repaired media (default: prores)"
    )
    add_repair_options(parser)


def run(args: argparse.Namespace) -> int:
    """`framemend timeline`: 0 when OUT is there, also where clips were left alone. Raises FramemendError otherwise."""
    from ..finished import finished_file
    from .plan import plan_jobs

    _check(args)
    edit = _open(args.edit, args)
    uses = edit.uses(only_marked=args.only_marked)
    jobs, refused = plan_jobs(uses, args)
    done = [job for job in jobs if _repair(job, args, refused)]
    edit.relink(done)
    with finished_file(args.output) as temporary:
        edit.save(temporary, args.output)
    for line in [*edit.reports, *refused]:
        print(f"framemend: {line}; left as it is", file=sys.stderr)
    if not args.quiet:
        print(f"framemend: {_summary(uses, done)}", file=sys.stderr)
    return 0


def _check(args: argparse.Namespace) -> None:
    if not args.edit.is_file():
        raise InputNotFound(f"no such file: {args.edit}")
    if args.output.exists():
        if args.output.samefile(args.edit):
            raise SettingError(f"output {args.output} is the edit itself; give another name")
        if not args.overwrite:
            raise SettingError(f"{args.output} is there already; --overwrite replaces it")
    if args.handles < 0:
        raise SettingError(f"--handles is {args.handles}; it is a number of frames from 0 on")
    kinds = {path.suffix.lower() for path in (args.edit, args.output)}
    if kinds & NATIVE and len(kinds) > 1:
        raise SettingError(
            f"{args.edit.name} cannot become {args.output.name}; MLT and Kdenlive projects keep their kind"
        )
    if args.media is None:
        args.media = args.output.parent / f"{args.output.stem} repaired"


def _open(path: Path, args: argparse.Namespace) -> Edit:
    search = [*args.search, path.parent]
    if path.suffix.lower() in NATIVE:
        from .mlt import MltEdit

        return MltEdit(path, search)
    from .otio import OtioEdit

    return OtioEdit(path, search, args.media)


def _repair(job: Job, args: argparse.Namespace, refused: list[str]) -> bool:
    """Make a job's media, unless they are there. False where that failed: the reason is added to `refused`."""
    from .mezzanine import write_mezzanine

    try:
        if job.target is None:
            args.media.mkdir(parents=True, exist_ok=True)
            job.target = args.media / job.name
            write_mezzanine(job, quiet=args.quiet)
            job.is_new = True
    except FramemendError as error:
        refused.extend(f"{use.label}: {error}" for use in job.uses)
        return False
    return True


def _summary(uses: list[Use], done: list[Job]) -> str:
    clips = sum(len(job.uses) for job in done)
    new = [job for job in done if job.is_new]
    frames = sum(job.stop - job.first for job in new)
    files = f"{len(new)} file{'' if len(new) == 1 else 's'} ({frames} frames) repaired"
    return f"{clips} of {len(uses)} clips relinked; {files}, {len(done) - len(new)} there already"
