"""The studio in a real Chromium: load, mark, try, compare, repair, cancel, two tabs, a broken file; nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

WAIT_MS = 300_000
"""For repairs, on a busy machine."""


@pytest.fixture(scope="module")
def studio(start_studio: Callable[..., Any], tiny_model: str) -> Any:
    return start_studio(model=tiny_model)


@pytest.fixture
def open_tab(chromium: Any, studio: Any) -> Iterator[Callable[..., Any]]:
    """Open the studio in a tab: `open_tab("clip.mkv")`. Fails the test for requests elsewhere and for errors of the page."""
    contexts, problems = [], []

    def run(name: str | None = None) -> Any:
        context = chromium.new_context(viewport={"width": 1280, "height": 860}, accept_downloads=True)
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(WAIT_MS)
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.on(
            "request",
            lambda r: None if r.url.startswith((studio.address, "blob:", "data:")) else problems.append(r.url),
        )
        tab.goto(studio.address)
        tab.locator("body[data-ready='true']").wait_for()
        if name is not None:
            tab.locator("#files").select_option(name)
            tab.locator(f"body[data-clip='{name}'][data-frame='0']").wait_for()
        return tab

    yield run
    for context in contexts:
        context.close()
    assert problems == []


def sample_place(tab: Any, x: float, y: float, size: tuple[int, int] = (64, 48)) -> tuple[float, float]:
    """Where a sample of the clip is on the screen, the picture being fitted into the stage."""
    box = tab.locator("#stage").bounding_box()
    scale = min(box["width"] / size[0], box["height"] / size[1])
    across = box["x"] + box["width"] / 2 + (x - size[0] / 2) * scale
    return across, box["y"] + box["height"] / 2 + (y - size[1] / 2) * scale


def drag(tab: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    tab.mouse.move(*sample_place(tab, *start))
    tab.mouse.down()
    tab.mouse.move(*sample_place(tab, *end), steps=4)
    tab.mouse.up()


def stage(tab: Any) -> NDArray[np.int16]:
    picture = cv2.imdecode(np.frombuffer(tab.locator("#stage").screenshot(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.int16)


def test_before_a_clip_is_open_the_page_says_what_to_do(open_tab: Callable[..., Any], screenshots: Path) -> None:
    tab = open_tab()
    assert tab.locator("#empty").is_visible() and tab.locator("#preview").is_disabled()
    tab.screenshot(path=str(screenshots / "studio-empty.png"))
    tab.locator("#shelf button", has_text="one.mkv").click()
    tab.locator("body[data-clip='one.mkv']").wait_for()
    assert tab.locator("#files").input_value() == "one.mkv"


def test_what_starts_and_tells_of_a_repair_is_always_in_sight(open_tab: Callable[..., Any], screenshots: Path) -> None:
    tab = open_tab("clip.mkv")
    tab.keyboard.press("r")
    drag(tab, (10, 10), (30, 26))
    tab.locator("#preview").click()
    tab.locator("#job-preview[data-state='done']").wait_for()
    tab.locator("#whole").click()
    tab.locator("#job-clip").wait_for()
    for width, height in ((1440, 900), (1024, 700)):
        tab.set_viewport_size({"width": width, "height": height})
        for name in ("#preview", "#whole", "#job-preview", "#job-clip", "#play", "#place"):
            box = tab.locator(name).bounding_box()
            assert box["x"] >= 0 and box["y"] >= 0, name
            assert box["x"] + box["width"] <= width and box["y"] + box["height"] <= height, name
        tab.screenshot(path=str(screenshots / f"studio-{width}.png"))


def test_mark_try_and_compare(open_tab: Callable[..., Any], screenshots: Path) -> None:
    tab = open_tab("clip.mkv")
    plain = stage(tab)
    tab.keyboard.press("r")
    drag(tab, (10, 10), (30, 26))
    assert tab.locator("#rects li").count() == 1 and "10, 10" in tab.locator("#rects li").inner_text()
    tab.keyboard.press("b")
    drag(tab, (44, 36), (56, 40))
    tab.mouse.move(5, 5)
    assert float(np.abs(stage(tab) - plain).mean()) > 2  # the mask lies over the picture
    tab.locator("#words:has-text('--mask mask.png')").wait_for()
    assert "--rect 10,10,20,16" in tab.locator("#words").inner_text()
    assert tab.locator("#strength-value").inner_text() == "0.00"
    tab.keyboard.press("p")
    tab.locator("#job-preview[data-state='done']").wait_for()
    tab.locator("#handle").wait_for(state="visible")
    tab.keyboard.press("m")
    tab.keyboard.press("c")
    before = stage(tab)
    tab.keyboard.press("c")
    after = stage(tab)
    middle = after.shape[1] // 2
    assert not np.abs(after - before)[60:-80, : middle - 40].any()  # the left of the slider is as given
    changed = np.abs(after - before)[60:-80, middle + 40 :].max(axis=2) > 6
    assert changed.any()
    tab.screenshot(path=str(screenshots / "studio-compared.png"))
    tab.locator("[data-form='script']").click()
    assert "framemend.repair(clip, mask" in tab.locator("#words").inner_text()


def test_undo_and_clear_take_marks_back(open_tab: Callable[..., Any]) -> None:
    tab = open_tab("clip.mkv")
    tab.keyboard.press("r")
    drag(tab, (10, 10), (30, 26))
    drag(tab, (40, 10), (50, 26))
    assert tab.locator("#rects li").count() == 2
    tab.keyboard.press("Control+z")
    assert tab.locator("#rects li").count() == 1
    tab.locator("#clear").click()
    assert tab.locator("#rects li").count() == 0
    assert tab.locator("#strength-value").inner_text() == "1.00"


def test_a_rectangle_can_begin_and_end(open_tab: Callable[..., Any]) -> None:
    tab = open_tab("clip.mkv")
    tab.keyboard.press("r")
    drag(tab, (10, 10), (30, 26))
    for _ in range(3):
        tab.keyboard.press("ArrowRight")
    tab.locator("body[data-frame='3']").wait_for()
    tab.locator("#rects button").nth(0).click()
    tab.keyboard.press("Shift+ArrowRight")
    tab.locator("body[data-frame='13']").wait_for()
    tab.locator("#rects button").nth(1).click()
    tab.locator("#words:has-text('--rect 10,10,20,16@3-13')").wait_for()


def test_space_presses_what_has_the_focus_and_plays_otherwise(open_tab: Callable[..., Any]) -> None:
    tab = open_tab("clip.mkv")
    tab.locator("#grain").focus()
    tab.keyboard.press(" ")
    assert not tab.locator("#grain").is_checked()
    assert tab.locator("body").get_attribute("data-frame") == "0"
    tab.locator("#words:has-text('--no-grain')").wait_for()
    tab.locator("#strength").focus()
    tab.keyboard.press("Home")
    tab.locator("#words:has-text('--strength 0')").wait_for()
    tab.locator("#stage").focus()
    tab.keyboard.press(" ")
    tab.locator("body:not([data-frame='0'])").wait_for()
    tab.keyboard.press(" ")


def test_scrubbing_shows_the_frame(open_tab: Callable[..., Any]) -> None:
    tab = open_tab("clip.mkv")
    first = stage(tab)
    box = tab.locator("#strip").bounding_box()
    tab.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 20)
    tab.locator("body:not([data-frame='0'])").wait_for()
    assert int(tab.locator("body").get_attribute("data-frame")) in (7, 8)
    assert float(np.abs(stage(tab) - first).mean()) > 3
    assert tab.locator("#thumbs img").count() == 14


@pytest.mark.slow
def test_a_whole_clip_is_repaired_and_saved(open_tab: Callable[..., Any], tmp_path: Path) -> None:
    from framemend.clips import read_clip

    tab = open_tab("clip.mkv")
    tab.locator("#whole").click()
    link = tab.locator("#job-clip[data-state='done'] a")
    link.wait_for()
    with tab.expect_download() as saved:
        link.click()
    saved.value.save_as(tmp_path / "saved.mkv")
    assert saved.value.suggested_filename == "clip repaired.mkv"
    assert len(read_clip(tmp_path / "saved.mkv").frames) == 16


def test_a_repair_can_be_cancelled(open_tab: Callable[..., Any]) -> None:
    tab = open_tab("clip.mkv")
    tab.locator("#whole").click()
    tab.locator("#job-clip button").click()
    tab.locator("#job-clip[data-state='cancelled']").wait_for()
    assert tab.locator("#whole").is_enabled() and tab.locator("#job-clip a").is_hidden()


def test_two_tabs_do_not_see_each_other(open_tab: Callable[..., Any]) -> None:
    one, two = open_tab("clip.mkv"), open_tab("one.mkv")
    one.keyboard.press("r")
    drag(one, (10, 10), (30, 26))
    one.locator("#preview").click()
    one.locator("#job-preview[data-state='done']").wait_for()
    assert two.locator("#rects li").count() == 0 and two.locator(".job").count() == 0
    assert two.locator("#clip-name").inner_text() == "one.mkv"
    two.locator("#preview").click()
    two.locator("#job-preview[data-state='done']").wait_for()
    assert one.locator(".job").count() == two.locator(".job").count() == 1


def test_a_broken_file_is_said_and_the_clip_stays(
    open_tab: Callable[..., Any], tmp_path: Path, screenshots: Path
) -> None:
    tab = open_tab("clip.mkv")
    (tmp_path / "broken.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(3000))
    tab.locator("#upload").set_input_files(tmp_path / "broken.mp4")
    tab.locator("#toast").wait_for(state="visible")
    assert tab.locator("#toast").inner_text().startswith("broken.mp4 is not a video that can be read")
    assert tab.locator("#clip-name").inner_text() == "clip.mkv"
    tab.screenshot(path=str(screenshots / "studio-broken.png"))


def test_a_file_of_the_visitor_opens(open_tab: Callable[..., Any], clips: Path) -> None:
    tab = open_tab()
    tab.locator("#upload").set_input_files(clips / "one.mkv")
    tab.locator("body[data-clip='one.mkv']").wait_for()
    assert "64×48" in tab.locator("#clip-facts").inner_text()


def test_closing_a_tab_removes_what_was_its(open_tab: Callable[..., Any], studio: Any) -> None:
    tab = open_tab("clip.mkv")
    before = set(studio.sessions.root.iterdir())
    tab.goto("about:blank")
    for _ in range(100):
        if set(studio.sessions.root.iterdir()) < before:
            return
        tab.wait_for_timeout(50)
    raise AssertionError("the folder of the session is still there")
