"""What a person may ask of the encoder of the repaired video, and the options of the command line that ask for it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field

from framemend_filters.errors import SettingError

PROFILES = ("prores", "dnxhr", "ffv1", "h264", "hevc", "av1")
"""Mezzanine files: each frame stands alone, so that an editor cuts anywhere. recipes.py has what each stands for."""


@dataclass(frozen=True, kw_only=True)
class EncodeSettings:
    """Nothing said means: like the input, visually lossless."""

    codec: str | None = None
    """An encoder, or a codec, by ffmpeg's name."""
    profile: str | None = None
    """One of PROFILES, instead of a codec."""
    crf: float | None = None
    preset: str | None = None
    pix_fmt: str | None = None
    """ffmpeg's name of the pixel format; None: depth and chroma of the input, where the encoder takes them."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Options of the encoder by ffmpeg's names; they win over all others."""

    def __post_init__(self) -> None:
        if self.codec is not None and self.profile is not None:
            raise SettingError(f"--profile {self.profile} chooses the encoder; leave --codec {self.codec} out")
        if self.profile is not None and self.profile not in PROFILES:
            raise SettingError(f"no such profile: {self.profile}; there are {', '.join(PROFILES)}")


def add_encode_options(parser: argparse.ArgumentParser) -> None:
    """Add --codec to --encoder-opt; `encode_settings_from` reads them back."""
    group = parser.add_argument_group("encoding")
    group.add_argument(
        "--codec", metavar="NAME", help="encoder of the video (default: like the input, visually lossless)"
    )
    group.add_argument(
        "--profile", metavar="NAME", help=f"a mezzanine for editing instead, all key frames: {', '.join(PROFILES)}"
    )
    group.add_argument(
        "--crf", type=float, metavar="N", help="quality of the encoder, less is better (default: 14 for H.264)"
    )
    group.add_argument("--preset", metavar="NAME", help="speed of the encoder (default: medium for H.264)")
    group.add_argument("--pix-fmt", metavar="NAME", help="pixel format (default: depth and chroma of the input)")
    group.add_argument(
        "--encoder-opt",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the encoder by ffmpeg's name, such as tune=grain or x265-params=aq-mode=3; may be repeated",
    )


def encode_settings_from(args: argparse.Namespace) -> EncodeSettings:
    """Raises SettingError where an option is malformed or contradicts another."""
    options: dict[str, str] = {}
    for text in args.encoder_opt:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise SettingError(f"--encoder-opt is {text!r}; it must look like KEY=VALUE, for instance tune=grain")
        merge_options(options, {key: value})
    return EncodeSettings(
        codec=args.codec,
        profile=args.profile,
        crf=args.crf,
        preset=args.preset,
        pix_fmt=args.pix_fmt,
        options=options,
    )


def merge_options(options: dict[str, str], more: Mapping[str, str]) -> None:
    """Put `more` over `options`; lists of parameters (x265-params and its kin) and flags are joined, the later ones last."""
    for key, value in more.items():
        before = options.get(key, "")
        joint = ":" if key.endswith("-params") and before else ""
        options[key] = f"{before}{joint}{value}" if joint or (key == "flags" and value[:1] in "+-") else value
