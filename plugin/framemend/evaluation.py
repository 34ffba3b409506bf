"""The standard kinds of damage that `framemend evaluate` measures on, and how the results are measured.

A task takes a clean clip to a `Case`: what the repair is given, and what it is measured on. All of it follows from the
clip's name and the task's, so that two people measure on the same samples; `--frames` measures on the first frames of
the same sequence.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend.clips import Clip, Codec, Frames, codec_round_trip
from framemend_filters.damage import defects, film, lens, synthesis, tape
from framemend_filters.metrics import PSNR_LIMIT, mean_squared_error, psnr, ssim

Masks = NDArray[np.uint8]

CRF = 38
BLUR_SIGMA = 1.5
DEFECT_SEVERITY = 0.7
LOST_EVERY, LOST_AT = 8, 4
TELEA_RADIUS = 3


@dataclass(frozen=True)
class Case:
    """given: T H W 3 uint8; masks: T H W uint8, 255 in holes, None for a blind repair; reference: the hand-made method to
    beat, and its result; regions: where to measure, of "frame" and "hole"; clean: what to measure against, T H W 3 uint8,
    where it is not the clip itself."""

    given: Frames
    masks: Masks | None = None
    regions: tuple[str, ...] = ("frame",)
    reference: Callable[[], Frames] | None = None
    reference_name: str = ""
    clean: Frames | None = None


@dataclass(frozen=True)
class Figures:
    """psnr, ssim: means over the frames; pooled_psnr: of the mean squared error of all samples, dB."""

    psnr: float
    ssim: float
    pooled_psnr: float


def make_case(task: str, clip: Clip, holes: Sequence[Masks]) -> Case | None:
    """The case of a task for a clip; None where the clip cannot have it (too short, no masks to lay over it).

    holes: T H W uint8, what the task `moving` lays over the clip, already of its size.
    """
    rng = np.random.default_rng(zlib.crc32(clip.name.encode()))
    clean = clip.frames
    if task.startswith("noise"):
        return Case(_noise(clean, float(task[5:]), rng))
    if task in _CODED:
        given = clean
        for codec, quality in _CODED[task]:
            given = codec_round_trip(given, codec, quality, fps=max(1, round(clip.fps)))
        return Case(given)
    if task in _BLIND:
        return Case(_BLIND[task](clean, rng))
    if task == "film":
        return _film(clean, rng)
    if task == "life":
        dim = synthesis.low_light(lens.gaussian_blur(clean, 0.8), 300, 1.5, rng)
        return Case(codec_round_trip(dim, "h264", 30, fps=max(1, round(clip.fps))))
    if task == "box":
        return _hole(clean, _box(clean.shape[:3]))
    if task == "moving":
        return _hole(clean, holes[0], ("hole", "frame")) if holes else None
    if task in ("scratches", "dust"):
        given, masks = getattr(defects, task)(clean, rng, DEFECT_SEVERITY)
        return _with_telea(given, masks) if masks.any() else None
    if task == "lost":
        return _lost(clean)
    return Case(clean)


TASKS = (
    "noise10", "noise20", "noise40", "lowlight", "h264", "hevc", "mpeg2", "twice", "blur", "defocus", "motion",
    "film", "tape", "life", "box", "moving", "scratches", "dust", "lost", "clean",
)  # fmt: skip
"""twice: a DVD put on the web. film: weave, flicker, grain and fine scratches, nothing hidden. tape: composite colour,
bleeding, noise and jitter. life: a phone out of focus in the dark, then coded."""

_CODED: dict[str, tuple[tuple[Codec, float], ...]] = {
    "h264": (("h264", CRF),),
    "hevc": (("hevc", 36),),
    "mpeg2": (("mpeg2", 16),),
    "twice": (("mpeg2", 10), ("h264", 32)),
}
_BLIND: dict[str, Callable[[Frames, np.random.Generator], Frames]] = {
    "blur": lambda clean, rng: lens.gaussian_blur(clean, BLUR_SIGMA),
    "defocus": lambda clean, rng: lens.defocus(clean, 2.5),
    "motion": lambda clean, rng: lens.motion_blur(clean, 6, rng),
    "lowlight": lambda clean, rng: synthesis.low_light(clean, 120, 1.5, rng),
    "tape": tape.recording,
}


def moving_masks(folder: Path, frames: int, height: int, width: int) -> Masks:
    """The masks mask_*.png of a removal clip, T H W, resized to the nearest sample and repeated from the start if short."""
    files = sorted(folder.glob("mask_*.png"))
    pictures = [cv2.imread(str(files[i % len(files)]), cv2.IMREAD_GRAYSCALE) for i in range(frames)]
    resized = [cv2.resize(p, (width, height), interpolation=cv2.INTER_NEAREST) for p in pictures if p is not None]
    return np.where(np.stack(resized) > 127, 255, 0).astype(np.uint8)


def measure(result: Frames, clean: Frames, masks: Masks | None = None) -> Figures:
    """Compare T H W 3 uint8; with masks (T H W) only inside, and only frames that have a hole."""
    pairs = [(r, c, None if masks is None else masks[t]) for t, (r, c) in enumerate(zip(result, clean, strict=True))]
    pairs = [(r, c, m) for r, c, m in pairs if m is None or m.any()]
    counts = np.array([r.shape[0] * r.shape[1] if m is None else np.count_nonzero(m) for r, _, m in pairs])
    error = float(np.average([mean_squared_error(*pair) for pair in pairs], weights=counts))
    pooled = PSNR_LIMIT if error == 0 else min(PSNR_LIMIT, 10 * float(np.log10(255**2 / error)))
    similar = np.array([ssim(*pair) for pair in pairs])
    return Figures(
        float(np.mean([psnr(*pair) for pair in pairs])),
        float(np.nanmean(similar)) if not np.isnan(similar).all() else float("nan"),
        pooled,
    )


def telea(given: Frames, masks: Masks) -> Frames:
    """OpenCV's inpainting by Telea, frame by frame."""
    painted = [cv2.inpaint(f, m, TELEA_RADIUS, cv2.INPAINT_TELEA) for f, m in zip(given, masks, strict=True)]
    return np.stack(painted).astype(np.uint8)


