"""What every method gets: the tasks of `framemend evaluate`, and composite video as a real encoder makes it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from framemend.clips import Clip, Frames, read_clip
from framemend.evaluation import Case, make_case, moving_masks

WORDS = {
    "noise10": "White noise of standard deviation 10.",
    "noise20": "White noise of standard deviation 20.",
    "noise40": "White noise of standard deviation 40.",
    "lowlight": "Taken with 120 electrons at white and brightened: shot noise and read noise in linear light.",
    "h264": "H.264 at CRF 38.",
    "hevc": "HEVC at CRF 36.",
    "mpeg2": "MPEG-2 at quantiser 16.",
    "twice": "MPEG-2 at quantiser 10, then H.264 at CRF 32: a DVD put on the web.",
    "blur": "Gaussian blur of sigma 1.5.",
    "defocus": "The disc of a lens out of focus, radius 2.5.",
    "motion": "A camera shaken along lines of about 6 samples.",
    "film": "Weave, flicker, grain and fine scratches of film; measured against the clip that weaves alike.",
    "tape": "Composite colour, bled chroma, noise in streaks, lines out of place.",
    "life": "A phone out of focus in the dark, coded as H.264 at CRF 30.",
    "box": "A box that stands still; delogo, removelogo and the rest are told where it is.",
    "moving": "The outlines of people and things, laid over clips that they are not in.",
    "scratches": "Scratches of film, with their masks.",
    "dust": "Dust on single frames, with its masks.",
    "lost": "One frame in eight is lost.",
    "pal": "Coded as PAL (vapoursynth-composite), decoded with a notch, as cheap receivers do it, and a little noise.",
}
TASKS = tuple(WORDS)
"""Those of `framemend evaluate` but `clean`, and pal."""

BLIND = tuple(t for t in TASKS if t not in ("box", "moving", "scratches", "dust", "lost"))
NOISY = ("noise10", "noise20", "noise40")
CODED = ("h264", "hevc", "mpeg2", "twice")
BLURRED = ("blur", "defocus", "motion")


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One clip of one task. sigma: of the noise, codes, where the task says it. level: see `Method.settings`."""

    task: str
    name: str
    case: Case
    clean: Frames
    sigma: float | None = None

    @property
    def given(self) -> Frames:
        """T H W 3 uint8."""
        return self.case.given

    @property
    def masks(self) -> NDArray[np.uint8]:
        """T H W uint8, 255 in holes; none at all in a blind task."""
        return np.zeros(self.given.shape[:3], np.uint8) if self.case.masks is None else self.case.masks


def shots(
    folder: Path, task: str, frames: int, names: Sequence[str] | None = None, crop: tuple[int, int] | None = None
) -> Iterator[Shot]:
    """The shots of a task: clean_* of the folder, or all its clips. crop: height and width of a part from the middle, taken
    before any damage is done."""
    files = sorted(folder.glob("clean_*.mp4")) or sorted(folder.glob("*.mp4"))
    holes = sorted(p for p in folder.glob("removal_*") if any(p.glob("mask_*.png")))
    holes = holes or sorted((folder.parent / "test").glob("removal_*"))  # data/val has no masks of its own
    for number, file in enumerate(files):
        if names is not None and file.stem not in names:
            continue
        clip = read_clip(file, frames)
        if crop is not None:
            clip = Clip(_middle(clip.frames, crop), clip.fps, clip.name)
        laid = [moving_masks(holes[number % len(holes)], *clip.frames.shape[:3])] if holes else []
        case = pal_case(clip) if task == "pal" else make_case(task, clip, laid)
        if case is not None:
            clean = clip.frames if case.clean is None else case.clean
            sigma = float(task[5:]) if task in NOISY else None
            yield Shot(task=task, name=clip.name, case=case, clean=clean, sigma=sigma)


def pal_case(clip: Clip) -> Case | None:
    """The clip coded as composite PAL and decoded without a comb (vapoursynth-composite), with a little noise; None without
    that plugin."""
    from bench.quality.vs import composite_pal

    received = composite_pal(clip.frames)
    if received is None:
        return None
    noise = np.random.default_rng(zlib.crc32(clip.name.encode())).standard_normal(received.shape, np.float32)
    return Case(np.clip(np.rint(received + 2 * noise), 0, 255).astype(np.uint8))


def _middle(frames: Frames, crop: tuple[int, int]) -> Frames:
    height, width = (min(c, s) for c, s in zip(crop, frames.shape[1:3], strict=True))
    top, left = (frames.shape[1] - height) // 2, (frames.shape[2] - width) // 2
    return np.ascontiguousarray(frames[:, top : top + height, left : left + width])
