"""`framemend timeline`: edits are rendered by a real melt before and after; cut points, frames and what is reported are compared.

In the media, frame i is a grey of 20 + 5 i with a little texture: which frame is shown where can be read off a rendering.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from framemend.timelines.edits import find_media
from framemend.timelines.timecode import read_timecode, timecode_text
from framemend.timelines.wishes import wish_of_marker
from framemend_filters.errors import SettingError

pytestmark = [
    # opentimelineio's adapters use what it deprecates
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]

FRAMES, WIDTH, HEIGHT = 40, 64, 48
HOUR = 25 * 3600
Run = Callable[..., tuple[int, str, str]]

MLT = """<mlt LC_NUMERIC="C" producer="main">
 <profile width="64" height="48" frame_rate_num="25" frame_rate_den="1" progressive="1"
  sample_aspect_num="1" sample_aspect_den="1" display_aspect_num="4" display_aspect_den="3" colorspace="601"/>
 {body}
</mlt>"""


def grey(frame: int) -> int:
    return 20 + 5 * frame


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory, write_frames: Callable[..., Path], ffmpeg: Any) -> Path:
    """source.mov: 40 frames, timecode 01:00:00:00, reel A001, a rising tone."""
    folder = tmp_path_factory.mktemp("media")
    rng = np.random.default_rng(3)
    texture = rng.integers(-4, 5, (HEIGHT, WIDTH, 1))
    frames = [np.repeat(np.clip(grey(i) + texture, 0, 255), 3, 2).astype(np.uint8) for i in range(FRAMES)]
    plain = write_frames(folder / "plain.mkv", frames)
    tone = ["-f", "lavfi", "-i", "aevalsrc=sin(900*t*t):s=16000:d=1.6"]
    tags = ["-timecode", "01:00:00:00", "-metadata:s:v", "reel_name=A001"]
    coded = ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-qp", "1", "-g", "1", "-c:a", "pcm_s16le"]
    ffmpeg("-i", plain, *tone, *coded, *tags, folder / "source.mov")
    return folder / "source.mov"


@pytest.fixture
def desk(tmp_path: Path, media: Path) -> Path:
    """A folder with the media."""
    shutil.copy2(media, tmp_path / "source.mov")
    return tmp_path


@pytest.fixture
def timeline(framemend: Run, tiny_model: str) -> Run:
    """`framemend timeline` with a model that changes little: strength 0 keeps frames recognisable."""

    def run(*arguments: object, strength: float = 0.0) -> tuple[int, str, str]:
        shared = ["--model", tiny_model, "--device", "cpu", "--quiet", "--strength", strength]
        return framemend("timeline", *arguments, *shared)

    return run


def render(project: Path) -> list[int]:
    """What melt shows of a project: the number of the source's frame, for each frame; -1 where it shows nothing."""
    return [round((mean - 20) / 5) if 12 < mean < 240 else -1 for mean in rendered_means(project)]


def rendered_means(project: Path) -> NDArray[np.float64]:
    """Mean code of each frame that melt renders."""
    melt = shutil.which("melt")
    if melt is None:
        pytest.skip("no melt; Debian's package melt has it")
    target = project.with_suffix(".rendered.mkv")
    command = [melt, "-silent", str(project), "-consumer", f"avformat:{target}", "vcodec=ffv1", "an=1", "real_time=0"]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "SDL_VIDEODRIVER": "dummy"}
    for _ in range(4):  # on a busy machine melt 7.12 may end before it has begun, with status 0, or never
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                command, check=True, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=60
            )
            if target.stat().st_size:
                break
    return pictures(target).mean((1, 2, 3))


def pictures(path: Path) -> NDArray[np.int16]:
    from framemend.clips import read_clip

    return read_clip(path).frames.astype(np.int16)


