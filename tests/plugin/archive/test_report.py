"""The change record, the proof that nothing else changed, and taking changes back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from framemend.archive.records import find_regions, inside
from framemend.archive.report import load_report
from framemend.frames import views

RECT = ["--rect", "16,12,20,10@2-4", "--no-grain"]


@pytest.fixture
def recorded(tmp_path, write_clip, repair):
    """Repair a clip of 7 frames with a rectangle in frames 2 to 4: input, output and report."""

    def run(codec: str = "ffv1", suffix: str = ".mkv", *arguments: object, **clip) -> tuple[Path, Path, Path]:
        given = write_clip(tmp_path / f"in{suffix}", codec=codec, frames=7, sound=True, **clip)
        made, report = tmp_path / f"out{suffix}", tmp_path / "report.json"
        status, _, err = repair(given, made, *RECT, "--report", report, *arguments)
        assert status == 0, err
        return given, made, report

    return run


def test_the_report_says_what_was_changed_where_and_by_what(recorded, decode, tiny_model):
    given, made, path = recorded()
    content = json.loads(path.read_text())
    assert [frame["frame"] for frame in content["frames"]] == [2, 3, 4]
    for frame in content["frames"]:
        (region,) = frame["regions"]
        x, y, width, height = region
        assert x >= 16 and y >= 12 and x + width <= 36 and y + height <= 22 and width * height > 100
        assert frame["generated"] == pytest.approx(20 * 10 / (64 * 48), abs=1e-5)
        assert 0 < frame["changed"] <= frame["generated"] + 1e-5 and 0 <= frame["confidence"] <= 1
        assert frame["given"] != frame["repaired"]
        sources = {int(number) for number in frame["borrowed"]}
        assert frame["frame"] not in sources and 0 <= sum(frame["borrowed"].values()) <= frame["generated"] + 1e-5
    assert any(frame["borrowed"] for frame in content["frames"])
    assert content["lossless"] is True and content["encoder_errors"] == []
    assert content["model"]["name"] == tiny_model and len(content["model"]["sha256"]) == 64
    assert content["settings"]["rect"] == ["16,12,20,10@2-4"] and content["settings"]["strength"] == 0
    assert [s["type"] for s in content["input"]["streams"]] == ["video", "audio"]
    assert content["input"]["streams"][1]["sha256"] == content["output"]["streams"][1]["sha256"]
    assert sorted(p.name for p in path.parent.iterdir()) == ["in.mkv", "out.mkv", "report.json"]
    for old, new, index in zip(decode(given), decode(made), range(7), strict=True):
        differs = any(np.any(a != b) for a, b in zip(views(old), views(new), strict=True))
        assert differs == (index in (2, 3, 4))


@pytest.mark.parametrize(("codec", "suffix"), [("ffv1", ".mkv"), ("libx264", ".mp4"), ("mpeg4", ".avi")])
def test_what_was_recorded_is_verified(codec, suffix, recorded, framemend):
    given, made, report = recorded(codec, suffix)
    status, out, err = framemend("verify", given, made, report)
    assert (status, err) == (0, ""), err
    assert "3 of 7 frames" in out and ("sample by sample" in out) == (codec == "ffv1") and "1 of 1" in out


def test_the_whole_picture_may_be_the_record(recorded, framemend):
    given, made, report = recorded("ffv1", ".mkv", "--strength", 1)
    assert framemend("verify", given, made, report)[0] == 0
    assert len(load_report(report).frames) == 7


@pytest.mark.parametrize("codec", ["ffv1", "libx264"])
def test_a_change_outside_the_record_is_found(codec, recorded, framemend, monkeypatch, tmp_path):
    """A run that spoils one sample that it does not record: verify notices, whatever the encoder."""
    from framemend.archive import chunks

    original = chunks.record_frame

    def spoilt(index, pts, given, planes, repair):
        record = original(index, pts, given, planes, repair)
        if index == 3:
            planes[0][40:46, 50:56] ^= 0x20
        return record

    monkeypatch.setattr(chunks, "record_frame", spoilt)
    monkeypatch.setattr("framemend.archive.store.hash_planes", lambda planes: RecordedHash())
    given, made, report = recorded(codec, ".mkv")
    status, out, err = framemend("verify", given, made, report)
    assert status == 1 and "frame 3" in err and out == "" and err.count("\n") == 1


class RecordedHash(str):
    """Equal to any hash: lets a spoilt segment pass."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


