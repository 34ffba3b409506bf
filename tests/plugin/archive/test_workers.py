"""Several processes, and Ray: the same frames as one process, also when a worker is killed in the middle."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest


@pytest.fixture
def clip(tmp_path, write_clip) -> Path:
    return write_clip(tmp_path / "in.mkv", frames=22, sound=True)


@pytest.mark.slow
def test_two_processes_give_the_same_file_though_one_is_killed(clip, tmp_path, repair, packets, monkeypatch):
    from framemend.archive.workers import LocalCrew

    assert repair(clip, tmp_path / "one.mkv", "--rect", "8,8,20,20", "--strength", 1)[0] == 0
    killed: list[int] = []
    start = LocalCrew._start

    def sabotaged(self, place, number):
        start(self, place, number)
        if number == 2 and not killed:
            killed.append(self._makers[place][0].pid)
            os.kill(killed[0], signal.SIGKILL)

    monkeypatch.setattr(LocalCrew, "_start", sabotaged)
    arguments = ["--rect", "8,8,20,20", "--strength", 1, "--workers", 2, "--segment", 6]
    status, _, err = repair(clip, tmp_path / "two.mkv", *arguments)
    assert status == 0 and len(killed) == 1 and "a worker died" in err, err
    for kind in ("video", "audio"):
        assert packets(tmp_path / "two.mkv", kind) == packets(tmp_path / "one.mkv", kind)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mkv", "one.mkv", "two.mkv"]


def test_what_stops_a_worker_is_said_in_one_line(tmp_path, write_clip, repair):
    given = write_clip(tmp_path / "in.mkv", size=(40, 12), frames=3)
    status, _, err = repair(given, tmp_path / "out.mkv", "--workers", 1)
    assert status == 2 and err.count("\n") == 1 and "16x16" in err
    assert [p.name for p in tmp_path.iterdir()] == ["in.mkv"]


@pytest.mark.parametrize(
    ("option", "value"), [("--workers", 0), ("--distributed", "cluster"), ("--threads", 0), ("--segment", 0)]
)
def test_what_cannot_be_is_refused(option, value, clip, tmp_path, repair):
    status, _, err = repair(clip, tmp_path / "out.mkv", option, value, "--resume")
    assert status == 2 and option in err and err.count("\n") == 1


@pytest.mark.slow
def test_a_ray_cluster_gives_the_same_file_though_a_worker_is_killed(clip, tmp_path, repair, packets, monkeypatch):
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    from framemend.archive.cluster import RayCrew

    assert repair(clip, tmp_path / "one.mkv")[0] == 0
    killed: list[int] = []
    start = RayCrew._start

    def sabotaged(self, place, number):
        start(self, place, number)
        if place in self.pids and not killed:
            killed.append(self.pids[place])
            os.kill(killed[0], signal.SIGKILL)

    monkeypatch.setattr(RayCrew, "_start", sabotaged)
    monkeypatch.setenv("RAY_worker_niceness", "0")  # Ray's own 15 starves on a busy machine
    status, _, err = repair(clip, tmp_path / "two.mkv", "--distributed", "local", "--workers", 2, "--segment", 6)
    assert status == 0 and len(killed) == 1 and "a worker died" in err, err
    assert packets(tmp_path / "two.mkv", "video") == packets(tmp_path / "one.mkv", "video")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mkv", "one.mkv", "two.mkv"]
