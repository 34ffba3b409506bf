"""Makes damage: what happens to film and video in life, on clean frames, for training and tests.

Every function takes frames T H W 3 uint8 and a numpy Generator, and returns new frames of the same kind; noise is drawn
once per sequence. `damage` puts them together in the order in which they happen: lens, sensor or film, dirt, codec.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.analogue import StandardName
from framemend_filters.damage import defects, film, lens, tape

Frames = NDArray[np.uint8]
RoundTrip = Callable[[Frames, Any, float], Frames]
"""frames, codec name, quality -> frames."""


@dataclass(frozen=True)
class Damaged:
    """frames T H W 3 uint8; masks T H W uint8, 255 where the picture is to be generated; kind: what was done; clean: what a
    repair should give, T H W 3 uint8: the frames as they were, but moved where film weaves, which repair does not steady."""

    frames: Frames
    masks: NDArray[np.uint8]
    kind: str
    clean: Frames


def gaussian_noise(frames: Frames, sigma: float, rng: np.random.Generator) -> Frames:
    """White noise of standard deviation `sigma` (codes of 255) on each channel, rounded and clipped."""
    return _to_codes(frames + rng.standard_normal(frames.shape, np.float32) * np.float32(sigma))


def poisson_noise(frames: Frames, peak: float, rng: np.random.Generator) -> Frames:
    """Shot noise of a sensor that counts `peak` electrons at white, and read noise of two electrons. The sum is drawn as a
    Gaussian of the same variance, which at two electrons it nearly is, ten times as fast."""
    electrons = np.arange(256, dtype=np.float32) * np.float32(peak / 255)
    deviation = np.sqrt(electrons + 4) * np.float32(255 / peak)
    return _to_codes(frames + deviation[frames] * rng.standard_normal(frames.shape, np.float32))


def low_light(frames: Frames, peak: float, read: float, rng: np.random.Generator) -> Frames:
    """A picture taken in the dark and brightened: `peak` electrons at white, in linear light (gamma 2.2), shot noise and
    read noise of `read` electrons (standard deviation), clipped at black. Strongest in the shadows, as cameras have it."""
    linear = (np.arange(256, dtype=np.float32) / 255) ** 2.2
    electrons, deviation = linear * peak, np.sqrt(linear * peak + read**2)
    counted = electrons[frames] + deviation[frames] * rng.standard_normal(frames.shape, np.float32)
    return _to_codes(255 * np.power(np.maximum(counted, 0) / np.float32(peak), np.float32(1 / 2.2)))


def jpeg(frames: Frames, quality: int) -> Frames:
    """JPEG, each frame on its own, as libjpeg writes it at `quality`."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
    coded = [cv2.imdecode(cv2.imencode(".jpg", f, settings)[1], cv2.IMREAD_COLOR) for f in frames]
    return np.stack([np.asarray(f, np.uint8) for f in coded])


