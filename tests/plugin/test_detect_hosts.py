"""--detect in files and pipes, `detect=` and `framemend.detect` in VapourSynth: all find the same, and nothing else changes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import panning_clip

FRAMES, HEIGHT, WIDTH = 13, 72, 96
SPECKS = {4: (50, 30), 8: (24, 44)}


def dusty() -> list[NDArray[np.uint8]]:
    """A panning clip with a white speck on two of its frames."""
    frames = [np.rint(f * 200).astype(np.uint8) for f in panning_clip(FRAMES, HEIGHT, WIDTH, speed=2)]
    for index, place in SPECKS.items():
        cv2.circle(frames[index], place, 3, (250, 250, 250), -1)
    return frames


def repaired_file(path: Path, decode: Callable) -> NDArray[np.uint8]:
    return np.stack([frame.to_ndarray(format="rgb24") for frame in decode(path)])


def test_a_file_changes_where_dust_is_found_and_nowhere_else(tmp_path: Path, write_frames, repair, decode) -> None:
    given = dusty()
    clip = write_frames(tmp_path / "in.mkv", given)
    status, _, err = repair(clip, tmp_path / "out.mkv", "--detect", "dust,dropouts")
    assert status == 0, err
    made = repaired_file(tmp_path / "out.mkv", decode)
    for index, (before, after) in enumerate(zip(given, made, strict=True)):
        changed = (before != after).any(2)
        if index not in SPECKS:
            assert not changed.any()
            continue
        x, y = SPECKS[index]
        assert changed[y - 1 : y + 2, x - 1 : x + 2].all()
        assert np.count_nonzero(changed) < 150


def test_auto_leaves_a_clean_clip_as_it_is(tmp_path: Path, write_frames, repair, decode) -> None:
    given = [np.rint(f * 200).astype(np.uint8) for f in panning_clip(FRAMES, HEIGHT, WIDTH, speed=2)]
    clip = write_frames(tmp_path / "in.mkv", given)
    status, _, err = repair(clip, tmp_path / "out.mkv", "--detect", "auto")
    assert status == 0 and "detect auto: blocks, frames" in err
    assert (repaired_file(tmp_path / "out.mkv", decode) == np.stack(given)).all()


def test_a_pipe_finds_what_a_file_does(tmp_path: Path, write_clip, repair, decode, tiny_model, ffmpeg) -> None:
    clip = write_clip(tmp_path / "in.mkv", pix_fmt="gray")
    options = ["--detect", "dust,frames,flicker"]
    status, _, err = repair(clip, tmp_path / "out.mkv", *options)
    assert status == 0, err
    ffmpeg("-i", clip, "-f", "yuv4mpegpipe", "-strict", "-1", tmp_path / "in.y4m")
    command = [sys.executable, "-m", "framemend", "pipe", "--model", tiny_model, "--device", "cpu", *options]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with (tmp_path / "in.y4m").open("rb") as source:
        piped = subprocess.run(command, stdin=source, env=environment, capture_output=True, check=True, timeout=120)
    frames = b"".join(b"FRAME\n" + frame.to_ndarray().tobytes() for frame in decode(tmp_path / "out.mkv"))
    assert piped.stdout.partition(b"\n")[2] == frames


def test_what_needs_the_whole_clip_is_refused_in_a_pipe(tiny_model: str) -> None:
    command = [sys.executable, "-m", "framemend", "pipe", "--model", tiny_model, "--detect", "auto"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    header = b"YUV4MPEG2 W32 H32 F25:1 Cmono\n"
    done = subprocess.run(command, input=header, env=environment, capture_output=True, check=False, timeout=120)
    assert done.returncode == 2
    assert b"can be read only once; name kinds such as dust" in done.stderr


def test_a_picture_alone_tells_nothing(tmp_path: Path, repair) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), dusty()[0])
    status, _, err = repair(tmp_path / "in.png", tmp_path / "out.png", "--detect", "dust")
    assert status == 2 and "give a mask instead" in err


def test_an_unknown_kind_is_named(tmp_path: Path, write_clip, repair) -> None:
    status, _, err = repair(write_clip(tmp_path / "in.mkv"), tmp_path / "out.mkv", "--detect", "dust,mould")
    assert status == 2 and "no such kind of damage: mould; there are auto, dust" in err


def test_vapoursynth_finds_and_repairs_in_any_order(tmp_path: Path, write_frames, repair, decode, tiny_model) -> None:
    vs = pytest.importorskip("vapoursynth")
    import framemend

    given = dusty()
    clip = write_frames(tmp_path / "in.mkv", given)
    status, _, err = repair(clip, tmp_path / "out.mkv", "--detect", "dust")
    assert status == 0, err
    filed = repaired_file(tmp_path / "out.mkv", decode)
    core: Any = vs.core

    def paint(n: int, f: Any) -> Any:
        out = f.copy()
        for plane in range(3):
            np.copyto(np.asarray(out[plane]), given[n][..., plane])
        return out

    blank = core.std.BlankClip(width=WIDTH, height=HEIGHT, format=vs.RGB24, length=FRAMES)
    source = core.std.ModifyFrame(blank, blank, paint)
    found = framemend.detect(source, ["dust"])
    made = framemend.repair(source, detect="dust", model=tiny_model, device="cpu")
    by_mask = framemend.repair(source, found, model=tiny_model, device="cpu")
    assert (found.format.id, found.num_frames) == (vs.GRAY8, FRAMES)
    order = list(range(FRAMES))
    random.Random(4).shuffle(order)
    for n in order:
        with found.get_frame(n) as mask, made.get_frame(n) as frame, by_mask.get_frame(n) as other:
            assert bool(np.asarray(mask[0]).any()) == (n in SPECKS)
            assert mask.props["_FramemendDetected"] == ("dust" if n in SPECKS else "")
            for plane in range(3):
                np.testing.assert_array_equal(np.asarray(frame[plane]), filed[n][..., plane])
                np.testing.assert_array_equal(np.asarray(other[plane]), filed[n][..., plane])


def test_vapoursynth_names_what_it_cannot_find() -> None:
    vs = pytest.importorskip("vapoursynth")
    import framemend

    clip = vs.core.std.BlankClip(width=64, height=48, format=vs.YUV420P8, length=3)
    with pytest.raises(vs.Error, match="framemend.detect: no such kind of damage: mould"):
        framemend.detect(clip, "mould")
    with pytest.raises(vs.Error, match="framemend.repair: no such kind of damage: mould"):
        framemend.repair(clip, detect="mould")
