"""Tables of encoders: how each is asked for a visually lossless result, and which one stands for which codec and container."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .encode_options import merge_options

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
        options={
            "crf": "6",
            "b": "20M",
            "deadline": "good",
            "cpu-used": "2",
            "auto-alt-ref": "0",
        },  # else no transparency
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
BY_ENCODER = {recipe.encoder: recipe for recipe in RECIPES}

_EVERY_FRAME_A_KEY = {"g": "1", "crf": "12"}
MEZZANINES = {
    "prores": BY_ENCODER["prores_ks"],
    "dnxhr": BY_ENCODER["dnxhd"],
    "ffv1": BY_ENCODER["ffv1"],
    **{
        name: replace(BY_ENCODER[encoder], options=BY_ENCODER[encoder].options | _EVERY_FRAME_A_KEY)
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

BOTTOM_FIRST = {"libx264": {"x264-params": "bff=1"}, "libx264rgb": {"x264-params": "bff=1"}}
"""What else they need where the bottom field comes first: x264 orders fields before it sees a frame."""

KEEPS_ALPHA = {
    "mov": ("prores_ks", "qtrle"),
    "matroska": ("ffv1",),
    "webm": ("libvpx-vp9",),
    "avi": ("ffv1",),
    "nut": ("ffv1",),
}
"""Encoders for video with transparency, where the one that is like the input has none for it."""
NARROWEST = {"libx265": 50}
"""Columns that an encoder needs: x265 writes beyond its memory for 48 and fewer (that of PyAV; glibc's malloc check tells)."""

NO_ALPHA = frozenset({"libx265"})
"""Encoders that list formats with transparency and refuse them, as they are built for PyAV."""

KEEPS_LOSSLESS = frozenset({"matroska", "avi", "nut"})
"""Containers in which FFV1 plays."""

OTHERWISE = {
    "mp4": ("libx264", "mpeg4"),
    "webm": ("libvpx-vp9", "libsvtav1"),
    "matroska": ("libx264", "ffv1"),
    "avi": ("libx264", "ffv1"),
    "mpeg": ("mpeg2video",),
}
NO_TIMES = frozenset({"ogg", "ogv"})
"""Containers that give other times back than were written, for all codecs that there are encoders of."""
ELSEWHERE = ("libx264", "mpeg2video", "mpeg4")
ALSO_HELD = {
    "image2": ("png", "tiff", "mjpeg"),
    "mpegts": ("h264", "hevc", "mpeg1video", "mpeg4"),
    "mpeg": ("mpeg1video", "mpeg2video", "h264"),
    "mxf": ("h264", "prores", "dnxhd"),
}
"""Codecs that a container takes although ffmpeg's table does not list them for it."""
NOT_HELD = {"mov": ("vp8", "vp9", "av1")}
"""Codecs that it lists for a container whose muxer then refuses them."""


def too_narrow(encoder: str, width: int, height: int) -> str | None:
    """Why an encoder cannot have frames of that size; None: it can."""
    least = NARROWEST.get(encoder, 0)
    return f"{encoder} cannot encode {width}x{height}: it fails below {least} columns" if width < least else None
