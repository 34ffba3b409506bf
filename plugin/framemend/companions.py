"""Everything of a file that is not its video: sound, subtitles, attachments, data and tags, passed on as they came.

What the container of the output cannot hold is converted (text subtitles, sound) or left out, and named in one line.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av import Packet
    from av.container import OutputContainer
    from av.stream import Stream

STALE_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder", "DURATION", "duration"})
"""Tags that tell of the input file and not of what is in it; the muxer writes its own."""
MOV_TAGS = frozenset(
    [
        "title",
        "artist",
        "album_artist",
        "composer",
        "album",
        "date",
        "comment",
        "genre",
        "copyright",
        "grouping",
        "lyrics",
        "description",
        "synopsis",
        "show",
        "episode_id",
        "network",
        "keywords",
        "season_number",
        "episode_sort",
        "media_type",
        "hd_video",
        "gapless_playback",
        "compilation",
        "track",
        "disc",
        "creation_time",
        "location",
        "timecode",
    ]
)
"""Tags that mp4 and mov have a place for; others need Apple's metadata keys, which fewer players read."""
HOLDS = {"matroska": ("attachment",), "mpegts": ("data",), "mxf": ("data",)}
"""Which of data and attachment streams a container takes; those not named fail at the header if given one."""
PICTURES = "image2"
TAKES: dict[tuple[str, str], frozenset[str]] = {
    ("mpegts", "subtitle"): frozenset({"dvb_subtitle", "dvb_teletext"}),
    ("mxf", "subtitle"): frozenset(),
    ("mxf", "audio"): frozenset({"pcm_s16le", "pcm_s24le"}),
    ("avi", "subtitle"): frozenset(),
}
"""What a container takes of a kind of stream, where ffmpeg's own table says it takes more than can be read again."""
SOUND_IN = {
    "webm": "libopus",
    "mxf": "pcm_s24le",
    "mp4": "aac",
    "mov": "pcm_s24le",
    "avi": "pcm_s16le",
    "mpegts": "aac",
}
"""What sound becomes in a container that does not take it as it is."""
SOUND_RATE = 48000
"""Samples a second of converted sound: what MXF asks for and Opus works with."""
TEXT_CODECS = frozenset({"subrip", "ass", "ssa", "mov_text", "webvtt", "text"})
TEXT_IN = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
"""What text subtitles become in a container that does not take them as they are."""


class Companions:
    """The streams beside the video: `add` them before the header is written, then hand each packet to `pass_on`."""

    def __init__(self, output: OutputContainer, note: Callable[[str], None]) -> None:
        self._output, self._note = output, note
        self._streams: dict[int, Stream] = {}
        self._converted: dict[int, _Text | _Sound] = {}

    @property
    def codecs(self) -> list[str]:
        """Of the streams that are there, for messages."""
        return [s.codec_context.name for s in self._streams.values() if s.codec_context is not None]

    @property
    def places(self) -> dict[int, int]:
        """Number of each stream of the input that goes into the output, and its number there."""
        return {given: made.index for given, made in self._streams.items()}

    def add(self, stream: Stream) -> None:
        """Make room for a stream of the input; a line says so where there is none."""
        kind = self._output.format.name
        name = _codec(stream)
        if kind == PICTURES:
            self._note(f"pictures cannot hold stream {stream.index} ({stream.type}); it is left out")
            return
        if stream.type in ("data", "attachment") and stream.type not in HOLDS.get(kind, ()):
            if not _written_by_muxer(stream):
                self._note(f"{kind} cannot hold stream {stream.index} ({name}); it is left out")
            return
        copy = self._copied(stream, name)
        if copy is None:
            converter, becomes = _converter(stream, name, kind)
            if converter is None:
                self._note(f"{kind} cannot hold stream {stream.index} ({stream.type}, {name}); it is left out")
                return
            self._note(f"{kind} cannot hold {name}; stream {stream.index} ({stream.type}) becomes {becomes}")
            self._converted[stream.index] = converter(self._output, stream, becomes)
            copy = self._converted[stream.index].stream
        copy.metadata.update(fresh_tags(stream.metadata))
        if kind in ("mp4", "mov") and "title" in copy.metadata:
            copy.metadata["handler_name"] = copy.metadata["title"]  # the one place for it that ffmpeg writes
        copy.disposition = stream.disposition
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

    def _copied(self, stream: Stream, name: str) -> Stream | None:
        """A stream of the output that takes the packets of `stream` as they are; None where the container does not."""
        takes = TAKES.get((self._output.format.name, stream.type))
        if takes is not None and name not in takes:
            return None
        try:
            return self._output.add_stream_from_template(stream)
        except ValueError:
            return None


