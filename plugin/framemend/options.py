"""The options that every way of repairing from the command line shares, and the settings they stand for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framemend_filters.engine import Repairer, RepairSettings


def add_repair_options(parser: argparse.ArgumentParser) -> None:
    """Add --model to --quiet; `settings_from` and `masks.open_masks` read them back."""
    group = parser.add_argument_group("repair")
    group.add_argument(
        "--model",
        default="fast",
        metavar="NAME",
        help="shipped weights, a folder with trained ones, or a model of single frames that spandrel knows (default: fast)",
    )
    group.add_argument(
        "--strength",
        type=float,
        metavar="S",
        help="how much of the blind repair to apply, 0 to 1 (default: 1; with --mask or --rect: 0)",
    )
    group.add_argument(
        "--mask",
        metavar="FILE",
        help="what to generate, in white: a picture, a folder or pattern of pictures, or a video",
    )
    group.add_argument(
        "--rect",
        action="append",
        default=[],
        metavar="X,Y,W,H[@START-END]",
        help="a rectangle to generate, in samples; from and to a frame number or a time (12.5s, 00:01:02.5), both included; may be repeated",
    )
    group.add_argument(
        "--scene-changes",
        default="auto",
        metavar="HOW",
        help="auto: detected; none: the clip is one scene (default: auto)",
    )
    group.add_argument(
        "--lookahead",
        type=int,
        metavar="N",
        help="for live use: see N frames ahead at most, 0 for none (default: as far as the model looks)",
    )
    group.add_argument("--no-grain", action="store_true", help="no grain on generated areas")
    group.add_argument(
        "--fields",
        action="store_true",
        help="the video is interlaced: repair it field by field, and it stays interlaced",
    )
    group = parser.add_argument_group("machine")
    group.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    group.add_argument("--precision", default="auto", metavar="P", help="auto, fp32, bf16 or fp16 (default: auto)")
    group.add_argument("--tile", type=int, metavar="N", help="edge of a tile in samples (default: from the frame size)")
    group.add_argument("--tile-overlap", type=int, metavar="N", help="samples that tiles share")
    group.add_argument("--quiet", action="store_true", help="no progress and no notes")
    group.add_argument("--debug", action="store_true", help="show the traceback of an error")


def settings_from(args: argparse.Namespace) -> RepairSettings:
    """The settings for the engine. Raises SettingError where one is out of range."""
    from framemend_filters.engine import RepairSettings

    return RepairSettings(
        model=args.model,
        strength=args.strength,
        device=args.device,
        precision=args.precision,
        tile=args.tile,
        scene_changes=args.scene_changes,
        lookahead=args.lookahead,
        grain=not args.no_grain,
        **({} if args.tile_overlap is None else {"tile_overlap": args.tile_overlap}),
    )


def has_masks(args: argparse.Namespace) -> bool:
    """Whether --mask or --rect was given."""
    return bool(args.mask or args.rect)


def repairer_from(args: argparse.Namespace, settings: RepairSettings) -> Repairer:
    """The Repairer for what --fields, --mask and --rect say."""
    from framemend_filters.engine import Repairer

    from .fields import FieldRepairer

    return (FieldRepairer if args.fields else Repairer)(settings, masked=has_masks(args))
