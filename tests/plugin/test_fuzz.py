"""Damaged files: a few dozen here, thousands with `make fuzz`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import fuzzing
import pytest

imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="makes the files that are damaged")
ROOT = Path(__file__).parents[2]
PATHS = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "plugin"), str(ROOT / "filters")])}


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts memory in /proc and forks")
def test_damaged_files_cost_a_line_and_leave_nothing_half_done(tiny_model):
    command = [sys.executable, fuzzing.__file__, "--count", "32", "--model", tiny_model]  # forks: not from this process
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=PATHS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_mutants_are_the_same_for_the_same_number():
    data = bytes(range(256)) * 20
    assert fuzzing.mutant(data, 7) == fuzzing.mutant(data, 7) != fuzzing.mutant(data, 8)