def clip(name: str, first: int, frames: int, *, url: str = "source.mov", offset: int = HOUR, **more: Any) -> Any:
    otio = pytest.importorskip("opentimelineio", reason="pip install 'framemend[timeline]' brings it")
    t = otio.opentime
    available = t.TimeRange(t.RationalTime(offset, 25), t.RationalTime(FRAMES, 25))
    reference = otio.schema.ExternalReference(target_url=url, available_range=available)
    return otio.schema.Clip(
        name=name,
        media_reference=reference,
        source_range=t.TimeRange(t.RationalTime(offset + first, 25), t.RationalTime(frames, 25)),
        **more,
    )


def edit(*items: Any) -> Any:
    otio = pytest.importorskip("opentimelineio")
    timeline = otio.schema.Timeline("cut")
    timeline.global_start_time = otio.opentime.RationalTime(10 * HOUR, 25)
    track = otio.schema.Track("V1", kind="Video")
    track.extend(items)
    timeline.tracks.append(track)
    return timeline


def write(timeline: Any, path: Path) -> Path:
    import opentimelineio as otio

    otio.adapters.write_to_file(timeline, str(path))
    return path


def read(path: Path) -> list[Any]:
    import opentimelineio as otio

    return list(otio.adapters.read_from_file(str(path)).find_clips())


def as_mlt(path: Path, folder: Path) -> Path:
    """The first track of an edit as an MLT project, which melt renders; files are looked up in `folder`."""
    import opentimelineio as otio

    producers, entries = [], []
    (track,) = otio.adapters.read_from_file(str(path)).video_tracks()
    for number, item in enumerate(track):
        if isinstance(item, otio.schema.Gap):
            entries.append(f'<blank length="{item.source_range.duration.value:.0f}"/>')
            continue
        reference = item.media_reference
        first = item.source_range.start_time.value - reference.available_range.start_time.value
        last = first + item.source_range.duration.value - 1
        resource = folder / reference.target_url.removeprefix("file://")
        producers.append(
            f'<producer id="p{number}"><property name="resource">{resource}</property>'
            '<property name="mlt_service">avformat</property></producer>'
        )
        entries.append(f'<entry producer="p{number}" in="{first:.0f}" out="{last:.0f}"/>')
    body = f'{"".join(producers)}<playlist id="main">{"".join(entries)}</playlist>'
    target = path.with_suffix(".as.mlt")
    target.write_text(MLT.format(body=body))
    return target


# ---- OpenTimelineIO -------------------------------------------------------------------------------------------------


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


# ---- MLT and Kdenlive -----------------------------------------------------------------------------------------------

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
    assert "2:out repaired/source_0-" in text and text.count("framemend:repair") == 3


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
    import xml.etree.ElementTree as ET

    root = ET.parse(desk / "out.kdenlive").getroot()
    made = {p.get("id"): {q.get("name"): q.text for q in p.findall("property")} for p in root.findall("producer")}
    (name,) = (p.name for p in (desk / "out repaired").iterdir())
    assert made["bin1"]["resource"] == made["track1"]["resource"] == f"out repaired/{name}"
    assert made["track2"]["resource"] == "source.mov"
    assert made["bin1"]["length"] == "12" and "kdenlive:file_hash" not in made["bin1"]
    assert json.loads(made["bin1"]["kdenlive:markers"] or "")[0]["pos"] == 5
    assert json.loads(made["bin1"]["framemend:repair"] or "")["options"]["strength"] == 0.25


def test_missing_media_of_a_project_are_named(desk: Path, timeline: Run) -> None:
    lost = '<producer id="lost"><property name="resource">lost.mov</property><property name="mlt_service">avformat</property></producer>'
    given = project(desk, lost, '<entry producer="lost" in="0" out="3"/>')
    status, _, told = timeline(given, "-o", desk / "out.mlt")
    assert status == 0 and "clip 'lost.mov' at 00:00:00:15: its media lost.mov is missing" in told


# ---- wrong use and small parts --------------------------------------------------------------------------------------


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
    given = project(desk)
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
