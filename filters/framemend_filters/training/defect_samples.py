"""Makes training windows for the detecting network: a piece of a clip with defects whose places are known, and much that only
looks like one: rain, snow, sparks, hands, grass, flashes, held drawings, titles, dissolves, grain and codecs."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage import defects, film
from framemend_filters.damage.detectors.evidence import Evidence, evidence
from framemend_filters.damage.detectors.network import LEARNED_KINDS
from framemend_filters.damage.detectors.view import Memory, View
from framemend_filters.training.data import ClipSource
from framemend_filters.training.motion import camera_over_still
from framemend_filters.training.pretenders import PRETENDERS

Frames = NDArray[np.uint8]

LENGTH = 7
"""Frames of a window; the one in the middle is judged."""
GRID = 16
"""Pieces are cut on the grid of macroblocks."""
UNDAMAGED, STILLS, GREY = 0.2, 0.1, 0.25
"""Shares of the windows without any defect, of those from stills, and of those without colour."""
KIND_SHARES = {"dust": 0.45, "scratches": 0.45, "dropouts": 0.3, "blocks": 0.3}
"""Of the windows with defects, how many have each kind."""
LARGER, LARGEST = 0.4, 3.0
"""Share of the windows whose defects are drawn larger, as in a larger scan, and by how much at most."""
WEAVING, LARGEST_WEAVE = 0.5, 3.0
"""Share of the windows with scratches in which the film moves under the steadied picture, and the deviation of how far, samples
a frame."""


@dataclass(frozen=True)
class DefectSample:
    """change: K H W uint8, by how many codes the defects of each kind changed the frame that is judged."""

    evidence: Evidence
    change: NDArray[np.uint8]


def make_defect_sample(
    source: ClipSource, clips: tuple[list[int], list[int]], edge: int, seed: int, number: int
) -> DefectSample:
    """The window `number`, edge x edge samples: the same for the same arguments. clips: moving ones and stills of `source`."""
    rng = np.random.default_rng([seed, number])
    frames = _pretenders(_piece(source, clips, edge, rng), rng)
    middle = LENGTH // 2
    change = np.zeros((len(LEARNED_KINDS), edge, edge), np.uint8)
    kinds = [k for k in LEARNED_KINDS if rng.random() < KIND_SHARES[k]] if rng.random() >= UNDAMAGED else []
    if rng.random() < 0.3:
        frames = film.flicker(frames, float(rng.uniform(0.01, 0.06)), rng)
    grain, coded = rng.random() < 0.5, rng.random() < 0.5
    for kind in kinds:
        if kind != "blocks":
            frames, change[LEARNED_KINDS.index(kind)] = _with(kind, frames, middle, rng)
    if grain:
        frames = film.grain(frames, float(np.exp(rng.uniform(0, 2.5))), float(rng.uniform(0, 1.1)), rng)
    if coded:
        frames = source.codec_round_trip(frames, "h264", float(rng.integers(12, 30)))
    if "blocks" in kinds:
        frames, change[LEARNED_KINDS.index("blocks")] = _with("blocks", frames, middle, rng)
    pictures = {i: f.astype(np.float32) / 255 for i, f in enumerate(frames)}
    view = View(pictures, middle, _scene(middle, rng), Memory())
    shown = evidence(view)
    assert shown is not None
    return DefectSample(shown, change)


def _piece(source: ClipSource, clips: tuple[list[int], list[int]], edge: int, rng: np.random.Generator) -> Frames:
    moving, stills = clips
    if stills and rng.random() < STILLS:
        piece = camera_over_still(source.frames(int(rng.choice(stills)))[0], LENGTH, edge, rng)
    else:
        frames = source.frames(int(rng.choice(moving)))
        stride = 2 if rng.random() < 0.15 and len(frames) >= 2 * LENGTH else 1
        start = int(rng.integers(0, len(frames) - LENGTH * stride + 1))
        frames = frames[start : start + LENGTH * stride : stride]
        height, width = frames.shape[1:3]
        size = min(round(edge * rng.choice([1.0, 1.3], p=[0.75, 0.25])), height, width)
        top, left = (GRID * int(rng.integers(0, (room - size) // GRID + 1)) for room in (height, width))
        piece = frames[:, top : top + size, left : left + size]
        if size != edge:
            kind = cv2.INTER_AREA if size > edge else cv2.INTER_CUBIC
            piece = np.stack([np.asarray(cv2.resize(f, (edge, edge), interpolation=kind), np.uint8) for f in piece])
    if rng.random() < 0.5:
        piece = piece[::-1]
    if rng.random() < 0.5:
        piece = piece[:, :, ::-1]
    if rng.random() < GREY:
        piece = np.repeat(np.rint(piece.mean(3, keepdims=True)).astype(np.uint8), 3, 3)
    if rng.random() < 0.12:  # drawings held for two frames
        piece = piece[(np.arange(LENGTH) + int(rng.integers(0, 2))) // 2]
    return np.ascontiguousarray(piece)


def _with(kind: str, frames: Frames, middle: int, rng: np.random.Generator) -> tuple[Frames, NDArray[np.uint8]]:
    """Defects of a kind, softened and faded at random, and how much they change the frame `middle`."""
    severity = float(rng.uniform(0.15, 1.0))
    if kind == "blocks":
        made, _ = defects.blocks(frames, rng, severity)
    else:
        change = _change(kind, frames, severity, rng)
        softness, opacity = float(rng.uniform(0, 1.3)), float(rng.uniform(0.3, 1.0))
        if softness > 0.35:
            down = 0.01 if kind == "dropouts" else softness
            change = [np.asarray(cv2.GaussianBlur(c, (0, 0), softness, sigmaY=down), np.float32) for c in change]
        if kind == "scratches" and rng.random() < WEAVING:
            change = _woven(change, float(rng.uniform(0, LARGEST_WEAVE)), rng)
        made = np.clip(np.rint(frames + opacity * np.stack(change)), 0, 255).astype(np.uint8)
    changed = np.abs(made[middle].astype(np.int16) - frames[middle]).max(2)
    return made, changed.astype(np.uint8)


def _change(kind: str, frames: Frames, severity: float, rng: np.random.Generator) -> list[NDArray[np.float32]]:
    """By how much sharp defects of a kind change each frame, in codes; now and then larger ones."""
    draw = {"dust": defects.dust, "scratches": defects.scratches, "dropouts": defects.dropouts}[kind]
    height, width = frames.shape[1:3]
    if kind == "dropouts" or rng.random() >= LARGER:
        return list(draw(frames, rng, severity)[0].astype(np.float32) - frames)
    scale = rng.uniform(1.0, LARGEST)
    size = (round(width / scale), round(height / scale))
    small = np.stack([np.asarray(cv2.resize(f, size, interpolation=cv2.INTER_AREA), np.uint8) for f in frames])
    change = draw(small, rng, severity)[0].astype(np.float32) - small
    return [np.asarray(cv2.resize(c, (width, height), interpolation=cv2.INTER_LINEAR), np.float32) for c in change]


def _woven(change: list[NDArray[np.float32]], far: float, rng: np.random.Generator) -> list[NDArray[np.float32]]:
    """Each frame's change moved across by its own way, normally distributed with deviation `far`, samples."""
    height, width = change[0].shape[:2]
    ways = [np.array([[1, 0, rng.normal(0, far)], [0, 1, 0]], np.float32) for _ in change]
    return [np.asarray(cv2.warpAffine(c, w, (width, height)), np.float32) for c, w in zip(change, ways, strict=True)]


def _scene(middle: int, rng: np.random.Generator) -> range:
    """The frames of the scene: mostly all, now and then it begins or ends at the frame judged or beside it."""
    chance = rng.random()
    if chance < 0.12:
        return range(middle, LENGTH)
    if chance < 0.24:
        return range(middle + 1)
    if chance < 0.30:
        return range(middle - 1, middle + 2 + int(rng.integers(0, 2)))
    return range(LENGTH)


def _pretenders(frames: Frames, rng: np.random.Generator) -> Frames:
    """Frames with things of a scene that come near to a defect, each in some windows."""
    for pretender in PRETENDERS:
        if rng.random() < pretender.share:
            frames = pretender.draw(frames, rng)
    return frames
