"""The frei0r filter, built for a test, and an ffmpeg that plays it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from framemend.frei0r import build


def installed_filter(folder: Path, model: str) -> Path:
    """The folder, with the filter in it."""
    if not shutil.which("cc"):
        pytest.skip("no C compiler; Debian's package gcc has it")
    build(folder / "framemend.so", model=model, device="cpu")
    return folder


def needed_ffmpeg() -> str:
    """An ffmpeg that was built with frei0r."""
    program = shutil.which("ffmpeg")
    filters = (
        subprocess.run([program, "-filters"], capture_output=True, text=True, check=True).stdout if program else ""
    )
    if program is None or " frei0r " not in filters:
        pytest.skip("no ffmpeg with frei0r; Debian's package ffmpeg has it")
    return program
