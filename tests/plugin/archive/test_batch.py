"""Several inputs in one run."""

from __future__ import annotations

import json
from fractions import Fraction

import cv2
import numpy as np
import pytest


@pytest.fixture
def inputs(tmp_path, write_clip):
    """in/a.mkv, in/deep/b.mkv, in/broken.mp4, in/c.png, in/notes.txt"""
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    write_clip(folder / "a.mkv", frames=4)
    write_clip(folder / "deep/b.mkv", frames=5)
    (folder / "broken.mp4").write_bytes(b"no video")
    (folder / "notes.txt").write_text("not media")
    cv2.imwrite(str(folder / "c.png"), np.random.default_rng(1).integers(0, 255, (40, 56, 3), np.uint8))
    return folder


def test_one_bad_file_never_stops_the_rest(inputs, tmp_path, repair, decode):
    status, out, err = repair(inputs, "-o", tmp_path / "out", "--json", tmp_path / "report.json")
    assert status == 1 and out == ""
    made = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert made == ["a.mkv", "c.png", "deep/b.mkv"]
    assert len(decode(tmp_path / "out/deep/b.mkv")) == 5
    assert err.splitlines()[-1] == f"framemend: 3 of 4 files repaired, 10 frames; failed: {inputs / 'broken.mp4'}"
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["done"], report["failed"]) == (3, 1)
    by_name = {entry["input"].split("/")[-1]: entry for entry in report["files"]}
    assert by_name["broken.mp4"]["status"] == "failed" and "not a video" in by_name["broken.mp4"]["error"]
    assert by_name["b.mkv"]["frames"] == 5 and by_name["b.mkv"]["fps"] > 0 and by_name["b.mkv"]["error"] is None


def test_files_and_folders_are_named_together_and_the_kind_can_be_chosen(inputs, tmp_path, repair):
    status, _, err = repair(inputs / "a.mkv", inputs / "deep", "-o", tmp_path / "out", "--to", ".mp4", "--quiet")
    assert (status, err) == (0, "")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.mp4", "b.mp4"]


def test_one_input_with_o_may_name_a_file(inputs, tmp_path, repair):
    assert repair(inputs / "a.mkv", "-o", tmp_path / "x.mkv")[0] == 0
    assert (tmp_path / "x.mkv").is_file()


def test_resume_passes_over_what_is_done(inputs, tmp_path, repair):
    out = tmp_path / "out"
    assert repair(inputs / "a.mkv", inputs / "deep/b.mkv", "-o", out)[0] == 0
    before = (out / "a.mkv").stat().st_mtime_ns
    (out / "b.mkv").unlink()
    status, _, err = repair(inputs / "a.mkv", inputs / "deep/b.mkv", "-o", out, "--resume")
    assert status == 0 and "1 of 2 files repaired, 5 frames; there already: 1" in err
    assert (out / "a.mkv").stat().st_mtime_ns == before and (out / "b.mkv").exists()


def test_the_report_holds_warnings_and_the_share_generated(tmp_path, repair, write_clip):
    (tmp_path / "in").mkdir()
    for name, frames in (("a.mov", 4), ("b.mov", 5)):
        times = [3003 * i for i in range(frames)]
        write_clip(tmp_path / "in" / name, codec="libx264", frames=frames, pts=times, time_base=Fraction(1, 90000))
    arguments = ["--rect", "0,0,32,48@2-3", "--frames", "0-2", "--to", ".mkv", "--no-grain", "--quiet"]
    status, out, _ = repair(tmp_path / "in", "-o", tmp_path / "out", *arguments, "--json", "-")
    first, second = json.loads(out)["files"]
    assert status == 0 and first["generated"] == pytest.approx(0.5 / 4)  # half of one of four frames
    assert second["generated"] == pytest.approx(0.5 / 5)
    assert any("rounded" in line for line in first["warnings"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a"], "1 files named"),
        (["a", "b", "c"], "-o FOLDER"),
        (["a.mkv", "x/a.mkv", "-o", "out"], "would both become"),
        (["a.mkv", "b.mkv", "-o", "out", "--to", "mp4"], ".mkv"),
    ],
)
def test_wrong_use_is_told_before_any_work(arguments, expected, repair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, err = repair(*arguments)
    assert status == 2 and expected in err and err.count("\n") == 1


def test_a_single_failure_is_reported_too(tmp_path, repair):
    (tmp_path / "in.mp4").write_bytes(b"no")
    status, _, err = repair(tmp_path / "in.mp4", tmp_path / "out.mp4", "--json", tmp_path / "report.json")
    assert status == 1 and err.count("\n") == 1
    assert json.loads((tmp_path / "report.json").read_text())["files"][0]["status"] == "failed"
