"""Encoders whose packets can stand among those of the input: same codec, and parameter sets that a decoder takes in turn."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..frames import same_samples
from ..nals import (
    H264_IDR,
    HEVC_IRAP,
    HEVC_SETS,
    AvcRecord,
    from_annex_b,
    from_lengths,
    h264_type,
    hevc_type,
    length_size,
    with_lengths,
)
from ..recipes import RECIPES, too_narrow
from .gops import Gop, Unusable

if TYPE_CHECKING:
    from av import VideoCodecContext

    from ..sources import VideoSource

PRORES = {"Proxy": "proxy", "LT": "lt", "Standard": "standard", "HQ": "hq", "4444": "4444", "XQ": "4444xq"}
DNXHR = {"LB": "dnxhr_lb", "SQ": "dnxhr_sq", "HQX": "dnxhr_hqx", "HQ": "dnxhr_hq", "444": "dnxhr_444"}
"""Words in ffmpeg's name of a profile to the encoder's own."""
_OPTIONS = {recipe.encoder: recipe.options for recipe in RECIPES}


def _as_it_is(packet: bytes) -> bytes:
    return packet


@dataclass(frozen=True, kw_only=True)
class Match:
    """How groups of the input are encoded anew.

    global_header: whether parameter sets stay out of the packets; extradata: of the whole stream from now on, None: the
    input's; packed: turns the encoder's packet into one of the container.
    """

    encoder: str
    options: dict[str, str] = field(default_factory=dict)
    global_header: bool = False
    extradata: bytes | None = None
    packed: Callable[[bytes], bytes] = _as_it_is


def kinds_of_units(source: VideoSource) -> Callable[[bytes], frozenset[int]] | None:
    """What tells the kinds of the units in a packet of H.264 or HEVC; None: it has none, or they cannot be told apart."""
    context = source.video.codec_context
    name = context.codec.canonical_name
    size = length_size(context.extradata or b"", name)
    if size is None:
        return None
    kind = h264_type if name == "h264" else hevc_type
    return lambda packet: frozenset(kind(unit) for unit in from_lengths(packet, size) if unit)


def find_match(source: VideoSource, gops: Sequence[Gop], crf: float | None, preset: str | None) -> Match:
    """The encoder for groups that have to be encoded. Raises Unusable where none fits among the input's packets."""
    codec = source.video.codec_context.codec.canonical_name
    find = _FINDERS.get(codec)
    if find is None:
        raise Unusable(f"groups of {codec} cannot be encoded to stand among the others ({', '.join(_FINDERS)} can)")
    chosen = {} if crf is None else {"crf": f"{crf:g}"}
    if preset is not None:
        chosen["preset"] = preset
    match = find(source, gops, chosen)
    if (reason := too_narrow(match.encoder, source.first.width, source.first.height)) is not None:
        raise Unusable(reason)
    return match


def make_encoder(source: VideoSource, match: Match) -> VideoCodecContext:
    """An encoder for frames like the source's; its time base counts frames."""
    import av

    first: Any = source.first
    context: Any = av.CodecContext.create(match.encoder, "w")
    context.width, context.height, context.pix_fmt = first.width, first.height, first.format.name
    rate = source.rate or Fraction(25)
    context.time_base, context.framerate = 1 / rate, rate
    for name in ("colorspace", "color_range", "color_primaries", "color_trc"):
        setattr(context, name, getattr(first, name))
    context.chroma_sample_location = first.chroma_location
    if source.sample_aspect_ratio:
        context.sample_aspect_ratio = source.sample_aspect_ratio
    context.options = dict(match.options)
    context.copy_opaque = True
    if match.global_header:
        context.flags |= _GLOBAL_HEADER
    context.open()
    return context


_GLOBAL_HEADER = 1 << 22
"""ffmpeg's AV_CODEC_FLAG_GLOBAL_HEADER."""


def _check_intra(gops: Sequence[Gop]) -> None:
    if any(len(gop.pts) > 1 for gop in gops):
        raise Unusable("not every frame is a key frame")


def _mjpeg(source: VideoSource, gops: Sequence[Gop], chosen: dict[str, str]) -> Match:
    _check_intra(gops)
    return _checked(source, Match(encoder="mjpeg", options=dict(_OPTIONS["mjpeg"])))


def _prores(source: VideoSource, gops: Sequence[Gop], chosen: dict[str, str]) -> Match:
    _check_intra(gops)
    return _checked(source, Match(encoder="prores_ks", options={"profile": _profile(source, PRORES)}))


