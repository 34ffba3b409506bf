"""What analogue video tape does to a picture: composite colour, bled chroma, noise in streaks, lines that are not in place.

Every function takes frames T H W 3 uint8 and a numpy Generator where anything is left to chance, and returns new frames of
the same kind. Lengths along a line are in samples. Dropouts, which hide the picture, are in `defects`, with masks.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.analogue import STANDARDS, StandardName, light_and_colour, picture_of

Frames = NDArray[np.uint8]


def recording(frames: Frames, rng: np.random.Generator) -> Frames:
    """A home recording of NTSC as tests have it: composite colour, bled chroma, noise of the tape, lines out of place."""
    coded = composite(frames, 3.77, "ntsc", rng)
    recorded = tape_noise(chroma_bleed(coded, 2.5, 1.0), 6, rng)
    return line_jitter(recorded, 0.4, rng)


def composite(
    frames: Frames,
    period: float,
    standard: StandardName,
    rng: np.random.Generator,
    *,
    smear: float = 0.8,
    notch: float = 0.9,
    interlaced: bool = False,
) -> Frames:
    """One signal for light and colour, and a simple receiver that takes them apart with a band-pass: fine patterns turn
    into rainbows (cross-colour), edges of colour into crawling dots, and both lose detail.

    period: samples in a cycle of the subcarrier, above 2 (3.77 of NTSC, 3.05 of PAL, on lines of 720). smear: standard
    deviation of the low-pass that colour goes through on both sides, in cycles; notch: that of the window around the
    subcarrier that light loses and colour is taken from. The less, the more of the one ends in the other (0.2 and 0.4 err
    as much as a PAL encoder and its simplest decoder do). interlaced: even and odd lines are of two fields. The subcarrier starts
    anywhere; with "pal", V changes its sign from line to line, and from frame to frame.
    """
    count, height, width = frames.shape[:3]
    side = int(np.ceil(3 * period))
    light, u, v = (cv2.copyMakeBorder(p, 0, 0, side, side, cv2.BORDER_REPLICATE) for p in _split(frames))
    u, v = _along(u, smear * period), _along(v, smear * period)
    counts = STANDARDS[standard]
    rows = np.arange(height)
    lines = rows // 2 + rows % 2 * counts.between_fields if interlaced else rows
    turns = counts.by_line * lines + counts.by_frame * np.arange(count)[:, None] + rng.uniform()
    angle = (2 * np.pi * (turns.reshape(-1, 1) % 1 + np.arange(width + 2 * side) / period)).astype(np.float32)
    sine, cosine = np.sin(angle), np.cos(angle)
    if counts.switched:
        switched = (lines + np.arange(count)[:, None]) % 2  # frames have an odd number of lines
        cosine *= (1 - 2 * switched).reshape(-1, 1).astype(np.float32)
    signal = light + u * sine + v * cosine
    colour = _band(signal, period, notch)
    received = signal - colour, _along(2 * colour * sine, smear * period), _along(2 * colour * cosine, smear * period)
    return _join([p[:, side : side + width] for p in received], frames.shape)


def chroma_bleed(frames: Frames, width: float, delay: float) -> Frames:
    """Colour that is smeared along the line by a Gaussian of `width` samples and comes `delay` samples late."""
    light, u, v = _split(frames)
    late = np.array([[1, 0, delay], [0, 1, 0]], np.float32)
    smeared = []
    for chroma in (u, v):
        size = (chroma.shape[1], len(chroma) // len(frames))
        parts = np.split(_along(chroma, width), len(frames))
        smeared.append(np.concatenate([cv2.warpAffine(p, late, size, borderMode=cv2.BORDER_REPLICATE) for p in parts]))
    return _join([light, *smeared], frames.shape)


def tape_noise(frames: Frames, sigma: float, rng: np.random.Generator) -> Frames:
    """Noise of the tape: of light, `sigma` codes and short along the line; of colour, weaker and in long streaks."""
    light, u, v = _split(frames)
    noisy = [
        plane + _noise(plane.shape, sigma / 255 * share, length, rng)
        for plane, share, length in ((light, 1.0, 0.7), (u, 0.4, 5.0), (v, 0.4, 5.0))
    ]
    return _join(noisy, frames.shape)


def line_jitter(frames: Frames, strength: float, rng: np.random.Generator) -> Frames:
    """Lines that start too soon or too late, by `strength` samples (standard deviation): a part sways slowly from the top
    to the bottom, a part is each line's own."""
    count, height = frames.shape[:2]
    own = rng.normal(0, 1, (count, height)).astype(np.float32)
    sway = cv2.GaussianBlur(rng.normal(0, 1, (count, height)).astype(np.float32), (0, 0), height / 20, sigmaY=0.01)
    sway /= max(float(sway.std()), 1e-6)
    return _shifted(frames, strength * (0.8 * sway + 0.6 * own))