def _converter(stream: Stream, name: str, kind: str) -> tuple[type[_Text | _Sound] | None, str]:
    """What converts a stream for the container, and the encoder that does it."""
    if stream.codec_context is None:
        return None, ""
    if stream.type == "subtitle" and name in TEXT_CODECS and kind in TEXT_IN:
        return _Text, TEXT_IN[kind]
    if stream.type == "audio" and kind in SOUND_IN:
        return _Sound, SOUND_IN[kind]
    return None, ""


class _Text:
    """One stream of text subtitles, from one codec to another."""

    def __init__(self, output: OutputContainer, template: Any, encoder: str) -> None:
        self._decoder = template.codec_context
        self._decoder.open(strict=False)
        self.stream: Any = output.add_stream(encoder)
        self.stream.time_base = template.time_base
        self.stream.codec_context.time_base = template.time_base
        self.stream.codec_context.subtitle_header = self._decoder.subtitle_header

    def convert(self, packet: Packet | None) -> list[Packet]:
        from av.error import FFmpegError

        if packet is None:
            return []
        try:
            lines = self._decoder.decode2(packet)
            if lines is None or not len(lines):
                return []  # the silence between two lines, which mp4 has packets for
            made = self.stream.codec_context.encode_subtitle(lines)
        except FFmpegError:
            return []
        made.stream = self.stream
        made.pts = made.dts = packet.pts
        made.duration, made.time_base = packet.duration, packet.time_base
        return [made]


class _Sound:
    """One stream of sound, from one codec to another."""

    def __init__(self, output: OutputContainer, template: Any, encoder: str) -> None:
        from av import AudioFifo, AudioResampler, Codec

        self._template = template
        self.stream: Any = output.add_stream(encoder, rate=SOUND_RATE)
        context = self.stream.codec_context
        context.layout = template.codec_context.layout
        formats = [f.name for f in Codec(encoder, "w").audio_formats or []]
        context.format = formats[0] if formats else "s16"
        context.time_base = self.stream.time_base = Fraction(1, SOUND_RATE)
        self._resampler = AudioResampler(context.format, context.layout, SOUND_RATE)
        self._fifo = AudioFifo()
        self._start: int | None = None

    def convert(self, packet: Packet | None) -> list[Packet]:
        """Sound encoded so far, in samples counted from where the first packet began; None: all that is left."""
        from av.error import FFmpegError

        try:
            frames = self._template.decode(packet)
        except FFmpegError:
            frames = []
        for frame in [*frames, *([None] if packet is None else [])]:
            if self._start is None and frame is not None:
                seconds = frame.pts * Fraction(frame.time_base.numerator, frame.time_base.denominator)
                self._start = round(seconds * SOUND_RATE)
            for part in self._resampler.resample(frame):
                part.pts = None
                self._fifo.write(part)
        size = self.stream.codec_context.frame_size or 1024
        made: list[Packet] = []
        while self._fifo.samples >= size or (packet is None and self._fifo.samples):
            part: Any = self._fifo.read(min(size, self._fifo.samples))
            part.pts, part.time_base = self._start, Fraction(1, SOUND_RATE)
            self._start = (self._start or 0) + part.samples
            made += self.stream.encode(part)
        return made + (self.stream.encode(None) if packet is None else [])


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


def fresh_tags(tags: dict[str, str]) -> dict[str, str]:
    """The tags that stay true of the output."""
    return {key: value for key, value in tags.items() if key not in STALE_TAGS}


def tag_options(kind: str, tags: dict[str, str]) -> dict[str, str]:
    """Options of the muxer without which it would drop some of `tags`."""
    if kind in ("mp4", "mov") and not tags.keys() <= MOV_TAGS:
        return {"movflags": "+use_metadata_tags"}
    return {}
