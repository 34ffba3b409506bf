"""Everything of a file that is not its video: sound, subtitles, attachments, covers, data and tags, passed on as they came.

What the container of the output cannot hold is converted (text subtitles, sound) or left out, and named in one line.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .conversions import SoundConverter, TextConverter, find_converter, usual_layout
from .sources import is_cover
from .tags import stream_tags

if TYPE_CHECKING:
    from av import Packet
    from av.container import OutputContainer
    from av.stream import Stream

HOLDS_DATA = ("mpegts", "mxf")
"""Containers that take data streams, of their own kind; others fail at the header if given one."""
PICTURES = "image2"
HOLDS_COVERS = ("mp4", "ipod")
"""Containers that take a cover as a stream; to Matroska it is an attachment."""
COVER_NAMES = {
    "mjpeg": ("cover.jpg", "image/jpeg"),
    "png": ("cover.png", "image/png"),
    "bmp": ("cover.bmp", "image/bmp"),
}
TAKES: dict[tuple[str, str], frozenset[str]] = {
    ("mpegts", "subtitle"): frozenset({"dvb_subtitle", "dvb_teletext"}),
    ("mpegts", "audio"): frozenset(
        {"aac", "aac_latm", "mp1", "mp2", "mp3", "ac3", "eac3", "dts", "truehd", "opus", "s302m", "pcm_bluray"}
    ),
    ("mpegts", "video"): frozenset(
        {"h264", "hevc", "vvc", "mpeg1video", "mpeg2video", "mpeg4", "cavs", "dirac", "vc1"}
    ),
    ("mxf", "subtitle"): frozenset(),
    ("mxf", "audio"): frozenset({"pcm_s16le", "pcm_s24le"}),
    ("avi", "subtitle"): frozenset(),
    ("avi", "audio"): frozenset(
        {
            "mp2",
            "mp3",
            "ac3",
            "aac",
            "dts",
            "flac",
            "adpcm_ms",
            "adpcm_ima_wav",
            "wmav1",
            "wmav2",
            "pcm_alaw",
            "pcm_mulaw",
        }
        | {"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le"}
    ),
}
"""What a container takes of a kind of stream, where ffmpeg's own table says it takes more than can be read again."""
NEEDS_VIDEO = frozenset({"mxf"})
"""Containers whose header cannot be tried with a single stream of sound."""


