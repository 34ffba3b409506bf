"""Which encoder writes the repaired video, and with what settings: like the input where that is possible, visually lossless."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from framemend_filters.errors import SettingError

from .encode_options import merge_options

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import OutputContainer

    from .encode_options import EncodeSettings

_QP_TO_LAMBDA = 118
"""ffmpeg's FF_QP2LAMBDA: a constant quantiser as `global_quality`."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one encoder is asked for a visually lossless result."""

    encoder: str
    options: dict[str, str] = field(default_factory=dict)
    crf: str | None = None
    """Option that takes the number of --crf; None: the encoder has none."""
    preset: str | None = None
    """Option that takes the name of --preset."""
    profiles: dict[str, str] = field(default_factory=dict)
    """Pixel format to the profile it needs, where the encoder does not find that out itself."""

    asked: dict[str, str] = field(default_factory=dict)
    """Options that the person gave; they win over all others."""

    def options_for(self, pix_fmt: str, *more: dict[str, str]) -> dict[str, str]:
        """The encoder's options for frames of that pixel format, `more` over those of the recipe."""
        options = dict(self.options)
        if pix_fmt in self.profiles:
            options["profile"] = self.profiles[pix_fmt]
        for extra in (*more, self.asked):
            merge_options(options, extra)
        return options


def _constant_quantiser(encoder: str, quantiser: int, **more: str) -> Recipe:
    quality = str(quantiser * _QP_TO_LAMBDA)
    return Recipe(encoder=encoder, options={"flags": "+qscale", "global_quality": quality, "qmin": "1"} | more)


RECIPES = (
    Recipe(encoder="libx264", options={"crf": "14", "preset": "medium"}, crf="crf", preset="preset"),
    Recipe(encoder="libx264rgb", options={"crf": "14", "preset": "medium"}, crf="crf", preset="preset"),
    Recipe(
        encoder="libx265",
        options={"crf": "14", "preset": "medium", "x265-params": "log-level=error"},
        crf="crf",
        preset="preset",
    ),
    Recipe(encoder="libsvtav1", options={"crf": "14", "preset": "6"}, crf="crf", preset="preset"),
    Recipe(
        encoder="libvpx-vp9",
        options={"crf": "16", "b": "0", "deadline": "good", "cpu-used": "2", "row-mt": "1"},
        crf="crf",
        preset="cpu-used",
    ),
    Recipe(
        encoder="libvpx",
        options={"crf": "6", "b": "20M", "deadline": "good", "cpu-used": "2"},
        crf="crf",
        preset="cpu-used",
    ),
    Recipe(encoder="ffv1", options={"level": "3", "g": "1", "slicecrc": "1"}),
    Recipe(encoder="prores_ks"),
    Recipe(
        encoder="dnxhd",
        profiles={
            "yuv422p": "dnxhr_hq",
            "yuv422p10le": "dnxhr_hqx",
            "yuv444p10le": "dnxhr_444",
            "gbrp10le": "dnxhr_444",
        },
    ),
    _constant_quantiser("mjpeg", 2),
    _constant_quantiser("mpeg2video", 2, qmax="4"),
    _constant_quantiser("mpeg1video", 2, qmax="4"),
    _constant_quantiser("mpeg4", 2, qmax="4"),
    Recipe(encoder="utvideo"),
    Recipe(encoder="ffvhuff"),
    Recipe(encoder="huffyuv"),
    Recipe(encoder="rawvideo"),
)
_BY_ENCODER = {recipe.encoder: recipe for recipe in RECIPES}

