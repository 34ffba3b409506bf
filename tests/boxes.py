"""Boxes put into files of mp4, for what ffmpeg reads and does not write."""

from __future__ import annotations


def with_box(mp4: bytes, entry: bytes, name: bytes, content: bytes) -> bytes:
    """The file with a box `name` in the sample entry `entry` (avc1, hev1) of its video; `moov` must be the last box."""
    box = (8 + len(content)).to_bytes(4) + name + content
    places, start = [], 0
    for outer in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", entry):
        start = mp4.index(outer, start)
        places.append(start - 4)
    end = places[-1] + int.from_bytes(mp4[places[-1] : places[-1] + 4])
    made = bytearray(mp4)
    for place in places:
        made[place : place + 4] = (int.from_bytes(mp4[place : place + 4]) + len(box)).to_bytes(4)
    made[end:end] = box
    return bytes(made)
