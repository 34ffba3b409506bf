"""Rich little files in every container, and what ffprobe says of them: for the table in examples/what-survives.md."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av

FFPROBE = shutil.which("ffprobe")
CONTAINERS = ("mp4", "mov", "mkv", "webm", "avi", "ts", "mxf")
HDR = "mastering-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):cll=1000,400"
AV1_HDR = "mastering-display=G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.329)L(1000,0.0001):content-light=1000,400"
PQ = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv"
META = """;FFMETADATA1
title=A title
artist=Somebody
[CHAPTER]
TIMEBASE=1/1000
START=0
END=200
title=One
[CHAPTER]
TIMEBASE=1/1000
START=200
END=480
title=Two
"""
TEXT = "1\n00:00:00,040 --> 00:00:00,200\nHello\n\n2\n00:00:00,240 --> 00:00:00,400\nW\u00f6rld\n"

FRAME = 0.0401
"""Seconds from one picture to the next."""
HDR_SIDES = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")

Ffmpeg = Callable[..., None]
Probe = dict[str, Any]


def make_rich(folder: Path, kind: str, ffmpeg: Ffmpeg) -> Path:
    """A file of half a second in that container with as much of everything as it holds."""
    (folder / "meta.txt").write_text(META)
    (folder / "text.srt").write_text(TEXT)
    (folder / "note.txt").write_text("kept")
    made = folder / f"rich.{kind}"
    lavfi = ["-f", "lavfi", "-i"]
    picture = f"testsrc2=s=64x48:r=25:d=0.48,setsar=4/3,format=yuv420p10le,{PQ}"
    times = ",setpts='if(gt(N,5),N+2,N)/25/TB+0.08/TB',settb=1/90000" if kind not in ("avi", "mxf", "webm") else ""
    inputs = [*lavfi, picture + times, *lavfi, "sine=d=0.5:r=48000", *lavfi, "sine=f=90:d=0.5:r=48000"]
    inputs += ["-i", folder / "text.srt", "-i", folder / "meta.txt"]
    maps = ["-map", 0, "-map", 1, "-map", 2, "-map_metadata", 4, "-map_chapters", 4, "-fps_mode", "passthrough"]
    tags = ["-metadata:s:a:0", "language=ger", "-metadata:s:a:1", "language=fra", "-metadata:s:a:1", "title=Comments"]
    tags += ["-disposition:a:1", "comment", "-metadata:s:v", "language=jpn"]
    subtitle = ["-map", 3, "-metadata:s:s:0", "language=spa", "-disposition:s:0", "forced"]
    x264 = ["-c:v", "libx264", "-x264-params", HDR, "-chroma_sample_location", "topleft"]
    timecode = ["-timecode", "01:00:00:00"]
    words: dict[str, list[Any]] = {
        "mp4": [*x264, "-c:a", "aac", *subtitle, "-c:s", "mov_text", *timecode],
        "mov": [*x264, "-c:a", "aac", *subtitle, "-c:s", "mov_text", *timecode],
        "mkv": [*x264, "-c:a", "aac", *subtitle, "-c:s", "srt", *timecode, "-attach", folder / "note.txt",
                "-metadata:s:t", "mimetype=text/plain"],
        "webm": ["-c:v", "libsvtav1", "-preset", 12, "-svtav1-params", AV1_HDR, "-c:a", "libopus", *subtitle, "-c:s", "webvtt"],
        "avi": ["-c:v", "mpeg4", "-q:v", 2, "-pix_fmt", "yuv420p", "-c:a", "mp2"],
        "ts": [*x264, "-c:a", "aac"],
        "mxf": ["-c:v", "mpeg2video", "-q:v", 2, "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le", *timecode],
    }  # fmt: skip
    ffmpeg(*inputs, *maps, *words[kind], *tags, made)
    if kind in ("mp4", "mov", "mkv"):
        made = made.rename(folder / f"flat.{kind}")
        named = ["-metadata:s:a:1", "title=Comments" if kind == "mkv" else "handler_name=Comments"]
        ffmpeg("-display_rotation", 90, "-i", made, "-map", "0:v", "-map", "0:a", "-map", "0:s", "-map", "0:t?", "-c", "copy",
               *timecode, *named, folder / f"rich.{kind}")  # fmt: skip
        made = folder / f"rich.{kind}"
    return made


def make_interlaced(folder: Path, kind: str, ffmpeg: Ffmpeg, order: str) -> Path:
    """Half a second of interlaced video in that container; order: tff or bff."""
    codec = {"mp4": "libx264", "mkv": "libx264", "mov": "prores_ks"}.get(kind, "mpeg2video")
    made = folder / f"{order}.{kind}"
    weave = f"tinterlace=interleave_{'top' if order == 'tff' else 'bottom'},fieldorder={order},setfield={order}"
    flags = ["-flags", "+ildct+ilme", "-c:v", codec, "-q:v", 2]
    flags += ["-x264-params", "bff=1"] if (codec, order) == ("libx264", "bff") else []  # else x264 orders them by top
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64:r=50:d=0.5", "-vf", weave, *flags, made)
    return made


def probe(path: Path) -> Probe:
    """What ffprobe says of streams, packets, chapters, tags and the first picture."""
    assert FFPROBE is not None
    read = [FFPROBE, "-v", "error", "-of", "json"]
    whole = ["-show_streams", "-show_packets", "-show_chapters", "-show_format", "-show_data_hash", "md5"]
    frame = ["-select_streams", "v:0", "-show_frames", "-read_intervals", "%+#2"]
    known: Probe = {}
    for what in (whole, frame):
        done = subprocess.run([*read, *what, path], capture_output=True, check=True, text=True)
        known |= json.loads(done.stdout)
    with av.open(str(path)) as container:  # Debian's ffprobe is too old for some of what frames say
        first = next(container.decode(container.streams.video[0]))
        known["rotation"] = first.rotation
        container.seek(0)
        known["texts"] = [_texts(container, stream) for stream in container.streams.subtitles]
        known["sound"] = [_samples(container, stream) for stream in container.streams.audio]
        known["hdr"] = [_numbers(bytes(s)) for s in first.side_data.values() if s.type.name in HDR_SIDES]
    return known


def _texts(container: Any, stream: Any) -> list[tuple[float, str]]:
    """When each line of a subtitle stream comes, in seconds, and its words."""
    found = []
    for packet in container.demux(stream):
        words = [s.dialogue.decode() for s in packet.decode() if getattr(s, "dialogue", None)]
        if words:
            found.append((float(packet.pts * packet.time_base), " ".join(words)))
    container.seek(0)
    return found


def _samples(container: Any, stream: Any) -> list[str]:
    """A hash of each piece that is heard in a stream of sound."""
    pieces = [hashlib.md5(f.to_ndarray().tobytes(), usedforsecurity=False) for f in container.decode(stream)]
    container.seek(0)
    return [piece.hexdigest() for piece in pieces]


def _numbers(side: bytes) -> list[float]:
    """The numbers in the side data of HDR10, to a thousandth: AV1 counts them in other fractions than H.264."""
    whole = struct.unpack(f"={len(side) // 4}I", side)
    if len(whole) == 2:
        return [float(n) for n in whole]
    return [round(over / under, 3) for over, under in itertools.batched(whole[:20], 2)]


def of_kind(known: Probe, kind: str) -> list[dict[str, Any]]:
    return [s for s in known["streams"] if s["codec_type"] == kind]


def packets(known: Probe, kind: str) -> list[list[tuple]]:
    """Per stream of that kind: time, flags and hash of every packet."""
    numbers = [s["index"] for s in of_kind(known, kind)]
    return [
        [(p.get("pts_time", p.get("dts_time")), p.get("data_hash")) for p in known["packets"] if p["stream_index"] == n]
        for n in numbers
    ]


def _tags(stream: dict[str, Any], *names: str) -> tuple:
    found = {key.lower(): value for key, value in stream.get("tags", {}).items()}
    return tuple(found.get(name) for name in names)


def _start(known: Probe) -> float | None:
    """Seconds by which the first sound comes before the first picture."""
    first = [
        [float(p.get("pts_time", p.get("dts_time"))) for p in known["packets"] if p["codec_type"] == k]
        for k in ("video", "audio")
    ]
    return round(min(first[0]) - min(first[1]), 4) if all(first) else None


def _timecodes(known: Probe) -> set:
    everything = [*known["streams"], known["format"]]
    return {t for e in everything for t in _tags(e, "timecode")} - {None}


def _field_order(known: Probe) -> tuple:
    frames = {(f["interlaced_frame"], f["top_field_first"]) for f in known["frames"]}
    return sorted(frames), of_kind(known, "video")[0].get("field_order")


COLOURS = ("color_range", "color_space", "color_transfer", "color_primaries", "chroma_location")
HANDLERS = ("SoundHandler", "VideoHandler", "SubtitleHandler", "GPAC ISO Audio Handler")
"""What muxers write where there is no title."""

PROPERTIES: dict[str, Callable[[Probe], Any]] = {
    "times of pictures": lambda k: sorted(float(t) for t, _ in packets(k, "video")[0]),
    "offset of sound": _start,
    "sound": lambda k: k["sound"],
    "languages": lambda k: [_tags(s, "language") for t in ("video", "audio", "subtitle") for s in of_kind(k, t)],
    "titles of streams": lambda k: [
        {*_tags(s, "title", "handler_name")} - {None, *HANDLERS} for s in of_kind(k, "audio")
    ],
    "dispositions": lambda k: [
        {n for n, on in s["disposition"].items() if on} - {"default"} for t in ("audio", "subtitle") for s in of_kind(k, t)
    ],
    "subtitles": lambda k: k["texts"],
    "attachments": lambda k: [(_tags(s, "filename", "mimetype"), s.get("extradata_hash")) for s in of_kind(k, "attachment")],
    "chapters": lambda k: [(c["start_time"], c["end_time"], _tags(c, "title")) for c in k["chapters"]],
    "tags of the file": lambda k: {n.lower(): v for n, v in k["format"].get("tags", {}).items() if n.lower() in ("title", "artist")},
    "rotation": lambda k: k["rotation"] or None,
    "shape of samples": lambda k: of_kind(k, "video")[0].get("sample_aspect_ratio"),
    "colour tags": lambda k: [of_kind(k, "video")[0].get(n) for n in COLOURS],
    "timecode": _timecodes,
    "HDR10": lambda k: sorted(k["hdr"]),
    "field order": _field_order,
}  # fmt: skip


def empty(value: Any) -> bool:
    """Whether a property says nothing at all."""
    if isinstance(value, (list, tuple, set, dict)):
        return all(empty(part) for part in (value.values() if isinstance(value, dict) else value))
    return value is None


def alike(name: str, given: Any, made: Any, slack: float = 0.0015) -> bool:
    """Whether a property came over into another container: the same, but counted from the first picture, and rounded.

    slack: seconds by which a picture may be elsewhere.
    """
    if name == "times of pictures":
        shifts = [b - a for a, b in zip(given, made, strict=True)]
        return max(shifts) - min(shifts) < slack
    if name == "offset of sound":
        return made is not None and abs(made - given) < FRAME
    if name == "sound":  # where an encoder's run-up is skipped, the first piece differs, and the last
        inner = [(" ".join(a), " ".join(b[1:-1])) for a, b in zip(given, made, strict=True)]
        return all(b and b in a for a, b in inner)
    return made == given
