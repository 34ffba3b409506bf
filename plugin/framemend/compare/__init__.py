"""Make one page that compares two versions of a clip in any browser: slider, flicker, difference, plots, worst frames.

The page is a single file that asks nothing of the network and can be mailed or opened from disk. PSNR, SSIM and flicker
are measured on the decoded frames; what the page plays is encoded once more, its ten worst frames are exact.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from framemend_filters.errors import InputNotFound, OutputError, SettingError

DEFAULT_FRAMES = 1000
"""Frames that a page holds unless told otherwise; at 640x360 some 50 MB."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `framemend compare`."""
    parser.add_argument("a", type=Path, metavar="A", help="a video or a picture, such as the damaged one")
    parser.add_argument("b", type=Path, metavar="B", help="the same in another version, such as the repaired one")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="PAGE", help="the page, such as page.html")
    parser.add_argument("-y", "--overwrite", action="store_true", help="replace the page if there is one")
    parser.add_argument(
        "--reference", type=Path, metavar="FILE", help="the undamaged original: both are measured against it"
    )
    parser.add_argument(
        "--mask", metavar="FILE", help="shown over the picture: a picture, a folder or pattern of pictures, or a video"
    )
    parser.add_argument(
        "--rect", action="append", default=[], metavar="X,Y,W,H[@START-END]", help="as for repair; shown like a mask"
    )
    parser.add_argument("--start", type=int, default=0, metavar="N", help="first frame, counted from 0 (default: 0)")
    parser.add_argument(
        "--frames", type=int, default=DEFAULT_FRAMES, metavar="N", help=f"at most so many (default: {DEFAULT_FRAMES})"
    )
    parser.add_argument("--title", metavar="TEXT", help="heading of the page (default: the two names)")
    parser.add_argument("--quiet", action="store_true", help="no progress and no notes")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def run(args: argparse.Namespace) -> int:
    """`framemend compare`: 0 when the page is there. Raises FramemendError otherwise."""
    from framemend.finished import finished_file

    from .page import build_page

    for path in (args.a, args.b, args.reference):
        if path is not None and not path.exists():
            raise InputNotFound(f"no such file: {path}")
    if args.output.exists() and not args.overwrite:
        raise SettingError(f"{args.output} is there already; --overwrite replaces it")
    if args.output.suffix.lower() not in (".html", ".htm"):
        raise SettingError(f"{args.output} is not named as a page; give a name that ends in .html")
    if args.output.is_dir():
        raise OutputError(f"{args.output} is a folder; give the name of a file in it")
    if args.start < 0 or args.frames < 1:
        raise SettingError(f"--start {args.start} --frames {args.frames}: start from 0 on, and at least one frame")
    with finished_file(args.output) as temporary:
        notes = build_page(
            temporary,
            args.a,
            args.b,
            reference=args.reference,
            masks=args,
            start=args.start,
            most_frames=args.frames,
            title=args.title or f"{args.a.name} and {args.b.name}",
            quiet=args.quiet,
        )
    for note in () if args.quiet else notes:
        print(f"framemend: {note}", file=sys.stderr)
    return 0
