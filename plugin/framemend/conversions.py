"""Turns streams that a container cannot hold as they are into ones that it can: text subtitles and sound."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from .times import as_fraction

if TYPE_CHECKING:
    from av import AudioFrame, Packet
    from av.container import OutputContainer
    from av.stream import Stream

SOUND_IN = {
    "webm": "libopus",
    "mxf": "pcm_s24le",
    "mp4": "aac",
    "mov": "pcm_s24le",
    "avi": "pcm_s24le",
    "mpegts": "aac",
}
"""What sound becomes in a container that does not take it as it is."""
SOUND_RATE = 48000
"""Samples a second of converted sound, where the encoder or the container asks for that."""
ANY_RATE = frozenset({"mov", "avi"})
"""Containers in which PCM has the input's rate."""
BITS_PER_CHANNEL = 128000
"""A second, of encoders that lose something."""
SHORTEST_GAP, LONGEST_GAP = 0.02, 600
"""Seconds of missing sound that silence is laid for; shorter ones are jitter, longer ones damaged times."""
TEXT_CODECS = frozenset({"subrip", "ass", "ssa", "mov_text", "webvtt", "text"})
TEXT_IN = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
"""What text subtitles become in a container that does not take them as they are."""


_USUAL_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""What ffmpeg takes so many channels to be."""


def usual_layout(stream: Any) -> str:
    """The layout of channels of a stream of sound, the usual one where it has their number only, which some muxers refuse."""
    name: str = stream.codec_context.layout.name
    return _USUAL_LAYOUTS.get(stream.codec_context.channels, name) if name.endswith(" channels") else name


def find_converter(stream: Stream, name: str, kind: str) -> tuple[type[TextConverter | SoundConverter] | None, str]:
    """What converts a stream for the container, and the encoder that does it."""
    from av import AudioStream

    if stream.codec_context is None:
        return None, ""
    if stream.type == "subtitle" and name in TEXT_CODECS and kind in TEXT_IN:
        return TextConverter, TEXT_IN[kind]
    is_sound = isinstance(stream, AudioStream) and stream.codec_context.channels  # none: sound that nothing decodes
    if is_sound and kind in SOUND_IN:
        return SoundConverter, SOUND_IN[kind]
    return None, ""


class TextConverter:
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


class SoundConverter:
    """One stream of sound, from one codec to another."""

    def __init__(self, output: OutputContainer, template: Any, encoder: str) -> None:
        from av import AudioFifo, AudioResampler, Codec

        self._template = template
        rate = template.codec_context.sample_rate
        self._rate = rate if output.format.name in ANY_RATE and rate else SOUND_RATE
        self.stream: Any = output.add_stream(encoder, rate=self._rate)
        context, codec = self.stream.codec_context, Codec(encoder, "w")
        context.layout = usual_layout(template)
        if not codec.lossless:
            context.bit_rate = BITS_PER_CHANNEL * template.codec_context.channels
        formats = [f.name for f in codec.audio_formats or []]
        context.format = formats[0] if formats else "s16"
        context.time_base = self.stream.time_base = Fraction(1, self._rate)
        self._resampler = AudioResampler(context.format, context.layout, self._rate)
        self._fifo = AudioFifo()
        self._start: int | None = None
        self._taken = 0

    def convert(self, packet: Packet | None) -> list[Packet]:
        """Sound encoded so far, in samples counted from where the first packet began; None: all that is left."""
        from av.error import FFmpegError

        try:
            frames = self._template.decode(packet)
        except FFmpegError:
            frames = []
        for frame in [*frames, *([None] if packet is None else [])]:
            if frame is not None and frame.pts is not None:
                self._take_place(frame)
            for part in self._resampler.resample(frame):
                self._write(part)
        size = self.stream.codec_context.frame_size or 1024
        made: list[Packet] = []
        while self._fifo.samples >= size or (packet is None and self._fifo.samples):
            part: Any = self._fifo.read(min(size, self._fifo.samples))
            part.pts, part.time_base = self._start, Fraction(1, self._rate)
            self._start = (self._start or 0) + part.samples
            made += self.stream.encode(part)
        return made + (self.stream.encode(None) if packet is None else [])

    def _write(self, part: AudioFrame) -> None:
        part.pts = None
        self._fifo.write(part)
        self._taken += part.samples

    def _take_place(self, frame: AudioFrame) -> None:
        """Begin where the first frame does, and lay silence where sound is missing before a later one."""
        from av import AudioFrame

        assert frame.pts is not None
        place = round(frame.pts * as_fraction(frame.time_base) * self._rate)
        if self._start is None:
            self._start = self._origin = place
        missing = place - self._origin - self._taken
        if not SHORTEST_GAP * self._rate < missing < LONGEST_GAP * self._rate:
            return
        context = self.stream.codec_context
        silence = AudioFrame(context.format.name, context.layout.name, missing)
        silence.sample_rate = self._rate
        for plane in silence.planes:
            plane.update(bytes(plane.buffer_size))
        self._write(silence)