def head_switching(frames: Frames, bottom: int, lines: int, rng: np.random.Generator) -> Frames:
    """The lines above line `bottom`, `lines` of them, read while one head takes over from the other: torn to the side,
    more so towards the bottom, and full of noise where it begins."""
    count, height, width = frames.shape[:3]
    top, bottom = max(0, bottom - lines), min(bottom, height)
    if top >= bottom:
        return frames.copy()
    reach = width * rng.uniform(0.03, 0.25) * rng.choice([-1, 1]) * rng.uniform(0.8, 1.2, (count, 1))
    shifts = np.zeros((count, height), np.float32)
    shifts[:, top:bottom] = reach * np.linspace(0.3, 1, bottom - top) ** 2 + rng.normal(0, 1, (count, bottom - top))
    torn = _shifted(frames, shifts)
    first = slice(top, top + max(1, (bottom - top) // 4))
    snow = rng.uniform(0, 255, (*torn[:, first].shape[:3], 1))
    torn[:, first] = np.rint(0.6 * torn[:, first] + 0.4 * snow).astype(np.uint8)
    return torn


def _shifted(frames: Frames, shifts: NDArray) -> Frames:
    """Each line moved to the right by shifts (T H, samples); what comes in is the line's end, mirrored."""
    height, width = frames.shape[1:3]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    moved = [
        cv2.remap(f, columns - s[:, None].astype(np.float32), rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        for f, s in zip(frames, shifts, strict=True)
    ]
    return np.asarray(np.stack(moved), np.uint8)


def _split(frames: Frames) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Light 0..1 and the two colour differences U and V, each (T H) W."""
    return light_and_colour(frames.reshape(-1, *frames.shape[2:]).astype(np.float32) / 255)


def _join(planes: Sequence[NDArray], shape: tuple[int, ...]) -> Frames:
    """RGB frames of `shape` from light, U and V."""
    light, u, v = (np.asarray(p, np.float32) for p in planes)
    return np.clip(np.rint(picture_of(light, u, v) * 255), 0, 255).astype(np.uint8).reshape(shape)


def _along(plane: NDArray, sigma: float) -> NDArray[np.float32]:
    """Blurred along the lines alone."""
    size = 2 * int(np.ceil(2.5 * sigma)) + 1
    return np.asarray(cv2.GaussianBlur(plane, (size, 1), sigma, sigmaY=0.01), np.float32)


def _band(signal: NDArray, period: float, cycles: float) -> NDArray[np.float32]:
    """What of the signal lies near the subcarrier: a Gaussian window of `cycles` (standard deviation)."""
    half = int(np.ceil(2 * period))
    taps = np.arange(-half, half + 1)
    window = np.exp(-np.square(taps / (cycles * period)) / 2)
    kernel = 2 * window / window.sum() * np.cos(2 * np.pi * taps / period)
    kernel -= kernel.mean()
    return np.asarray(cv2.filter2D(signal, -1, kernel[None].astype(np.float32)), np.float32)


def _noise(shape: tuple[int, ...], sigma: float, length: float, rng: np.random.Generator) -> NDArray[np.float32]:
    noise = _along(rng.standard_normal(shape, np.float32), length)
    return noise * np.float32(sigma / max(float(noise.std()), 1e-6))
