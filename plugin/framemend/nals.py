"""NAL units of H.264 and HEVC: taking streams apart, and joining parameter sets (ISO/IEC 14496-15, 14496-10, 23008-2)."""

from __future__ import annotations

import re
from collections.abc import Iterable

H264_IDR, H264_SPS, H264_PPS = 5, 7, 8
H264_SET_IDS = range(1, 32)
"""Ids that x264 can give its parameter sets, beside 0."""
HEVC_SLICES = range(32)
HEVC_IRAP = range(16, 22)
HEVC_SETS = (32, 33, 34)
HEVC_PREFIX_SEI = 39
HEVC_RPU, HEVC_EXTENSION = 62, 63
"""Dolby Vision's: the metadata of a picture, and units of its second layer."""
_START_CODE = re.compile(rb"\x00\x00\x00?\x01")


def length_size(extradata: bytes, codec: str) -> int | None:
    """Bytes of the length before each unit of a packet, as the head of an H.264 or HEVC stream in mp4, mov or Matroska says;
    None: it is another codec, or units stand behind start codes."""
    least, place = {"h264": (7, 4), "hevc": (23, 21)}.get(codec, (0, 0))
    if not least or len(extradata) < least or extradata[0] != 1:
        return None
    return (extradata[place] & 3) + 1


def from_annex_b(stream: bytes) -> list[bytes]:
    """The units of a byte stream with start codes."""
    return [part.rstrip(b"\x00") for part in _START_CODE.split(stream) if part]


def from_lengths(packet: bytes, size: int) -> list[bytes]:
    """The units of a packet in which each has its length before it, in `size` bytes."""
    units, place = [], 0
    while place + size <= len(packet):
        length = int.from_bytes(packet[place : place + size])
        units.append(packet[place + size : place + size + length])
        place += size + length
    return units


def with_lengths(units: Iterable[bytes], size: int) -> bytes:
    """The reverse of `from_lengths`."""
    return b"".join(len(unit).to_bytes(size) + unit for unit in units)


def h264_type(unit: bytes) -> int:
    """nal_unit_type of H.264."""
    return unit[0] & 31


def hevc_type(unit: bytes) -> int:
    """nal_unit_type of HEVC."""
    return unit[0] >> 1 & 63


class AvcRecord:
    """An AVCDecoderConfigurationRecord: what mp4, mov and Matroska keep of an H.264 stream's parameter sets."""

    def __init__(self, data: bytes) -> None:
        """Raises ValueError where it is none."""
        size = length_size(data, "h264")
        if size is None:
            raise ValueError("no configuration record")
        self._head, self.length_size = data[:5], size
        place = 5
        self.sps, place = _sets(data, place, data[place] & 31)
        self.pps, place = _sets(data, place, data[place])
        self._tail = data[place:]

    def free_id(self) -> int:
        """An id that none of the parameter sets has. Raises ValueError where all are taken."""
        taken = {first_golomb(unit[4:]) for unit in self.sps} | {first_golomb(unit[1:]) for unit in self.pps}
        free = next((number for number in H264_SET_IDS if number not in taken), None)
        if free is None:
            raise ValueError("all ids of parameter sets are taken")
        return free

    def joined(self, units: Iterable[bytes]) -> bytes:
        """The record with the parameter sets among `units` beside its own."""
        units = list(units)
        sps = self.sps + [u for u in units if h264_type(u) == H264_SPS]
        pps = self.pps + [u for u in units if h264_type(u) == H264_PPS]
        return b"".join(
            [
                self._head,
                bytes([0xE0 | len(sps)]),
                with_lengths(sps, 2),
                bytes([len(pps)]),
                with_lengths(pps, 2),
                self._tail,
            ]
        )


def _sets(data: bytes, place: int, count: int) -> tuple[list[bytes], int]:
    units, place = [], place + 1
    for _ in range(count):
        length = int.from_bytes(data[place : place + 2])
        units.append(data[place + 2 : place + 2 + length])
        place += 2 + length
    return units, place


def first_golomb(data: bytes) -> int:
    """The Exp-Golomb number that `data` begins with (ue(v); too short for emulation prevention to matter)."""
    bits = "".join(f"{byte:08b}" for byte in data[:8])
    zeros = len(bits) - len(bits.lstrip("0"))
    return int(bits[zeros : 2 * zeros + 1], 2) - 1
