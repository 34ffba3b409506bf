"""`framemend timeline` with MLT, Kdenlive and Shotcut projects: a real melt renders them before and after."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
from edits import MLT, Run, render, rendered_means

SPEEDY = """<producer id="fast"><property name="resource">2:source.mov</property><property name="warp_speed">2</property>
 <property name="warp_resource">source.mov</property><property name="mlt_service">timewarp</property></producer>"""
PROJECT = """
 <producer id="one"><property name="resource">source.mov</property><property name="mlt_service">avformat</property></producer>
 <chain id="two"><property name="resource">source.mov</property></chain>
 {more}
 <playlist id="v1"><entry producer="one" in="20" out="00:00:01.080"/><blank length="2"/>
  <entry producer="two" in="5" out="9"><filter in="5" out="9"><property name="mlt_service">brightness</property>
   <property name="level">1</property></filter></entry>{entries}</playlist>
 <tractor id="main"><track producer="v1"/></tractor>"""


def project(desk: Path, more: str = "", entries: str = "", name: str = "cut.mlt") -> Path:
    path = desk / name
    path.write_text(MLT.format(body=PROJECT.format(more=more, entries=entries)))
    return path


def test_a_project_renders_with_the_same_frames_at_the_same_places(desk: Path, timeline: Run) -> None:
    given = project(desk, SPEEDY, '<entry producer="fast" in="3" out="7"/>')
    assert timeline(given, "-o", desk / "out.mlt", "--handles", 2)[0] == 0
    before, after = render(given), render(desk / "out.mlt")
    assert before == [*range(20, 28), -1, -1, *range(5, 10), 6, 8, 10, 12, 14]
    assert after == before
    text = (desk / "out.mlt").read_text()
    assert "2:out repaired/source_2-29_" in text and text.count("framemend:repair") == 3


def made_ranges(folder: Path) -> list[str]:
    return sorted(path.name.rsplit("_", 1)[0] for path in folder.iterdir())


def test_places_far_apart_in_one_producer_become_two_files(desk: Path, timeline: Run) -> None:
    given = project(desk, entries='<entry producer="one" in="1" out="3"/><entry producer="one" in="21" out="23"/>')
    assert timeline(given, "-o", desk / "out.mlt", "--handles", 0)[0] == 0
    assert made_ranges(desk / "out repaired") == ["source_1-3", "source_20-27", "source_5-9"]
    assert render(desk / "out.mlt") == render(given)


def test_a_slow_clip_late_in_its_source_is_repaired_from_where_it_begins(desk: Path, timeline: Run) -> None:
    slow = (
        SPEEDY.replace("2:source", "0.5:source").replace('"warp_speed">2', '"warp_speed">0.5').replace("fast", "slow")
    )
    given = project(desk, slow, '<entry producer="slow" in="61" out="70"/>')
    assert timeline(given, "-o", desk / "out.mlt", "--handles", 1)[0] == 0
    assert made_ranges(desk / "out repaired") == ["source_19-36", "source_4-10"]
    before, after = render(given), render(desk / "out.mlt")
    assert before[15:] == [31, 31, 32, 32, 33, 33, 34, 34, 35, 35]
    assert after[:15] == before[:15] and len(after) == len(before)
    np.testing.assert_allclose(after, before, atol=1)  # melt rounds half frames up or down, by where the file begins


def test_a_file_that_begins_between_two_frames_of_a_fast_clip_is_not_used_for_it(desk: Path, timeline: Run) -> None:
    given = project(desk)
    assert timeline(given, "-o", desk / "out.mlt", "--handles", 0)[0] == 0
    assert made_ranges(desk / "out repaired") == ["source_20-27", "source_5-9"]
    again = desk / "again.mlt"
    again.write_text(MLT.format(body=SPEEDY + '<playlist id="main"><entry producer="fast" in="3" out="3"/></playlist>'))
    media = desk / "out repaired"
    assert timeline(again, "-o", desk / "again out.mlt", "--media", media, "--handles", 0)[0] == 0
    assert made_ranges(media) == ["source_20-27", "source_5-9", "source_6-7"]
    assert render(desk / "again out.mlt") == render(again) == [6]


def test_a_guide_chooses_what_stands_below_it_and_the_rest_stays(desk: Path, timeline: Run) -> None:
    guide = '[{"comment": "repair {\\"strength\\": 0.25}", "pos": 17, "type": 0}]'
    mark = f'<tractor id="doc"><property name="kdenlive:sequenceproperties.guides">{guide}</property></tractor>'
    given = project(desk, mark, '<entry producer="one" in="2" out="4"/>')
    assert timeline(given, "-o", desk / "out.mlt", "--handles", 0, "--only-marked")[0] == 0
    assert made_ranges(desk / "out repaired") == ["source_2-4"]
    text = (desk / "out.mlt").read_text()
    assert text.count("framemend:repair") == 1 and '"strength": 0.25' in text.replace("&quot;", '"')
    assert '<entry producer="one" in="20"' in text and '<entry producer="one" in="2"' not in text
    assert render(desk / "out.mlt") == render(given)


def test_a_clip_that_is_remapped_in_time_is_named_and_stays(desk: Path, timeline: Run) -> None:
    remapped = """<chain id="ramp"><property name="resource">source.mov</property><property name="length">40</property>
     <link><property name="mlt_service">timeremap</property><property name="time_map">0=0;40=1.6</property></link></chain>"""
    given = project(desk, remapped, '<entry producer="ramp" in="30" out="34"/>')
    status, _, told = timeline(given, "-o", desk / "out.mlt", "--handles", 0)
    assert status == 0 and "clip 'source.mov' at 00:00:00:15: its speed changes over time (time remapping)" in told
    assert made_ranges(desk / "out repaired") == ["source_20-27", "source_5-9"]


def test_behind_a_proxy_the_original_is_repaired(desk: Path, timeline: Run) -> None:
    (desk / "proxy.mkv").write_bytes((desk / "source.mov").read_bytes())
    proxy = """<producer id="{}"><property name="resource">proxy.mkv</property>{}
     <property name="mlt_service">avformat</property></producer>"""
    kdenlive = '<property name="kdenlive:id">4</property>'
    told = '<property name="kdenlive:proxy">proxy.mkv</property><property name="kdenlive:originalurl">source.mov</property>'
    shotcut = '<property name="shotcut:proxy">1</property><property name="shotcut:resource">source.mov</property>'
    more = proxy.format("bin", kdenlive + told) + proxy.format("k", kdenlive) + proxy.format("s", shotcut)
    entries = '<entry producer="k" in="30" out="32"/><entry producer="s" in="35" out="36"/>'
    assert timeline(project(desk, more, entries), "-o", desk / "out.mlt", "--handles", 0)[0] == 0
    assert made_ranges(desk / "out repaired") == ["source_20-27", "source_30-32", "source_35-36", "source_5-9"]
    text = (desk / "out.mlt").read_text()
    assert not re.search("proxy.mkv|:proxy|originalurl|shotcut:resource", text)


def test_a_dissolve_between_tracks_renders_the_same(desk: Path, timeline: Run) -> None:
    body = """<producer id="one"><property name="resource">source.mov</property></producer>
     <producer id="two"><property name="resource">source.mov</property></producer>
     <playlist id="a"><entry producer="one" in="20" out="30"/></playlist>
     <playlist id="b"><blank length="6"/><entry producer="two" in="3" out="12"/></playlist>
     <tractor id="main"><track producer="a"/><track producer="b"/>
      <transition in="6" out="10"><property name="a_track">0</property><property name="b_track">1</property>
      <property name="mlt_service">luma</property></transition></tractor>"""
    given = desk / "cut.mlt"
    given.write_text(MLT.format(body=body))
    assert timeline(given, "-o", desk / "out.mlt", "--handles", 1)[0] == 0
    before, after = rendered_means(given), rendered_means(desk / "out.mlt")
    assert len(before) == 16
    np.testing.assert_allclose(after, before, atol=2)


def test_tracks_of_a_dissolve_count_as_shown(desk: Path, timeline: Run) -> None:
    mix = """<tractor id="mix" in="0" out="5"><track producer="one" in="28" out="33"/><track producer="two" in="10" out="15"/>
     <transition><property name="a_track">0</property><property name="b_track">1</property>
     <property name="mlt_service">luma</property></transition></tractor>"""
    given = project(desk, mix, '<entry producer="mix" in="0" out="5"/>')
    assert timeline(given, "-o", desk / "out.mlt", "--handles", 0)[0] == 0
    names = sorted(p.name.rsplit("_", 1)[0] for p in (desk / "out repaired").iterdir())
    assert names == ["source_20-33", "source_5-15"]
    assert '<track producer="one" in="8" out="13" />' in (desk / "out.mlt").read_text()


def test_positions_keep_the_way_they_were_written(desk: Path, timeline: Run) -> None:
    assert timeline(project(desk), "-o", desk / "out.mlt", "--handles", 0)[0] == 0
    text = (desk / "out.mlt").read_text()
    assert '<entry producer="one" in="0" out="00:00:00.280"' in text
    assert '<filter in="0" out="4">' in text


KDENLIVE = """
 <producer id="bin1"><property name="resource">source.mov</property><property name="mlt_service">avformat</property>
  <property name="length">40</property><property name="kdenlive:id">4</property><property name="kdenlive:file_hash">abc</property>
  <property name="kdenlive:markers">[{{"comment": "repair {{\\"strength\\": 0.25}}", "pos": 22, "type": 0}}]</property></producer>
 <producer id="track1"><property name="resource">source.mov</property><property name="mlt_service">avformat</property>
  <property name="length">40</property><property name="kdenlive:id">4</property></producer>
 <producer id="track2"><property name="resource">source.mov</property><property name="mlt_service">avformat</property>
  <property name="length">40</property><property name="kdenlive:id">5</property></producer>
 <playlist id="main_bin"><entry producer="bin1" in="0" out="39"/></playlist>
 <playlist id="p1"><entry producer="track1" in="20" out="25"/><entry producer="track2" in="1" out="4"/></playlist>
 <tractor id="main"><track producer="p1"/></tractor>"""


def test_a_kdenlive_clip_is_relinked_in_bin_and_timeline(desk: Path, timeline: Run) -> None:
    given = desk / "cut.kdenlive"
    given.write_text(MLT.format(body=KDENLIVE.format()))
    assert timeline(given, "-o", desk / "out.kdenlive", "--handles", 3, "--only-marked")[0] == 0
    assert render(desk / "out.kdenlive") == render(given) == [*range(20, 26), *range(1, 5)]
    root = ET.parse(desk / "out.kdenlive").getroot()
    made = {p.get("id"): {q.get("name"): q.text for q in p.findall("property")} for p in root.findall("producer")}
    (name,) = (p.name for p in (desk / "out repaired").iterdir())
    assert made["bin1"]["resource"] == made["track1"]["resource"] == f"out repaired/{name}"
    assert made["track2"]["resource"] == "source.mov"
    assert made["bin1"]["length"] == "12" and "kdenlive:file_hash" not in made["bin1"]
    assert json.loads(made["bin1"]["kdenlive:markers"] or "")[0]["pos"] == 5
    assert json.loads(made["bin1"]["framemend:repair"] or "")["options"]["strength"] == 0.25


SHOWN_TWICE = """
 <producer id="bin" in="0" out="39"><property name="resource">source.mov</property><property name="length">40</property>
  <property name="mlt_service">avformat</property><property name="kdenlive:id">4</property></producer>
 <producer id="sound" in="0" out="39"><property name="resource">source.mov</property><property name="length">40</property>
  <property name="set.test_image">1</property><property name="kdenlive:id">4</property></producer>
 <producer id="picture" in="0" out="39"><property name="resource">source.mov</property><property name="length">40</property>
  <property name="set.test_audio">1</property><property name="kdenlive:id">4</property></producer>
 <playlist id="main_bin"><entry producer="bin" in="0" out="39"/></playlist>
 <playlist id="a1">{sound}</playlist><playlist id="v1">{picture}</playlist>
 <tractor id="ta"><track hide="video" producer="a1"/></tractor>
 <tractor id="tv"><track hide="audio" producer="v1"/></tractor>
 <tractor id="main"><track producer="ta"/><track producer="tv"/></tractor>"""


def test_a_kdenlive_clip_shown_in_two_places_becomes_two_clips_of_the_bin(desk: Path, timeline: Run) -> None:
    places = ((20, 25), (2, 6))
    entry = '<entry producer="{}" in="{}" out="{}"><property name="kdenlive:id">4</property></entry>'
    body = SHOWN_TWICE.format(
        **{name: "".join(entry.format(name, *place) for place in places) for name in ("sound", "picture")}
    )
    given = desk / "cut.kdenlive"
    given.write_text(MLT.format(body=body))
    assert timeline(given, "-o", desk / "out.kdenlive", "--handles", 1)[0] == 0
    assert render(desk / "out.kdenlive") == render(given) == [*range(20, 26), *range(2, 7)]
    assert made_ranges(desk / "out repaired") == ["source_1-7", "source_19-26"]
    root = ET.parse(desk / "out.kdenlive").getroot()
    producers = {
        p.get("id"): {q.get("name"): q.text or "" for q in p.findall("property")} for p in root.iter("producer")
    }
    in_bin = {}
    for shown in root.findall("playlist[@id='main_bin']/entry"):
        clip = producers[shown.get("producer")]
        in_bin[clip["kdenlive:id"]] = clip["resource"]
        assert (shown.get("in"), shown.get("out")) == ("0", str(int(clip["length"]) - 1))
    assert sorted(in_bin) == ["4", "5"] and len(set(in_bin.values())) == 2
    tracks = [root.findall(f"playlist[@id='{name}']/entry") for name in ("v1", "a1")]
    for picture, sound in zip(*tracks, strict=True):
        assert (picture.get("in"), picture.get("out")) == (sound.get("in"), sound.get("out"))
        for shown in (picture, sound):
            identity = shown.findtext("property[@name='kdenlive:id']")
            assert producers[shown.get("producer")]["resource"] == in_bin[identity]


def test_missing_media_of_a_project_are_named(desk: Path, timeline: Run) -> None:
    lost = '<producer id="lost"><property name="resource">lost.mov</property><property name="mlt_service">avformat</property></producer>'
    given = project(desk, lost, '<entry producer="lost" in="0" out="3"/>')
    status, _, told = timeline(given, "-o", desk / "out.mlt")
    assert status == 0 and "clip 'lost.mov' at 00:00:00:15: its media lost.mov is missing" in told