_EVERY_FRAME_A_KEY = {"g": "1", "crf": "12"}
MEZZANINES = {
    "prores": _BY_ENCODER["prores_ks"],
    "dnxhr": _BY_ENCODER["dnxhd"],
    "ffv1": _BY_ENCODER["ffv1"],
    **{
        name: replace(_BY_ENCODER[encoder], options=_BY_ENCODER[encoder].options | _EVERY_FRAME_A_KEY)
        for name, encoder in {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1"}.items()
    },
}
"""What --profile stands for."""

LIKE_INPUT = {
    "h264": "libx264",
    "hevc": "libx265",
    "av1": "libsvtav1",
    "vp9": "libvpx-vp9",
    "vp8": "libvpx",
    "ffv1": "ffv1",
    "prores": "prores_ks",
    "dnxhd": "dnxhd",
    "mjpeg": "mjpeg",
    "mpeg2video": "mpeg2video",
    "mpeg1video": "mpeg1video",
    "mpeg4": "mpeg4",
    "utvideo": "utvideo",
    "ffvhuff": "ffvhuff",
    "huffyuv": "huffyuv",
    "rawvideo": "rawvideo",
}
"""Codec of the input to encoder of the output; lossless ones that are missing go to FFV1, all others to H.264."""

INTERLACED = {
    "libx264": {"flags": "+ildct"},
    "libx264rgb": {"flags": "+ildct"},
    "mpeg2video": {"flags": "+ildct+ilme"},
    "mpeg4": {"flags": "+ildct+ilme"},
    "prores_ks": {"flags": "+ildct"},
    "ffv1": {},
}
"""Encoders that keep interlaced frames marked as such, and what tells them to code fields."""

KEEPS_LOSSLESS = frozenset({"matroska", "avi", "nut"})
"""Containers in which FFV1 plays."""

OTHERWISE = {
    "mp4": ("libx264", "mpeg4"),
    "webm": ("libvpx-vp9", "libsvtav1"),
    "matroska": ("libx264", "ffv1"),
    "avi": ("libx264", "ffv1"),
    "mpeg": ("mpeg2video",),
    "ogv": ("libvpx",),
}
_OTHERWISE = ("libx264", "mpeg2video", "mpeg4")


def choose_recipe(
    output: OutputContainer,
    codec: str,
    *,
    lossless: bool,
    rgb: bool,
    bits: int,
    interlaced: bool,
    settings: EncodeSettings,
) -> Recipe:
    """The encoder for the video in `output`.

    codec: ffmpeg's name of the input's codec; lossless: whether that keeps every sample; rgb: whether it holds RGB;
    bits: of its samples; interlaced: whether it is to stay interlaced.
    Raises SettingError for an encoder that does not exist, that the container cannot hold, or that has no such option.
    """
    import av

    container = output.format.name
    if settings.profile is not None or settings.codec is not None:
        recipe = MEZZANINES[settings.profile] if settings.profile else _asked(settings.codec or "")
        if rgb and settings.profile == "h264":
            recipe = replace(recipe, encoder="libx264rgb")
        if not _holds(output, recipe.encoder):
            name = f"--profile {settings.profile}" if settings.profile else f"--codec {settings.codec}"
            raise SettingError(f"{container} cannot hold {name}; choose another one or another file extension")
        if interlaced and recipe.encoder not in INTERLACED:
            raise SettingError(f"{recipe.encoder} does not mark interlaced video; {', '.join(INTERLACED)} do")
        return _adjust(recipe, settings)
    wanted = [LIKE_INPUT.get(codec, "libx264"), *OTHERWISE.get(container, _OTHERWISE)]
    if lossless and container in KEEPS_LOSSLESS:
        wanted[:1] = [LIKE_INPUT.get(codec, "ffv1"), "ffv1"]
    if rgb and codec == "h264":  # RGB within H.264 has an encoder of its own; few players show it, so not for others
        wanted = ["libx264rgb" if name == "libx264" else name for name in wanted]
    fit = [
        name
        for name in [*wanted, output.default_video_codec]
        if name in av.codecs_available and _holds(output, name) and (not interlaced or name in INTERLACED)
    ]
    if fit:
        name = next((name for name in fit if _takes_bits(name, bits)), fit[0])
        return _adjust(_BY_ENCODER.get(name) or Recipe(encoder=name), settings)
    kind = "interlaced video" if interlaced else "video"
    raise SettingError(f"no encoder for {kind} in {container}; name one with --codec or use .mkv")


def _asked(name: str) -> Recipe:
    import av
    from av.codec.codec import UnknownCodecError

    encoder = LIKE_INPUT.get(name, name)
    try:
        codec = av.Codec(encoder, "w")
    except UnknownCodecError as error:
        raise SettingError(f"no such encoder: {name}; try {', '.join(sorted(_BY_ENCODER))}") from error
    if codec.type != "video":
        raise SettingError(f"--codec {name} is for {codec.type}, not for video")
    return _BY_ENCODER.get(codec.name) or Recipe(encoder=codec.name, crf=_has_option(codec.name, "crf"))


def _has_option(encoder: str, name: str) -> str | None:
    """The option's own name where the encoder has it."""
    import av

    options = av.CodecContext.create(encoder, "w").supported_options.private
    return name if any(option.name == name for option in options) else None


def _adjust(recipe: Recipe, settings: EncodeSettings) -> Recipe:
    if recipe.encoder == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # errors only; it tells its whole configuration on stderr otherwise
    options = dict(recipe.options)
    numbers = ((settings.crf, recipe.crf, "--crf"), (settings.preset, recipe.preset, "--preset"))
    for value, option, name in numbers:
        if value is None:
            continue
        if option is None:
            raise SettingError(f"{name} means nothing to {recipe.encoder}; leave it out")
        options[option] = value if isinstance(value, str) else f"{value:g}"
    return replace(recipe, options=options, asked=dict(settings.options))


def _holds(output: OutputContainer, encoder: str) -> bool:
    """Whether the container takes what the encoder makes, as far as ffmpeg can say without trying."""
    import av

    codec = av.Codec(encoder, "w").canonical_name
    if codec in output.supported_codecs:
        return True
    return codec in ALSO_HELD.get(output.format.name, ())


def _takes_bits(encoder: str, bits: int) -> bool:
    """Whether the encoder takes samples of that depth, as far as it says."""
    import av

    from .frames import LAYOUTS

    accepted = av.Codec(encoder, "w").video_formats or []
    return not accepted or any(LAYOUTS[f.name].bits >= bits for f in accepted if f.name in LAYOUTS)


ALSO_HELD = {
    "image2": ("png", "tiff", "mjpeg"),
    "mpegts": ("h264", "hevc", "mpeg1video", "mpeg4"),
    "mpeg": ("mpeg1video", "mpeg2video", "h264"),
    "mxf": ("h264", "prores", "dnxhd"),
}
"""Codecs that a container takes although ffmpeg's table does not list them for it."""


def choose_pix_fmt(recipe: Recipe, frame: VideoFrame, asked: str | None) -> str:
    """The pixel format that the encoder gets: the one asked for, else that of the frame, else one with the same samples
    in another order, else the one that loses least. Raises SettingError where the encoder does not take the one asked for.
    """
    import av
    from av.codec.codec import find_best_pix_fmt_of_list

    from .frames import LAYOUTS

    name = frame.format.name
    accepted = [f.name for f in av.Codec(recipe.encoder, "w").video_formats or []]
    if asked is not None:
        if not _is_pix_fmt(asked):
            raise SettingError(f"no such pixel format: {asked}; {recipe.encoder} takes {', '.join(accepted) or 'any'}")
        if accepted and asked not in accepted:
            raise SettingError(f"{recipe.encoder} takes no {asked}; it takes {', '.join(accepted)}")
        return asked
    if not accepted or name in accepted:
        return name
    layout = LAYOUTS[name]
    twins = [f for f in accepted if f in LAYOUTS and LAYOUTS[f].kind == layout.kind]
    twins.sort(
        key=lambda f: ((LAYOUTS[f].alpha is None) != (layout.alpha is None), LAYOUTS[f].full_range != layout.full_range)
    )
    if twins and (layout.alpha is None or LAYOUTS[twins[0]].alpha is not None):
        return twins[0]
    best, _ = find_best_pix_fmt_of_list(accepted, name, has_alpha=layout.alpha is not None)
    return best.name if best is not None else accepted[0]


def _is_pix_fmt(name: str) -> bool:
    from av.video.format import VideoFormat

    try:
        return not VideoFormat(name).has_palette  # a palette must be chosen for the picture, which swscale does not do
    except ValueError:
        return False
