"""The frei0r filter, compiled here and run by a real ffmpeg and a real melt; frames are those of the engine with lookahead 0."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from frei0rhosts import installed_filter, needed_ffmpeg
from numpy.typing import NDArray

from framemend.frei0r import build
from framemend.frei0r.worker import MAGIC, REQUEST
from framemend_filters.errors import OutputError, SettingError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="tried on Linux alone")
WIDTH, HEIGHT, FRAMES = 64, 48, 6
ENVIRONMENT = {"QT_QPA_PLATFORM": "offscreen", "SDL_VIDEODRIVER": "dummy"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_model: str) -> Path:
    """Where the filter was installed."""
    return installed_filter(tmp_path_factory.mktemp("frei0r"), tiny_model)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, write_frames: Callable[..., Path]) -> Path:
    return write_frames(tmp_path_factory.mktemp("clip") / "clip.mkv", pictures())


def pictures() -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    waves = [
        128 + 60 * np.sin((x[..., None] + 2 * i) / 6 + np.arange(3)) * np.cos(y[..., None] / 7) for i in range(FRAMES)
    ]
    return [np.clip(wave + rng.normal(0, 8, wave.shape), 0, 255).astype(np.uint8) for wave in waves]


def expected(tiny_model: str, strength: float) -> list[NDArray[np.uint8]]:
    from framemend.frei0r.worker import RGB8
    from framemend.planes import add_residual, to_rgb
    from framemend_filters.engine import Repairer, RepairSettings

    planes = [[np.ascontiguousarray(p[..., c]) for c in range(3)] for p in pictures()]
    repairer = Repairer(RepairSettings(model=tiny_model, device="cpu", strength=strength, lookahead=0))
    repairs = repairer.repair_stream((to_rgb(p, RGB8), None) for p in planes)
    return [np.dstack(add_residual(p, RGB8, repair)) for p, repair in zip(planes, repairs, strict=True)]


def ffmpeg_frames(folder: Path, clip: Path, effect: str, **more: str) -> tuple[NDArray[np.uint8], str]:
    """What Debian's ffmpeg makes of the clip, and what was said."""
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    command = [needed_ffmpeg(), "-v", "error", "-nostdin", "-i", str(clip), "-vf", effect, *raw]
    environment = {**os.environ, "FREI0R_PATH": str(folder), **more}
    done = subprocess.run(command, check=False, capture_output=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, HEIGHT, WIDTH, 3), done.stderr.decode()


def test_ffmpeg_shows_the_frames_of_the_engine(folder: Path, clip: Path, tiny_model: str) -> None:
    frames, told = ffmpeg_frames(folder, clip, "frei0r=framemend:0.5")
    assert told == ""
    np.testing.assert_array_equal(frames, expected(tiny_model, 0.5))
    assert float(np.abs(frames.astype(int) - pictures()).mean()) > 0.5


def test_melt_shows_as_many_repaired_frames(folder: Path, clip: Path, tmp_path: Path, tiny_model: str) -> None:
    melt = shutil.which("melt")
    if melt is None:
        pytest.skip("no melt; Debian's package melt has it")
    from framemend.clips import read_clip

    target = tmp_path / "out.mkv"
    project = tmp_path / "project.mlt"
    project.write_text(
        f'<mlt producer="p"><profile width="{WIDTH}" height="{HEIGHT}" frame_rate_num="25" frame_rate_den="1" progressive="1"'
        ' sample_aspect_num="1" sample_aspect_den="1" display_aspect_num="4" display_aspect_den="3" colorspace="601"/>'
        f'<producer id="p"><property name="resource">{clip}</property>'
        '<filter><property name="mlt_service">frei0r.framemend</property><property name="strength">1</property></filter>'
        "</producer></mlt>"
    )
    encoded = ["vcodec=ffv1", "pix_fmt=yuv444p", "an=1", "real_time=0"]
    command = [melt, "-silent", str(project), "-consumer", f"avformat:{target}", *encoded]
    environment = {**os.environ, **ENVIRONMENT, "FREI0R_PATH": str(folder), "MLT_FREI0R_PLUGIN_PATH": str(folder)}
    for _ in range(3):  # melt 7.12 sometimes ends before it has begun
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL, env=environment, timeout=300)
        if target.stat().st_size:
            break
    shown = read_clip(target).frames.astype(int)
    wanted = np.array(expected(tiny_model, 1.0), int)
    assert len(shown) == FRAMES
    to_wanted, to_given = (float(np.abs(shown - other).mean()) for other in (wanted, np.array(pictures(), int)))
    assert to_wanted < 3 and to_wanted < to_given  # melt goes by way of limited-range YUV


def test_when_the_worker_dies_frames_pass_with_one_line(folder: Path, clip: Path) -> None:
    frames, told = ffmpeg_frames(folder, clip, "frei0r=framemend", FRAMEMEND_PYTHON="false")
    np.testing.assert_array_equal(frames, pictures())
    assert told.count("framemend: the worker has ended; frames pass through unrepaired") == 1


