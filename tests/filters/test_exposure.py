"""Frames that are exposed differently, and noise that only time shows."""

import numpy as np
import pytest
from pictures import panning_clip, psnr

from framemend_filters.damage.film import flicker, grain
from framemend_filters.damage.synthesis import low_light
from framemend_filters.engine.align import Aligner, align_segment
from framemend_filters.engine.borrow import Borrower
from framemend_filters.engine.exposure import BLOCK, brightness, compared_scale, gain_field
from framemend_filters.engine.flow import expand, reduce
from framemend_filters.engine.motion import Motion
from framemend_filters.engine.noise import noise_by_tone
from framemend_filters.engine.windows import Segment

SIZE = 144, 208
RADIUS = 4


def _uneven(strength: float) -> np.ndarray:
    """A gain that rises across the picture, H W 1."""
    return (1 + strength * np.linspace(0.5, 1, SIZE[1], dtype=np.float32))[None, :, None]


def _field(clip: np.ndarray) -> np.ndarray | None:
    motion = Motion(dict(enumerate(clip)))
    here, there = (reduce(brightness(frame), compared_scale(motion.scale)) for frame in clip)
    return gain_field(here, there, motion.flow(0, 1), motion.scale)


@pytest.mark.parametrize("strength", [0.05, -0.08, 0.2])
def test_how_much_lighter_the_next_frame_is_is_found_while_the_camera_pans(strength: float) -> None:
    clip = panning_clip(2, *SIZE, noise=4) * np.float32(0.7)
    lighter = np.stack([clip[0], clip[1] * _uneven(strength)])
    field = _field(lighter)
    assert field is not None
    found = expand(field, BLOCK, slice(0, SIZE[0]), slice(0, SIZE[1]))
    assert np.abs(found * _uneven(strength)[..., 0] - 1).max() < 0.02


def test_frames_that_are_exposed_alike_are_left_as_they_are() -> None:
    assert _field(panning_clip(2, *SIZE, noise=4)) is None
    assert _field(np.zeros((2, *SIZE, 3), np.float32)) is None


def test_something_that_comes_into_the_picture_does_not_pass_for_light() -> None:
    clip = panning_clip(2, *SIZE)
    clip[1, 40:100, 60:120] = 0.9
    field = _field(clip)
    assert field is None or np.abs(field - 1).max() < 0.01


def _aligned(given: np.ndarray, at: int):
    frames = {i: f.astype(np.float32) / 255 for i, f in enumerate(given)}
    return align_segment(Segment(range(at, at + 1), range(len(given))), frames, radius=RADIUS, neighbours=2)


def test_a_flash_keeps_its_light_and_loses_its_noise_all_the_same() -> None:
    clip = np.rint(panning_clip(9, *SIZE) * 150)
    rng = np.random.default_rng(1)
    noisy = clip + rng.normal(0, 6, clip.shape)
    noisy[4] = clip[4] * 1.3 + rng.normal(0, 6, clip[4].shape)
    aligned = _aligned(np.clip(np.rint(noisy), 0, 255).astype(np.uint8), 4)
    lit = clip[4] * 1.3 / 255
    assert abs(float(aligned.mean[0].mean() / lit.mean()) - 1) < 0.01
    assert psnr(aligned.base[0], lit) > psnr(aligned.frames[0], lit) + 6


def _light_of_base(given: np.ndarray, at: int, *, holes_alone: bool = False) -> float:
    """How light the base of a frame is, and with it all that the network may mix."""
    frames = {i: f.astype(np.float32) / 255 for i, f in enumerate(given)}
    aligner = Aligner(
        Segment(range(at, at + 1), range(len(given))), frames, radius=RADIUS, neighbours=2, holes_alone=holes_alone
    )
    made = aligner.part(*aligner.whole)
    assert made.frames.mean() == pytest.approx(made.base.mean(), rel=0.01)
    assert made.mean.mean() == pytest.approx(made.base.mean(), rel=0.01)
    return float(made.base.mean())


def test_a_frame_that_flickers_is_exposed_as_those_around_it() -> None:
    clip = panning_clip(9, *SIZE) * 150
    given = np.rint(flicker(clip.astype(np.uint8), 0.05, np.random.default_rng(1)))
    off = [float(g.mean() / c.mean()) - 1 for g, c in zip(given, clip, strict=True)]
    at = int(np.argmax(np.abs(off[3:6]))) + 3
    right = float(clip[at].mean() / 255)
    assert abs(off[at]) > 0.03
    assert abs(_light_of_base(given, at) / right - 1) < 0.4 * abs(off[at])
    assert abs(_light_of_base(given, at, holes_alone=True) / right - 1) > 0.9 * abs(off[at])


