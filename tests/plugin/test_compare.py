"""`framemend compare`: figures that can be checked by hand, and the page in a real browser, looked at sample by sample."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import pattern

from framemend.compare.measure import WORST, Measure
from framemend_filters.metrics import psnr, ssim

HEIGHT, WIDTH, FRAMES = 48, 64, 14
RED, BLUE = (200, 40, 40), (40, 40, 200)
WORST_FRAME = 9


def plain(colour: tuple[int, int, int], count: int = FRAMES) -> list[NDArray[np.uint8]]:
    return [np.full((HEIGHT, WIDTH, 3), colour, np.uint8) for _ in range(count)]


def page_data(page: Path) -> dict[str, Any]:
    match = re.search(r'<script id="data"[^>]*>(.*?)</script>', page.read_text("utf-8"), re.DOTALL)
    assert match is not None
    return json.loads(match[1])


def texture(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def test_without_a_reference_b_is_measured_against_a() -> None:
    measure, a, b = Measure(), texture(1), texture(2)
    measure.add(a, b, None)
    assert measure.figures.psnr_a == [None] and measure.figures.ssim_a == [None]
    assert measure.figures.psnr_b == [psnr(b, a)] and measure.figures.ssim_b == [ssim(b, a)]


def test_with_a_reference_both_are_measured_against_it() -> None:
    measure, a, b, clean = Measure(), texture(1), texture(2), texture(3)
    measure.add(a, b, clean)
    assert measure.figures.psnr_a == [psnr(a, clean)] and measure.figures.psnr_b == [psnr(b, clean)]


def test_flicker_is_low_for_motion_and_high_for_pumping() -> None:
    wide = np.rint(255 * pattern(HEIGHT, WIDTH + 4)).astype(np.uint8)
    still, moved = wide[:, :WIDTH], np.ascontiguousarray(wide[:, 2 : WIDTH + 2])
    pumped = np.clip(moved.astype(int) + 20, 0, 255).astype(np.uint8)
    measure = Measure()
    for frames in ((still, still), (still, still), (pumped, moved)):
        measure.add(*frames, None)
    assert measure.figures.flicker_a[:2] == measure.figures.flicker_b[:2] == [None, 0]
    pumping, moving = measure.figures.flicker_a[2], measure.figures.flicker_b[2]
    assert pumping is not None and moving is not None
    assert moving < 6 < float(np.abs(moved.astype(int) - still).mean()) and pumping > 12


def test_flicker_follows_the_motion_of_the_reference() -> None:
    wide = np.rint(255 * pattern(HEIGHT, WIDTH + 4)).astype(np.uint8)
    still, moved = wide[:, :WIDTH], np.ascontiguousarray(wide[:, 2 : WIDTH + 2])
    measure = Measure()
    measure.add(still, still, still)
    measure.add(moved, moved, still)
    assert measure.figures.flicker_a[1] == measure.figures.flicker_b[1]
    assert (measure.figures.flicker_a[1] or 0) > 6  # nothing moves there, so this is a change


def test_flicker_of_large_frames_is_measured_at_the_size_of_their_flow() -> None:
    measure, frame = Measure(), np.full((700, 1000, 3), 100, np.uint8)
    measure.add(frame, frame, None)
    measure.add(frame, frame + np.uint8(9), None)
    assert measure.figures.flicker_a == [None, 0] and measure.figures.flicker_b[1] == pytest.approx(9, abs=0.1)


def test_the_ten_worst_are_kept_exactly_and_worst_first() -> None:
    measure = Measure()
    for i in range(FRAMES):
        a = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
        measure.add(a, a + np.uint8(i), None)
    assert [kept.index for kept in measure.worst] == list(range(FRAMES - 1, FRAMES - 1 - WORST, -1))
    picture = cv2.imdecode(np.frombuffer(measure.worst[0].b, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None and np.unique(np.asarray(picture)).tolist() == [100 + FRAMES - 1]


@pytest.fixture(scope="module")
def two_clips(tmp_path_factory: pytest.TempPathFactory, write_frames: Callable[..., Path]) -> tuple[Path, Path]:
    """A is red; B is blue, getting lighter with every frame, but for one frame that is white."""
    folder = tmp_path_factory.mktemp("clips")
    b = [np.clip(frame.astype(int) + 4 * i, 0, 255).astype(np.uint8) for i, frame in enumerate(plain(BLUE))]
    b[WORST_FRAME][:] = 255
    return write_frames(folder / "a.mkv", plain(RED)), write_frames(folder / "b.mkv", b)


@pytest.fixture(scope="module")
def page(two_clips: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    from framemend.cli import main

    path = tmp_path_factory.mktemp("page") / "page.html"
    rect = ["--rect", f"0,0,{WIDTH},8@2-5"]
    assert main(["compare", *map(str, two_clips), "-o", str(path), *rect, "--quiet"]) == 0
    return path


def test_the_page_asks_for_nothing_from_outside(page: Path) -> None:
    text = page.read_text("utf-8")
    assert not re.search(r"https?:|src=[\"'](?!data:)|<link|@import|url\(", text)
    assert "default-src 'none'" in text


def test_the_page_holds_the_figures(page: Path) -> None:
    data = page_data(page)
    assert data["names"] == ["a.mkv", "b.mkv"] and data["size"] == [WIDTH, HEIGHT]
    assert len(data["figures"]["psnr_b"]) == FRAMES
    assert data["worst"][0]["frame"] == WORST_FRAME and len(data["worst"]) == WORST


def test_a_name_cannot_break_out_of_the_script(
    two_clips: tuple[Path, Path], tmp_path: Path, framemend: Callable[..., tuple[int, str, str]]
) -> None:
    title = "</script><script>alert(1)</script>"
    output = tmp_path / "p.html"
    status, _, _ = framemend("compare", *two_clips, "-o", output, "--frames", 2, "--title", title, "--quiet")
    assert status == 0 and title not in output.read_text("utf-8")
    assert page_data(output)["title"] == title


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (["--start", "99"], "there is no frame 99"),
        (["--frames", "0"], "at least one frame"),
        (["--reference", "missing.mkv"], "no such file: missing.mkv"),
    ],
)
def test_wrong_use_is_one_line_and_leaves_no_page(
    two_clips: tuple[Path, Path],
    tmp_path: Path,
    framemend: Callable[..., tuple[int, str, str]],
    extra: list[str],
    expected: str,
) -> None:
    status, _, told = framemend("compare", *two_clips, "-o", tmp_path / "p.html", "--quiet", *extra)
    assert status in (1, 2) and expected in told and told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_clips_of_two_sizes_are_refused(
    two_clips: tuple[Path, Path], tmp_path: Path, write_clip: Callable[..., Path], framemend
) -> None:
    other = write_clip(tmp_path / "c.mkv", size=(32, 32), frames=2)
    status, _, told = framemend("compare", two_clips[0], other, "-o", tmp_path / "p.html")
    assert status == 1 and "64x48" in told and "32x32" in told


# ---- in the browser -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tab(chromium: Any, page: Path) -> Any:
    """The page, opened from disk without network."""
    context = chromium.new_context(viewport={"width": 900, "height": 900}, offline=True)
    tab = context.new_page()
    tab.problems = []
    tab.on("pageerror", lambda error: tab.problems.append(str(error)))
    tab.on("console", lambda message: tab.problems.append(message.text) if message.type == "error" else None)
    tab.goto(page.as_uri())
    wait_for_frame(tab, 0)
    return tab


def wait_for_frame(tab: Any, frame: int) -> None:
    tab.locator(f"body[data-frame='{frame}'][data-ready='true']").wait_for(timeout=20000)


def colour_at(tab: Any, across: float, down: float = 0.55) -> NDArray[np.float64]:
    """Mean colour around a place of the picture's stage, each 0..1."""
    shot = cv2.imdecode(np.frombuffer(tab.locator("#stage").screenshot(), np.uint8), cv2.IMREAD_COLOR)
    assert shot is not None
    picture = np.asarray(shot)[..., ::-1]
    y, x = int(down * picture.shape[0]), int(across * picture.shape[1])
    return picture[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(0)


def test_the_slider_shows_a_on_the_left_and_b_on_the_right(tab: Any, screenshots: Path) -> None:
    tab.keyboard.press("Home")
    wait_for_frame(tab, 0)
    tab.keyboard.press("1")
    np.testing.assert_allclose(colour_at(tab, 0.4), RED, atol=6)
    np.testing.assert_allclose(colour_at(tab, 0.6), BLUE, atol=6)
    box = tab.locator("#handle").bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 200, box["y"] + 50, steps=3)
    tab.mouse.up()
    np.testing.assert_allclose(colour_at(tab, 0.6), RED, atol=6)
    tab.screenshot(path=str(screenshots / "compare.png"), full_page=True)