def worker_that(does: str, folder: Path) -> str:
    """A program to stand in for the worker's Python. It has read frame after frame into `frame`; then it does that."""
    size = REQUEST.size + 4 * WIDTH * HEIGHT
    program = folder / "worker"
    program.write_text(
        f"#!{sys.executable} -S\nimport sys, time\nnumber = 0\n"
        f"while request := sys.stdin.buffer.read({size}):\n"
        f"    frame, answer, number = request[{REQUEST.size}:], bytes(255 - b for b in request[{REQUEST.size}:]), number + 1\n"
        f"    {does}\n"
    )
    program.chmod(0o755)
    return str(program)


def test_half_an_answer_leaves_the_frame_as_it_was(folder: Path, clip: Path, tmp_path: Path) -> None:
    """The worker answers two frames, and dies in the middle of its answer to the third."""
    does = "sys.stdout.buffer.write(answer[: len(answer) // (2 if number == 3 else 1)]); sys.stdout.flush(); number == 3 and sys.exit()"
    frames, told = ffmpeg_frames(folder, clip, "frei0r=framemend", FRAMEMEND_PYTHON=worker_that(does, tmp_path))
    np.testing.assert_array_equal(frames[:2], 255 - np.array(pictures()[:2]))
    np.testing.assert_array_equal(frames[2:], pictures()[2:])
    assert told == "framemend: the worker has ended; frames pass through unrepaired\n"


@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (640, 360)], ids=["small", "more than a socket holds"])
def test_a_worker_that_hangs_is_given_up_in_time(
    folder: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    """It neither reads nor answers; here the filter waits for half a second, not for minutes."""
    monkeypatch.setenv("CC", "cc -DFIRST_ANSWER_MS=500 -DANSWER_MS=500")
    build(tmp_path / "framemend.so", model="fast", device="cpu")
    program = tmp_path / "worker"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    scale, back = (f"scale={w}:{h}:flags=neighbor" for w, h in (size, (WIDTH, HEIGHT)))
    frames, told = ffmpeg_frames(tmp_path, clip, f"{scale},frei0r=framemend,{back}", FRAMEMEND_PYTHON=str(program))
    assert len(frames) == FRAMES and float(np.abs(frames.astype(int) - pictures()).mean()) < 1
    assert told == "framemend: the worker does not answer; frames pass through unrepaired\n"


def test_a_worker_that_is_not_there_costs_one_line(folder: Path, clip: Path) -> None:
    frames, told = ffmpeg_frames(folder, clip, "frei0r=framemend", FRAMEMEND_PYTHON="/no/such/python")
    np.testing.assert_array_equal(frames, pictures())
    assert told.count("framemend: the worker") == 1


def test_after_a_jump_earlier_frames_do_not_count(tiny_model: str) -> None:
    """Straight to the worker: the same frame first, and after a restart, is answered the same."""
    frames = [np.dstack([p, np.full((HEIGHT, WIDTH), 7, np.uint8)]) for p in pictures()[:3]]
    order = [(0, 1), (1, 0), (2, 0), (0, 1)]
    requests = [REQUEST.pack(MAGIC, WIDTH, HEIGHT, restart, 1.0) + frames[i].tobytes() for i, restart in order]
    command = [sys.executable, "-m", "framemend.frei0r.worker", tiny_model, "cpu"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        command, check=False, input=b"".join(requests), capture_output=True, env=environment, timeout=300
    )
    answers = np.frombuffer(done.stdout, np.uint8).reshape(-1, HEIGHT, WIDTH, 4)
    assert len(answers) == 4 and (answers[..., 3] == 7).all()
    np.testing.assert_array_equal(answers[0], answers[3])
    np.testing.assert_array_equal(answers[:3, ..., :3], expected(tiny_model, 1.0)[:3])


def test_what_cannot_be_built_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/no/such/cc")
    with pytest.raises(SettingError, match="/no/such/cc cannot be run"):
        build(tmp_path / "framemend.so", model="fast", device="cpu")
    monkeypatch.setenv("CC", "false")
    with pytest.raises(OutputError, match="cannot be compiled"):
        build(tmp_path / "framemend.so", model="fast", device="cpu")
    assert list(tmp_path.iterdir()) == []


def test_installing_says_how_to_use_it(framemend: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    if not shutil.which("cc"):
        pytest.skip("no C compiler; Debian's package gcc has it")
    status, out, _ = framemend("install-frei0r", "--folder", tmp_path)
    assert status == 0 and "frei0r.framemend" in out and (tmp_path / "framemend.so").stat().st_size > 5000
    assert framemend("install-frei0r", "--folder", tmp_path, "--model", "none-such")[0] == 2


def test_shotcut_is_told_of_the_filter(framemend: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    if not shutil.which("cc"):
        pytest.skip("no C compiler; Debian's package gcc has it")
    status, _, told = framemend("install-frei0r", "--folder", tmp_path / "lib", "--shotcut", tmp_path)
    assert status == 2 and "is not Shotcut's folder qml" in told and not (tmp_path / "lib").exists()
    (tmp_path / "filters").mkdir()
    assert framemend("install-frei0r", "--folder", tmp_path / "lib", "--shotcut", tmp_path)[0] == 0
    made = tmp_path / "filters" / "framemend"
    text = (made / "meta.qml").read_text()
    assert 'mlt_service: "frei0r.framemend"' in text and (made / text.split('qml: "')[1].split('"')[0]).is_file()
