"""The stream of the repaired video in the output: its encoder, and what the head of the file says of the picture."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING, cast

from framemend_filters.errors import SettingError

from .frames import field_order, matrix_and_range
from .hdr import StaticHdr, hdr_options
from .recipes import BOTTOM_FIRST, INTERLACED, Recipe, too_narrow
from .scheduling import usual_scheduling
from .tags import stream_tags

if TYPE_CHECKING:
    from av import VideoCodecContext, VideoFrame
    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from .sources import VideoSource

DISPLAY_MATRIX = "DISPLAYMATRIX"
STALE_PREFIXES = ("BPS", "NUMBER_OF_", "_STATISTICS")
"""mkvmerge's statistics: true for the copied streams, not for a video that was encoded again."""
APPLE = frozenset({"mp4", "mov", "ipod"})
"""Containers in which Apple's players show HEVC only where it is called hvc1."""
COUNTS_FRAMES = frozenset({"avi"})
"""Containers that number frames and hold no times between."""
NO_REORDERING = frozenset({"avi", "flv", "asf", "mxf"})
"""Containers that have one time a frame, or none before zero: frames encoded in another order would move all times."""
HEAD_SIDES = {
    "frame_cropping": "cropping of the picture",
    "stereo_3d": "stereo 3D",
    "spherical": "spherical projection",
    "dovi_conf": "the head's record of Dolby Vision, without which most players show the picture as if it had none",
}
"""ffmpeg's names of what the head of a file says of the picture, and ours."""
OWN_LEVEL = {"libx264": {"x264-params": "level=-1"}}
"""What makes an encoder find its level by itself where it has been told the input's."""
_GLOBAL_HEADER = 1 << 22
"""ffmpeg's AV_CODEC_FLAG_GLOBAL_HEADER."""


def add_video(
    output: OutputContainer, source: VideoSource, recipe: Recipe, pix_fmt: str, hdr: StaticHdr
) -> VideoStream:
    """Add the stream for the repaired video of `source`, to be encoded from frames in `pix_fmt`."""
    first, kind = source.first, output.format.name
    if (reason := too_narrow(recipe.encoder, first.width, first.height)) is not None:
        raise SettingError(f"{reason}; use --codec libx264")
    rate = source.rate or Fraction(25)
    special = (hdr_options(hdr, recipe.encoder), _field_options(first, recipe.encoder))
    video = _from_template(output, source, recipe)
    if video is None:
        options = recipe.options_for(pix_fmt, *special)
        video = cast("VideoStream", output.add_stream(recipe.encoder, rate=rate, options=options))
    else:
        video.codec_context.options = recipe.options_for(pix_fmt, *special, OWN_LEVEL.get(recipe.encoder, {}))
        video.codec_context.framerate = rate
    context = video.codec_context
    context.width, context.height, context.pix_fmt = first.width, first.height, pix_fmt
    context.time_base = 1 / rate  # frames are numbered for the encoder; their own times are put on its packets
    video.time_base = 1 / rate if kind in COUNTS_FRAMES else source.time_base
    if kind in NO_REORDERING:
        context.max_b_frames = 0
    if source.sample_aspect_ratio:
        context.sample_aspect_ratio = source.sample_aspect_ratio
    context.colorspace, context.color_range = matrix_and_range(first, pix_fmt)
    context.color_primaries = first.color_primaries
    context.color_trc = first.color_trc
    context.chroma_sample_location = first.chroma_location
    context.thread_type = "AUTO"
    if recipe.encoder == "libx265" and kind in APPLE:
        context.codec_tag = "hvc1"
    context.copy_opaque = recipe.encoder == "libx265"
    matrix = _display_matrix(first)
    if matrix is not None:
        video.set_display_matrix(matrix)
    video.disposition = source.video.disposition
    tags = stream_tags(kind, source.video.metadata)
    video.metadata.update({key: value for key, value in tags.items() if not key.startswith(STALE_PREFIXES)})
    return video


def _from_template(output: OutputContainer, source: VideoSource, recipe: Recipe) -> VideoStream | None:
    """A stream that says of the picture what the input's head says: PyAV hands that on from a template alone, whose codec it
    then has. None: there is nothing to hand on, the codec is another, or the record speaks of a layer that is not kept."""
    import av

    given = source.video.codec_context
    sides = given.coded_side_data
    if not sides.keys() & HEAD_SIDES.keys() or _has_second_layer(sides.get("dovi_conf", b"")):
        return None
    try:
        if av.Codec(given.codec.name, "w").name != recipe.encoder:
            return None
        video = output.add_stream_from_template(source.video, opaque=False)
    except ValueError:
        return None
    context = video.codec_context
    context.bit_rate, context.extradata = 0, None
    context.flags = _GLOBAL_HEADER if output.format.flags & _WANTS_GLOBAL_HEADER else 0
    return video


_WANTS_GLOBAL_HEADER = 0x0040
"""ffmpeg's AVFMT_GLOBALHEADER."""


def _has_second_layer(record: bytes) -> bool:
    """Whether a record of Dolby Vision (ffmpeg's AVDOVIDecoderConfigurationRecord) speaks of an enhancement layer."""
    return len(record) > 5 and bool(record[5])


def open_early(video: VideoStream) -> None:
    """Open the encoder before the header is written, which PyAV leaves to the first frame where a stream is made from a template."""
    context: VideoCodecContext = video.codec_context
    if context.is_encoder and not context.is_open:
        with usual_scheduling():
            context.open(strict=False)


def shown_shape(source: VideoSource) -> Fraction | None:
    """Width over height of the picture as players show it, of what is cropped and of both pictures of stereo 3D; None: not said."""
    ratio = source.sample_aspect_ratio
    if not ratio:
        return None
    side = source.video.codec_context.coded_side_data.get("frame_cropping", b"")
    top, bottom, left, right = struct.unpack("<4I", side[:16]) if len(side) >= 16 else (0, 0, 0, 0)
    stereo = source.video.metadata.get("stereo_mode", "")
    ratio *= _STEREO_SHAPES.get(frozenset(stereo.split("_")), Fraction(1))  # ffmpeg tells the shape of one of them
    return ratio * (source.first.width - left - right) / (source.first.height - top - bottom)


_STEREO_SHAPES = {frozenset({"left", "right"}): Fraction(1, 2), frozenset({"top", "bottom"}): Fraction(2)}


def _field_options(first: VideoFrame, encoder: str) -> dict[str, str]:
    """Field order for the container, as ffmpeg sets it, and the flags that make the encoder code fields."""
    order = field_order(first)
    if order is None:
        return {"field_order": "progressive"}
    bottom = BOTTOM_FIRST.get(encoder, {}) if order == "bottom" else {}
    return {"field_order": "tb" if order == "top" else "bt", **INTERLACED.get(encoder, {}), **bottom}


def _display_matrix(frame: VideoFrame) -> list[int] | None:
    """The nine numbers that turn or mirror the picture on display, None where there are none."""
    import numpy as np

    for side in frame.side_data.values():
        if side.type.name == DISPLAY_MATRIX:
            return np.frombuffer(bytes(side), "<i4")[:9].tolist()
    return None
