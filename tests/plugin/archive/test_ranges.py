"""--frames and --time: what lies outside leaves as it came, what lies inside is what a whole repair gives."""

from __future__ import annotations

from argparse import Namespace
from fractions import Fraction

import numpy as np
import pytest

from framemend.archive.ranges import ranges_from
from framemend.frames import views
from framemend_filters.errors import SettingError


def ranges(*, frames=(), time=()):
    return ranges_from(Namespace(frames=list(frames), time=list(time)))


def covered(chosen, count=12):
    return [i for i in range(count) if chosen.covers(i, Fraction(i, 25))]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (["3-5"], [3, 4, 5]),
        (["3"], [3]),
        (["9-"], [9, 10, 11]),
        (["-2"], [0, 1, 2]),
        (["1-2", "4"], [1, 2, 4]),
        ([], list(range(12))),
    ],
)
def test_frames_are_counted_from_0_and_both_ends_belong(frames, expected):
    assert covered(ranges(frames=frames)) == expected


@pytest.mark.parametrize(
    ("time", "expected"),
    [(["0.08-0.16"], [2, 3, 4]), (["00:00:00.4-"], [10, 11]), (["-0.04s"], [0, 1]), (["0.12-0.12"], [3])],
)
def test_times_count_from_the_first_frame(time, expected):
    assert covered(ranges(time=time)) == expected


def test_frames_and_times_are_joined():
    assert covered(ranges(frames=["0"], time=["0.4-"])) == [0, 10, 11]


@pytest.mark.parametrize("text", ["", "-", "b-c", "3-x", "1.5-2", "5-3"])
def test_what_is_no_range_is_refused(text):
    with pytest.raises(SettingError, match="--frames"):
        ranges(frames=[text])


def test_a_clip_without_times_needs_frame_numbers():
    with pytest.raises(SettingError, match="--frames"):
        ranges(time=["1-2"]).covers(0, None)


def test_inside_is_the_whole_repair_and_outside_the_input(tmp_path, write_clip, decode, repair):
    given = write_clip(tmp_path / "in.mkv")
    assert repair(given, tmp_path / "whole.mkv")[0] == 0
    assert repair(given, tmp_path / "part.mkv", "--frames", "4-6", "--time", "0.36-0.4")[0] == 0
    clips = [decode(tmp_path / name) for name in ("in.mkv", "whole.mkv", "part.mkv")]
    for index, (old, whole, part) in enumerate(zip(*clips, strict=True)):
        expected = whole if index in (4, 5, 6, 9, 10) else old
        for a, b in zip(views(part), views(expected), strict=True):
            np.testing.assert_array_equal(a, b)
        assert any(np.any(a != b) for a, b in zip(views(old), views(whole), strict=True))
