"""What film, tape, lens and sensor do to a picture is what their names say, and how `damage` puts it together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from framemend_filters.analogue import StandardName
from framemend_filters.damage import film, lens, synthesis, tape

Draw = Callable[[np.ndarray, np.random.Generator], np.ndarray]

DRAWN: dict[str, Draw] = {
    "gate weave": lambda f, rng: film.gate_weave(f, 1.0, rng),
    "flicker": lambda f, rng: film.flicker(f, 0.06, rng),
    "grain": lambda f, rng: film.grain(f, 8, 0.7, rng),
    "fine scratches": lambda f, rng: film.fine_scratches(f, 40, rng),
    "composite": lambda f, rng: tape.composite(f, 3.77, "ntsc", rng),
    "composite PAL": lambda f, rng: tape.composite(f, 3.05, "pal", rng, smear=0.2, notch=0.4, interlaced=True),
    "chroma bleed": lambda f, _rng: tape.chroma_bleed(f, 4, 3),
    "tape noise": lambda f, rng: tape.tape_noise(f, 8, rng),
    "line jitter": lambda f, rng: tape.line_jitter(f, 1.0, rng),
    "head switching": lambda f, rng: tape.head_switching(f, f.shape[1], 4, rng),
    "gaussian blur": lambda f, _rng: lens.gaussian_blur(f, 1.2),
    "defocus": lambda f, _rng: lens.defocus(f, 2.0),
    "motion blur": lambda f, rng: lens.motion_blur(f, 5, rng),
    "low light": lambda f, rng: synthesis.low_light(f, 100, 1.5, rng),
}


def _clip(frames: int = 5, height: int = 48, width: int = 64) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (height, width + frames, 3), np.uint8)
    still = cv2.GaussianBlur(noise, (0, 0), 2.0)
    still = cv2.normalize(still, still.copy(), 30, 220, cv2.NORM_MINMAX)
    return np.stack([still[:, t : t + width] for t in range(frames)])


def _flat(*colour: int, frames: int = 4) -> np.ndarray:
    return np.tile(np.array(colour, np.uint8), (frames, 48, 64, 1))


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("size", [(5, 48, 64), (1, 17, 40), (2, 33, 16)])
def test_new_frames_of_the_same_kind_alike_for_the_same_generator(name: str, size: tuple[int, int, int]) -> None:
    clean = _clip(*size)
    kept = clean.copy()
    one, two = (DRAWN[name](clean, np.random.default_rng(3)) for _ in range(2))
    assert (one.dtype, one.shape) == (np.uint8, clean.shape)
    assert np.array_equal(one, two)
    assert np.array_equal(clean, kept), "the frames handed in were written to"
    assert size[0] == 1 or not np.array_equal(one, clean)


def test_gate_weave_moves_frames_and_nothing_else() -> None:
    ys, xs = np.mgrid[:64, :64]
    spot = np.rint(250 * np.exp(-((ys - 32) ** 2 + (xs - 30) ** 2) / 50)).astype(np.uint8)
    clean = np.tile(spot[None, ..., None], (40, 1, 1, 3))
    woven = film.gate_weave(clean, 1.5, np.random.default_rng(1))
    light = woven[..., 0].astype(float)
    places = np.stack([(light * axis).sum((1, 2)) / light.sum((1, 2)) for axis in (xs, ys)], 1) - (30, 32)
    assert np.array_equal(woven[0], clean[0])
    assert places[:, 0].std() == pytest.approx(1.5, rel=0.3)
    assert places[:, 1].std() == pytest.approx(0.75, rel=0.3)
    assert light.max((1, 2)).min() > 235, "the spot has lost its shape"


def test_flicker_changes_exposure_by_its_strength_and_evens_out() -> None:
    grey = _flat(120, 120, 120, frames=200)
    levels = film.flicker(grey, 0.05, np.random.default_rng(2)).mean((1, 2, 3)) / 120
    assert levels.std() == pytest.approx(0.05, rel=0.2)
    assert levels.mean() == pytest.approx(1, abs=0.002)


def test_the_picture_shows_through_fine_scratches_which_stand_upright() -> None:
    clean = _clip()
    change = film.fine_scratches(clean, 40, np.random.default_rng(5)).astype(int) - clean
    columns = np.abs(change).max((0, 1, 3))
    assert 1 < columns.max() <= 4 * 40
    assert (columns == 0).any(), "every column is scratched"
    scratched = np.abs(change[:, :, columns.argmax()]).max((0, 2))
    assert (scratched > 0).mean() > 0.9


def test_composite_keeps_flat_colour_and_paints_fine_grey_patterns() -> None:
    flat = tape.composite(_flat(180, 90, 60), 3.77, "pal", np.random.default_rng(0))
    assert np.abs(flat.astype(int) - (180, 90, 60)).max() <= 3
    stripes = np.rint(128 + 80 * np.cos(2 * np.pi * np.arange(64) / 3.9)).astype(np.uint8)
    grey = np.tile(stripes[None, None, :, None], (2, 48, 1, 3))
    painted = tape.composite(grey, 3.77, "ntsc", np.random.default_rng(0)).astype(int)
    assert (painted.max(-1) - painted.min(-1)).mean() > 20


@pytest.mark.parametrize(("standard", "frames"), [("ntsc", 1), ("pal", 2)])
def test_rainbows_turn_about_and_come_back(standard: StandardName, frames: int) -> None:
    fine = np.tile(np.where(np.arange(64) % 4 < 2, 90, 160), (5, 48, 1))[..., None].repeat(3, 3).astype(np.uint8)
    rainbows = tape.composite(fine, 3.77, standard, np.random.default_rng(0), smear=0.3, notch=0.5).astype(float) - fine
    first, opposite, back = (rainbows[t, ..., 0] - rainbows[t, ..., 2] for t in (0, frames, 2 * frames))
    np.testing.assert_allclose(back, first, atol=2)
    np.testing.assert_allclose(opposite, -first, atol=2)
    assert np.abs(first).max() > 20


def test_bled_chroma_comes_late_and_leaves_the_light_alone() -> None:
    edge = _flat(120, 120, 120)
    edge[:, :, 32:] = (200, 82, 118)  # as light as the grey
    bled = tape.chroma_bleed(edge, 2, 6)
    light = (cv2.cvtColor(f, cv2.COLOR_RGB2GRAY).astype(int) for f in (bled[0], edge[0]))
    assert np.abs(next(light) - next(light)).max() <= 2
    red = bled[0, 20, :, 0].astype(int)
    assert np.argmin(np.abs(red - 160)) == pytest.approx(32 + 6, abs=1)


def test_tape_noise_has_the_strength_asked_for_and_longer_streaks_in_colour() -> None:
    noisy = tape.tape_noise(_flat(120, 120, 120), 8, np.random.default_rng(1)).astype(np.float32)
    light = noisy @ np.array([0.299, 0.587, 0.114], np.float32)
    assert light.std() == pytest.approx(8, rel=0.1)
    colour = noisy[..., 2] - light

    def likeness(plane: np.ndarray) -> float:
        return float(np.corrcoef(plane[..., :-4].ravel(), plane[..., 4:].ravel())[0, 1])

    assert likeness(colour) > 0.5 > likeness(light)


def test_jitter_moves_lines_sideways_by_its_strength() -> None:
    ramp = np.tile(np.arange(0, 256, 2, dtype=np.uint8)[None, None, :, None], (4, 90, 1, 3))
    moved = tape.line_jitter(ramp, 1.5, np.random.default_rng(0)).astype(float)
    shifts = (ramp - moved)[:, :, 20:-20].mean((2, 3)) / 2
    assert shifts.std() == pytest.approx(1.5, rel=0.15)
    assert np.abs(moved[:, :, 20:-20] - ramp[:, :, 20:-20] + 2 * shifts[:, :, None, None]).max() < 1.5


def test_heads_switch_in_the_lines_said() -> None:
    clean = _clip(3, 60, 64)
    torn = tape.head_switching(clean, 50, 8, np.random.default_rng(0))
    changed = (torn != clean).any((0, 2, 3))
    assert changed[42:50].all()
    assert not changed[:42].any() and not changed[50:].any()


def test_a_point_out_of_focus_is_a_disc() -> None:
    point = np.zeros((1, 41, 41, 3), np.uint8)
    point[0, 20, 20] = 255
    spread = lens.defocus(np.repeat(point, 2, 0), 3.0)[0, ..., 0].astype(float)
    assert spread.sum() == pytest.approx(255, rel=0.1)
    lit = spread > 2
    assert lit.sum() == pytest.approx(np.pi * 9, rel=0.35)
    assert lit[20].sum() == lit[:, 20].sum() == 7


def test_motion_blur_is_a_line_of_the_length_said() -> None:
    point = np.zeros((3, 61, 61, 3), np.uint8)
    point[:, 30, 30] = 255
    blurred = lens.motion_blur(point, 12, np.random.default_rng(4))[..., 0].astype(float)
    for frame in blurred:
        ys, xs = np.nonzero(frame > 1)
        along = np.linalg.eigvalsh(np.cov(np.stack([xs, ys]), aweights=frame[ys, xs])) ** 0.5
        assert along[0] < 0.8
        assert 0.3 * 12 < along[1] * 12**0.5 < 1.8 * 12


def test_low_light_is_noisiest_in_the_shadows_and_right_on_average() -> None:
    deviations = []
    for tone in (30, 120, 220):
        dark = synthesis.low_light(_flat(tone, tone, tone), 400, 1.0, np.random.default_rng(0))
        deviations.append(dark.std())
        assert tone < 100 or dark.mean() == pytest.approx(tone, abs=1.5)
    assert deviations[0] > deviations[1] > deviations[2]


def test_damage_makes_every_kind_and_only_film_moves_what_is_right() -> None:
    clean = _clip(3, 32, 40)
    seen = Counter()
    coded: list[int] = []

    def round_trip(frames: np.ndarray, codec: str, quality: float) -> np.ndarray:
        coded.append(1)
        return frames ^ 1

    for seed in range(400):
        before = len(coded)
        damaged = synthesis.damage(clean, np.random.default_rng(seed), round_trip)
        seen[damaged.kind] += 1
        assert damaged.frames.shape == damaged.clean.shape == clean.shape
        assert damaged.masks.shape == clean.shape[:3]
        assert not damaged.masks.any() or damaged.kind in {"holes", "film", "tape"}
        assert damaged.kind == "film" or np.array_equal(damaged.clean, clean)
        seen["coded twice"] += len(coded) - before == 2
        assert damaged.kind != "codec" or len(coded) - before in (1, 2)
    assert set(synthesis._SHARES) <= set(seen)
    assert 5 < seen["coded twice"] < 40
    assert sum(synthesis._SHARES.values()) == pytest.approx(1)
