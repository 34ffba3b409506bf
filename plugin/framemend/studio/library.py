"""The files that the page may open: those named on the command line, and nothing by a path that a page sends."""

from __future__ import annotations

import os
from pathlib import Path

from framemend_filters.errors import InputError

from ..evaluate import VIDEO_SUFFIXES

SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftypqt  ", ".mov"),
    (4, b"ftyp", ".mp4"),
    (4, b"moov", ".mov"),
    (4, b"mdat", ".mov"),
    (4, b"wide", ".mov"),
    (4, b"free", ".mov"),
    (0, b"\x1a\x45\xdf\xa3", ".mkv"),
    (8, b"AVI ", ".avi"),
    (0, b"\x00\x00\x01\xba", ".mpg"),
    (0, b"\x00\x00\x01\xb3", ".mpg"),
    (0, b"FLV\x01", ".flv"),
    (0, b"OggS", ".ogv"),
    (0, b"\x06\x0e\x2b\x34", ".mxf"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", ".wmv"),
    (0, b"YUV4MPEG2 ", ".y4m"),
    (0, b"nut/multimedia container\0", ".nut"),
)
"""Offset, bytes, suffix. Playlists and descriptions, which name other files, begin with none of them."""
TS_PACKET, TS_SYNC = 188, 0x47
HEAD_BYTES = 4096


class Library:
    """Names that a page may ask for, each with its file."""

    def __init__(self, paths: list[Path]) -> None:
        """paths: files, and folders whose videos count (not those of folders in them)."""
        self._paths = [path.resolve() for path in paths]

    def files(self) -> dict[str, Path]:
        """By the name shown; read anew each time, so that new files appear."""
        found: dict[str, Path] = {}
        for path in self._paths:
            inside = (
                sorted(p for p in path.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES) if path.is_dir() else [path]
            )
            for file in inside:
                real = file.resolve()
                if real.is_file() and (not path.is_dir() or real.is_relative_to(path)):
                    name = shown_name(file)
                    found[name if name not in found else f"{path.name}/{name}"] = real
        return found

    def path(self, name: str) -> Path:
        """The file of a name in `files`. Raises InputError for any other."""
        file = self.files().get(name)
        if file is None:
            raise InputError(f"there is no {name!r} among the files of this studio")
        return file


def shown_name(path: Path) -> str:
    """A file's name as text, also where its bytes on disk are none."""
    return os.fsencode(path.name).decode("utf-8", "replace")


def suffix_by_content(head: bytes) -> str:
    """The suffix that fits the first bytes of a file. Raises InputError where they are not those of a video container."""
    for offset, signature, suffix in SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return suffix
    if len(head) > 2 * TS_PACKET and all(head[i] == TS_SYNC for i in (0, TS_PACKET, 2 * TS_PACKET)):
        return ".ts"
    raise InputError(
        "this is not a video file that is known: its contents are not MP4, MOV, Matroska, WebM, AVI, MPEG, MXF or the like"
    )
