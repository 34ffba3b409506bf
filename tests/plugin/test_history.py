"""What frames have been through is told from the frames alone: a codec, by how much it erred, and blur."""

import numpy as np
import pytest
from pictures import scene

from framemend.clips import codec_round_trip
from framemend_filters.damage import lens
from framemend_filters.engine.history import History, history
from framemend_filters.engine.noise import noise_level
from framemend_filters.levels import Levels, places_turned


def told(frames: np.ndarray) -> History:
    pictures = [frame.astype(np.float32) / 255 for frame in frames]
    return history(pictures, float(np.mean([noise_level(p) or 0 for p in pictures])))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_blurred_clip_is_told_from_a_sharp_a_noisy_and_a_coded_one(seed: int) -> None:
    sharp = scene(seed)
    noisy = np.clip(sharp + np.random.default_rng(0).normal(0, 8, sharp.shape), 0, 255).astype(np.uint8)
    others = [told(sharp), told(noisy), told(codec_round_trip(sharp, "h264", 38))]
    assert told(lens.gaussian_blur(sharp, 1.5)).blur > 0.8
    assert max(other.blur for other in others) < 0.4


@pytest.mark.parametrize(("codec", "quality", "least"), [("h264", 38, 3), ("mpeg2", 16, 2), ("hevc", 36, 3)])
def test_errors_of_codecs_are_told_from_none(codec: str, quality: float, least: float) -> None:
    clean = scene(0)
    coded = codec_round_trip(clean, codec, quality)  # pyright: ignore[reportArgumentType]
    assert told(coded).coding * 255 > least
    assert told(clean).coding * 255 < 1
    assert told(lens.gaussian_blur(clean, 1.5)).coding * 255 < 1


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 31), (720, 1280)])
def test_frames_of_any_size_can_be_told(height: int, width: int) -> None:
    frames = [np.full((height, width, 3), 0.5, np.float16)]
    found = history(frames, 0.0)
    assert 0 <= found.coding <= 40 / 255 and 0 <= found.blur <= 1


@pytest.mark.parametrize("sigma", [0.9, 1.5, 2.0])
def test_how_far_a_blur_spreads_is_told(sigma: float) -> None:
    found = told(lens.gaussian_blur(scene(0), sigma))
    assert found.spread == pytest.approx([sigma] * 4, abs=0.45)
    assert max(told(scene(0)).spread) < 0.5


def test_a_disc_is_told_from_a_gaussian_that_spreads_as_far() -> None:
    clean = scene(1)
    disc, gaussian = told(lens.through(clean, [lens.disc(3)] * len(clean))), told(lens.gaussian_blur(clean, 1.5))
    assert disc.disc > gaussian.disc + 0.3


@pytest.mark.parametrize(("kernel", "along"), [(np.ones((1, 7)), 0), (np.eye(7), 1), (np.ones((7, 1)), 2)])
def test_a_shake_is_told_by_its_direction(kernel: np.ndarray, along: int) -> None:
    clean = scene(0)
    shaken = lens.through(clean, [np.asarray(kernel / kernel.sum(), np.float32)] * len(clean))
    spread = told(shaken).spread
    assert int(np.argmax(spread)) == along
    assert spread[along] > spread[(along + 2) % 4] + 0.7


@pytest.mark.parametrize(("flips", "transposed"), [((), True), ((1,), False), ((1, 2), False), ((2,), True)])
def test_what_is_told_of_a_turned_clip_is_what_turning_makes_of_it(flips: tuple[int, ...], transposed: bool) -> None:
    clean = scene(0)
    line = np.array([[0, 0, 0, 0, 1], [0, 0, 1, 1, 0], [1, 1, 0, 0, 0]], np.float32) / np.float32(5)
    shaken = lens.through(clean, [line] * len(clean))
    turned = np.flip(shaken, flips)
    turned = np.ascontiguousarray(turned.transpose(0, 2, 1, 3) if transposed else turned)
    expected = levels(shaken).array()[places_turned(len(flips), transposed)]
    np.testing.assert_allclose(levels(turned).array(), expected, atol=0.25)
    assert np.ptp(levels(shaken).array()[3:7]) > 0.5


def levels(frames: np.ndarray) -> Levels:
    found = told(frames)
    return Levels(0.0, found.coding, found.blur, *found.spread, disc=found.disc)
