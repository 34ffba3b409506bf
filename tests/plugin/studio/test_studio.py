"""Repairs in the studio are those of the command line: previews, whole clips, masks, and the commands it offers."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from framemend.ranges import IndexedVideo
from framemend.studio.pictures import jpeg, rgb_of
from framemend.studio.wording import command_line, output_name, parsed, repair_arguments, vapoursynth_script


@pytest.fixture(scope="module")
def studio(start_studio: Callable[..., Any], tiny_model: str) -> Any:
    """One that repairs with the tiny model."""
    return start_studio(model=tiny_model)


def painted(x: int, y: int, w: int, h: int) -> bytes:
    """What the page's canvas sends: white where it was painted, clear elsewhere."""
    picture = np.zeros((48, 64, 4), np.uint8)
    picture[y : y + h, x : x + w] = 255
    return cv2.imencode(".png", picture)[1].tobytes()


def test_a_preview_is_a_part_of_the_repaired_file(
    studio: Any, clips: Path, repair: Callable[..., Any], tmp_path: Path
) -> None:
    session = studio.begin("clip.mkv")
    assert studio.ask("PUT", f"/api/{session}/mask", painted(8, 8, 20, 12))[1] == {"painted": True}
    asked = {"frame": 15, "strength": 1, "use_mask": True, "rects": ["40,30,8,8@6-9"], "grain": True}
    _, job, _ = studio.ask("POST", f"/api/{session}/preview", asked)
    assert job["result"] == {"first": 6, "count": 10} and studio.wait(session, job["number"])["done"] == 10
    mask = np.zeros((48, 64), np.uint8)
    mask[8:20, 8:28] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    options = ["--mask", tmp_path / "mask.png", "--rect", "40,30,8,8@6-9", "--strength", 1, "--quiet"]
    assert repair(clips / "clip.mkv", tmp_path / "whole.mkv", *options)[0] == 0
    whole = list(IndexedVideo(tmp_path / "whole.mkv").frames(0, 16))
    for number in (6, 8, 15):
        status, data, _ = studio.ask("GET", f"/api/{session}/jobs/{job['number']}/frame/{number}")
        assert status == 200
        assert data == jpeg(rgb_of(whole[number]))
    assert studio.ask("GET", f"/api/{session}/jobs/{job['number']}/frame/5")[0] == 400


@pytest.mark.slow
def test_a_whole_clip_is_what_the_command_makes(
    studio: Any, clips: Path, repair: Callable[..., Any], tmp_path: Path
) -> None:
    session = studio.begin("clip.mkv")
    asked = {"strength": 0.5, "rects": ["4,4,10,10"]}
    _, job, _ = studio.ask("POST", f"/api/{session}/clip", asked)
    assert studio.ask("POST", f"/api/{session}/clip", asked)[0] == 503  # one at a time in a tab
    ended = studio.wait(session, job["number"])
    assert (ended["state"], ended["file"]) == ("done", "clip repaired.mkv"), ended
    status, data, headers = studio.ask("GET", f"/api/{session}/jobs/{job['number']}/file")
    assert status == 200 and "clip%20repaired.mkv" in headers["content-disposition"]
    (tmp_path / "studio.mkv").write_bytes(data)
    assert repair(clips / "clip.mkv", tmp_path / "cli.mkv", "--strength", 0.5, "--rect", "4,4,10,10", "--quiet")[0] == 0
    from framemend.clips import read_clip

    np.testing.assert_array_equal(read_clip(tmp_path / "studio.mkv").frames, read_clip(tmp_path / "cli.mkv").frames)


