"""Compares a finished file with the one it was made from, and says what its container or encoder did not take along.

Frames, sound and times are somebody else's care; this is about what nobody would miss until it is needed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .video_stream import HEAD_SIDES

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.stream import Stream

LOOKED_AT = 50
"""Pictures at the start of both files in which side data is looked for."""
SIDE_DATA = {
    "DISPLAYMATRIX": "rotation",
    "MASTERING_DISPLAY_METADATA": "HDR10 mastering display",
    "CONTENT_LIGHT_LEVEL": "HDR10 light level",
    "DYNAMIC_HDR_PLUS": "HDR10+ metadata",
    "DYNAMIC_HDR_VIVID": "HDR Vivid metadata",
    "DOVI_RPU_BUFFER": "Dolby Vision metadata",
    "DOVI_METADATA": "Dolby Vision metadata",
    "A53_CC": "closed captions",
    "AFD": "active format description",
    "STEREO3D": "stereo 3D",
    "SPHERICAL": "spherical projection",
    "ICC_PROFILE": "colour profile",
    "S12M_TIMECODE": "timecode of frames",
    "AMBIENT_VIEWING_ENVIRONMENT": "ambient viewing environment",
}
"""ffmpeg's names of side data to ours; what is not named belongs to the coding and not to the picture."""
COLOUR_TAGS = {"colorspace": "matrix", "color_primaries": "primaries", "color_trc": "transfer"}
UNSAID = 2
"""ffmpeg's number for colour tags that say nothing."""


class Seen:
    """What there is to lose in the pictures of the input: show it each one as it goes by."""

    def __init__(self) -> None:
        self.frames = 0
        self.sides: dict[str, int] = {}
        """Name of side data to the number of the first frame that has it."""

    def look(self, frame: VideoFrame) -> None:
        if self.frames < LOOKED_AT:
            for name in side_names(frame):
                self.sides.setdefault(name, self.frames)
        self.frames += 1


def side_names(frame: VideoFrame) -> set[str]:
    """What side data of a frame is, in words, as far as a person would miss it."""
    return {SIDE_DATA[s.type.name] for s in frame.side_data.values() if s.type.name in SIDE_DATA}


def what_is_missing(
    source: InputContainer, first: VideoFrame, seen: Seen, output: InputContainer, places: dict[int, int]
) -> Iterator[str]:
    """Names of what the input had and the output, open for reading, does not have.

    first: the first picture of the input; places: number of each stream that was taken along to its number in the output.
    """
    made: Any = next(s for s in output.streams.video if s.codec_context is not None)
    wanted = max(seen.sides.values(), default=0) + 1
    there: set[str] = set()
    frame = None
    for frame in itertools.islice(output.decode(made), wanted):
        if frame.pts is not None and there >= seen.sides.keys():
            break
        there |= side_names(frame)
    yield from sorted(seen.sides.keys() - there)
    if frame is not None:
        yield from _tags(first, frame)
    heads = [_head_sides(container) for container in (source, output)]
    yield from (HEAD_SIDES[name] for name, said in heads[0].items() if heads[1].get(name) != said)
    chapters = len(source.chapters()) - len(output.chapters())
    if chapters > 0:
        yield f"{chapters} {'chapter' if chapters == 1 else 'chapters'}"
    if _timecode(source) and not _timecode(output):
        yield f"timecode {_timecode(source)}"
    own = "mov" in output.format.name  # its muxer writes data streams by itself, timecode and titles of chapters
    found = dict(enumerate(s for s in output.streams if not (own and s.type == "data")))
    gone = [source.streams[a] for a, b in places.items() if b not in found or not _is_like(source.streams[a], found[b])]
    yield from (f"stream {stream.index} ({stream.type})" for stream in gone)
    pairs = [(source.streams[a], found[b]) for a, b in places.items() if source.streams[a] not in gone]
    for word, lost in (("languages", _language_lost), ("titles", _title_lost), ("dispositions", _disposition_lost)):
        streams = [str(given.index) for given, found in pairs if lost(given, found)]
        if streams:
            yield f"{word} of streams {', '.join(streams)}"
    names = {key.lower() for key in source.metadata} - {key.lower() for key in output.metadata}
    kept = sorted(names & {"title", "artist", "comment", "copyright", "date", "description", "location"})
    if kept:
        yield f"tags of the file ({', '.join(kept)})"


def _is_like(given: Stream, made: Stream) -> bool:
    """Whether a stream of the output can be read as what it was."""
    return made.type == given.type and (made.codec_context is not None or given.codec_context is None)


def _tags(first: VideoFrame, made: VideoFrame) -> Iterator[str]:
    lost = [
        word
        for name, word in COLOUR_TAGS.items()
        if getattr(first, name) not in (0, UNSAID) and getattr(made, name) in (0, UNSAID)
    ]
    if lost:
        yield f"colour tags ({', '.join(lost)})"
    if first.interlaced_frame and not made.interlaced_frame:
        yield "the mark that it is interlaced"


def _head_sides(container: InputContainer) -> dict[str, bytes]:
    """What the head of a file says of its picture, by ffmpeg's names; of stereo 3D also which kind."""
    video = next((s for s in container.streams.video if s.codec_context is not None), None)
    sides = {} if video is None else video.codec_context.coded_side_data
    return {str(name): side[:4] if name == "stereo_3d" else b"" for name, side in sides.items() if name in HEAD_SIDES}


def _timecode(container: InputContainer) -> str | None:
    everything = [container.metadata, *(s.metadata for s in container.streams)]
    return next((value for tags in everything for key, value in tags.items() if key.lower() == "timecode"), None)


def _language_lost(given: Stream, made: Stream) -> bool:
    return given.metadata.get("language", "und") != "und" and made.metadata.get("language", "und") == "und"


def _title_lost(given: Stream, made: Stream) -> bool:
    title = given.metadata.get("title")
    return title is not None and title not in (made.metadata.get("title"), made.metadata.get("handler_name"))


def _disposition_lost(given: Stream, made: Stream) -> bool:
    default = 1  # which stream is the usual one: containers without that take the first
    return bool(int(given.disposition) & ~int(made.disposition) & ~default)
