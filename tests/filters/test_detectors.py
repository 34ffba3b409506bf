"""Each detector finds its damage on a moving scene, leaves the scene alone, and says the same in any order."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from framemend_filters.damage.detection import Finder, Plan
from framemend_filters.damage.detectors import learned
from framemend_filters.damage.detectors.dust import dust
from framemend_filters.damage.detectors.overlay import find_overlay
from framemend_filters.damage.detectors.view import Memory, View
from framemend_filters.damage.survey import parse_kinds, survey
from framemend_filters.errors import SettingError

HEIGHT, WIDTH, FRAMES = 96, 128, 13
Frames = dict[int, NDArray[np.float32]]
MASKED = ("dust", "scratches", "dropouts", "blocks", "frames")


def scene(count: int = FRAMES, step: float = 2.0, seed: int = 3) -> Frames:
    """A soft picture that the camera pans over, 0..1."""
    rng = np.random.default_rng(seed)
    large = rng.random((HEIGHT + 8, WIDTH + round(count * step) + 8, 3)).astype(np.float32)
    coarse, fine = (cv2.GaussianBlur(large, (0, 0), sigma) for sigma in (9, 3))
    large = 0.12 * coarse / float(np.std(coarse)) + 0.05 * fine / float(np.std(fine))
    large = np.clip(large - large.mean() + 0.5, 0.1, 0.9).astype(np.float32)
    noise = rng.normal(0, 0.004, (count, HEIGHT, WIDTH, 3)).astype(np.float32)
    return {i: large[4 : 4 + HEIGHT, round(i * step) : round(i * step) + WIDTH] + noise[i] for i in range(count)}


def found(frames: Frames, kind: str, index: int) -> NDArray[np.uint8]:
    mask = Finder(Plan(kinds=(kind,))).find(index, frames, len(frames)).masks.get(kind)
    return np.zeros((HEIGHT, WIDTH), np.uint8) if mask is None else mask


@pytest.mark.parametrize("kind", MASKED)
def test_a_clean_scene_has_no_damage(kind: str) -> None:
    frames = scene()
    assert not any(found(frames, kind, i).any() for i in range(FRAMES))


def test_dust_is_found_on_its_frame_alone() -> None:
    frames = scene()
    cv2.circle(frames[6], (60, 40), 4, (0.02, 0.02, 0.02), -1)
    mask = found(frames, "dust", 6)
    assert mask[37:44, 57:64].min() == 255
    assert np.count_nonzero(mask) < 250
    assert not found(frames, "dust", 5).any() and not found(frames, "dust", 7).any()


def test_dust_is_found_on_the_first_and_the_last_frame_of_a_shot() -> None:
    frames = scene()
    for i in (0, FRAMES - 1):
        cv2.circle(frames[i], (60, 40), 4, (0.02, 0.02, 0.02), -1)
    found_in = {i: found(frames, "dust", i) for i in (0, 1, FRAMES - 2, FRAMES - 1)}
    assert all(found_in[i][37:44, 57:64].min() == 255 and np.count_nonzero(found_in[i]) < 250 for i in (0, FRAMES - 1))
    assert not found_in[1].any() and not found_in[FRAMES - 2].any()


def test_where_frames_are_on_one_side_of_time_alone_dust_must_be_surer() -> None:
    frames = scene()
    views = [View(frames, i, range(FRAMES), Memory()) for i in (0, 1, FRAMES - 2, FRAMES - 1)]
    assert [learned.is_one_sided(view) for view in views] == [True, False, False, True]
    rule = learned.RULES["dust"]
    odds = np.full((HEIGHT, WIDTH), -9, np.float32)
    odds[40:44, 50:54] = rule.sure + rule.one_sided / 2
    assert learned.learned_mask(odds, rule, 1, odds.shape) is not None
    assert learned.learned_mask(odds, rule, 1, odds.shape, one_sided=True) is None


def test_large_frames_are_looked_at_reduced(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = scene()
    frames[6][60:62, 20:100] = 1.0
    monkeypatch.setattr(learned, "LARGEST_HEIGHT", HEIGHT // 2)
    mask = found(frames, "dropouts", 6)
    assert mask.shape == (HEIGHT, WIDTH)
    assert (mask[60:62, 22:98] == 255).all()
    assert not mask[:54].any() and not mask[68:].any()


def test_a_thing_that_stays_is_no_dust() -> None:
    frames = scene()
    for i, frame in frames.items():
        cv2.circle(frame, (100 - 2 * i, 40), 4, (0.02, 0.02, 0.02), -1)
    assert not any(found(frames, "dust", i).any() for i in range(FRAMES))


def test_a_flash_is_no_damage() -> None:
    frames = scene()
    frames[6] = np.clip(frames[6] * 1.35, 0, 1)
    for kind in MASKED:
        assert not found(frames, kind, 6).any(), kind
    assert Finder(Plan(kinds=("flicker",))).find(6, frames, FRAMES).corrected is None


def test_nothing_is_compared_across_a_cut() -> None:
    frames = scene() | {i: f for i, f in scene(seed=8).items() if i >= 7}
    assert not any(found(frames, kind, i).any() for kind in MASKED for i in (5, 6, 7, 8))


def test_a_dropout_is_found_along_its_line_and_is_no_dust() -> None:
    frames = scene()
    frames[6][50, 20:70] = 1.0
    mask = found(frames, "dropouts", 6)
    assert (mask[50, 20:70] == 255).all()
    assert not mask[:46].any() and not mask[55:].any()
    assert not found(frames, "dust", 6).any()


def test_a_swaying_scratch_is_found_and_a_line_of_the_scene_is_not() -> None:
    frames = scene()
    places = [70 + (i * 7 % 5) - 2 for i in range(FRAMES)]
    for i, frame in frames.items():
        frame[:, places[i]] = 0.95
        frame[:, 110 - 2 * i] = 0.05  # pans with the scene
    mask = found(frames, "scratches", 6)
    assert (mask[10:-10, places[6]] == 255).mean() > 0.9
    assert not mask[:, 110 - 12 - 1 : 110 - 12 + 2].any()


def test_a_scratch_is_found_where_fine_motion_search_would_follow_it() -> None:
    frames = scene()
    for i, frame in frames.items():
        frame += 0.3 * np.exp(-0.5 * ((np.arange(WIDTH) - 60 - i) / 1.2) ** 2)[None, :, None].astype(np.float32)
    mask = found(frames, "scratches", 6)
    assert (mask[10:-10, 65:68] == 255).mean() > 0.9
    assert not mask[:, :55].any() and not mask[:, 78:].any()


def test_a_faint_scratch_is_taken_where_the_film_has_one_in_the_frames_around() -> None:
    rule = learned.RULES["scratches"]
    assert rule.again is not None
    odds = np.full((HEIGHT, WIDTH), -9, np.float32)
    odds[:, 60] = (rule.again[0] + rule.sure) / 2
    odds[50:, 60] = (rule.again[1] + rule.likely) / 2  # fainter still
    odds[:50, 61] = rule.likely - 0.1  # no more than its rim
    again = np.zeros((HEIGHT, WIDTH), bool)
    again[:, 57:64] = True
    assert learned.learned_mask(odds, rule, 1, odds.shape) is None
    mask = learned.learned_mask(odds, rule, 1, odds.shape, again=again)
    assert mask is not None and np.flatnonzero(mask.any(0)).tolist() == [60] and mask[:, 60].all()


def test_where_the_film_has_scratches_is_told_by_the_frames_around_alone() -> None:
    clean = scene()
    scratched = {i: frame.copy() for i, frame in clean.items()}
    for i in range(4, 9):
        scratched[i][:, 60] = 0.95

    def again(frames: Frames, index: int) -> NDArray[np.bool_] | None:
        return learned.where_again(View(frames, index, range(FRAMES), Memory()), "scratches")

    assert again(clean, 6) is None
    there = again(scratched | {6: clean[6]}, 6)
    assert there is not None and there[10:-10, 57:64].all() and not there[:, :54].any() and not there[:, 67:].any()
    assert again(scratched, 10) is None  # two frames on, one of four has it


def test_a_gate_that_weaves_is_no_scratch_and_one_beside_it_is_found() -> None:
    frames = scene()
    for i, frame in frames.items():
        weave = i * 5 % 4
        frame[:, : 8 + weave] = frame[:, WIDTH - 6 + weave :] = 0.01
        frame[:, 70 + weave] = 0.95
    mask = found(frames, "scratches", 6)
    assert (mask[10:-10, 70 + 6 * 5 % 4] == 255).mean() > 0.9
    assert not mask[:, :30].any() and not mask[:, 100:].any()


@pytest.mark.parametrize("colour", [(0.5, 0.5, 0.5), (0.0, 0.53, 0.0)])
def test_blocks_that_a_decoder_lost_are_found(colour: tuple[float, float, float]) -> None:
    frames = {i: 0.6 * frame for i, frame in scene().items()}
    frames[6][32:48, 48:96] = colour
    mask = found(frames, "blocks", 6)
    assert (mask[32:48, 48:96] == 255).all()
    assert np.count_nonzero(mask) < (16 + 2 * 3) * (48 + 2 * 3)


def test_broken_blocks_fill_their_cells_and_others_stay_as_they_are() -> None:
    ragged = np.zeros((48, 70), np.uint8)
    ragged[15:33, 18:49] = 1  # nearly the cells at 16..32, 16..48
    cells = np.zeros_like(ragged)
    cells[16:32, 16:48] = 1
    np.testing.assert_array_equal(learned.on_grid(ragged, 16), cells)
    shifted = np.zeros_like(ragged)
    shifted[8:24, 8:40] = 1
    np.testing.assert_array_equal(learned.on_grid(shifted, 16), shifted)
    last = np.zeros_like(ragged)
    last[32:, 64:] = 1  # a cell that the side cuts
    np.testing.assert_array_equal(learned.on_grid(last, 16), last)


def test_blobs_that_the_network_speaks_against_are_no_dust() -> None:
    frames = scene()
    places = [(30, 30), (60, 60), (95, 40)]
    for place in places:
        cv2.circle(frames[6], place, 4, (0.02, 0.02, 0.02), -1)
    view = View(frames, 6, range(FRAMES), Memory())

    def kept(against: int) -> list[bool]:
        odds = np.full((HEIGHT, WIDTH), 5.0, np.float32)
        for x, y in places[:against]:
            odds[y - 9 : y + 9, x - 9 : x + 9] = -5
        mask = dust(view, odds)
        return [mask is not None and mask[y, x] == 255 for x, y in places]

    assert kept(0) == [True, True, True]
    assert kept(1) == [False, True, True]
    assert kept(2) == [False, False, False], "most of them are rain, so all are"


def test_a_flat_square_off_the_grid_that_moves_along_is_no_broken_block() -> None:
    frames = scene()
    for i, frame in frames.items():
        frame[35:51, 90 - 2 * i : 122 - 2 * i] = 0.5
    assert not any(found(frames, "blocks", i).any() for i in range(FRAMES))


@pytest.mark.parametrize("level", [0.0, 1.0, 0.4])
def test_a_blank_frame_is_lost(level: float) -> None:
    frames = scene()
    frames[6] = np.full_like(frames[6], level)
    assert (found(frames, "frames", 6) == 255).all()
    assert not found(frames, "frames", 5).any()


def test_a_fade_to_black_is_no_loss() -> None:
    frames = scene()
    for i in range(FRAMES):
        frames[i] = frames[i] * max(0.0, 1 - i / 5)
    assert not any(found(frames, "frames", i).any() for i in range(FRAMES))


def test_frames_that_repeat_while_the_scene_moves_on_are_lost() -> None:
    frames = scene(step=3)
    frames[6] = frames[7] = frames[5]
    assert [i for i in range(FRAMES) if found(frames, "frames", i).any()] == [6, 7]


@pytest.mark.parametrize("every", [2, 3])
def test_drawings_held_for_frames_are_no_loss(every: int) -> None:
    moving = scene(step=3)
    frames = {i: moving[i - i % every] for i in range(FRAMES)}
    assert not any(found(frames, "frames", i).any() for i in range(FRAMES))


def test_flicker_is_evened_out() -> None:
    gains = 1 + 0.08 * np.random.default_rng(1).standard_normal(FRAMES)
    frames = {i: f * np.float32(gains[i]) for i, f in scene().items()}
    finder = Finder(Plan(kinds=("flicker",)))
    middle = range(2, FRAMES - 2)
    before, after = [], []
    for i in middle:
        corrected = finder.find(i, frames, FRAMES).corrected
        before.append(float(frames[i].mean()))
        after.append(float((frames[i] if corrected is None else corrected).mean()))
    assert np.std(np.diff(after)) < 0.5 * np.std(np.diff(before))


def logo_clip(
    opacity: float, count: int = 24
) -> tuple[list[NDArray[np.uint8]], NDArray[np.bool_], list[NDArray[np.uint8]]]:
    """Frames of scenes with a white mark in a corner, where it is, and the frames without it."""
    shape = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.putText(shape, "TV", (90, 30), cv2.FONT_HERSHEY_DUPLEX, 0.8, 255, 2)
    level = np.random.default_rng(0).uniform(0.25, 1.1, count).astype(np.float32)
    clean = [np.rint(scene(1, seed=20 + i)[0].clip(0, 1) * level[i] * 200).astype(np.uint8) for i in range(count)]
    share = (shape > 0)[..., None] * np.float32(opacity)
    marked = [np.rint(c * (1 - share) + 255 * share).astype(np.uint8) for c in clean]
    return marked, shape > 0, clean


def test_a_solid_logo_is_generated() -> None:
    marked, where, _ = logo_clip(1.0)
    overlay = find_overlay(marked)
    assert overlay is not None
    mask = overlay.mask() > 0
    assert mask[where].mean() > 0.95 and np.count_nonzero(mask) < 4 * np.count_nonzero(where)


def test_a_see_through_logo_is_computed_back() -> None:
    marked, where, clean = logo_clip(0.4)
    overlay = find_overlay(marked)
    assert overlay is not None
    before = after = 0.0
    for m, c in zip(marked, clean, strict=True):
        back = overlay.remove(m.astype(np.float32) / 255) * 255
        before += float(np.abs(m[where].astype(float) - c[where]).mean())
        after += float(np.abs(back[where] - c[where]).mean())
    assert after < 0.35 * before


def test_scenes_without_a_logo_have_none() -> None:
    assert find_overlay(logo_clip(1.0)[2]) is None


def test_what_is_found_does_not_depend_on_the_order_of_calls() -> None:
    frames = scene()
    cv2.circle(frames[6], (60, 40), 4, (0.02, 0.02, 0.02), -1)
    frames[8][50, 20:70] = 1.0
    plan = Plan(kinds=("dust", "scratches", "dropouts", "blocks", "frames", "flicker"))
    forwards, backwards = Finder(plan), Finder(plan)
    streamed = [forwards.find(i, frames, FRAMES) for i in range(FRAMES)]
    for i in reversed(range(FRAMES)):
        near = {n: frames[n] for n in range(max(0, i - backwards.reach), min(FRAMES, i + backwards.reach + 1))}
        sought = backwards.find(i, near, FRAMES)
        assert sought.masks.keys() == streamed[i].masks.keys()
        assert all((sought.masks[k] == streamed[i].masks[k]).all() for k in sought.masks)
        assert (sought.corrected is None) == (streamed[i].corrected is None)
        assert sought.corrected is None or (sought.corrected == streamed[i].corrected).all()


def test_auto_looks_for_what_the_clip_shows() -> None:
    clean = scene()
    dusty = scene()
    rng = np.random.default_rng(2)
    for frame in dusty.values():
        for _ in range(2):
            x, y = int(rng.integers(10, WIDTH - 10)), int(rng.integers(10, HEIGHT - 10))
            cv2.circle(frame, (x, y), 3, (0.97, 0.97, 0.97), -1)
    assert set(survey(clean.values(), ("auto",)).kinds) == {"blocks", "frames"}
    assert set(survey(dusty.values(), ("auto",)).kinds) == {"blocks", "frames", "dust"}


def test_kinds_are_checked() -> None:
    assert parse_kinds("dust, frames,dust") == ("dust", "frames")
    with pytest.raises(SettingError, match="mould; there are auto, dust"):
        parse_kinds("mould")
    with pytest.raises(SettingError, match="no kind"):
        parse_kinds(",")


def credits_over(ground: Frames, speed: int) -> Frames:
    """Names that scroll up over a picture."""
    roll = np.zeros((HEIGHT + speed * FRAMES + 40, WIDTH), np.uint8)
    for line, y in enumerate(range(18, len(roll), 22)):
        cv2.putText(roll, f"I. Illy {line} l'", (8, y), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1, cv2.LINE_AA)
    shown = {i: roll[speed * i : speed * i + HEIGHT, :, None].astype(np.float32) / 255 for i in ground}
    return {i: (ground[i] * (1 - shown[i]) + 0.95 * shown[i]).astype(np.float32) for i in ground}


@pytest.mark.parametrize("speed", [1, 3])
@pytest.mark.parametrize("over", ["black", "scene"])
def test_scrolling_credits_survive_auto(speed: int, over: str) -> None:
    ground = scene(step=0) if over == "scene" else {i: np.zeros((HEIGHT, WIDTH, 3), np.float32) for i in range(FRAMES)}
    frames = credits_over(ground, speed)
    plan = survey(frames.values(), ("auto",))
    finder = Finder(plan)
    assert set(plan.kinds) == {"blocks", "frames"}
    assert not any(finder.find(i, frames, FRAMES).masks for i in frames)


def test_a_title_that_comes_and_goes_survives_auto() -> None:
    frames = scene()
    title = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.putText(title, "THE END", (20, 60), cv2.FONT_HERSHEY_DUPLEX, 0.8, 255, 2, cv2.LINE_AA)
    share = (title / 255)[..., None].astype(np.float32)
    for i in range(4, 9):
        frames[i] = (frames[i] * (1 - share) + 0.95 * share).astype(np.float32)
    plan = survey(frames.values(), ("auto",))
    assert not any(Finder(plan).find(i, frames, FRAMES).masks for i in frames)


@pytest.mark.parametrize("held", [1, 2, 3])
def test_animation_comes_back_bit_exact_under_auto(held: int) -> None:
    frames: Frames = {}
    for i in range(FRAMES):
        drawing = np.full((HEIGHT, WIDTH, 3), (0.3, 0.6, 0.9), np.float32)
        x = 20 + 5 * (i - i % held)
        cv2.rectangle(drawing, (0, 70), (WIDTH, HEIGHT), (0.2, 0.5, 0.2), -1)
        cv2.circle(drawing, (x, 50), 14, (0.9, 0.3, 0.2), -1, cv2.LINE_AA)
        cv2.circle(drawing, (x + 5, 46), 2, (0.0, 0.0, 0.0), -1, cv2.LINE_AA)
        cv2.line(drawing, (x, 64), (x + 6 * (i % 2), 84), (0.1, 0.1, 0.1), 2, cv2.LINE_AA)
        frames[i] = drawing
    plan = survey(frames.values(), ("auto",))
    finder = Finder(plan)
    assert plan.overlay is None and "flicker" not in plan.kinds
    assert not any(finder.find(i, frames, FRAMES).masks for i in frames)