def neighbour_average(given: Frames, masks: Masks) -> Frames:
    """Each lost frame as the average of the nearest frames before and after it that are there."""
    there = [t for t in range(len(given)) if not masks[t].any()]
    out = given.copy()
    for t in range(len(given)):
        if t not in there:
            sides = [max((i for i in there if i < t), default=None), min((i for i in there if i > t), default=None)]
            out[t] = np.rint(np.mean([given[i] for i in sides if i is not None], 0))
    return out


def _noise(clean: Frames, sigma: float, rng: np.random.Generator) -> Frames:
    noise = [rng.standard_normal(frame.shape, np.float32) for frame in clean]
    return np.stack([np.clip(np.rint(f + sigma * n), 0, 255) for f, n in zip(clean, noise, strict=True)]).astype(
        np.uint8
    )


def _film(clean: Frames, rng: np.random.Generator) -> Case:
    """Measured against the woven clip: repair does not steady a picture."""
    woven = film.gate_weave(clean, 0.6, rng)
    given = film.grain(film.flicker(woven, 0.04, rng), 8, 0.7, rng)
    return Case(film.fine_scratches(given, 30, rng), clean=woven)


def _box(shape: tuple[int, ...]) -> Masks:
    """A fifth of the height and a sixth of the width, a little off the middle: its centre at 45 % and 55 %."""
    frames, height, width = shape
    top, left = round(0.45 * height - height / 10), round(0.55 * width - width / 12)
    masks = np.zeros((frames, height, width), np.uint8)
    masks[:, top : top + round(height / 5), left : left + round(width / 6)] = 255
    return masks


def _hole(clean: Frames, masks: Masks, regions: tuple[str, ...] = ("hole",)) -> Case | None:
    """The clip with its holes black."""
    if not masks.any():
        return None
    return _with_telea(np.where(masks[..., None] > 0, np.uint8(0), clean), masks, regions)


def _with_telea(given: Frames, masks: Masks, regions: tuple[str, ...] = ("hole",)) -> Case:
    return Case(given, masks, regions, lambda: telea(given, masks), "Telea")


def _lost(clean: Frames) -> Case | None:
    if len(clean) <= LOST_AT + 1:
        return None
    masks = np.zeros(clean.shape[:3], np.uint8)
    masks[LOST_AT::LOST_EVERY] = 255
    given = np.where(masks[..., None] > 0, np.uint8(0), clean)
    return Case(given, masks, ("hole",), lambda: neighbour_average(given, masks), "average of neighbours")