def test_cancelling_stops_what_runs_and_what_waits(studio: Any) -> None:
    session, other = studio.begin("clip.mkv"), studio.begin("clip.mkv")
    _, running, _ = studio.ask("POST", f"/api/{session}/clip", {"strength": 1})
    _, waiting, _ = studio.ask("POST", f"/api/{other}/clip", {"strength": 1})
    assert studio.ask("GET", f"/api/{other}/jobs/{waiting['number']}")[1]["ahead"] == 1
    assert studio.ask("DELETE", f"/api/{other}/jobs/{waiting['number']}")[1]["state"] == "cancelled"
    studio.ask("DELETE", f"/api/{session}/jobs/{running['number']}")
    ended = studio.wait(session, running["number"])
    assert (ended["state"], ended["message"]) == ("cancelled", "")
    assert studio.ask("GET", f"/api/{session}/jobs/{running['number']}/file")[0] == 400
    assert list(studio.sessions.find(session).folder.iterdir()) == []
    _, after, _ = studio.ask("POST", f"/api/{session}/preview", {"frame": 0})
    assert studio.wait(session, after["number"])["state"] == "done"


def test_a_repair_that_waits_keeps_the_mask_it_was_asked_for_with(studio: Any) -> None:
    other, session = studio.begin("clip.mkv"), studio.begin("clip.mkv")
    _, ahead, _ = studio.ask("POST", f"/api/{other}/clip", {"strength": 1})
    studio.ask("PUT", f"/api/{session}/mask", painted(40, 30, 20, 12))
    asked = {"frame": 0, "strength": 0, "use_mask": True}
    _, job, _ = studio.ask("POST", f"/api/{session}/preview", asked)
    studio.ask("PUT", f"/api/{session}/mask", painted(0, 0, 8, 8))
    studio.ask("PUT", f"/api/{session}/mask", painted(0, 0, 0, 0))
    studio.ask("DELETE", f"/api/{other}/jobs/{ahead['number']}")
    ended = studio.wait(session, job["number"])
    assert ended["state"] == "done", ended
    both = [studio.ask("GET", f"/api/{session}/{path}frame/3")[1] for path in ("", f"jobs/{job['number']}/")]
    before, after = (np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), int) for data in both)
    assert np.abs(after - before)[32:40, 44:56].mean() > 1 and not np.abs(after - before)[:24, :32].any()


def test_a_visitor_sees_no_job_and_no_picture_of_another(studio: Any) -> None:
    first, second = studio.begin("clip.mkv"), studio.begin("one.mkv")
    _, job, _ = studio.ask("POST", f"/api/{first}/preview", {"frame": 0})
    number = job["number"]
    for path in (f"jobs/{number}", f"jobs/{number}/frame/0", f"jobs/{number}/file"):
        assert studio.ask("GET", f"/api/{second}/{path}")[0] == 400
    assert studio.ask("DELETE", f"/api/{second}/jobs/{number}")[0] == 400
    assert studio.wait(first, number)["state"] == "done"
    assert studio.ask("GET", f"/api/{first}/jobs/{number}/frame/0")[0] == 200


def test_what_an_earlier_preview_made_is_removed(studio: Any) -> None:
    session = studio.begin("one.mkv")
    numbers = []
    for _ in range(3):
        _, job, _ = studio.ask("POST", f"/api/{session}/preview", {"frame": 0})
        assert studio.wait(session, job["number"])["state"] == "done"
        numbers.append(job["number"])
    kept = [path.name for path in studio.sessions.find(session).folder.iterdir()]
    assert kept == [f"preview-{numbers[-1]}"]


def test_the_script_names_files_as_they_are_called() -> None:
    name = "Zoë 🎬.mp4"
    first = vapoursynth_script(parsed([]), name, 64, 48).split("VideoSource(")[1].split(")")[0]
    assert eval(first) == name


def test_frames_and_thumbnails(studio: Any) -> None:
    session = studio.begin("clip.mkv")
    for path, shape in (("frame/7", (48, 64, 3)), ("frame/7?width=32", (24, 32, 3))):
        _, data, headers = studio.ask("GET", f"/api/{session}/{path}")
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None and picture.shape == shape and headers["content-type"] == "image/jpeg"


def test_the_painted_mask_can_be_saved(studio: Any) -> None:
    session = studio.begin("clip.mkv")
    studio.ask("PUT", f"/api/{session}/mask", painted(3, 4, 5, 6))
    _, data, headers = studio.ask("GET", f"/api/{session}/mask")
    mask = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert mask is not None and mask.shape == (48, 64) and int((np.asarray(mask) == 255).sum()) == 30
    assert "mask.png" in headers["content-disposition"]
    assert studio.ask("PUT", f"/api/{session}/mask", painted(0, 0, 0, 0))[1] == {"painted": False}
    assert studio.ask("GET", f"/api/{session}/mask")[0] == 400


