"""Synthetic pictures for tests: deterministic, textured, and known to the last sample."""

import cv2
import numpy as np
from numpy.typing import NDArray


def pattern(height: int, width: int, seed: int = 0, *, lens: float = 0.8) -> NDArray[np.float32]:
    """A photograph of a test pattern: rings, bars, letters and paper texture, softened by a lens as a Gaussian of so many samples
    does. H W 3, 0..1."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    rings = 0.5 + 0.5 * np.cos(np.hypot(x - width / 2, y - height / 2) / 4)
    bars = ((x // 12).astype(int) + (y // 12).astype(int)) % 2
    paper = cv2.GaussianBlur(rng.random((height, width, 3)).astype(np.float32), (0, 0), 1.5)
    paper = (paper - paper.min()) / (paper.max() - paper.min())
    tint = np.array([1.0, 0.8, 0.6], np.float32)
    picture = 0.3 * rings[..., None] + 0.3 * bars[..., None] * tint + 0.4 * paper
    letters = np.zeros((height, width), np.uint8)
    for line in range(20, height, 40):
        cv2.putText(letters, "FRAMEMEND 0123", (8, line), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 2)
    picture = np.where(letters[..., None] > 127, np.array([0.05, 0.1, 0.2], np.float32), picture)
    softened = cv2.GaussianBlur(picture, (0, 0), lens) if lens else picture
    return np.clip(softened, 0, 1).astype(np.float32)


def panning_clip(
    count: int, height: int, width: int, *, speed: float = 1.5, seed: int = 0, noise: float = 0.0, lens: float = 0.8
) -> NDArray[np.float32]:
    """A camera pans over a test pattern at `speed` samples a frame; noise in codes of 255. T H W 3 float32, 0..1."""
    wide = pattern(height + 8, width + int(abs(speed) * count) + 8, seed, lens=lens)
    rng = np.random.default_rng(seed + 1)
    clip = np.empty((count, height, width, 3), np.float32)
    for t in range(count):
        shift = np.array([[1, 0, speed * t], [0, 1, 2]], np.float32)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        clip[t] = cv2.warpAffine(wide, shift, (width, height), flags=flags)
    codes = np.rint(clip * 255 + rng.normal(0, noise, clip.shape)) if noise else np.rint(clip * 255)
    return (np.clip(codes, 0, 255) / 255).astype(np.float32)


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


def psnr(a: NDArray, b: NDArray) -> float:
    """Of pictures on the scale 0..1, dB."""
    return float(-10 * np.log10(max(float(np.mean((np.asarray(a, np.float64) - b) ** 2)), 1e-12)))
