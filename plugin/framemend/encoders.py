"""Which encoder writes the repaired video, and with what settings: like the input where that is possible, visually lossless."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from framemend_filters.errors import SettingError

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import OutputContainer

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

    def options_for(self, pix_fmt: str) -> dict[str, str]:
        """The encoder's options for frames of that pixel format."""
        return self.options | ({"profile": self.profiles[pix_fmt]} if pix_fmt in self.profiles else {})


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

KEEPS_LOSSLESS = frozenset({"matroska", "avi", "nut"})
"""Containers in which FFV1 plays."""

OTHERWISE = {
    "mp4": ("libx264", "mpeg4"),
    "webm": ("libvpx-vp9",),
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
    asked: str | None,
    crf: float | None,
    preset: str | None,
) -> Recipe:
    """The encoder for the video in `output`.

    codec: ffmpeg's name of the input's codec; lossless: whether that keeps every sample; rgb: whether it holds RGB; asked, crf, preset: what the
    person said, None where nothing. Raises SettingError for an encoder that does not exist or that the container
    cannot hold.
    """
    import av

    container = output.format.name
    if asked is not None:
        recipe = _asked(asked)
        if not _holds(output, recipe.encoder):
            raise SettingError(f"{container} cannot hold {asked}; choose another --codec or another file extension")
        return _adjust(recipe, crf, preset)
    wanted = [LIKE_INPUT.get(codec, "libx264"), *OTHERWISE.get(container, _OTHERWISE)]
    if lossless and container in KEEPS_LOSSLESS:
        wanted[:1] = [LIKE_INPUT.get(codec, "ffv1"), "ffv1"]
    if rgb and codec == "h264":  # RGB within H.264 has an encoder of its own; few players show it, so not for others
        wanted = ["libx264rgb" if name == "libx264" else name for name in wanted]
    for name in [*wanted, output.default_video_codec]:
        if name in av.codecs_available and _holds(output, name):
            return _adjust(_BY_ENCODER.get(name) or Recipe(encoder=name), crf, preset)
    raise SettingError(f"no encoder for video in {container}; name one with --codec or use .mkv")


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
    return _BY_ENCODER.get(codec.name) or Recipe(encoder=codec.name)


def _adjust(recipe: Recipe, crf: float | None, preset: str | None) -> Recipe:
    options = dict(recipe.options)
    for value, option, name in ((crf, recipe.crf, "--crf"), (preset, recipe.preset, "--preset")):
        if value is None:
            continue
        if option is None:
            raise SettingError(f"{name} means nothing to {recipe.encoder}; leave it out")
        options[option] = value if isinstance(value, str) else f"{value:g}"
    return replace(recipe, options=options)


def _holds(output: OutputContainer, encoder: str) -> bool:
    """Whether the container takes what the encoder makes, as far as ffmpeg can say without trying."""
    import av

    codec = av.Codec(encoder, "w").canonical_name
    if codec in output.supported_codecs:
        return True
    return codec in ALSO_HELD.get(output.format.name, ())


ALSO_HELD = {
    "mpegts": ("h264", "hevc", "mpeg1video", "mpeg4"),
    "mpeg": ("mpeg1video", "mpeg2video", "h264"),
    "mxf": ("h264", "prores", "dnxhd"),
}
"""Codecs that a container takes although ffmpeg's table does not list them for it."""


def choose_pix_fmt(recipe: Recipe, frame: VideoFrame) -> str:
    """The pixel format that the encoder gets: that of the frame, else one with the same samples in another order, else
    the one that loses least."""
    import av
    from av.codec.codec import find_best_pix_fmt_of_list

    from .frames import LAYOUTS

    name = frame.format.name
    accepted = [f.name for f in av.Codec(recipe.encoder, "w").video_formats or []]
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
