"""A real vspipe, for tests: the one beside this Python, or on PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 600
"""A script that takes longer hangs."""


def run_vspipe(script: Path, *options: str, home: Path) -> bytes:
    """What vspipe writes for a script; skips where there is no vspipe, fails where it does.

    home: a folder for VapourSynth's settings and BestSource's index.
    """
    beside = Path(sys.executable).with_name("vspipe")
    program = str(beside) if beside.is_file() else shutil.which("vspipe")
    if program is None:
        pytest.skip("no vspipe: neither beside this Python nor on PATH")
    environment = {**os.environ, "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home), "HOME": str(home)}
    environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    if not (home / "vapoursynth.toml").is_file() and not (home / "vapoursynth").is_dir():
        configure = [sys.executable, "-m", "vapoursynth", "config"]
        subprocess.run(configure, env=environment, check=True, capture_output=True)
    command = [program, *options, str(script), "-"]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
