"""The measurement of speed runs part by part, keeps each part, and makes a page of those that are there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.speed import parts
from bench.speed.__main__ import main


@pytest.mark.slow
def test_parts_are_measured_once_and_joined(
    tiny_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parts, "BACKENDS", ("torch",))
    monkeypatch.setattr("bench.peers.vapoursynth_peers", dict)
    monkeypatch.setattr("bench.peers.FFMPEG", {})
    page = tmp_path / "speed.md"
    options = ["--plan", "quick", "--model", tiny_model, "--figures", str(tmp_path), "--output", str(page)]
    assert main(["run", *options, "--part", "network", "--beside", "a test"]) == 0
    assert main(["run", *options, "--part", "peers-64x48", "length"]) == 0
    capsys.readouterr()
    assert {p.stem for p in tmp_path.glob("*.json")} == {"network", "peers-64x48", "length"}
    network = json.loads((tmp_path / "network.json").read_text())
    assert network["beside"] == "a test"
    (row, *_) = network["data"]["rows"]
    assert row["runtime"] == "torch" and 0 < row["share"] and row["cost"]["processor"] > 0
    assert main(["report", *options]) == 0
    text = page.read_text()
    for heading in ("# Speed", "## The network alone", "## Beside hand-made denoisers", "## Growth", "## When"):
        assert f"{heading}" in text
    assert "## Memory" not in text and "| a test |" in text


def test_a_part_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--part", "colour"])
    assert "no part colour; there are network, ways, peers-640x360" in capsys.readouterr().err