def test_keys_step_to_exactly_that_frame(tab: Any, page: Path) -> None:
    exact = {entry["frame"] for entry in page_data(page)["worst"]}
    tab.keyboard.press("b")
    tab.keyboard.press("Home")
    for frame in range(1, FRAMES):
        tab.keyboard.press("ArrowRight")
        wait_for_frame(tab, frame)
        if frame not in exact:  # those are pictures of their own, the others come out of the video
            assert tab.locator("#exact").is_hidden()
        if frame != WORST_FRAME:
            np.testing.assert_allclose(colour_at(tab, 0.5), np.add(BLUE, 4 * frame), atol=2, err_msg=str(frame))
    tab.keyboard.press("ArrowLeft")
    wait_for_frame(tab, FRAMES - 2)
    np.testing.assert_allclose(colour_at(tab, 0.5), np.add(BLUE, 4 * (FRAMES - 2)), atol=2)


def test_a_frame_is_shown_only_once_it_is_there(tab: Any) -> None:
    """Browsers may say "seeked" before the frame has come, on a busy machine: here they do at once."""
    tab.keyboard.press("b")
    tab.keyboard.press("Home")
    wait_for_frame(tab, 0)
    tab.evaluate("""() => {
        const real = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "currentTime");
        Object.defineProperty(video, "currentTime", { configurable: true, get: real.get, set(time) {
            real.set.call(video, time);
            video.dispatchEvent(new Event("seeked"));
        } });
        window.seen = [];
        window.watch = new MutationObserver(() => {
            const [red, green] = ctx.getImageData(canvas.width / 2, 0.55 * canvas.height, 1, 1).data;
            window.seen.push([view.frame, red, green]);
        });
        window.watch.observe(document.body, { attributeFilter: ["data-frame"] });
    }""")
    for frame in (3, 4, 5, 6):
        tab.locator("#scrub").fill(str(frame))
        wait_for_frame(tab, frame)
    tab.evaluate("() => { delete video.currentTime; window.watch.disconnect(); }")
    seen = tab.evaluate("window.seen")
    assert {frame for frame, _, _ in seen} == {3, 4, 5, 6}
    for frame, red, green in seen:
        np.testing.assert_allclose((red, green), np.add(BLUE[:2], 4 * frame), atol=2, err_msg=str(frame))


