"""`framemend timeline` with what OpenTimelineIO reads; a real melt renders edits before and after."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from edits import HOUR, Run, as_mlt, clip, edit, pictures, read, render, write

from framemend.timelines.timecode import read_timecode

pytestmark = [
    # opentimelineio's adapters use what it deprecates
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]


def test_an_edit_renders_with_the_same_frames_at_the_same_places(desk: Path, timeline: Run) -> None:
    otio = pytest.importorskip("opentimelineio")
    gap = otio.schema.Gap(duration=otio.opentime.RationalTime(3, 25))
    given = write(edit(clip("one", 5, 6), gap, clip("two", 25, 8), clip("again", 7, 4)), desk / "cut.otio")
    assert timeline(given, "-o", desk / "out.otio", "--handles", 2)[0] == 0
    before, after = (render(as_mlt(path, desk)) for path in (given, desk / "out.otio"))
    assert before == [*range(5, 11), -1, -1, -1, *range(25, 33), *range(7, 11)]
    assert after == before
    names = [Path(c.media_reference.target_url).name for c in read(desk / "out.otio")]
    assert names[0] == names[2] and names[0].startswith("source_3-12_") and names[1].startswith("source_23-34_")
    assert [c.source_range for c in read(desk / "out.otio")] == [c.source_range for c in read(given)]
    assert len(list((desk / "out repaired").iterdir())) == 2


def test_repaired_frames_are_those_of_framemend_repair(desk: Path, timeline: Run, repair: Run) -> None:
    given = write(edit(clip("one", 12, 5)), desk / "cut.otio")
    assert timeline(given, "-o", desk / "out.otio", "--handles", 0, strength=1)[0] == 0
    assert repair(desk / "source.mov", desk / "whole.mkv", "--codec", "ffv1", "--quiet")[0] == 0
    (made,) = (desk / "out repaired").iterdir()
    given_rgb, whole, part = (pictures(path) for path in (desk / "source.mov", desk / "whole.mkv", made))
    to_whole, to_given = (float(np.abs(part - other[12:17]).mean()) for other in (whole, given_rgb))
    assert to_whole < 1 and to_whole < to_given / 2


def test_media_keep_timecode_reel_sound_and_rate(desk: Path, timeline: Run) -> None:
    import av

    given = write(edit(clip("one", 5, 6)), desk / "cut.otio")
    assert timeline(given, "-o", desk / "out.otio", "--handles", 2)[0] == 0
    (made,) = (desk / "out repaired").iterdir()
    timecode = read_timecode(made)
    assert timecode.frames == HOUR + 3 and timecode.reel == "A001"
    with av.open(str(made)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert video.codec_context.name == "prores" and video.average_rate == 25 and video.frames == 10
        sound = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio)])
    with av.open(str(desk / "source.mov")) as container:
        whole = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    np.testing.assert_array_equal(sound, whole[3 * 640 : 13 * 640])


def test_dnxhr_is_written_where_asked(desk: Path, timeline: Run, ffmpeg: Any) -> None:
    import av

    ffmpeg("-i", desk / "source.mov", "-vf", "scale=256:144", "-frames:v", "4", "-c:v", "libx264", desk / "big.mov")
    given = write(edit(clip("one", 0, 2, url="big.mov", offset=0)), desk / "cut.otio")
    assert timeline(given, "-o", desk / "out.otio", "--codec", "dnxhr")[0] == 0
    (made,) = (desk / "out repaired").iterdir()
    with av.open(str(made)) as container:
        assert container.streams.video[0].codec_context.name == "dnxhd"
        assert container.streams.video[0].codec_context.profile == "DNXHR HQX"


def test_transitions_reach_into_the_media(desk: Path, timeline: Run) -> None:
    otio = pytest.importorskip("opentimelineio")
    t = otio.opentime.RationalTime
    dissolve = otio.schema.Transition(transition_type="SMPTE_Dissolve", in_offset=t(2, 25), out_offset=t(3, 25))
    given = write(edit(clip("a", 5, 6), dissolve, clip("b", 25, 6)), desk / "cut.otio")
    assert timeline(given, "-o", desk / "out.otio", "--handles", 0)[0] == 0
    names = sorted(p.name.rsplit("_", 1)[0] for p in (desk / "out repaired").iterdir())
    assert names == ["source_23-30", "source_5-13"]


@pytest.mark.parametrize(("speed", "expected"), [(2.0, "source_5-16"), (0.5, "source_5-7"), (0.0, "source_5-5")])
def test_speed_changes_read_what_they_play(desk: Path, timeline: Run, speed: float, expected: str) -> None:
    otio = pytest.importorskip("opentimelineio")
    effect = otio.schema.LinearTimeWarp(time_scalar=speed) if speed else otio.schema.FreezeFrame()
    given = write(edit(clip("a", 5, 6, effects=[effect])), desk / "cut.otio")
    assert timeline(given, "-o", desk / "out.otio", "--handles", 0)[0] == 0
    (made,) = (desk / "out repaired").iterdir()
    assert made.name.startswith(expected + "_")
    assert [e.schema_name() for e in read(desk / "out.otio")[0].effects] == [effect.schema_name()]


def test_nested_stacks_are_repaired_where_they_show(desk: Path, timeline: Run) -> None:
    otio = pytest.importorskip("opentimelineio")
    t = otio.opentime
    inner = otio.schema.Track("inner", kind="Video")
    inner.extend([clip("unseen", 0, 5), clip("seen", 10, 10)])
    nested = otio.schema.Stack("nested", children=[inner])
    nested.source_range = t.TimeRange(t.RationalTime(8, 25), t.RationalTime(4, 25))
    given = write(edit(nested), desk / "cut.otio")
    assert timeline(given, "-o", desk / "out.otio", "--handles", 0)[0] == 0
    (made,) = (desk / "out repaired").iterdir()
    assert made.name.startswith("source_13-16_")


def test_what_cannot_be_repaired_is_named_with_its_timecode(desk: Path, timeline: Run) -> None:
    (desk / "broken.mov").write_bytes(b"not a film" * 100)
    given = write(
        edit(clip("fine", 5, 4), clip("gone", 0, 10, url="gone.mov"), clip("bad", 0, 3, url="broken.mov")),
        desk / "cut.otio",
    )
    status, _, told = timeline(given, "-o", desk / "out.otio")
    assert status == 0
    assert "clip 'gone' at 10:00:00:04: its media gone.mov is missing" in told
    assert "clip 'bad' at 10:00:00:14: " in told and "left as it is" in told
    urls = [c.media_reference.target_url for c in read(desk / "out.otio")]
    assert urls[1:] == ["gone.mov", "broken.mov"] and urls[0].startswith("out repaired/source_")


def test_markers_choose_clips_and_options(desk: Path, timeline: Run) -> None:
    otio = pytest.importorskip("opentimelineio")
    t = otio.opentime
    place = t.TimeRange(t.RationalTime(HOUR + 6, 25), t.RationalTime(1, 25))
    marker = otio.schema.Marker(name='repair {"strength": 0.5}', marked_range=place)
    other = otio.schema.Marker(name="check colour", marked_range=place)
    given = write(edit(clip("a", 5, 4, markers=[marker]), clip("b", 5, 4, markers=[other])), desk / "cut.otio")
    assert timeline(given, "-o", desk / "out.otio", "--only-marked")[0] == 0
    marked, unmarked = read(desk / "out.otio")
    assert unmarked.media_reference.target_url == "source.mov" and "framemend" not in unmarked.metadata
    noted = marked.metadata["framemend"]
    assert noted["schema"] == "framemend.repair.1" and noted["options"]["strength"] == 0.5
    assert noted["source"].endswith("source.mov") and noted["frames"] == 21


def test_markers_of_final_cut_xml_and_of_edls_choose_options(desk: Path, timeline: Run) -> None:
    otio = pytest.importorskip("opentimelineio")
    t = otio.opentime
    marker = otio.schema.Marker("repair", t.TimeRange(t.RationalTime(HOUR + 6, 25), t.RationalTime(1, 25)))
    given = write(edit(clip("a", 5, 4, url=(desk / "source.mov").as_uri(), markers=[marker])), desk / "cut.xml")
    comment = '<comment>{"strength": 0.5}</comment>'
    given.write_text(given.read_text().replace("<name>repair</name>", "<name>repair</name>" + comment))
    (desk / "cut.edl").write_text(
        "TITLE: cut\n\n001  A001     V     C        01:00:00:05 01:00:00:11 01:00:00:00 01:00:00:06\n"
        '* FROM CLIP NAME:  source.mov\n* LOC: 01:00:00:02 RED     repair {"strength": 0.5}\n'
    )
    for suffix in (".xml", ".edl"):
        media = desk / suffix
        told = timeline(desk / f"cut{suffix}", "-o", desk / f"out{suffix}", "--only-marked", "--media", media)
        assert told[0] == 0 and len(list(media.iterdir())) == 1, told
    names = {path.name.rsplit("_", 1)[1] for suffix in (".xml", ".edl") for path in (desk / suffix).iterdir()}
    plain = desk / "plain"
    assert timeline(desk / "cut.edl", "-o", desk / "p.edl", "--media", plain, strength=0.5)[0] == 0
    assert names == {path.name.rsplit("_", 1)[1] for path in plain.iterdir()}  # the options are part of the name


def test_notes_of_markers_in_fcpxml_choose_options_and_stay(desk: Path, timeline: Run) -> None:
    otio = pytest.importorskip("opentimelineio")
    t = otio.opentime
    url = (desk / "source.mov").as_uri()
    marks = [
        otio.schema.Marker(name=name, marked_range=t.TimeRange(t.RationalTime(HOUR + at, 25), t.RationalTime(1, 25)))
        for name, at in (("repair", 6), ("look & see", 7))
    ]
    given = write(edit(clip("a", 5, 4, url=url, markers=marks), clip("b", 20, 4, url=url)), desk / "cut.fcpxml")
    text = given.read_text()
    quoted = 'value="repair" note="{&quot;strength&quot;: 0.5}"'
    text = text.replace('value="repair"', quoted).replace(
        'value="look &amp; see"', 'value="look &amp; see" note="so &lt;so&gt;"'
    )
    text = text.replace(
        "</spine>", '<gap name="end" offset="0s" duration="1s"><marker start="0s" value="repair"/></gap></spine>'
    )
    given.write_text(text)
    status, _, told = timeline(given, "-o", desk / "out.fcpxml", "--only-marked")
    assert status == 0 and "the marker 'repair' on <gap> 'end' is not read, it is on no clip" in told
    (made,) = (desk / "out repaired").iterdir()
    assert timeline(write(edit(clip("a", 5, 4)), desk / "plain.otio"), "-o", desk / "p.otio", strength=0.5)[0] == 0
    assert [path.name for path in (desk / "p repaired").iterdir()] == [made.name]  # the options are part of the name
    written = ElementTree.parse(desk / "out.fcpxml").getroot()
    notes = {(m.get("value"), m.get("note")) for m in written.iter("marker")}
    assert notes == {("repair", '{"strength": 0.5}'), ("look & see", "so <so>")}


def test_a_wrong_marker_is_reported_and_stops_nothing(desk: Path, timeline: Run) -> None:
    otio = pytest.importorskip("opentimelineio")
    t = otio.opentime
    place = t.TimeRange(t.RationalTime(HOUR + 6, 25), t.RationalTime(1, 25))
    marker = otio.schema.Marker(name='repair {"sharpness": 2}', marked_range=place)
    given = write(edit(clip("a", 5, 4, markers=[marker]), clip("b", 20, 4)), desk / "cut.otio")
    status, _, told = timeline(given, "-o", desk / "out.otio")
    assert status == 0 and "clip 'a' at 10:00:00:00: marker: unrecognized arguments: --sharpness=2" in told
    clips = read(desk / "out.otio")
    assert "framemend" not in clips[0].metadata and clips[1].metadata["framemend"]["first_frame"] == 8


def test_a_second_run_repairs_only_what_changed(desk: Path, timeline: Run) -> None:
    given = write(edit(clip("a", 5, 4), clip("b", 30, 4)), desk / "cut.otio")
    assert timeline(given, "-o", desk / "out.otio", "--handles", 2)[0] == 0
    first = {p.name: p.stat().st_mtime_ns for p in (desk / "out repaired").iterdir()}
    write(edit(clip("a", 6, 4), clip("b", 30, 9)), given)  # a stays inside its handles, b grows beyond
    assert timeline(given, "-o", desk / "out.otio", "-y", "--handles", 1)[0] == 0
    second = {p.name: p.stat().st_mtime_ns for p in (desk / "out repaired").iterdir()}
    assert {name: second[name] for name in first} == first
    assert len(set(second) - set(first)) == 1
    assert Path(read(desk / "out.otio")[0].media_reference.target_url).name in first
    assert timeline(given, "-o", desk / "out.otio", "-y", "--handles", 1, strength=0.25)[0] == 0
    assert len(list((desk / "out repaired").iterdir())) == 5


def test_a_bundle_comes_back_as_a_bundle(desk: Path, timeline: Run) -> None:
    otio = pytest.importorskip("opentimelineio")
    t = edit(clip("a", 5, 4, url=(desk / "source.mov").as_uri()))
    otio.adapters.write_to_file(t, str(desk / "cut.otioz"))
    os.remove(desk / "source.mov")
    assert timeline(desk / "cut.otioz", "-o", desk / "out.otioz")[0] == 0
    names = zipfile.ZipFile(desk / "out.otioz").namelist()
    assert any(n.startswith("media/source_0-20_") for n in names) and "content.otio" in names


@pytest.mark.parametrize("suffix", [".xml", ".fcpxml"])
def test_final_cut_edits_are_relinked(desk: Path, timeline: Run, suffix: str) -> None:
    given = write(
        edit(
            clip("a", 15, 4, url=(desk / "source.mov").as_uri()), clip("b", 30, 6, url=(desk / "source.mov").as_uri())
        ),
        desk / f"cut{suffix}",
    )
    status, _, told = timeline(given, "-o", desk / f"out{suffix}", "--handles", 1)
    assert (status, told) == (0, "")
    before, after = read(given), read(desk / f"out{suffix}")
    assert [c.name for c in after] == [c.name for c in before]
    assert [c.source_range for c in after] == [c.source_range for c in before]
    for made, first in zip(after, (14, 29), strict=True):
        assert f"source_{first}-" in made.media_reference.target_url
        assert made.media_reference.available_range.start_time.value == HOUR + first


def test_an_edl_finds_media_by_name_and_keeps_timecodes(desk: Path, timeline: Run) -> None:
    pytest.importorskip("opentimelineio")
    (desk / "cut.edl").write_text(
        "TITLE: cut\n\n"
        "001  A001     V     C        01:00:00:05 01:00:00:11 01:00:00:00 01:00:00:06\n"
        "* FROM CLIP NAME:  source.mov\n"
        "002  B002     V     C        02:00:00:00 02:00:00:10 01:00:00:06 01:00:00:16\n"
        "* FROM CLIP NAME:  lost.mov\n"
    )
    status, _, told = timeline(desk / "cut.edl", "-o", desk / "out.edl", "--handles", 1)
    assert status == 0 and "'lost.mov' at 01:00:00:06" in told
    (made,) = (desk / "out repaired").iterdir()
    assert made.name.startswith("source_4-11_")
    text = (desk / "out.edl").read_text()
    assert "01:00:00:05 01:00:00:11" in text and "A001" in text and made.name in text