@pytest.mark.parametrize("change", ["fade", "flash", "step", "steady"])
@pytest.mark.parametrize("at", [0, 4, 8])
def test_fades_flashes_and_lamps_are_no_flicker(change: str, at: int) -> None:
    gains = {
        "fade": np.exp(-0.05 * np.arange(9)),
        "flash": np.where(np.arange(9) == 4, 1.4, 1),
        "step": np.where(np.arange(9) < 5, 1, 0.7),
        "steady": np.ones(9),
    }[change]
    clip = np.rint(panning_clip(9, *SIZE) * 150 * gains[:, None, None, None])
    assert _light_of_base(clip, at) == pytest.approx(float(clip[at].mean() / 255), rel=0.006)


def test_a_part_of_a_frame_that_flickers_is_what_it_is_in_the_whole() -> None:
    given = flicker((panning_clip(9, *SIZE) * 150).astype(np.uint8), 0.05, np.random.default_rng(1))
    frames = {i: f.astype(np.float32) / 255 for i, f in enumerate(given)}
    aligner = Aligner(Segment(range(4, 6), range(9)), frames, radius=RADIUS, neighbours=2)
    whole, part = aligner.part(*aligner.whole), aligner.part(slice(48, 112), slice(64, 160))
    np.testing.assert_allclose(part.base, whole.base[:, 48:112, 64:160], atol=2e-5)


def test_grain_that_one_frame_alone_does_not_show_is_averaged() -> None:
    clean = np.rint(panning_clip(9, *SIZE) * 255).astype(np.uint8)
    aligned = _aligned(grain(clean, 8, 1.1, np.random.default_rng(2)), 4)
    assert aligned.levels[0] * 255 < 3  # what the frame alone shows of it
    assert aligned.count.mean() > 5
    assert psnr(aligned.base[0], clean[4] / 255) > psnr(aligned.frames[0], clean[4] / 255) + 3


def test_noise_in_the_shadows_is_found_to_be_stronger() -> None:
    ramp = np.broadcast_to(np.linspace(20, 235, SIZE[1])[:, None], (*SIZE, 3))
    clean = np.repeat(np.rint(ramp)[None], 2, 0).astype(np.uint8)
    noisy = low_light(clean, 200, 1.5, np.random.default_rng(3)) / np.float32(255)
    blocks = noisy.reshape(2, SIZE[0] // 8, 8, SIZE[1] // 8, 8, 3)
    error = (np.square(blocks[0] - blocks[1]) / 2).mean((1, 3, 4)).ravel().astype(np.float32)
    found = noise_by_tone([(blocks[0].mean((1, 3, 4)).ravel().astype(np.float32), error)])
    assert found is not None
    dark, light = np.sqrt(found.at(np.array([[40 / 255, 200 / 255]], np.float32))[0]) * 255
    truth = [noisy[:, :, int((tone - 20) / 215 * SIZE[1]) + np.arange(-6, 7)] for tone in (40, 200)]
    spread = [float((t[0] - t[1]).std() / np.sqrt(2)) * 255 for t in truth]
    assert dark == pytest.approx(spread[0], rel=0.2) and light == pytest.approx(spread[1], rel=0.2)
    assert dark > 1.5 * light


@pytest.mark.parametrize("strength", [0.08, -0.15])
def test_what_a_hole_takes_from_other_frames_is_exposed_as_its_own_frame_is(strength: float) -> None:
    """The camera pans, so that the frames before and after show what the hole hides; they are lighter or darker."""
    clip = panning_clip(9, *SIZE, speed=6) * np.float32(0.7)
    given = {t: frame if t == 4 else frame * _uneven(strength) for t, frame in enumerate(clip)}
    hole = np.zeros(SIZE, np.uint8)
    hole[50:80, 90:110] = 255
    given[4] = np.where(hole[..., None] > 0, np.float32(0), given[4])
    filled = Borrower(Segment(range(4, 5), range(9)), given, {4: hole}).fill(4)
    inside = hole > 0
    assert filled.certainty[inside].min() > 0
    assert psnr(filled.picture[inside], clip[4][inside]) > 34
    off = filled.picture[inside].mean() / clip[4][inside].mean()
    assert abs(float(off) - 1) < 0.01


def test_a_clip_without_noise_has_none_in_time_either() -> None:
    clip = np.rint(panning_clip(9, *SIZE) * 255).astype(np.uint8)
    frames = {i: f.astype(np.float32) / 255 for i, f in enumerate(clip)}
    aligned = align_segment(Segment(range(4, 5), range(9)), frames, radius=RADIUS, neighbours=2)
    assert psnr(aligned.base[0], frames[4]) > 44


def test_too_little_to_judge_by_says_nothing() -> None:
    few = np.full(3, 0.5, np.float32)
    assert noise_by_tone([]) is None
    assert noise_by_tone([(few, few)]) is None
    assert noise_by_tone([(np.zeros(400, np.float32), np.ones(400, np.float32))]) is None  # black bars
