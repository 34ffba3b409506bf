"""Segments: a run that is killed goes on where it stopped and gives the same file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from framemend.archive.store import store_folder


def frames_of(decode, path: Path) -> list[bytes]:
    return [frame.to_ndarray().tobytes() for frame in decode(path)]


@pytest.fixture
def clip(tmp_path, write_clip) -> Path:
    return write_clip(tmp_path / "in.mkv", frames=20, sound=True)


@pytest.fixture
def stopped(tmp_path, clip, repair, monkeypatch):
    """A run that fails on frame 14 of 20, with segments of 6."""

    def run(*arguments: object, kept: str = "2 finished segments are kept") -> Path:
        from framemend.remux import VideoTarget

        write = VideoTarget.write

        def failing(self, frame, pts, duration):
            if self.sent == 14:
                raise RuntimeError("the power went")
            write(self, frame, pts, duration)

        monkeypatch.setattr(VideoTarget, "write", failing)
        status, _, err = repair(clip, tmp_path / "out.mkv", "--segment", 6, "--resume", *arguments)
        assert status == 1 and "the power went" in err and kept in err
        monkeypatch.undo()
        assert not (tmp_path / "out.mkv").exists()
        return store_folder(tmp_path / "out.mkv")

    return run


def test_resuming_gives_the_same_bytes_and_repairs_only_what_is_missing(
    stopped, clip, tmp_path, repair, monkeypatch, packets
):
    from framemend_filters.engine import Repairer

    assert repair(clip, tmp_path / "whole.mkv", "--no-keep")[0] == 0
    folder = stopped()
    assert sorted(p.name for p in folder.iterdir()) == ["job.json", "segment-000000.zip", "segment-000001.zip"]
    chunks: list[int] = []
    original = Repairer.repair_chunk

    def counted(self, chunk, *arguments, **options):
        chunks.append(chunk)
        return original(self, chunk, *arguments, **options)

    monkeypatch.setattr(Repairer, "repair_chunk", counted)
    status, _, err = repair(clip, tmp_path / "out.mkv", "--segment", 6, "--resume")
    assert status == 0 and "2 finished segments" in err, err
    assert chunks == [4, 5, 6]  # chunks of 3 frames: 12 frames were there
    for kind in ("video", "audio"):
        assert packets(tmp_path / "out.mkv", kind) == packets(tmp_path / "whole.mkv", kind)
    assert not folder.exists()


def test_segments_without_anything_to_repair_take_no_room(stopped, clip, tmp_path, repair, packets):
    part = ["--frames", "7-8", "--strength", 1]
    folder = stopped(*part, kept="1 finished segments are kept")
    assert sorted(p.name for p in folder.iterdir()) == ["job.json", "segment-000001.zip"]
    assert repair(clip, tmp_path / "out.mkv", "--segment", 6, "--resume", *part)[0] == 0
    assert repair(clip, tmp_path / "whole.mkv", "--no-keep", *part)[0] == 0
    assert packets(tmp_path / "out.mkv", "video") == packets(tmp_path / "whole.mkv", "video")


def test_a_run_does_not_pass_over_the_work_of_an_earlier_one(stopped, clip, tmp_path, repair):
    folder = stopped()
    status, _, err = repair(clip, tmp_path / "out.mkv", "--segment", 6)
    assert status == 2 and "--resume" in err and "--restart" in err and folder.exists()
    status, _, err = repair(clip, tmp_path / "out.mkv", "--segment", 6, "--restart")
    assert status == 0 and not folder.exists(), err


@pytest.mark.parametrize("other", [["--strength", "0.5"], ["--rect", "8,8,16,16"], ["--frames", "2-"]])
def test_segments_of_other_settings_are_not_taken_over(other, stopped, clip, tmp_path, repair):
    folder = stopped()
    status, _, err = repair(clip, tmp_path / "out.mkv", "--segment", 6, "--resume", *other)
    assert status == 2 and other[0].strip("-") in err and "now" in err and folder.exists()


def test_segments_of_another_input_are_not_taken_over(stopped, clip, tmp_path, repair, write_clip):
    stopped()
    write_clip(clip, frames=21)
    status, _, err = repair(clip, tmp_path / "out.mkv", "--segment", 6, "--resume")
    assert status == 2 and "input was" in err


@pytest.mark.parametrize("harm", ["cut", "flip"])
def test_a_damaged_segment_is_made_again(harm, stopped, clip, tmp_path, repair, decode):
    folder = stopped()
    path = folder / "segment-000001.zip"
    content = bytearray(path.read_bytes())
    if harm == "cut":
        del content[len(content) // 2 :]
    else:
        content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)
    status, _, err = repair(clip, tmp_path / "out.mkv", "--segment", 6, "--resume")
    assert status == 0 and "segment 1" in err and "made again" in err
    assert repair(clip, tmp_path / "whole.mkv")[0] == 0
    assert frames_of(decode, tmp_path / "out.mkv") == frames_of(decode, tmp_path / "whole.mkv")


def test_a_segment_that_does_not_fit_is_not_joined(stopped, clip, tmp_path, repair):
    """One whose samples do not give the recorded hash, though the file is whole."""
    import zipfile

    folder = stopped()
    path = folder / "segment-000001.zip"
    with zipfile.ZipFile(path) as old:
        entries = {name: old.read(name) for name in old.namelist()}
    contents = json.loads(entries["segment.json"])
    contents["records"][0]["repaired"] = "0" * 64
    entries["segment.json"] = json.dumps(contents).encode()
    with zipfile.ZipFile(path, "w") as new:
        for name, content in entries.items():
            new.writestr(name, content)
    status, _, err = repair(clip, tmp_path / "out.mkv", "--segment", 6, "--resume")
    assert status == 1 and "does not fit the input" in err and not (tmp_path / "out.mkv").exists()


def test_resume_without_anything_to_resume_starts(clip, tmp_path, repair):
    status, _, err = repair(clip, tmp_path / "out.mkv", "--resume")
    assert status == 0 and "nothing to resume" in err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mkv", "out.mkv"]


@pytest.mark.slow
def test_a_killed_run_is_resumed(tmp_path, write_clip, tiny_model, repair, packets):
    """kill -9 of a real process, without it having been told to keep anything; nothing is done to the last frames."""
    given = write_clip(tmp_path / "in.mkv", frames=250, size=(24, 24))
    out = tmp_path / "out.mkv"
    part = ["--frames", "0-149"]
    arguments = ["repair", given, out, "--model", tiny_model, "--device", "cpu", "--quiet", *part]
    command = [sys.executable, "-m", "framemend", *map(str, arguments)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    folder = store_folder(out)
    deadline = time.monotonic() + 120
    while len(list(folder.glob("segment-*"))) < 2 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL and not out.exists()
    status, _, err = repair(given, out, "--resume", *part)
    assert status == 0 and "finished segments of 60 frames are taken over" in err
    assert repair(given, tmp_path / "whole.mkv", "--no-keep", *part)[0] == 0
    assert packets(out, "video") == packets(tmp_path / "whole.mkv", "video")
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.endswith("part.mkv")) == [
        "in.mkv",
        "out.mkv",
        "whole.mkv",
    ]