class Companions:
    """The streams beside the video: `add` them before the header is written, then hand each packet to `pass_on`."""

    def __init__(self, output: OutputContainer, note: Callable[[str], None], read: Iterable[Packet] = ()) -> None:
        """read: packets that were read already, among them those of covers, which Matroska wants in its header."""
        self._output, self._note = output, note
        self.codecs: list[str] = []
        """Of the streams that are there, for messages."""
        self._streams: dict[int, Stream] = {}
        self._converted: dict[int, TextConverter | SoundConverter] = {}
        self._first: dict[int, Packet] = {packet.stream_index: packet for packet in reversed(list(read))}

    @property
    def places(self) -> dict[int, int]:
        """Number of each stream of the input that goes into the output, and its number there."""
        return {given: made.index for given, made in self._streams.items()}

    @property
    def has_cover(self) -> bool:
        """Whether a cover went along as a stream."""
        return any(is_cover(made) and made.type == "video" for made in self._streams.values())

    @property
    def attached(self) -> set[int]:
        """Those of the input that are attachments of the output, and no tracks."""
        return {given for given, made in self._streams.items() if made.type == "attachment"}

    def add(self, stream: Stream) -> None:
        """Make room for a stream of the input; a line says so where there is none."""
        kind = self._output.format.name
        name = _codec(stream)
        if kind == PICTURES:
            self._note(f"pictures cannot hold stream {stream.index} ({stream.type}); it is left out")
            return
        if stream.type == "data" and _written_by_muxer(stream):
            return
        if stream.type in ("data", "attachment") and not _holds_beside(kind, stream):
            self._note(f"{kind} cannot hold stream {stream.index} ({name}); it is left out")
            return
        cover = is_cover(stream)
        if cover and kind == "matroska" and name in COVER_NAMES and stream.index in self._first:
            copy = self._attached(stream, name)
        elif cover and kind not in HOLDS_COVERS:
            copy = None
        else:
            copy = self._copied(stream, name)
        if copy is None:
            converter, becomes = find_converter(stream, name, kind)
            if converter is None:
                what = "cover" if cover else stream.type
                self._note(f"{kind} cannot hold stream {stream.index} ({what}, {name}); it is left out")
                return
            self._note(f"{kind} cannot hold {name}; stream {stream.index} ({stream.type}) becomes {becomes}")
            self._converted[stream.index] = converter(self._output, stream, becomes)
            copy, name = self._converted[stream.index].stream, becomes
        if kind == stream.container.format.name == "mpegts":
            copy.id = stream.id
        copy.metadata.update(stream_tags(kind, stream.metadata, copied=stream.index not in self._converted))
        copy.disposition = stream.disposition
        self.codecs.append(name)
        self._streams[stream.index] = copy

    def pass_on(self, packet: Packet) -> list[Packet]:
        """The packet as it goes into the output, none where it does not."""
        stream = self._streams.get(packet.stream_index)
        if stream is None or stream.type == "attachment":  # these are in the header already
            return []
        converter = self._converted.get(packet.stream_index)
        if converter is not None:
            return converter.convert(packet)
        packet.stream = stream
        return [packet]

    def rest(self) -> list[Packet]:
        """What converters still hold when all packets have been passed on."""
        return [packet for converter in self._converted.values() for packet in converter.convert(None)]

    def _attached(self, stream: Stream, name: str) -> Stream:
        """A cover as Matroska has it."""
        file, mimetype = COVER_NAMES[name]
        return self._output.add_attachment(
            stream.metadata.get("filename", file),
            stream.metadata.get("mimetype", mimetype),
            bytes(self._first[stream.index]),
        )

    def _copied(self, stream: Stream, name: str) -> Stream | None:
        """A stream of the output that takes the packets of `stream` as they are; None where the container does not."""
        kind = self._output.format.name
        takes = TAKES.get((kind, stream.type))
        if takes is not None and name not in takes:
            return None
        if stream.type == "audio" and kind not in NEEDS_VIDEO and not _header_takes(kind, stream):
            return None
        try:
            return _template(self._output, stream)
        except ValueError:
            return None


def _template(output: OutputContainer, stream: Any) -> Stream:
    """Like PyAV's, with a layout of channels where the input has their number only, which some muxers refuse."""
    made = output.add_stream_from_template(stream)
    if stream.type == "audio":
        made.codec_context.layout = usual_layout(stream)
    return made


def _header_takes(kind: str, stream: Stream) -> bool:
    """Whether the muxer writes a header for that stream: tables say more than is true."""
    import av
    from av.error import FFmpegError

    trial: Any = av.open(io.BytesIO(), "w", format=kind)
    try:
        _template(trial, stream)
        trial.start_encoding()
    except (FFmpegError, ValueError):
        return False
    finally:
        with contextlib.suppress(FFmpegError):
            trial.close()
    return True


def _holds_beside(kind: str, stream: Stream) -> bool:
    """Whether a container takes a stream of data or an attachment."""
    if stream.type == "attachment":
        return kind == "matroska"
    return kind in HOLDS_DATA and stream.container.format.name == kind


def _codec(stream: Stream) -> str:
    """ffmpeg's name of the codec, or what kind of stream it is where there is none that ffmpeg knows."""
    try:
        return stream.codec_context.codec.canonical_name
    except (AttributeError, ValueError):
        return stream.type


def _written_by_muxer(stream: Stream) -> bool:
    """Tracks of mov that hold what ffmpeg hands over otherwise, and writes again: the timecode, and titles of chapters."""
    mov = "mov" in stream.container.format.name
    return "timecode" in stream.metadata or (mov and stream.name == "bin_data" and bool(stream.container.chapters()))