def test_the_worst_frame_is_a_click_away_and_exact(tab: Any) -> None:
    tab.keyboard.press("b")
    tab.locator("#worst button").first.click()
    wait_for_frame(tab, WORST_FRAME)
    assert tab.locator("#exact").is_visible()
    np.testing.assert_array_equal(colour_at(tab, 0.5), [255, 255, 255])


def test_the_mask_lies_over_the_frames_it_is_meant_for(tab: Any) -> None:
    tab.keyboard.press("a")
    tab.keyboard.press("Home")
    wait_for_frame(tab, 0)
    np.testing.assert_allclose(colour_at(tab, 0.5, 0.08), RED, atol=6)
    for _ in range(3):
        tab.keyboard.press("ArrowRight")
    wait_for_frame(tab, 3)
    covered = colour_at(tab, 0.5, 0.08)
    assert covered[0] > RED[0] + 15 and covered[2] > RED[2] + 15
    tab.keyboard.press("m")
    np.testing.assert_allclose(colour_at(tab, 0.5, 0.08), RED, atol=6)
    tab.keyboard.press("m")


def test_the_difference_is_amplified_by_the_gain(tab: Any) -> None:
    tab.keyboard.press("End")
    wait_for_frame(tab, FRAMES - 1)
    tab.keyboard.press("d")
    tab.locator("#gain").fill("0")
    expected = np.abs(np.subtract(RED, np.add(BLUE, 4 * (FRAMES - 1))))
    np.testing.assert_allclose(colour_at(tab, 0.5), expected, atol=8)
    tab.locator("#gain").fill("1")
    np.testing.assert_allclose(colour_at(tab, 0.5), np.minimum(2 * expected, 255), atol=14)
    tab.locator("#gain").blur()


def test_flicker_alternates_between_both(tab: Any) -> None:
    tab.keyboard.press("Home")
    wait_for_frame(tab, 0)
    tab.keyboard.press("f")
    tab.locator("#tag-a").wait_for(state="visible", timeout=5000)
    tab.locator("#tag-b").wait_for(state="visible", timeout=5000)
    tab.keyboard.press("f")


def test_zoom_is_one_for_both_sides(tab: Any) -> None:
    tab.keyboard.press("2")
    tab.locator("#zoom-fit").click()
    before = tab.locator("#zoom-value").text_content()
    box = tab.locator("#stage").bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    tab.mouse.wheel(0, -240)
    tab.mouse.wheel(0, -240)
    tab.locator(f"#zoom-value:not(:text-is('{before}'))").wait_for()
    np.testing.assert_allclose(colour_at(tab, 0.05), RED, atol=6)  # both now fill their halves to the edge
    np.testing.assert_allclose(colour_at(tab, 0.95), BLUE, atol=6)
    tab.locator("#zoom-fit").click()


def test_it_plays_and_reported_no_problem(tab: Any) -> None:
    tab.keyboard.press("Home")
    wait_for_frame(tab, 0)
    tab.keyboard.press(" ")
    tab.locator("body:not([data-frame='0'])").wait_for()
    tab.keyboard.press(" ")
    assert tab.problems == []
