"""Transparency of VP8 and VP9 in WebM and Matroska: a second picture beside each packet, which ffmpeg's own decoders pass over."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from av import VideoCodecContext
    from av.video.stream import VideoStream

_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def alpha_decoder(video: VideoStream) -> VideoCodecContext | None:
    """A decoder for the packets of `video` that gives the transparency too; None: there is none, or no other decoder."""
    import av
    from av.codec.codec import UnknownCodecError

    name = _DECODERS.get(video.codec_context.name) if video.codec_context is not None else None
    marked = {key.lower(): value for key, value in video.metadata.items()}.get("alpha_mode")
    if name is None or marked != "1":
        return None
    try:
        decoder = cast("VideoCodecContext", av.CodecContext.create(name, "r"))
    except UnknownCodecError:
        return None
    decoder.extradata = video.codec_context.extradata
    decoder.thread_type = "AUTO"
    return decoder