def box_mask(shape: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A rectangle that stands still, T H W: an eighth to a third of the height and width."""
    _frames, height, width = shape
    h, w = (int(rng.uniform(0.12, 0.35) * edge) for edge in (height, width))
    top, left = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
    mask = np.zeros(shape, np.uint8)
    mask[:, top : top + h, left : left + w] = 255
    return mask


def moving_mask(shape: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A blob of ellipses that moves through the picture, T H W, as the outline of a person or thing would."""
    frames, height, width = shape
    edge = min(height, width)
    centre = rng.uniform(0.2, 0.8, 2) * (width, height)
    speed = rng.normal(0, 1, 2) * rng.choice([0.0, 1.0, 3.0])
    parts = [(rng.normal(0, 0.08, 2) * edge, rng.uniform(0.05, 0.17, 2) * edge, rng.uniform(0, 180)) for _ in range(4)]
    mask = np.zeros(shape, np.uint8)
    for t in range(frames):
        middle = centre + speed * (t - frames / 2) + rng.normal(0, 0.4, 2)
        for place, axes, angle in parts:
            where = tuple(int(v) for v in np.rint(middle + place))
            cv2.ellipse(mask[t], where, tuple(int(a) + 1 for a in axes), angle, 0, 360, 255, -1)
    return mask


def damage(clean: Frames, rng: np.random.Generator, round_trip: RoundTrip) -> Damaged:
    """Damage a clip at random: alone and mixed, from invisible to severe."""
    kind = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
    masks = np.zeros(clean.shape[:3], np.uint8)
    if kind == "film":
        return _any_film(clean, rng)
    if kind == "tape":
        return _any_tape(clean, rng)
    frames = clean
    if kind == "blur" or (kind == "mixed" and rng.random() < 0.6):
        frames = _any_blur(frames, rng)
    if kind == "noise" or (kind == "mixed" and rng.random() < 0.8) or (kind == "holes" and rng.random() < 0.25):
        frames = _any_noise(frames, rng, severe=kind == "noise")
    if kind == "holes":
        frames, masks = _any_hole(frames, rng)
    if kind == "codec" or (kind == "mixed" and rng.random() < 0.6):
        frames = _any_codec(frames, rng, round_trip)
        if rng.random() < 0.2:
            frames = _any_codec(frames, rng, round_trip)
    if kind == "jpeg":
        frames = jpeg(frames, int(rng.integers(10, 85)))
    return Damaged(frames, masks, kind, clean)


_SHARES = {
    "noise": 0.17,
    "codec": 0.23,
    "blur": 0.16,
    "jpeg": 0.02,
    "holes": 0.15,
    "mixed": 0.07,
    "clean": 0.04,
    "film": 0.07,
    "tape": 0.09,
}
_CODECS = {"h264": (24, 45), "hevc": (24, 42), "mpeg2": (3, 28), "mpeg4": (3, 28)}


def _any_blur(frames: Frames, rng: np.random.Generator) -> Frames:
    chance = rng.random()
    if chance < 0.45:
        return lens.gaussian_blur(frames, float(rng.uniform(0.4, 2.2)))
    if chance < 0.75:
        return lens.defocus(frames, float(rng.uniform(0.7, 3.5)))
    return lens.motion_blur(frames, float(rng.uniform(1.5, 8)), rng)


def _any_noise(frames: Frames, rng: np.random.Generator, severe: bool) -> Frames:
    sigma = float(np.exp(rng.uniform(np.log(2), np.log(55 if severe else 20))))
    chance = rng.random()
    if chance < 0.66:
        return gaussian_noise(frames, sigma, rng)
    if chance < 0.73:
        return poisson_noise(frames, (255 / sigma) ** 2 / 2.5, rng)
    if chance < 0.87:
        peak = max(40.0, (124 / sigma) ** 2)  # about `sigma` in the middle tones
        return low_light(frames, peak, min(3.0, float(rng.uniform(0.05, 0.25)) * peak**0.5), rng)
    return film.grain(frames, sigma * 0.7, float(rng.uniform(0.0, 1.1)), rng)


def _any_codec(frames: Frames, rng: np.random.Generator, round_trip: RoundTrip) -> Frames:
    codec = str(rng.choice(list(_CODECS), p=[0.40, 0.26, 0.22, 0.12]))
    low, high = _CODECS[codec]
    return round_trip(frames, codec, float(rng.integers(low, high + 1)))


def _any_film(clean: Frames, rng: np.random.Generator) -> Damaged:
    """Exposed and wound on unevenly, on grainy stock, then scratched and dirty; half of them have dirt to be filled."""
    severity = float(rng.uniform(0.1, 1.0))
    woven = film.gate_weave(clean, severity * float(rng.uniform(0, 1.5)), rng) if rng.random() < 0.6 else clean
    frames, masks = woven, np.zeros(clean.shape[:3], np.uint8)
    if rng.random() < 0.8:
        frames = film.flicker(frames, 0.08 * severity, rng)
    if rng.random() < 0.8:
        frames = film.grain(frames, 2 + 16 * severity, float(rng.uniform(0.0, 1.1)), rng)
    if rng.random() < 0.5:
        frames = film.fine_scratches(frames, 10 + 40 * severity, rng)
    if rng.random() < 0.5:
        frames, scratched = defects.scratches(frames, rng, severity)
        frames, dirty = defects.dust(frames, rng, severity)
        masks = np.maximum(scratched, dirty)
    return Damaged(frames, masks, "film", woven)


def _any_tape(clean: Frames, rng: np.random.Generator) -> Damaged:
    """Coded as composite colour, recorded, played with worn heads; a third has dropouts to be filled. These are drawn last:
    a streak on a line out of place looks like one drawn elsewhere."""
    severity = float(rng.uniform(0.1, 1.0))
    height = clean.shape[1]
    frames, masks = clean, np.zeros(clean.shape[:3], np.uint8)
    if rng.random() < 0.6:
        standard: StandardName = "pal" if rng.random() < 0.5 else "ntsc"
        period, smear, notch = (float(rng.uniform(*ends)) for ends in ((2.6, 5.0), (0.2, 0.8), (0.35, 0.9)))
        frames = tape.composite(
            frames, period, standard, rng, smear=smear, notch=notch, interlaced=bool(rng.random() < 0.6)
        )
    if rng.random() < 0.7:
        frames = tape.chroma_bleed(frames, 1 + 5 * severity, float(rng.uniform(-0.5, 3.5)) * severity)
    frames = tape.tape_noise(frames, 1 + 14 * severity, rng)
    if rng.random() < 0.6:
        frames = tape.line_jitter(frames, 1.2 * severity, rng)
    if rng.random() < 0.3:  # a crop may end anywhere in the picture, so the torn lines may lie anywhere
        lines = int(rng.integers(2, max(3, height // 12)))
        frames = tape.head_switching(frames, int(rng.integers(height // 2, height + 1)), lines, rng)
    if rng.random() < 0.35:
        frames, masks = defects.dropouts(frames, rng, severity)
    return Damaged(frames, masks, "tape", clean)


def _any_hole(frames: Frames, rng: np.random.Generator) -> tuple[Frames, NDArray[np.uint8]]:
    severity = float(rng.uniform(0.1, 1.0))
    chance = rng.random()
    if chance < 0.25:
        masks = box_mask(frames.shape[:3], rng)
    elif chance < 0.55:
        masks = moving_mask(frames.shape[:3], rng)
    elif chance < 0.67:
        return defects.scratches(frames, rng, severity)
    elif chance < 0.77:
        return defects.dust(frames, rng, severity)
    elif chance < 0.83:
        return defects.dropouts(frames, rng, severity)
    elif chance < 0.88:
        return defects.logo(frames, rng, severity)
    else:
        return defects.lost_frames(frames, rng, severity)
    return np.where(masks[..., None] > 0, np.uint8(rng.integers(0, 256)), frames), masks


def _to_codes(values: NDArray[np.floating]) -> Frames:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
