"""Writes into the head of a finished Matroska or WebM file what PyAV cannot set: the shape of samples and HDR10 metadata.

The muxer leaves a gap between its table of contents and the tracks, and `ROOM` asks for more of it. Tracks grow into that
gap; what follows them stays where it is, and nothing but the head is written again. RFC 8794 (EBML), RFC 9559 (Matroska).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from .hdr import StaticHdr

ROOM = {"encoding_tool": "framemend" + 160 * " "}
"""Metadata for the muxer: a name of the writing program that is shortened afterwards."""

SEGMENT, SEEK_HEAD, VOID, INFO, TRACKS, CRC = 0x18538067, 0x114D9B74, 0xEC, 0x1549A966, 0x1654AE6B, 0xBF
SEEK, SEEK_ID, SEEK_POSITION, WRITING_APP = 0x4DBB, 0x53AB, 0x53AC, 0x5741
TRACK_ENTRY, TRACK_TYPE, VIDEO, COLOUR = 0xAE, 0x83, 0xE0, 0x55B0
DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT, AS_RATIO = 0x54B0, 0x54BA, 0x54B2, 3
MAX_CLL, MAX_FALL, MASTERING = 0x55BC, 0x55BD, 0x55D0
CHROMATICITIES = range(0x55D1, 0x55D9)
"""x and y of red, green, blue and white."""
LUMINANCE_MAX, LUMINANCE_MIN = 0x55D9, 0x55DA
LONGEST_HEAD = 1 << 20
"""Bytes up to the end of the tracks."""
SHORTEST_GAP = 9
"""Bytes of an empty Void element whose size is written in eight."""

Element = tuple[int, bytes]
"""Its number and what is in it."""


def complete_head(path: Path, track: int, *, ratio: Fraction | None, hdr: StaticHdr) -> bool:
    """Add to track `track` (from 0, a video track) what its head does not say yet.

    ratio: width over height of the whole picture as it is to be shown; hdr: mastering display and light level. False
    where the head is not as ffmpeg writes it, or has no room: then nothing was changed.
    """
    with path.open("r+b") as file:
        data = file.read(LONGEST_HEAD)
        begin = next((first for number, first, _ in _walk(data, 0) if number == SEGMENT), None)
        if begin is None:
            return False
        end, head = _until_tracks(data, begin)
        if end is None or track >= sum(number == TRACK_ENTRY for number, _ in _elements(head[-1][1])):
            return False
        made = [_completed(element, track, ratio, hdr) for element in head if element[0] != VOID]
        room = end - begin - sum(len(_bytes(e)) for e in made)
        if room < SHORTEST_GAP:
            return False
        gap = _number(VOID) + (0x01 << 56 | room - SHORTEST_GAP).to_bytes(8) + bytes(room - SHORTEST_GAP)
        file.seek(begin)
        file.write(b"".join(_bytes(e) for e in _with_positions(made)) + gap)
        return True


def _walk(data: bytes, place: int, end: int | None = None) -> Iterator[tuple[int, int, int]]:
    """Number, first byte and end of what is in each element of `data` from `place` on."""
    end = len(data) if end is None else min(end, len(data))
    while place < end and data[place]:
        length = 9 - data[place].bit_length()
        number = int.from_bytes(data[place : place + length])
        place += length
        if place >= end or not data[place]:
            return
        length = 9 - data[place].bit_length()
        size = int.from_bytes(data[place : place + length]) & ~(-1 << 7 * length)
        place += length
        yield number, place, place + size
        place += size


def _elements(data: bytes) -> list[Element]:
    return [(number, data[first:last]) for number, first, last in _walk(data, 0)]


def _until_tracks(data: bytes, begin: int) -> tuple[int | None, list[Element]]:
    """Where the tracks end, and the elements of the segment up to there."""
    head: list[Element] = []
    for number, first, last in _walk(data, begin):
        head.append((number, data[first:last]))
        if number == TRACKS:
            return (last if last <= len(data) else None), head
    return None, head


def _number(number: int) -> bytes:
    return number.to_bytes(-(-number.bit_length() // 8))


def _bytes(element: Element) -> bytes:
    """The element as it is written, its size as short as it can be; a checksum in it is made anew."""
    number, data = element
    if data[:2] == bytes((CRC, 0x84)):
        data = data[:2] + zlib.crc32(data[6:]).to_bytes(4, "little") + data[6:]
    length = next(n for n in range(1, 9) if len(data) < (1 << 7 * n) - 1)
    return _number(number) + (1 << 7 * length | len(data)).to_bytes(length) + data


def _joined(elements: list[Element]) -> bytes:
    return b"".join(_bytes(e) for e in elements)


def _uint(number: int, value: int) -> Element:
    return number, value.to_bytes(max(1, -(-value.bit_length() // 8)))


def _completed(element: Element, track: int, ratio: Fraction | None, hdr: StaticHdr) -> Element:
    number, data = element
    if number == INFO:
        inner = [(n, d.rstrip(b" ") if n == WRITING_APP else d) for n, d in _elements(data)]
    elif number == TRACKS:
        inner = _elements(data)
        place = [i for i, (n, _) in enumerate(inner) if n == TRACK_ENTRY][track]
        entry = [(n, _video(d, ratio, hdr) if n == VIDEO else d) for n, d in _elements(inner[place][1])]
        inner[place] = (TRACK_ENTRY, _joined(entry))
    else:
        return element
    return number, _joined(inner)


def _video(data: bytes, ratio: Fraction | None, hdr: StaticHdr) -> bytes:
    """What is in a Video element, with the shape and the HDR10 metadata in place of what it said about them."""
    inner = _elements(data)
    if ratio is not None:
        inner = [e for e in inner if e[0] not in (DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT)]
        sizes = ((DISPLAY_WIDTH, ratio.numerator), (DISPLAY_HEIGHT, ratio.denominator), (DISPLAY_UNIT, AS_RATIO))
        inner += [_uint(number, value) for number, value in sizes]
    if hdr:
        colour = [e for n, d in inner if n == COLOUR for e in _elements(d)]
        colour = [e for e in colour if e[0] not in (MAX_CLL, MAX_FALL, MASTERING)] + _hdr(hdr)
        inner = [e for e in inner if e[0] != COLOUR] + [(COLOUR, _joined(colour))]
    return _joined(inner)


def _hdr(hdr: StaticHdr) -> list[Element]:
    made = [_uint(n, v) for n, v in zip((MAX_CLL, MAX_FALL), hdr.light or (), strict=False)]
    numbers = dict(zip(CHROMATICITIES, (value for point in hdr.primaries for value in point), strict=False))
    if hdr.luminance:
        numbers |= {LUMINANCE_MAX: hdr.luminance[1], LUMINANCE_MIN: hdr.luminance[0]}
    if numbers:
        made.append((MASTERING, _joined([(n, struct.pack(">d", v)) for n, v in numbers.items()])))
    return made


def _with_positions(head: list[Element]) -> list[Element]:
    """The head with a table of contents that says where its elements are now; of what comes later it stays right."""
    places: dict[int, int] = {}
    place = 0
    for element in head:
        places[element[0]] = place
        place += len(_bytes(element))

    def seek(data: bytes) -> bytes:
        entry = dict(_elements(data))
        position = entry[SEEK_POSITION]
        place = places.get(int.from_bytes(entry[SEEK_ID]), int.from_bytes(position))
        return _joined([(SEEK_ID, entry[SEEK_ID]), (SEEK_POSITION, place.to_bytes(len(position)))])

    return [
        (n, _joined([(m, seek(e) if m == SEEK else e) for m, e in _elements(d)]) if n == SEEK_HEAD else d)
        for n, d in head
    ]
