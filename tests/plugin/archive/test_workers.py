"""Several processes, and Ray: the same frames as one process, also when a worker is killed in the middle."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


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


@pytest.fixture
def cluster(monkeypatch) -> Iterator[str]:
    """The address of a Ray head that was started as an administrator does, in processes of its own."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    program = shutil.which("ray", path=str(Path(sys.executable).parent)) or shutil.which("ray")
    if program is None:
        pytest.skip("no `ray` command")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_worker_niceness", "0")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(str(ROOT / name) for name in ("plugin", "filters")))
    folder = tempfile.mkdtemp(prefix="fm-")  # paths of its sockets have to be short
    ports = [_free_port(), _free_port()]
    command = [
        program,
        "start",
        "--head",
        "--block",
        "--port",
        str(ports[0]),
        "--ray-client-server-port",
        str(ports[1]),
    ]
    command += ["--num-cpus", "1", "--include-dashboard", "false", "--disable-usage-stats", "--temp-dir", folder]
    head = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        while not _listens(ports[1]):
            assert head.poll() is None, "the head ended"
            time.sleep(0.2)
        yield f"ray://127.0.0.1:{ports[1]}"
    finally:
        head.terminate()
        head.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    """Below those that Ray gives its workers."""
    for port in range(9500 + os.getpid() % 400, 10000):
        if not _listens(port) and port not in _given:
            _given.add(port)
            return port
    raise AssertionError("no port is free")


_given: set[int] = set()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_a_cluster_that_runs_already_gives_the_same_file(clip, cluster, tmp_path, repair, packets):
    assert repair(clip, tmp_path / "one.mkv", "--threads", 1)[0] == 0
    status, _, err = repair(clip, tmp_path / "two.mkv", "--distributed", cluster, "--workers", 1, "--segment", 12)
    assert status == 0, err
    for kind in ("video", "audio"):
        assert packets(tmp_path / "two.mkv", kind) == packets(tmp_path / "one.mkv", kind)


@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_one_line(clip, tmp_path, repair, monkeypatch):
    client = pytest.importorskip("ray.util.client.worker", reason="the extra `ray` is not installed")
    monkeypatch.setattr(client, "INITIAL_TIMEOUT_SEC", 0.1)
    status, _, err = repair(clip, tmp_path / "out.mkv", "--distributed", "ray://127.0.0.1:1", "--workers", 1)
    assert (
        status == 1
        and err.count("\n") == 1
        and "cannot reach Ray at ray://127.0.0.1:1" in err
        and "RAY_AUTH_MODE" in err
    )
    assert [p.name for p in tmp_path.iterdir()] == ["in.mkv"]
