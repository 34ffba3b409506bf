"""`framemend detect`: the report, the page, and masks that go back into a repair."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import panning_clip

from framemend.findings.report import Gap, gaps

FRAMES, HEIGHT, WIDTH = 16, 72, 96


@pytest.fixture(scope="module")
def spoiled() -> list[NDArray[np.uint8]]:
    """A panning clip: a speck on frames 3 and 5, frame 10 black."""
    frames = [np.rint(f * 200).astype(np.uint8) for f in panning_clip(FRAMES, HEIGHT, WIDTH, speed=2)]
    for index in (3, 5):
        cv2.circle(frames[index], (50, 30), 3, (250, 250, 250), -1)
    frames[10] = np.zeros_like(frames[10])
    return frames


def test_the_report_says_what_where_and_how_much(tmp_path: Path, write_frames, framemend, spoiled) -> None:
    clip = write_frames(tmp_path / "in.mkv", spoiled)
    status, out, err = framemend("detect", clip, "--detect", "dust,frames")
    assert status == 0
    assert "found dust in 2 of 16 frames, 1 blank frame" in err
    report = json.loads(out)
    assert (report["input"], report["frames"], report["width"], report["height"]) == ("in.mkv", FRAMES, WIDTH, HEIGHT)
    dust, lost = report["damage"]
    assert (dust["kind"], dust["first"], dust["last"], dust["frames"], dust["worst"] in (3, 5)) == (
        "dust",
        3,
        5,
        2,
        True,
    )
    assert dust["start"] == pytest.approx(0.12) and 0.002 < dust["area"] < 0.02
    assert (lost["kind"], lost["first"], lost["last"], lost["area"]) == ("frames", 10, 10, 1.0)
    assert lost["lost"] == {"blank": 1} and "lost" not in dust


def test_masks_go_back_into_a_repair(tmp_path: Path, write_frames, framemend, repair, decode, spoiled) -> None:
    clip = write_frames(tmp_path / "in.mkv", spoiled)
    status, _, err = framemend("detect", clip, "--detect", "dust,frames", "--mask-out", tmp_path / "masks.mkv")
    assert status == 0, err
    masks = [frame.to_ndarray() for frame in decode(tmp_path / "masks.mkv")]
    assert [bool(m.any()) for m in masks] == [i in (3, 5, 10) for i in range(FRAMES)]
    assert (masks[10] == 255).all()
    assert repair(clip, tmp_path / "by_mask.mkv", "--mask", tmp_path / "masks.mkv")[0] == 0
    assert repair(clip, tmp_path / "found.mkv", "--detect", "dust,frames")[0] == 0
    for one, other in zip(decode(tmp_path / "by_mask.mkv"), decode(tmp_path / "found.mkv"), strict=True):
        assert (one.to_ndarray(format="rgb24") == other.to_ndarray(format="rgb24")).all()


def test_the_page_shows_the_worst_of_each_kind(tmp_path: Path, write_frames, framemend, spoiled, chromium: Any) -> None:
    clip = write_frames(tmp_path / "in<b>.mkv", spoiled)
    status, _, err = framemend("detect", clip, "--detect", "dust,frames", "--html", tmp_path / "report.html")
    assert status == 0, err
    page = chromium.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    assert page.inner_text("h1") == "in<b>.mkv"
    assert [heading.inner_text() for heading in page.query_selector_all("h2")] == ["Dust and dirt", "Lost frames"]
    pictures = page.query_selector_all("img")
    assert [picture.evaluate("img => img.naturalWidth") for picture in pictures] == [360, 360]
    assert (
        page.evaluate("performance.getEntriesByType('resource').filter(r => !r.name.startsWith('data:')).length") == 0
    )
    page.close()


def test_a_clean_clip_has_nothing_to_report(tmp_path: Path, write_frames, framemend) -> None:
    frames = [np.rint(f * 200).astype(np.uint8) for f in panning_clip(9, HEIGHT, WIDTH, speed=2)]
    status, out, err = framemend("detect", write_frames(tmp_path / "in.mkv", frames))
    assert status == 0 and "no damage found in 9 frames" in err
    assert json.loads(out)["damage"] == []


def test_missing_frames_are_told_by_the_times(tmp_path: Path, write_clip, framemend) -> None:
    times = [i for i in range(26) if i not in (9, 10)]
    clip = write_clip(tmp_path / "in.mkv", frames=len(times), pts=times)
    status, out, err = framemend("detect", clip, "--detect", "blocks")
    assert status == 0 and "2 frames missing" in err
    assert json.loads(out)["missing"] == [{"after_frame": 8, "start": 0.32, "frames": 2}]
    assert gaps([0.0, 0.04, 0.08, 0.16, 0.2, 0.24, 0.28, 0.32, 0.36, 0.4, 0.44, 0.48]) == [Gap(2, 0.08, 1)]
    assert gaps([0.0, 0.04, 0.14, 0.16, 0.28, 0.3, 0.44]) == []  # a variable frame rate has no gaps


def test_wrong_use_is_said_before_the_work(tmp_path: Path, write_clip, framemend) -> None:
    clip = write_clip(tmp_path / "in.mkv", frames=3)
    for arguments, said in (
        (["nowhere.mkv"], "no such file"),
        ([clip, "--mask-out", tmp_path / "m.mp4"], "cannot hold lossless video; give it one of .avi, .mkv"),
        ([clip, "--json", clip], "is the input itself"),
        ([clip, "--detect", "rust"], "no such kind of damage: rust"),
    ):
        status, _, err = framemend("detect", *arguments)
        assert status and said in err
    (tmp_path / "there.json").write_text("{}")
    status, _, err = framemend("detect", clip, "--json", tmp_path / "there.json")
    assert status == 2 and "--overwrite replaces it" in err
