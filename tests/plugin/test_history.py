"""What frames have been through is told from the frames alone: a codec, by how much it erred, and blur."""

import numpy as np
import pytest

from framemend.clips import codec_round_trip
from framemend_filters.damage import lens
from framemend_filters.engine.history import History, history
from framemend_filters.engine.noise import noise_level


def scene(seed: int, height: int = 192, width: int = 256, frames: int = 5) -> np.ndarray:
    """A texture with as much at every scale as nature has, that the camera pans over, T H W 3 uint8."""
    rng = np.random.default_rng(seed)
    rows, columns = np.fft.fftfreq(height + 16)[:, None], np.fft.rfftfreq(width + 16)[None]
    spectrum = np.fft.rfft2(rng.standard_normal((height + 16, width + 16, 3)), axes=(0, 1))
    spectrum /= np.maximum(np.hypot(rows, columns), 1 / height)[..., None] ** 1.3
    texture = np.fft.irfft2(spectrum, axes=(0, 1))
    texture = 0.9 * texture.mean(2, keepdims=True) + 0.3 * texture
    codes = np.clip(np.rint(255 * (0.5 + 0.16 * texture / texture.std())), 0, 255).astype(np.uint8)
    return np.stack([codes[t : t + height, 2 * t : 2 * t + width] for t in range(frames)])


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


@pytest.mark.parametrize(("codec", "quality"), [("h264", 38), ("mpeg2", 16), ("hevc", 36)])
def test_errors_of_codecs_are_told_from_none(codec: str, quality: float) -> None:
    clean = scene(0)
    coded = codec_round_trip(clean, codec, quality)  # pyright: ignore[reportArgumentType]
    assert told(coded).coding * 255 > 3
    assert told(clean).coding * 255 < 1
    assert told(lens.gaussian_blur(clean, 1.5)).coding * 255 < 1


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 31), (720, 1280)])
def test_frames_of_any_size_can_be_told(height: int, width: int) -> None:
    frames = [np.full((height, width, 3), 0.5, np.float16)]
    found = history(frames, 0.0)
    assert 0 <= found.coding <= 40 / 255 and 0 <= found.blur <= 1
