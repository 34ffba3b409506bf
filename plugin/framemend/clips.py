"""Reads whole clips into memory for training and measuring, and spoils them with real codecs.

`framemend repair` and `framemend pipe` stream; nothing here is meant for long videos. Frames are RGB uint8, T H W 3,
gamma-coded as in the file, converted with the matrix and range that the file is tagged with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from framemend_filters.errors import InputError, InputNotFound, SettingError

from .recipes import NARROWEST
from .times import as_fraction

if TYPE_CHECKING:
    import av

Frames = NDArray[np.uint8]
Codec = Literal["h264", "hevc", "mpeg2", "mpeg4", "mjpeg"]


@dataclass(frozen=True)
class Clip:
    """A decoded clip: frames T H W 3 uint8 RGB, frames a second, name of the file without its ending."""

    frames: Frames
    fps: Fraction
    name: str


def read_clip(path: str | Path, max_frames: int | None = None) -> Clip:
    """Decode the first video stream of a file, all of it or the first `max_frames`. A still is a clip of one frame.

    Raises InputNotFound when there is no such file, InputError when it holds no video that can be decoded.
    """
    import av
    from av.error import FFmpegError

    path = Path(path)
    if not path.is_file():
        raise InputNotFound(f"no such file: {path}")
    frames: list[Frames] = []
    fps = Fraction(25)
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(f"{path} has no video stream")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            rate = stream.average_rate or stream.guessed_rate
            fps = as_fraction(rate) if rate else fps
            to_rgb = rgb_reader()
            for frame in container.decode(stream):
                if max_frames is not None and len(frames) >= max_frames:
                    break
                frames.append(to_rgb(frame))
    except FFmpegError as error:
        if not frames:
            raise InputError(f"{path} cannot be decoded as video: {error.strerror or error}") from error
    if not frames:
        raise InputError(f"{path} holds no frame that can be decoded")
    sizes = {f.shape for f in frames}
    if len(sizes) > 1:
        raise InputError(
            f"{path} changes size in the middle: {sorted((s[1], s[0]) for s in sizes)}; cut it there first"
        )
    return Clip(np.stack(frames), fps, path.stem)


def rgb_reader() -> Callable[[av.VideoFrame], Frames]:
    """A function from decoded frames to H W 3 uint8 RGB that keeps swscale's tables between frames of one kind."""
    from av.video.reformatter import ColorRange, VideoReformatter

    reformatter = VideoReformatter()

    def convert(frame: av.VideoFrame) -> Frames:
        rgb = reformatter.reformat(
            frame,
            format="rgb24",
            src_colorspace=_matrix_of(frame),
            dst_colorspace=_matrix_of(frame),
            src_color_range=_range_of(frame),
            dst_color_range=ColorRange.JPEG,
            interpolation=_exact(),
        )
        return rgb.to_ndarray().astype(np.uint8, copy=False)

    return convert


def codec_round_trip(frames: Frames, codec: Codec, quality: float, *, fps: int = 25) -> Frames:
    """Encode a clip with a real codec at 4:2:0, BT.709 limited range, and decode it again, all in memory.

    frames: T H W 3 uint8 RGB, any size (odd sizes, and for hevc widths below 50, are padded by their last row and column, and
    cropped again).
    quality: CRF for h264 and hevc (0..51), the fixed quantiser for mpeg2, mpeg4 and mjpeg (1..31).
    Deterministic: one thread, no container. Returns frames of the same shape.
    """
    import av
    from av.video.reformatter import ChromaLocation, ColorRange, Colorspace, VideoReformatter

    encoder_name, options = _encoder(codec, quality)
    count, height, width = frames.shape[:3]
    across = max(width % 2, NARROWEST.get(encoder_name, 0) - width)
    padded = np.pad(frames, ((0, 0), (0, height % 2), (0, across), (0, 0)), mode="edge")
    encoder = av.CodecContext.create(encoder_name, "w")
    decoder = av.CodecContext.create(codec if codec in ("h264", "hevc", "mpeg4", "mjpeg") else "mpeg2video", "r")
    assert isinstance(encoder, av.VideoCodecContext) and isinstance(decoder, av.VideoCodecContext)
    encoder.width, encoder.height = padded.shape[2], padded.shape[1]
    encoder.pix_fmt = "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(fps), Fraction(1, fps)
    encoder.options = options
    encoder.color_range = ColorRange.MPEG
    encoder.colorspace = Colorspace.ITU709
    encoder.thread_count = decoder.thread_count = 1
    into, back = VideoReformatter(), VideoReformatter()

    packets = []
    for index, array in enumerate(padded):
        frame = into.reformat(
            av.VideoFrame.from_ndarray(array, format="rgb24"),
            format=encoder.pix_fmt,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=_exact(),
        )
        frame.pts, frame.time_base = index, encoder.time_base
        packets += encoder.encode(frame)
    packets += encoder.encode(None)

    decoded = [frame for packet in packets for frame in decoder.decode(packet)]
    decoded += decoder.decode(None)
    if len(decoded) != count:
        raise InputError(f"{codec} gave back {len(decoded)} frames of {count}")
    out = np.empty_like(padded)
    for index, frame in enumerate(decoded):
        # swscale put chroma in the middle of its four samples; decoders say "left", which would shift colours sideways
        frame.chroma_location = ChromaLocation.CENTER
        rgb = back.reformat(
            frame,
            format="rgb24",
            src_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=_exact(),
        )
        out[index] = rgb.to_ndarray()
    return out[:, :height, :width]


def _encoder(codec: str, quality: float) -> tuple[str, dict[str, str]]:
    if codec == "h264":
        return "libx264", {"crf": f"{quality:g}", "preset": "veryfast"}
    if codec == "hevc":
        quiet = "log-level=none:pools=none:frame-threads=1:wpp=0"
        return "libx265", {"crf": f"{quality:g}", "preset": "superfast", "x265-params": quiet}
    names = {"mpeg2": "mpeg2video", "mpeg4": "mpeg4", "mjpeg": "mjpeg"}
    if codec not in names:
        raise SettingError(f"no such codec: {codec}; known are h264, hevc, mpeg2, mpeg4, mjpeg")
    # A bit rate no quantiser can reach, so that the rate control never leaves qmin = qmax. "unofficial" lets mjpeg take
    # limited range: swscale's full range shifts the mean of red and blue by a code.
    return names[codec], {"qmin": f"{quality:g}", "qmax": f"{quality:g}", "b": "200000000", "strict": "unofficial"}


def _exact() -> int:
    """swscale's flags for a conversion that loses nothing but rounding: its defaults shift the mean by a whole code."""
    from av.video.reformatter import Interpolation

    wanted = Interpolation.BICUBIC | Interpolation.ACCURATE_RND
    return int(wanted | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP)


def _matrix_of(frame: av.VideoFrame) -> int:
    """The matrix a frame is tagged with, in swscale's numbers; untagged: what players assume for its size."""
    if frame.colorspace in (1, 4, 5, 6, 7, 9):
        return int(frame.colorspace)
    return 1 if frame.height > 576 or frame.width > 1024 else 5


def _range_of(frame: av.VideoFrame) -> int:
    if frame.format.name.startswith(("yuvj", "rgb", "bgr", "gbr", "pal8", "argb", "abgr")):
        return 2
    return 2 if frame.color_range == 2 else 1