def _dnxhr(source: VideoSource, gops: Sequence[Gop], chosen: dict[str, str]) -> Match:
    _check_intra(gops)
    return _checked(source, Match(encoder="dnxhd", options={"profile": _profile(source, DNXHR)}))


def _profile(source: VideoSource, names: dict[str, str]) -> str:
    said = source.video.codec_context.profile or ""
    found = next((option for word, option in names.items() if word in said.replace("DNXHR", "").split()), None)
    if found is None:
        raise Unusable(f"its profile ({said or 'unknown'}) is none that can be encoded")
    return found


def _ffv1(source: VideoSource, gops: Sequence[Gop], chosen: dict[str, str]) -> Match:
    """FFV1 describes itself in one header for the whole stream: settings are tried until the encoder writes the same."""
    wanted = source.video.codec_context.extradata or b""
    if not wanted:
        return _checked(source, Match(encoder="ffv1", options={"level": "1", "g": "1"}))
    intra = all(len(gop.pts) == 1 for gop in gops)
    for coder, context, crc, slices in itertools.product(
        ("rice", "range_def", "range_tab"), ("0", "1"), ("1", "0", "2"), ("0", "4", "6", "9", "12", "16", "24", "30")
    ):
        options = {"level": "3", "coder": coder, "context": context, "slicecrc": crc, "slices": slices}
        match = Match(encoder="ffv1", options=options | {"g": "1" if intra else "1000000"})
        try:
            if make_encoder(source, match).extradata == wanted:
                return _checked(source, match)
        except Exception:  # noqa: BLE001, S112  a combination that the encoder refuses is not the one
            continue
    raise Unusable("its FFV1 header is none that this encoder writes")


def _h264(source: VideoSource, gops: Sequence[Gop], chosen: dict[str, str]) -> Match:
    """x264 under an id of its own for the parameter sets, which then stand beside the input's in the container."""
    try:
        record = AvcRecord(source.video.codec_context.extradata or b"")
        number = record.free_id()
    except ValueError as error:
        raise Unusable(f"its parameter sets cannot be joined with others ({error})") from error
    if not all(H264_IDR in gop.kinds for gop in gops):
        raise Unusable("not every group of pictures begins afresh (with an IDR frame)")
    options = _OPTIONS["libx264"] | chosen | {"bf": "0", "x264-params": f"sps-id={number}:scenecut=0", "g": "1000000"}
    match = _checked(source, Match(encoder="libx264", options=options, global_header=True))
    sets = from_annex_b(make_encoder(source, match).extradata or b"")

    def packed(packet: bytes) -> bytes:
        return with_lengths(from_annex_b(packet), record.length_size)

    return replace(match, extradata=record.joined(sets), packed=packed)


def _hevc(source: VideoSource, gops: Sequence[Gop], chosen: dict[str, str]) -> Match:
    """x265 cannot rename its parameter sets: only where each of the input's groups brings its own do both fit."""
    size = length_size(source.video.codec_context.extradata or b"", "hevc")
    if size is None:
        raise Unusable("its parameter sets are not where mp4 and Matroska have them")
    for gop in gops:
        if not gop.kinds & set(HEVC_IRAP):
            raise Unusable("not every group of pictures begins afresh")
        if not gop.kinds >= set(HEVC_SETS):
            raise Unusable("its groups of pictures do not bring their parameter sets (x265's repeat-headers)")
    parameters = "log-level=error:repeat-headers=1:bframes=0:scenecut=0:keyint=-1:open-gop=0"
    options = _OPTIONS["libx265"] | chosen | {"x265-params": parameters}

    def packed(packet: bytes) -> bytes:
        return with_lengths(from_annex_b(packet), size)

    return _checked(source, Match(encoder="libx265", options=options, packed=packed))


_FINDERS: dict[str, Callable[[VideoSource, Sequence[Gop], dict[str, str]], Match]] = {
    "prores": _prores,
    "dnxhd": _dnxhr,
    "ffv1": _ffv1,
    "mjpeg": _mjpeg,
    "h264": _h264,
    "hevc": _hevc,
}


def _checked(source: VideoSource, match: Match) -> Match:
    """The match, once the encoder has taken frames like the input's."""
    import av

    name = source.first.format.name
    accepted = [f.name for f in av.Codec(match.encoder, "w").video_formats or []]
    if source.given_pix_fmt != name and not same_samples(source.given_pix_fmt, name):
        raise Unusable(f"its samples ({source.given_pix_fmt}) are converted before the repair")
    if name not in accepted:
        raise Unusable(f"{match.encoder} takes no {name}")
    try:
        make_encoder(source, match)
    except Exception as error:
        raise Unusable(f"{match.encoder} does not take frames like its own ({error})") from error
    return match
