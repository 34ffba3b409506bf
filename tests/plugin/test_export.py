"""`framemend export` writes a network that others can run; wrong use costs one line and leaves no file."""

from __future__ import annotations

from pathlib import Path

import pytest


def test_only_the_finished_file_is_left(tmp_path: Path, framemend, tiny_model: str, monkeypatch) -> None:
    """(What is in it: tests/filters/test_backends.py, and tests/plugin/test_mlrt.py for --stacked.)"""
    pytest.importorskip("onnxscript")
    given = []

    def export_onnx(network, path: Path, *, stacked: bool) -> None:
        assert path.parent == tmp_path and path.name != "model.onnx"
        path.write_bytes(b"a network")
        given.append((network.sizes.frames, stacked))

    monkeypatch.setattr("framemend_filters.model.export.export_onnx", export_onnx)
    status, out, err = framemend("export", tmp_path / "model.onnx", "--model", tiny_model)
    assert (status, out) == (0, ""), err
    assert given == [(3, False)]
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["model.pt"], "it must end in .onnx"),
        (["none/model.onnx"], "no such folder: none"),
        (["model.onnx", "--model", "none"], "no model named 'none'"),
    ],
)
def test_wrong_use_costs_one_line(
    tmp_path: Path, framemend, arguments: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxscript")
    monkeypatch.chdir(tmp_path)
    status, _, err = framemend("export", *arguments)
    assert status in (1, 2) and says in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir())
