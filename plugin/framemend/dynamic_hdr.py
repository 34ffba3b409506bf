"""HDR10+ and Dolby Vision of HEVC, handed on bit for bit: no encoder takes them from frames, but they lie in NAL units of
their own, which move from a packet of the input into the packet that shows the same frame (SMPTE ST 2094-40, ETSI TS 103 572).

On the way they are the `opaque` of packets and frames, which decoder, filters and encoder pass along.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from .nals import (
    HEVC_EXTENSION,
    HEVC_PREFIX_SEI,
    HEVC_RPU,
    HEVC_SLICES,
    from_annex_b,
    from_lengths,
    hevc_type,
    length_size,
)

if TYPE_CHECKING:
    from av import Packet
    from av.video.stream import VideoStream

HDR10_PLUS = b"\xb5\x00\x3c\x00\x01\x04"
"""How a message of HDR10+ begins: country, provider, their code, application (ITU-T T.35)."""
REGISTERED = 4
"""payloadType of user data registered by ITU-T T.35."""
_START_CODE = b"\x00\x00\x00\x01"


class DynamicHdr:
    """Marks the packets of a video, before they are decoded, with what they hold of HDR10+ and Dolby Vision."""

    def __init__(self, video: VideoStream) -> None:
        """video: its decoder has not been used yet. Of codecs other than HEVC nothing is marked."""
        context = video.codec_context
        self._hevc = context is not None and context.name == "hevc"
        if self._hevc:
            context.copy_opaque = True
            self._length_size = length_size(context.extradata or b"", "hevc")

    def mark(self, packet: Packet) -> None:
        """Put the units into `packet.opaque`, a list, where there are any."""
        if not self._hevc or not packet.size:
            return
        data, size = bytes(packet), self._length_size
        units = list(dynamic_units(from_annex_b(data) if size is None else from_lengths(data, size)))
        if units:
            packet.opaque = units


def dynamic_units(units: list[bytes]) -> Iterator[bytes]:
    """Of the units of a picture those of HDR10+, with nothing else in them, and of Dolby Vision.

    Dolby Vision of two layers is left out: what its metadata describe is lost with the second layer.
    """
    kinds = [hevc_type(unit) for unit in units if len(unit) > 2]
    for unit in units:
        if len(unit) <= 2:
            continue
        if hevc_type(unit) == HEVC_PREFIX_SEI:
            plus = [m for kind, m in _messages(unit) if kind == REGISTERED and m.startswith(HDR10_PLUS)]
            yield from (_message_unit(unit[:2], message) for message in plus)
        elif hevc_type(unit) == HEVC_RPU and HEVC_EXTENSION not in kinds:
            yield unit


def laid_in(packet: Packet) -> Packet:
    """A packet of an HEVC encoder (start codes) with the units that its frame brought along; itself where it brought none."""
    import av

    if not packet.opaque:
        return packet
    brought = cast("list[bytes]", packet.opaque)
    units = from_annex_b(bytes(packet))
    first = next((n for n, unit in enumerate(units) if hevc_type(unit) in HEVC_SLICES), len(units))
    before = [unit for unit in brought if hevc_type(unit) == HEVC_PREFIX_SEI]
    behind = [unit for unit in brought if hevc_type(unit) == HEVC_RPU]
    everything = [*units[:first], *before, *units[first:], *behind]
    made = av.Packet(b"".join(_START_CODE + unit for unit in everything))
    if packet.stream is not None:  # that of an encoder that belongs to no file is
        made.stream = packet.stream
    made.pts, made.dts, made.duration = packet.pts, packet.dts, packet.duration
    made.time_base = packet.time_base
    made.is_keyframe = packet.is_keyframe
    return made


def _messages(unit: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of each message of a unit of supplemental enhancement information; ends where it is damaged."""
    data, place = re.sub(rb"\x00\x00\x03", b"\x00\x00", unit[2:]), 0
    while place + 2 < len(data):
        kind, place = _growing(data, place)
        size, place = _growing(data, place)
        if place + size > len(data):
            return
        yield kind, data[place : place + size]
        place += size


def _growing(data: bytes, place: int) -> tuple[int, int]:
    """A number in bytes of 255 and one less than that, and the place behind it."""
    number = 0
    while place < len(data) and data[place] == 255:
        number, place = number + 255, place + 1
    return number + (data[place] if place < len(data) else 0), place + 1


def _message_unit(head: bytes, message: bytes) -> bytes:
    size = b"\xff" * (len(message) // 255) + bytes([len(message) % 255])
    return head + escaped(bytes([REGISTERED]) + size + message + b"\x80")


def escaped(data: bytes) -> bytes:
    """With bytes put in where a decoder would see a start code ("emulation prevention")."""
    return re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", data)