def test_another_output_or_input_is_found(recorded, framemend, tmp_path, write_clip, ffmpeg):
    given, made, report = recorded()
    other = tmp_path / "other.mkv"
    ffmpeg("-i", made, "-c", "copy", "-c:v", "ffv1", "-vf", "eq=brightness=0.01", other)
    status, _, err = framemend("verify", given, other, report)
    assert status == 1 and "not the output of the report" in err
    write_clip(other, frames=7, sound=True, size=(64, 50))
    status, _, err = framemend("verify", other, made, report)
    assert status == 1 and "not the input of the report" in err
    assert framemend("verify", given, made, given)[0] == 1


def test_undo_brings_everything_back_bit_by_bit(recorded, framemend, decode, tmp_path, packets):
    given, made, report = recorded()
    new = tmp_path / "new.mkv"
    status, _, err = framemend("undo", given, made, report, "-o", new)
    assert status == 0, err
    for old, back in zip(decode(given), decode(new), strict=True):
        for a, b in zip(views(old), views(back), strict=True):
            np.testing.assert_array_equal(a, b)
    assert packets(new, "audio") == packets(given, "audio")


def test_undo_of_a_region_leaves_the_rest_repaired(recorded, framemend, decode, tmp_path):
    given, made, report = recorded(pix_fmt="yuv444p")
    new = tmp_path / "new.mkv"
    status, _, err = framemend("undo", given, made, report, "--region", "16,12,10,10", "--frames", "3-", "-o", new)
    assert status == 0, err
    for index, clips in enumerate(zip(decode(given), decode(made), decode(new), strict=True)):
        for old, repaired, back in zip(*(views(frame) for frame in clips), strict=True):
            expected = repaired.copy()
            if index >= 3:
                expected[12:22, 16:26] = old[12:22, 16:26]
            np.testing.assert_array_equal(back, expected)


def test_undo_where_nothing_was_changed_is_refused(recorded, framemend, tmp_path):
    given, made, report = recorded()
    status, _, err = framemend("undo", given, made, report, "--region", "50,40,8,8", "-o", tmp_path / "new.mkv")
    assert status == 2 and "nothing was changed" in err and not (tmp_path / "new.mkv").exists()


def test_undo_takes_the_input_of_the_report_alone(recorded, framemend, tmp_path, write_clip):
    given, made, report = recorded()
    other, new = write_clip(tmp_path / "other.mkv", frames=7, sound=True, pix_fmt="yuv444p"), tmp_path / "new.mkv"
    status, _, err = framemend("undo", other, made, report, "-o", new)
    assert status == 1 and "other.mkv is not the input of the report" in err and not new.exists()
    status, _, err = framemend("undo", given, made, report, "--region", "16,12,10,10", "-o", new, "--quiet")
    assert (status, err) == (0, "")
    status, _, err = framemend("undo", given, new, report, "-o", tmp_path / "more.mkv", "--quiet")
    assert status == 0 and "new.mkv is not the output of the report" in err and "taken as it is" in err


def test_a_name_like_an_address_is_a_file(recorded, framemend, tmp_path, repair, monkeypatch):
    given, _, _ = recorded()
    monkeypatch.chdir(tmp_path)
    given.rename("tape:1.mkv")
    assert repair("tape:1.mkv", "made:1.mkv", *RECT, "--report", "1.json", "--smart")[0] == 0
    assert framemend("verify", "tape:1.mkv", "made:1.mkv", "1.json")[0] == 0
    assert framemend("undo", "tape:1.mkv", "made:1.mkv", "1.json", "-o", "back:1.mkv")[0] == 0


def test_regions_hold_every_changed_sample_closely():
    changed = np.zeros((40, 60), bool)
    changed[0, 0] = changed[20:25, 30:33] = changed[39, 59] = changed[22, 36] = True
    regions = find_regions(changed)
    assert sorted(regions) == [(0, 0, 1, 1), (30, 20, 7, 5), (59, 39, 1, 1)]
    scattered = np.zeros((200, 200), bool)
    scattered[5::20, 5::20] = True
    assert find_regions(scattered) == [(5, 5, 181, 181)] and inside(find_regions(scattered), 200, 200)[scattered].all()
    assert find_regions(np.zeros((4, 4), bool)) == []
