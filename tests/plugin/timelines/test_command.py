"""Wrong use of `framemend timeline`, and its small parts."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from edits import HOUR, MLT, Run

from framemend.timelines.edits import find_media
from framemend.timelines.timecode import timecode_text
from framemend.timelines.wishes import wish_of_marker
from framemend_filters.errors import SettingError

pytestmark = [
    # opentimelineio's adapters use what it deprecates
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("cut.txt", "x", "no kind of edit"),
        ("cut.otio", "{", "cannot be read as an edit"),
        ("cut.mlt", "<mlt", "cannot be read as a project"),
        ("cut.mlt", "<svg/>", "begins with <svg>"),
    ],
)
def test_an_edit_that_cannot_be_read_is_one_line(
    tmp_path: Path, timeline: Run, name: str, text: str, expected: str
) -> None:
    pytest.importorskip("opentimelineio")
    (tmp_path / name).write_text(text)
    status, _, told = timeline(tmp_path / name, "-o", tmp_path / ("out" + Path(name).suffix))
    assert status in (1, 2) and expected in told and told.count("\n") == 1


def test_the_edit_itself_is_never_written_over(desk: Path, timeline: Run) -> None:
    given = desk / "cut.mlt"
    given.write_text(MLT.format(body=""))
    text = given.read_bytes()
    assert timeline(given, "-o", given, "-y")[0] == 2
    assert timeline(given, "-o", desk / "out.otio")[0] == 2
    assert given.read_bytes() == text


def test_wishes_of_markers() -> None:
    assert wish_of_marker("repair") == {} and wish_of_marker("Repair:", "") == {}
    assert wish_of_marker('repair {"strength": 0.5}') == {"strength": 0.5}
    assert wish_of_marker("repair", '{"strength": 1}') == {"strength": 1}
    assert wish_of_marker("repair the sky") is None and wish_of_marker("", None) is None
    with pytest.raises(SettingError, match="write it as"):
        wish_of_marker("repair {strength}")


def test_timecode_with_and_without_dropped_numbers() -> None:
    ntsc = Fraction(30000, 1001)
    assert timecode_text(HOUR + 3, Fraction(25), drop=False) == "01:00:00:03"
    assert timecode_text(1799, ntsc, drop=True) == "00:00:59;29"
    assert timecode_text(1800, ntsc, drop=True) == "00:01:00;02"
    assert timecode_text(17982, ntsc, drop=True) == "00:10:00;00"
    assert timecode_text(107892, ntsc, drop=True) == "01:00:00;00"


def test_media_are_found_by_name_where_they_moved(tmp_path: Path) -> None:
    (tmp_path / "A001.mov").touch()
    assert find_media("/other/machine/A001.mov", [tmp_path]) == (tmp_path / "A001.mov").resolve()
    assert find_media("C:\\clips\\A001.mov", [tmp_path]) == (tmp_path / "A001.mov").resolve()
    assert find_media("A001", [tmp_path]) == (tmp_path / "A001.mov").resolve()
    assert find_media("A002", [tmp_path]) is None and find_media("", [tmp_path]) is None
