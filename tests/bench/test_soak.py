"""A short soak; `python tests/bench/soak.py` runs 20,000 frames."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bench.soak import soak_file, soak_pipe

FRAMES = 360
MOST_GROWTH = 0.05


@pytest.fixture(autouse=True)
def _own_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/proc/self/statm").exists():
        pytest.skip("memory of another process is read from /proc")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


@pytest.mark.slow
def test_memory_stays_flat_in_a_pipe(tiny_model: str) -> None:
    flatness = soak_pipe(FRAMES, ["--model", tiny_model, "--device", "cpu", "--quiet"])
    assert flatness.early > 0 and flatness.growth < MOST_GROWTH, str(flatness)


@pytest.mark.slow
def test_memory_stays_flat_in_a_file(tiny_model: str, tmp_path: Path) -> None:
    flatness = soak_file(FRAMES, ["--model", tiny_model, "--device", "cpu"], tmp_path)
    assert flatness.early > 0 and flatness.growth < MOST_GROWTH, str(flatness)
