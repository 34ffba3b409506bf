"""The options that every way of repairing from the command line shares, and the settings they stand for."""

from __future__ import annotations

import argparse
from collections.abc import Callable
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
        help="how much of the blind repair to apply, 0 to 1 (default: 1; with masks or --detect: 0)",
    )
    add_mask_options(group)
    group.add_argument(
        "--detect",
        metavar="KIND,...",
        help="find the damage and generate it: dust, scratches, dropouts, blocks, frames, logo, flicker (evened out), or "
        "auto: what the clip shows; with it strength is 0 unless given",
    )
    group.add_argument(
        "--show-mask",
        action="store_true",
        help="repair nothing; paint red what would be generated, to look at it first",
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
    group.add_argument(
        "--grain",
        default="remove",
        metavar="G",
        help="remove: fine grain is noise; reduce: half of it stays; keep: all of it, coarser damage goes (default: remove)",
    )
    group.add_argument("--no-grain", action="store_true", help="no grain on generated areas")
    group.add_argument(
        "--fields",
        action="store_true",
        help="the video is interlaced: repair it field by field, and it stays interlaced",
    )
    group = parser.add_argument_group("machine")
    group.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    group.add_argument(
        "--backend",
        default="torch",
        metavar="B",
        help="what runs the network: torch, onnxruntime or openvino (default: torch)",
    )
    group.add_argument("--precision", default="auto", metavar="P", help="auto, fp32, bf16 or fp16 (default: auto)")
    group.add_argument("--tile", type=int, metavar="N", help="edge of a tile in samples (default: from the frame size)")
    group.add_argument("--tile-overlap", type=int, metavar="N", help="samples that tiles share")
    group.add_argument(
        "--memory", metavar="SIZE", help="take no more than this, such as 4G or 800M: tile and window are chosen for it"
    )
    group.add_argument("--quiet", action="store_true", help="no progress and no notes")
    group.add_argument("--debug", action="store_true", help="show the traceback of an error")


def add_mask_options(group: argparse._ArgumentGroup) -> None:
    """Add what `masks.open_masks` reads."""
    group.add_argument(
        "--mask",
        metavar="FILE",
        help="what to generate, in white or drawn on a transparent ground: a picture, a folder or pattern of pictures, a "
        "video, or shapes in JSON or SVG",
    )
    group.add_argument(
        "--rect",
        action="append",
        default=[],
        metavar="X,Y,W,H[@START-END]",
        help="a rectangle to generate, in samples; from and to a frame number or a time (12.5s, 00:01:02.5), both included; may be repeated",
    )
    group.add_argument(
        "--mask-colour", metavar="RRGGBB", help="of --mask, the samples of this colour, not the white ones"
    )
    group.add_argument(
        "--mask-threshold",
        type=int,
        metavar="N",
        help="of --mask, all samples from this code on, fully (1: all that are not black, as removelogo bitmaps have it)",
    )
    group.add_argument(
        "--mask-from",
        choices=["alpha"],
        help="alpha: the input's alpha or infrared channel, as scanners write it; dark is damaged",
    )
    group.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="LOW-HIGH|RRGGBB[~SLACK]",
        help="generate all samples of this luma (codes of 255) or near this colour; may be repeated",
    )
    group.add_argument(
        "--track",
        type=int,
        metavar="FRAME",
        help="the mask was drawn on this frame: carry it through the shot both ways",
    )
    group.add_argument("--grow", type=int, default=0, metavar="N", help="widen given masks by N samples (narrow: -N)")
    group.add_argument("--feather", type=int, default=0, metavar="N", help="soften their edge outwards over N samples")


def settings_from(args: argparse.Namespace) -> RepairSettings:
    """The settings for the engine. Raises SettingError where one is out of range."""
    from framemend_filters.engine import RepairSettings

    return RepairSettings(
        model=args.model,
        strength=args.strength,
        device=args.device,
        backend=args.backend,
        precision=args.precision,
        tile=args.tile,
        memory=args.memory,
        scene_changes=args.scene_changes,
        lookahead=args.lookahead,
        grain=args.grain,
        hole_grain=not args.no_grain,
        **({} if args.tile_overlap is None else {"tile_overlap": args.tile_overlap}),
    )


def has_masks(args: argparse.Namespace) -> bool:
    """Whether any mask was given."""
    return bool(args.mask or args.rect or args.key or args.mask_from)


def repairer_from(args: argparse.Namespace, settings: RepairSettings) -> Repairer:
    """The Repairer for what --fields, --mask and --rect say."""
    from framemend_filters.engine import Repairer

    from .fields import FieldRepairer

    return (FieldRepairer if args.fields else Repairer)(settings, masked=has_masks(args))


def fitted(repairer: Repairer, width: int, height: int, note: Callable[[str], None]) -> Repairer:
    """The repairer with tile and window for what --memory says, after telling `note` which; itself without --memory.
    Raises SettingError where nothing fits."""
    if repairer.settings.memory is None:
        return repairer
    chosen = repairer.fitted(height, width)
    note(str(chosen.fit))
    return chosen
