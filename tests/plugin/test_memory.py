"""--memory: what is chosen for a budget, that it is said first, and that no more is then used."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs
from vsclips import assert_equal, by_hand, core, moving_clip, pictures

from framemend import node
from framemend_filters.engine import Repairer, RepairSettings
from framemend_filters.engine.memory import LIBRARIES, Load, fit, parse_size
from framemend_filters.errors import SettingError

FULL_HD = Load(height=1080, width=1920, chunk=5, reach=16, beyond=4, masked=True, sample_bytes=2, scale=4)
WIDTH, HEIGHT = 640, 360
MEASURED = """
import sys
from framemend.cli import main
status = main(sys.argv[1:])
print(*(line for line in open("/proc/self/status") if line.startswith(("VmHWM", "RssFile"))), file=sys.stderr)
sys.exit(status)
"""


@pytest.mark.parametrize(
    ("text", "size"),
    [("4G", 4 << 30), ("1.5 GiB", 3 << 29), ("800m", 800 << 20), ("64kb", 64 << 10), ("5000", 5000), (5000, 5000)],
)
def test_sizes_are_read_as_people_write_them(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-4G", "4X", "0", "4 G 2"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=re.escape(f"memory is {text!r}; write 4G, 800M or a number of bytes")):
        RepairSettings(memory=text)


def test_a_larger_budget_means_larger_tiles_and_never_a_shorter_window() -> None:
    least = min(replace(FULL_HD, reach=6, chunk=1).peak(128), FULL_HD.peak(128))
    before: tuple[int, int, int] = (0, 0, 0)
    for budget in range(least + (1 << 20), 12 << 30, 100 << 20):
        found = fit(budget, FULL_HD, least_reach=6, tile=None)
        assert found.peak <= budget
        now = (found.reach, found.chunk, found.tile or 99999)
        assert now >= before
        before = now
    assert before == (16, 5, 99999)  # whole frames in the end


def test_a_budget_that_is_too_small_is_told_what_would_do() -> None:
    with pytest.raises(SettingError, match=r"memory is 300 MiB; frames of 1920x1080 take at least ") as raised:
        fit(300 << 20, FULL_HD, least_reach=6, tile=None)
    enough = parse_size(str(raised.value).rpartition("at least ")[2])
    assert fit(enough + (8 << 20), FULL_HD, least_reach=6, tile=None).chunk == 1


def test_a_tile_that_was_asked_for_is_kept() -> None:
    assert fit(8 << 30, FULL_HD, least_reach=6, tile=320).tile == 320
    with pytest.raises(SettingError, match="with tiles of 1024 samples"):
        fit(1 << 30, FULL_HD, least_reach=6, tile=1024)


def test_one_that_is_no_budget_is_refused_on_the_command_line(framemend, tmp_path: Path) -> None:
    status, _, err = framemend("repair", tmp_path / "a.mp4", tmp_path / "b.mp4", "--memory", "lots")
    assert status == 2 and "memory is 'lots'" in err


def test_a_file_is_told_first_and_repaired_as_without_a_budget_that_is_ample(
    tmp_path: Path, write_clip, repair, decode
) -> None:
    given = write_clip(tmp_path / "given.mkv", frames=4)
    status, _, err = repair(given, tmp_path / "free.mkv")
    assert status == 0 and "memory" not in err
    status, _, err = repair(given, tmp_path / "bounded.mkv", "--memory", "4G")
    assert status == 0
    said = "framemend: memory: whole frames, 3 frames at once, 4 on both sides: about .+ of 4.00 GiB"
    assert re.fullmatch(said, err.partition("\n")[0])
    for a, b in zip(decode(tmp_path / "free.mkv"), decode(tmp_path / "bounded.mkv"), strict=True):
        np.testing.assert_array_equal(a.to_ndarray(), b.to_ndarray())


def test_a_script_gets_the_frames_of_the_engine_and_is_told_what_was_chosen(
    tiny_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With so little room that the window is shorter than the model's."""
    monkeypatch.setattr("framemend_filters.engine.memory.BASE", 0)
    told: list[str] = []
    handler = core.add_log_handler(lambda kind, text: told.append(text))
    clip = moving_clip("YUV420P8", 7)
    try:
        made = pictures(node.repair(clip, model=tiny_model, device="cpu", precision="fp32", memory="4M"))
    finally:
        core.remove_log_handler(handler)
    settings = RepairSettings(model=tiny_model, device="cpu", precision="fp32", memory="4M")
    repairer = Repairer(settings).fitted(clip.height, clip.width)
    assert repairer.fit is not None and repairer.chunk_frames == 1 < Repairer(settings).chunk_frames
    assert f"framemend.repair: {repairer.fit}" in told
    assert_equal(made, by_hand(clip, Path(tiny_model), precision="fp32", memory="4M"))


def test_too_little_for_a_script_is_said_at_the_call(tiny_model: str) -> None:
    with pytest.raises(vs.Error, match=r"framemend.repair: memory is 100 MiB; frames of 64x48 take at least"):
        node.repair(moving_clip("YUV420P8", 3), model=tiny_model, memory="100M")


@pytest.mark.slow
@pytest.mark.parametrize(("budget", "options"), [("1000M", []), ("1150M", ["--rect", "80,45,480,270"])])
def test_what_is_used_is_what_was_said(tmp_path: Path, budget: str, options: list[str]) -> None:
    """Peak memory of `framemend pipe` with the shipped weights, over the first window, after which the reader goes away."""
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc to see the peak memory of a process")
    given = tmp_path / "given.y4m"
    rng = np.random.default_rng(0)
    with given.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F25:1 Ip C420jpeg\n".encode())
        for _ in range(36):
            file.write(b"FRAME\n" + rng.integers(0, 256, WIDTH * HEIGHT * 3 // 2, np.uint8).tobytes())
    command = [sys.executable, "-c", MEASURED, "pipe", "--device", "cpu", "--memory", budget, *options]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    with (
        given.open("rb") as stdin,
        subprocess.Popen(
            command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        ) as process,
    ):
        assert process.stdout is not None and process.stderr is not None
        said = process.stderr.readline().decode()
        assert process.stdout.readline().startswith(b"YUV4MPEG2")
        process.stdout.read(1)
        process.stdout.close()
        rest = process.stderr.read().decode()
    assert process.returncode == 0, rest
    match = re.fullmatch(r"framemend: memory: tiles of \d+ samples, .*: about (.+) of (.+)\n", said)
    assert match, said
    peak, files = (1024 * int(rest.partition(name)[2].split()[0]) for name in ("VmHWM:", "RssFile:"))
    used = peak - files + LIBRARIES  # how much of the libraries' files is in memory is the system's choice
    assert used == pytest.approx(parse_size(match[1]), rel=0.15)
    assert used <= parse_size(budget)
