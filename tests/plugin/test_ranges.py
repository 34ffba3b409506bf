"""Part of a file is repaired as the whole file is, wherever it begins."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from framemend.frames import build_frame
from framemend.masks import MaskSource, parse_rect
from framemend.ranges import IndexedVideo, repair_range
from framemend_filters.engine import Repairer, RepairSettings
from framemend_filters.errors import InputError

B_FRAMES = {"bf": "2", "g": "6", "crf": "20"}
KINDS = [
    ("mkv", "libx264", B_FRAMES),
    ("mp4", "libx264", B_FRAMES),
    ("ts", "libx264", B_FRAMES),
    ("avi", "ffv1", {}),
]


@pytest.fixture(params=KINDS, ids=lambda kind: kind[0])
def clip(request: pytest.FixtureRequest, tmp_path: Path, write_clip: Callable[..., Path]) -> Path:
    kind, codec, options = request.param
    time_base = Fraction(1, 25)
    return write_clip(tmp_path / f"clip.{kind}", codec=codec, frames=20, options=options, time_base=time_base)


def test_frames_by_number_are_those_of_the_file(clip: Path, decode: Callable[[Path], list]) -> None:
    whole = [frame.to_ndarray() for frame in decode(clip)]
    video = IndexedVideo(clip)
    assert video.num_frames == len(whole) == 20 and video.is_constant_rate
    for first, stop in ((0, 3), (7, 12), (19, 20)):
        part = [frame.to_ndarray() for frame in video.frames(first, stop)]
        np.testing.assert_array_equal(part, whole[first:stop])


def test_a_range_is_repaired_as_in_the_whole_file(
    tmp_path: Path, write_clip: Callable[..., Path], tiny_model: str, repair, decode: Callable[[Path], list]
) -> None:
    clip = write_clip(tmp_path / "clip.mkv", frames=14)
    assert repair(clip, tmp_path / "whole.mkv", "--quiet", "--rect", "8,8,20,12@6-9", "--strength", "1")[0] == 0
    whole = [frame.to_ndarray() for frame in decode(tmp_path / "whole.mkv")]
    repairer = Repairer(RepairSettings(model=tiny_model, device="cpu", strength=1.0), masked=True)
    masks = MaskSource(64, 48, None, (parse_rect("8,8,20,12@6-9"),))
    part = [
        build_frame(frame, planes, frame.format.name).to_ndarray()
        for frame, planes in repair_range(IndexedVideo(clip), repairer, masks, 4, 9)
    ]
    np.testing.assert_array_equal(part, whole[4:9])


def test_a_frame_that_does_not_decode_is_named(tmp_path: Path, write_clip: Callable[..., Path]) -> None:
    clip = write_clip(tmp_path / "clip.mkv", frames=6)
    video = IndexedVideo(clip)
    data = bytearray(clip.read_bytes())
    data[len(data) * 2 // 3 :] = bytes(len(data) - len(data) * 2 // 3)
    clip.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"frame \d of .*clip\.mkv cannot be decoded"):
        list(video.frames(0, 6))


def test_variable_rate_is_noticed(tmp_path: Path, write_clip: Callable[..., Path]) -> None:
    pts = [0, 1, 2, 10, 11, 12]
    assert not IndexedVideo(write_clip(tmp_path / "vfr.mkv", frames=6, pts=pts)).is_constant_rate
