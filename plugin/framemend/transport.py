"""What an MPEG transport stream says of itself beside its streams: its number, and the number and name of each service.

ffmpeg hands these to nobody who uses PyAV, so the tables are read here (ISO/IEC 13818-1, ETSI EN 300 468).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

PACKET, SYNC = 188, 0x47
LOOKED_AT = 4 << 20
"""Bytes at the start of the file in which the tables are looked for; they come every half second."""
PAT_PID, SDT_PID = 0, 0x11
PAT, SDT, SERVICE = 0x00, 0x42, 0x48
SMALLEST_PMT_PID = 0x20
"""What ffmpeg's muxer takes."""


@dataclass(frozen=True)
class Service:
    """A program: its number, the PID of its table, its name and who sends it (empty: not said)."""

    number: int
    pmt_pid: int
    name: str = ""
    provider: str = ""


@dataclass(frozen=True)
class Transport:
    """number: of the transport stream; services: in the order of its table."""

    number: int = 1
    services: tuple[Service, ...] = ()

    @property
    def options(self) -> dict[str, str]:
        """Of ffmpeg's muxer, which makes one service."""
        if not self.services:
            return {}
        first = self.services[0]
        options = {"mpegts_transport_stream_id": str(self.number), "mpegts_service_id": str(first.number)}
        return options | ({"mpegts_pmt_start_pid": str(first.pmt_pid)} if first.pmt_pid >= SMALLEST_PMT_PID else {})

    @property
    def tags(self) -> dict[str, str]:
        """Names for the muxer, in place of its own."""
        first = self.services[0] if self.services else Service(0, 0)
        return {k: v for k, v in (("service_name", first.name), ("service_provider", first.provider)) if v}


def read_transport(path: Path) -> Transport:
    """The tables of a transport stream in a file; without services where they are not found."""
    with path.open("rb") as file:
        data = file.read(LOOKED_AT)
    wanted = {PAT_PID: PAT, SDT_PID: SDT}
    sections = _sections(data, wanted)
    pat = sections.get(PAT_PID)
    if pat is None:
        return Transport()
    entries = [pat[n : n + 4] for n in range(8, len(pat) - 4 - 3, 4)]
    services = [Service(int.from_bytes(e[:2]), int.from_bytes(e[2:]) & 0x1FFF) for e in entries if e[:2] != b"\0\0"]
    names = _names(sections.get(SDT_PID, b""))
    named = (
        replace(s, provider=names.get(s.number, ("", ""))[0], name=names.get(s.number, ("", ""))[1]) for s in services
    )
    return Transport(int.from_bytes(pat[3:5]), tuple(named))


def _sections(data: bytes, wanted: dict[int, int]) -> dict[int, bytes]:
    """The first whole table of each wanted PID that has the wanted number."""
    step = next((n for n in (PACKET, 192, 204) if len(data) > 4 * n and _in_step(data, n)), None)
    found: dict[int, bytes] = {}
    begun: dict[int, bytearray] = {}
    start = _in_step(data, step) - 1 if step else len(data)
    for place in range(start, len(data) - PACKET, step or PACKET):
        packet = data[place : place + PACKET]
        pid = int.from_bytes(packet[1:3]) & 0x1FFF
        if packet[0] != SYNC or pid not in wanted or pid in found or not packet[3] & 0x10:
            continue
        body = packet[4:] if not packet[3] & 0x20 else packet[5 + packet[4] :]
        if packet[1] & 0x40 and body:
            begun[pid] = bytearray(body[1 + body[0] :])
        elif pid in begun:
            begun[pid] += body
        table = begun.get(pid, b"")
        if len(table) > 3 and len(table) >= (length := 3 + (int.from_bytes(table[1:3]) & 0xFFF)):
            if table[0] == wanted[pid]:
                found[pid] = bytes(table[:length])
            del begun[pid]
    return found


def _in_step(data: bytes, step: int) -> int:
    """Where packets of that length begin, counted from 1; 0: nowhere near the start."""
    return next((n + 1 for n in range(step) if all(data[n + k * step] == SYNC for k in range(4))), 0)


def _names(sdt: bytes) -> dict[int, tuple[str, str]]:
    """Provider and name of each service by its number."""
    names: dict[int, tuple[str, str]] = {}
    place = 11
    while place + 5 < len(sdt) - 4:
        number, end = (
            int.from_bytes(sdt[place : place + 2]),
            place + 5 + (int.from_bytes(sdt[place + 3 : place + 5]) & 0xFFF),
        )
        place += 5
        while place + 2 <= min(end, len(sdt)):
            kind, size = sdt[place], sdt[place + 1]
            words = sdt[place + 2 : place + 2 + size]
            if kind == SERVICE and len(words) > 2:
                provider = words[2 : 2 + words[1]]
                rest = words[2 + words[1] :]
                names[number] = _text(provider), _text(rest[1 : 1 + rest[0]] if rest else b"")
            place += 2 + size
        place = end
    return names


def _text(words: bytes) -> str:
    """Text of EN 300 468 annex A: UTF-8 behind 0x15, else Latin letters behind a number of their table, or plain."""
    if words[:1] == b"\x15":
        return words[1:].decode("utf-8", "replace")
    return words[1 if words[:1] < b"\x20" else 0 :].decode("latin-1")
