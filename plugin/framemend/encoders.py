"""Which encoder writes the repaired video, and with what settings: like the input where that is possible, visually lossless."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from framemend_filters.errors import SettingError

from .recipes import (
    ALSO_HELD,
    BY_ENCODER,
    ELSEWHERE,
    INTERLACED,
    KEEPS_ALPHA,
    KEEPS_LOSSLESS,
    LIKE_INPUT,
    MEZZANINES,
    NO_ALPHA,
    NO_TIMES,
    NOT_HELD,
    OTHERWISE,
    Recipe,
)

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import OutputContainer

    from .encode_options import EncodeSettings


def choose_recipe(
    output: OutputContainer,
    codec: str,
    *,
    lossless: bool,
    rgb: bool,
    bits: int,
    alpha: bool,
    interlaced: bool,
    settings: EncodeSettings,
) -> Recipe:
    """The encoder for the video in `output`.

    codec: ffmpeg's name of the input's codec; lossless: whether that keeps every sample; rgb: whether it holds RGB;
    bits: of its samples; alpha: whether it holds transparency; interlaced: whether it is to stay interlaced.
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
    if container in NO_TIMES:
        raise SettingError(
            f"there is no encoder for Theora, and {container} keeps the times of no other; use .mkv or .webm"
        )
    wanted = [LIKE_INPUT.get(codec, codec if lossless else "libx264"), *OTHERWISE.get(container, ELSEWHERE)]
    if lossless and container in KEEPS_LOSSLESS:
        wanted[:1] = [LIKE_INPUT.get(codec, "ffv1"), "ffv1"]
    if rgb and codec == "h264":  # RGB within H.264 has an encoder of its own; few players show it, so not for others
        wanted = ["libx264rgb" if name == "libx264" else name for name in wanted]
    if alpha:
        others = KEEPS_ALPHA.get(container, ())
        others = others[::-1] if rgb else others  # ProRes holds YUV, QuickTime Animation RGB
        wanted = [n for n in (wanted[0], *others) if _takes(n, bits, alpha=True)] + wanted
    fit = [
        name
        for name in [*wanted, output.default_video_codec]
        if name in av.codecs_available and _holds(output, name) and (not interlaced or name in INTERLACED)
    ]
    if fit:
        name = next((name for name in fit if _takes(name, bits)), fit[0])
        return _adjust(BY_ENCODER.get(name) or Recipe(encoder=name), settings)
    kind = "interlaced video" if interlaced else "video"
    raise SettingError(f"no encoder for {kind} in {container}; name one with --codec or use .mkv")


def _asked(name: str) -> Recipe:
    import av
    from av.codec.codec import UnknownCodecError

    encoder = LIKE_INPUT.get(name, name)
    try:
        codec = av.Codec(encoder, "w")
    except UnknownCodecError as error:
        raise SettingError(f"no such encoder: {name}; try {', '.join(sorted(BY_ENCODER))}") from error
    if codec.type != "video":
        raise SettingError(f"--codec {name} is for {codec.type}, not for video")
    return BY_ENCODER.get(codec.name) or Recipe(encoder=codec.name, crf=_has_option(codec.name, "crf"))


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
    if codec in NOT_HELD.get(output.format.name, ()):
        return False
    return codec in output.supported_codecs or codec in ALSO_HELD.get(output.format.name, ())


def _takes(encoder: str, bits: int, *, alpha: bool = False) -> bool:
    """Whether the encoder takes samples of that depth, and transparency beside them, as far as it says."""
    import av

    from .frames import LAYOUTS

    if encoder not in av.codecs_available:
        return False
    accepted = formats_of(encoder)
    layouts = [LAYOUTS[name] for name in accepted if name in LAYOUTS]
    return not accepted or any(layout.bits >= bits and (layout.alpha or not alpha) for layout in layouts)


def formats_of(encoder: str) -> list[str]:
    """Names of the pixel formats that the encoder takes; empty: it does not say."""
    import av

    from .frames import has_alpha

    names = [f.name for f in av.Codec(encoder, "w").video_formats or []]
    if encoder in NO_ALPHA:
        names = [name for name in names if not has_alpha(name)]
    return names


def choose_pix_fmt(recipe: Recipe, frame: VideoFrame, asked: str | None) -> str:
    """The pixel format that the encoder gets: the one asked for, else that of the frame, else one with the same samples
    in another order, else the one that loses least. Raises SettingError where the encoder does not take the one asked for.
    """
    from av.codec.codec import find_best_pix_fmt_of_list

    from .frames import LAYOUTS

    name = frame.format.name
    accepted = formats_of(recipe.encoder)
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