def test_the_words_are_the_repair(studio: Any) -> None:
    session = studio.begin("clip.mkv")
    studio.ask("PUT", f"/api/{session}/mask", painted(3, 4, 5, 6))
    asked = {"model": "fast", "strength": 0.5, "rects": ["1,2,3,4@5-9"], "use_mask": True, "grain": False}
    _, words, _ = studio.ask("POST", f"/api/{session}/words", asked)
    assert shlex.split(words["command"]) == [
        *("framemend", "repair", "clip.mkv", "clip repaired.mkv"),
        *("--strength", "0.5", "--rect", "1,2,3,4@5-9", "--mask", "mask.png", "--no-grain"),
    ]
    assert "strength=0.5" in words["script"] and "hole_grain=False" in words["script"]


def test_damage_is_found_and_shown(studio: Any) -> None:
    session = studio.begin("clip.mkv")
    asked = {"frame": 4, "rects": ["8,8,16,16"], "detect": ["dust", "scratches"], "track": 2}
    _, words, _ = studio.ask("POST", f"/api/{session}/words", asked)
    assert "--rect 8,8,16,16 --track 2 --detect dust,scratches" in words["command"]
    assert 'detect="dust,scratches"' in words["script"] and words["script"].startswith(
        "# The marks were drawn on frame 2"
    )
    _, job, _ = studio.ask("POST", f"/api/{session}/preview", asked | {"show_mask": True})
    assert studio.wait(session, job["number"])["state"] == "done"
    _, data, _ = studio.ask("GET", f"/api/{session}/jobs/{job['number']}/frame/2")
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    _, data, _ = studio.ask("GET", f"/api/{session}/frame/2")
    given = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None and given is not None
    redder = np.asarray(shown, int)[..., 2] - np.asarray(given, int)[..., 2]
    assert redder[10:22, 10:22].mean() > 40 and abs(redder[30:, 40:].mean()) < 5


def test_the_script_makes_the_mask_of_the_rectangles() -> None:
    import vapoursynth as vs

    arguments = repair_arguments({"rects": ["4,6,10,8@2-3", "40,20,8,8"]}, None, model="fast")
    script = vapoursynth_script(parsed(arguments), "old.mp4", 64, 48)
    assert shlex.split(command_line(arguments, "a b.mp4", "c.mkv"))[2] == "a b.mp4"
    core: Any = vs.core
    blank = core.std.BlankClip(width=64, height=48, format=vs.YUV420P8, length=5)
    before, _, last = script.replace("clip = core.bs.VideoSource", "clip = blank  #").rpartition("framemend.repair(")
    assert last == "clip, mask).set_output()\n"
    scope: dict[str, Any] = {"blank": blank}
    exec(compile(before, "script", "exec"), scope)  # noqa: S102  a script of our own, as vspipe runs it
    for number, painted_samples in ((1, 64), (2, 64 + 80), (3, 64 + 80), (4, 64)):
        mask = np.asarray(scope["mask"].get_frame(number)[0])
        assert int((mask == 255).sum()) == painted_samples, number
        assert bool(mask[6:14, 4:14].all()) == (number in (2, 3)) and mask[20:28, 40:48].all()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.mp4", "a repaired.mp4"),
        ("b c.MOV", "b c repaired.MOV"),
        ("d.avi", "d repaired.mkv"),
        ("e", "e repaired.mkv"),
    ],
)
def test_names_of_results(name: str, expected: str) -> None:
    assert output_name(name) == expected


def test_the_command_says_what_is_missing(framemend: Callable[..., Any], tmp_path: Path) -> None:
    assert framemend("studio", tmp_path / "no.mp4", "--no-browser")[0] == 1
    assert framemend("studio", "--port", 99999, "--no-browser")[0] == 2
    assert framemend("studio", "--max-upload", 0, "--no-browser")[0] == 2
