"""Faults injected from outside: the input is untouched, what was finished is kept, status and line are right."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from framemend.archive.store import store_folder


@pytest.fixture
def clip(tmp_path, write_clip) -> Iterator[Path]:
    """A clip of 20 frames that must be the same afterwards."""
    path = write_clip(tmp_path / "in.mkv", frames=20)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    yield path
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


@pytest.fixture
def disk(tmp_path) -> Callable:
    """A small disk of its own: `with disk("size=100k") as folder`. Needs to be root, and allowed to mount."""

    @contextmanager
    def mounted(options: str) -> Iterator[Path]:
        folder = tmp_path / "disk"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("mounting a small disk takes root, and a system that lets it")
        try:
            yield folder
        finally:
            subprocess.run(["umount", str(folder)], check=True)

    return mounted


def test_a_disk_too_small_for_the_output(disk, clip, repair):
    with disk("size=24k") as folder:
        status, _, err = repair(clip, folder / "out.mkv", "--quiet")
        assert status == 1 and err.count("\n") == 1 and "out.mkv" in err and "No space left" in err
        assert list(folder.iterdir()) == []


def test_a_disk_that_fills_with_segments_and_gets_room_again(disk, clip, tmp_path, repair, packets):
    with disk("size=48k") as folder:
        out = folder / "out.avi"
        arguments = [clip, out, "--segment", 3, "--resume", "--codec", "mpeg4"]
        status, _, err = repair(*arguments)
        lines = err.splitlines()
        assert status == 1 and "No space left" in lines[-1] and "--resume" in lines[-1], err
        finished = len(list(store_folder(out).glob("segment-*.zip")))
        assert finished >= 1 and not list(store_folder(out).glob("*.part")) and not out.exists()
        subprocess.run(["mount", "-o", "remount,size=4m", str(folder)], check=True)
        status, _, err = repair(*arguments)
        assert status == 0 and f"{finished} finished segments" in err, err
        assert repair(clip, tmp_path / "whole.avi", "--codec", "mpeg4")[0] == 0
        assert packets(out, "video") == packets(tmp_path / "whole.avi", "video")
        assert [p.name for p in folder.iterdir()] == ["out.avi"]


def test_a_disk_that_may_only_be_read(disk, clip, repair):
    with disk("ro") as folder:
        status, _, err = repair(clip, folder / "out.mkv", "--resume", "--quiet")
        assert status == 1 and err.count("\n") == 1 and "cannot" in err and str(folder) in err


def test_an_output_that_is_taken_away_while_it_is_written(clip, tmp_path, repair, monkeypatch):
    from framemend.remux import VideoTarget

    write = VideoTarget.write

    def thief(self, *arguments):
        write(self, *arguments)
        if self.sent == 10:
            Path(self._path).unlink()

    monkeypatch.setattr(VideoTarget, "write", thief)
    status, _, err = repair(clip, tmp_path / "out.mkv", "--quiet")
    assert status == 1 and err == f"framemend: {tmp_path / 'out.mkv'} was taken away while it was written; run again\n"
    assert [p.name for p in tmp_path.iterdir()] == ["in.mkv"]


def test_a_decoder_error_in_mid_file_leaves_the_segments_whole(tmp_path, write_clip, repair, decode, packets):
    """One packet that does not decode: what does is repaired, in segments too, and the loss is said."""
    given = write_clip(tmp_path / "in.mov", codec="png", pix_fmt="rgb24")
    sixth = packets(given, "video")[5][1]
    given.write_bytes(given.read_bytes().replace(sixth, bytes(len(sixth))))
    status, _, err = repair(given, tmp_path / "out.mkv", "--segment", 3, "--resume")
    assert status == 0 and "warning" in err and "11 frames were repaired and kept" in err, err
    assert repair(given, tmp_path / "plain.mkv")[0] == 0
    assert packets(tmp_path / "out.mkv", "video") == packets(tmp_path / "plain.mkv", "video")
    assert len(decode(tmp_path / "out.mkv")) == 11


def test_a_failing_report_does_not_leave_an_output_without_one(clip, tmp_path, repair):
    (tmp_path / "report.json").mkdir()
    status, _, err = repair(clip, tmp_path / "out.mkv", "--rect", "8,8,16,16", "--report", tmp_path / "report.json")
    assert status == 1 and "report.json" in err.splitlines()[-1] and not (tmp_path / "out.mkv").exists()
