"""The same repair in three forms: options to run, a command line to copy, a VapourSynth script to copy."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from pathlib import Path
from typing import Any, NoReturn

from framemend_filters.errors import SettingError

from ..masks import parse_rect
from ..options import add_repair_options

MOST_RECTS = 64
MASK_NAME = "mask.png"


def repair_arguments(asked: dict[str, Any], mask: Path | str | None, *, model: str) -> list[str]:
    """Options of `framemend repair` for what the page asks. Raises SettingError for what is not of the expected kind.

    asked: model (one that is shipped, or the one the studio was started with), strength 0..1 or None, rects as
    X,Y,W,H[@START-END], grain, scene_changes, use_mask, detect (kinds of damage), track (the frame that the marks were
    drawn on, None: they stay where they are).
    """
    from framemend_filters.damage.survey import parse_kinds
    from framemend_filters.weights import shipped_models

    words: list[str] = []
    wanted = str(asked.get("model", model))
    if wanted not in {*shipped_models(), model}:  # a page may not name folders of this computer
        raise SettingError(f"model is {wanted!r}; use one of {', '.join(sorted({*shipped_models(), model}))}")
    if wanted != "fast":
        words += ["--model", wanted]
    strength = asked.get("strength")
    if strength is not None:
        if not isinstance(strength, int | float) or not 0 <= strength <= 1:
            raise SettingError(f"strength is {strength!r}; it goes from 0 to 1")
        words += ["--strength", f"{strength:g}"]
    rects = asked.get("rects", [])
    if not isinstance(rects, list) or len(rects) > MOST_RECTS:
        raise SettingError(f"a page may ask for {MOST_RECTS} rectangles at most")
    for rect in rects:
        parse_rect(str(rect))
        words += ["--rect", str(rect)]
    if asked.get("use_mask") and mask is not None:
        words += ["--mask", str(mask)]
    track = asked.get("track")
    if track is not None and (rects or "--mask" in words):
        if not isinstance(track, int) or track < 0:
            raise SettingError(f"track is {track!r}; it is the number of a frame")
        words += ["--track", str(track)]
    detect = asked.get("detect", [])
    if not isinstance(detect, list):
        raise SettingError(f"detect is {detect!r}; give a list of kinds of damage")
    if detect:
        words += ["--detect", ",".join(parse_kinds(map(str, detect)))]
    if asked.get("grain") is False:
        words.append("--no-grain")
    if asked.get("scene_changes", "auto") == "none":
        words += ["--scene-changes", "none"]
    return words


def parsed(words: list[str]) -> argparse.Namespace:
    """The options as `framemend repair` would read them. Raises SettingError."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    add_repair_options(parser)
    return parser.parse_args(words)


def command_line(words: list[str], source: str, target: str) -> str:
    """What to type in a terminal for the same result."""
    return shlex.join(["framemend", "repair", source, target, *words])


def vapoursynth_script(options: argparse.Namespace, source: str, width: int, height: int) -> str:
    """A script for vspipe with the same settings; needs BestSource (`pip install vapoursynth-bestsource`)."""
    lines = [
        "import vapoursynth as vs",
        "import framemend",
        "",
        "core = vs.core",
        f"clip = core.bs.VideoSource({json.dumps(source, ensure_ascii=False)})",
    ]
    arguments = ["clip"]
    masks = []
    if options.mask:
        lines.append(f"painted = core.bs.VideoSource({json.dumps(MASK_NAME)}).resize.Point(format=vs.GRAY8)")
        lines.append("painted = core.std.Loop(painted, clip.num_frames)")
        masks.append("painted")
    for number, text in enumerate(options.rect, 1):
        rect = parse_rect(text)
        name = f"rect{number}"
        lines += [
            f"white = core.std.BlankClip(width={rect.width}, height={rect.height}, format=vs.GRAY8, color=255, length=clip.num_frames)",
            f"{name} = core.std.AddBorders(white, {rect.x}, {width - rect.x - rect.width}, {rect.y}, {height - rect.y - rect.height})",
        ]
        if isinstance(rect.start, int) and isinstance(rect.end, int):
            lines += [
                f"black = core.std.BlankClip({name}, color=0, keep=True)",
                f"{name} = core.std.FrameEval({name}, lambda n, on={name}, off=black: on if {rect.start} <= n <= {rect.end} else off)",
            ]
        masks.append(name)
    if masks:
        mask = masks[0]
        for other in masks[1:]:
            mask = f'core.std.Expr([{mask}, {other}], "x y max")'
        lines.append(f"mask = {mask}")
        arguments.append("mask")
    if options.track is not None:
        lines.insert(0, f"# The marks were drawn on frame {options.track} and are not carried through the shot here.")
    if options.detect:
        arguments.append(f"detect={json.dumps(options.detect)}")
    if options.model != "fast":
        arguments.append(f"model={json.dumps(options.model)}")
    if options.strength is not None:
        arguments.append(f"strength={options.strength:g}")
    if options.grain != "remove":
        arguments.append(f"grain={options.grain!r}")
    if options.no_grain:
        arguments.append("hole_grain=False")
    if options.scene_changes != "auto":
        arguments.append(f"scene_changes={json.dumps(options.scene_changes)}")
    lines.append(f"framemend.repair({', '.join(arguments)}).set_output()")
    return "\n".join(lines) + "\n"


def output_name(name: str) -> str:
    """What the repaired clip is called: like the clip, in a container that takes what it may hold."""
    stem, _, suffix = name.rpartition(".")
    kept = suffix.lower() in ("mp4", "mov", "mkv", "webm", "m4v")
    return f"{re.sub(r'[/\\\\]', '_', stem or name)} repaired.{suffix if kept else 'mkv'}"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingError(message)
