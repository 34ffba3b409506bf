"""Sequences of pictures, and pictures of floats, in and out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from framemend.exr import read_exr, write_exr
from framemend.sequences import numbered


def pictures(pattern: Path, count: int = 5, first: int = 7, depth: Any = np.uint16) -> list[np.ndarray]:
    pattern.parent.mkdir(exist_ok=True)
    rng = np.random.default_rng(1)
    made = [rng.integers(0, np.iinfo(depth).max, (32, 48, 3), depth, endpoint=True) for _ in range(count)]
    for number, picture in enumerate(made, first):
        assert cv2.imwrite(str(numbered(pattern, number)), picture)
    return made


def read(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None, path
    return np.asarray(picture)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_pictures_keep_numbers_and_every_bit(suffix, tmp_path, repair):
    given, made = tmp_path / "scans" / f"a%04d{suffix}", tmp_path / "new" / f"b%06d{suffix}"
    before = pictures(given)
    status, out, err = repair(given, made, "--strength", 0)
    assert (status, out) == (0, ""), err
    assert [p.name for p in sorted(made.parent.iterdir())] == [f"b{n:06d}{suffix}" for n in range(7, 12)]
    for number, picture in enumerate(before, 7):
        after = read(numbered(made, number))
        assert after.dtype == np.uint16
        np.testing.assert_array_equal(after, picture)
    assert not list(tmp_path.glob(".*"))


def test_pictures_are_repaired_together_not_each_alone(tmp_path, repair):
    given = tmp_path / "scans" / "%d.png"
    pictures(given, depth=np.uint8)
    assert repair(given, tmp_path / "new" / "%d.png")[0] == 0
    assert repair(numbered(given, 9), tmp_path / "alone.png")[0] == 0
    together, alone = read(tmp_path / "new" / "9.png"), read(tmp_path / "alone.png")
    assert together.shape == alone.shape and np.any(together != alone)


def test_a_sequence_becomes_a_video_and_a_video_a_sequence(tmp_path, repair, decode):
    given, video, made = tmp_path / "scans" / "%03d.png", tmp_path / "film.mkv", tmp_path / "out" / "%03d.png"
    before = pictures(given, depth=np.uint8)
    status, _, err = repair(given, video, "--strength", 0, "--rate", "24000/1001", "--codec", "ffv1")
    assert status == 0, err
    frames = decode(video)
    assert len(frames) == 5 and abs(float(frames[4].pts * frames[4].time_base) - 4 * 1001 / 24000) < 0.001
    status, _, err = repair(video, made, "--strength", 0)
    assert status == 0, err
    assert len(list(made.parent.iterdir())) == 5
    for number, picture in enumerate(before, 1):
        np.testing.assert_array_equal(read(numbered(made, number)), picture)


def test_exr_keeps_every_bit_where_nothing_changes_and_light_beyond_white(tmp_path, repair):
    light = (np.random.default_rng(2).random((32, 48, 3), np.float32) * 4 - 0.5).astype(np.float32)
    write_exr(tmp_path / "in.exr", light, tmp_path / "in.exr")
    np.testing.assert_array_equal(read_exr(tmp_path / "in.exr"), light)
    assert repair(tmp_path / "in.exr", tmp_path / "out.exr", "--strength", 0)[0] == 0
    np.testing.assert_array_equal(read_exr(tmp_path / "out.exr"), light)
    assert repair(tmp_path / "in.exr", tmp_path / "hole.exr", "--rect", "4,4,16,16", "--no-grain")[0] == 0
    differs = read_exr(tmp_path / "hole.exr") != light
    assert differs[4:20, 4:20].any()
    differs[4:20, 4:20] = False
    assert not differs.any()


def test_what_is_wrong_with_a_sequence_is_said_before_the_work(tmp_path, repair):
    given = tmp_path / "scans" / "%04d.png"
    pictures(given, depth=np.uint8)
    status, _, err = repair(tmp_path / "none" / "%04d.png", tmp_path / "out.mkv")
    assert status == 1 and "no picture is named like" in err
    numbered(given, 9).unlink()
    status, _, err = repair(given, tmp_path / "new" / "%04d.png")
    assert status == 1 and "0009.png is missing" in err
    cv2.imwrite(str(numbered(given, 9)), np.zeros((20, 20, 3), np.uint8))
    status, _, err = repair(given, tmp_path / "new" / "%04d.png", "--strength", 0)
    assert status == 1 and "0009.png is 20x20" in err
    assert not (tmp_path / "new").exists() and not list(tmp_path.glob(".*"))
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "0008.png").write_text("precious")
    status, _, err = repair(given, tmp_path / "there" / "%04d.png")
    assert status == 2 and "--overwrite" in err
    status, _, err = repair(given, tmp_path / "new" / "%04d.mkv")
    assert status in (1, 2) and err.count("\n") == 1
