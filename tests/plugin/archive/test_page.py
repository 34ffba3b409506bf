"""The commands of examples/archive.md work in order, as they stand there."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest

PAGE = (Path(__file__).parents[3] / "examples/archive.md").read_text()
COMMANDS = [line.strip() for line in PAGE.splitlines() if line.startswith("    framemend")]


@pytest.mark.slow
def test_the_commands_work_one_after_another(tmp_path, monkeypatch, write_clip, tiny_model, framemend):
    write_clip(tmp_path / "old.mp4", codec="libx264", frames=10)
    (tmp_path / "tapes").mkdir()
    write_clip(tmp_path / "tapes/tape.mkv", frames=3)
    cv2.imwrite(str(tmp_path / "blurred.jpg"), np.full((40, 56, 3), 90, np.uint8))
    monkeypatch.chdir(tmp_path)
    for command in COMMANDS:
        words = shlex.split(command)[1:]
        model = ["--model", tiny_model, "--device", "cpu"] if words[0] == "repair" else []
        status, _, err = framemend(*words, *model)
        assert status == 0, f"{command}: {err}"
    made = {
        "part.mkv",
        "smart.mp4",
        "long.mkv",
        "two.mkv",
        "no-logo.mkv",
        "half-logo.mkv",
        "no-logo.json",
        "repaired.json",
    }
    assert made <= {p.name for p in tmp_path.iterdir()}
    assert json.loads((tmp_path / "repaired.json").read_text())["done"] == 3
