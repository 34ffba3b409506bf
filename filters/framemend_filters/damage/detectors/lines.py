"""Thin near-vertical lines of a frame, and what tells a scratch of the film from a line of the scene.

A scratch stands still on the film while the scene moves behind it, or sways while the scene stands; a line of the scene
is where motion says it should be. So each line is looked up in the neighbouring frames twice: where the scene has moved
to, and near where it stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.detectors.view import Picture, View, even_out
from framemend_filters.engine.flow import sample_positions, warp

BESIDE_SHARE = 1 / 110
"""How far to either side a line is compared, as a share of the frame's height (at least 2 samples): past its thickness."""
LIMIT = 30.0
"""Codes beyond which a line counts no more: one bright spot is no line."""
STRIP_SHARE = 1 / 9
"""Length over which a line must hold together, as a share of the height (at least 12 samples)."""
LEAST_LENGTH = 1 / 7
"""Shortest line, as a share of the height."""
SLOPES = (-0.03, 0.0, 0.03)
"""Leanings that are looked for, samples to the side a line down; those between are found by the nearest."""
LEAST_RIDGE_CODES, LEAST_RIDGE_NOISES = 2.0, 0.35
"""A strip is a line where it passes both sides by this many codes plus these standard deviations of noise, on average."""
SUPPORT = 0.8
"""Share of a strip's samples that must pass both sides at all."""
OFFSETS = (-3, -2, -1, 1, 2, 3)
"""Neighbouring frames that are looked into."""
SWAY_SHARE = 1 / 120
"""How far a scratch may move to the side between frames, as a share of the height (at least 3 samples)."""
CELL = 16
"""Edge of the cells whose median flow is the scene's: one thin line does not bend it."""
FEATURES = (
    "length",
    "contrast",
    "support",
    "in_scene",
    "in_motion",
    "on_film",
    "speed",
    "texture",
    "thickness",
    "unevenness",
    "crookedness",
)
MOST_LINES = 200
"""Lines of one frame, the longest, that are described."""


@dataclass(frozen=True)
class Lines:
    """labels: H W int32, number of the line, 0 for none; boxes: one row a line (left, top, width, height, area);
    features: one row a line, columns as in FEATURES."""

    labels: NDArray[np.int32]
    boxes: NDArray[np.int32]
    features: NDArray[np.float32]


def lines(view: View) -> Lines:
    """The thin lines of the frame, described."""
    return view.memory.get(("lines", view.index, *filter(view.has, OFFSETS)), lambda: _lines(view))


def _lines(view: View) -> Lines:
    height = view.shape[0]
    strip = max(12, round(STRIP_SHARE * height))
    found = np.zeros(view.shape, np.uint8)
    for sign in (1, -1):
        here = _ridge(view, 0, sign)
        strength, support = _along(here, strip), _along((here > 0).astype(np.float32), strip)
        coherent = (strength > LEAST_RIDGE_CODES + LEAST_RIDGE_NOISES * view.noise()) & (support > SUPPORT)
        found |= (coherent & (_widened(here, 1) > 0)).astype(np.uint8)
    closed = cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((9, 1), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    long = [i for i in range(1, count) if stats[i, 3] >= LEAST_LENGTH * height]
    long = sorted(long, key=lambda i: -stats[i, 3])[:MOST_LINES]
    renamed = np.zeros(count, np.int32)
    renamed[long] = np.arange(1, len(long) + 1)
    boxes = np.asarray(stats[long], np.int32).reshape(-1, 5)
    labels = renamed[np.asarray(labels, np.intp)]
    return Lines(labels, boxes, _describe(view, labels, boxes))


def _ridge(view: View, offset: int, sign: int) -> Picture:
    return view.memory.get(("ridge", view.index + offset, sign), lambda: ridge(view.luma(offset), sign))


def ridge(picture: Picture, sign: int) -> Picture:
    """By how many codes a sample is brighter (sign 1) or darker (-1) than both sides; less than 0 where it is not, so
    that along texture and along edges it averages out, and along a line it does not. Limited to LIMIT either way."""
    beside = max(2, round(BESIDE_SHARE * picture.shape[0]))
    smooth = np.asarray(cv2.blur(picture, (1, 5)), np.float32) * np.float32(sign)
    wide = cv2.copyMakeBorder(smooth, 0, 0, beside, beside, cv2.BORDER_REPLICATE)
    least = smooth - np.maximum(wide[:, : smooth.shape[1]], wide[:, 2 * beside :])
    return np.clip(least, -LIMIT, LIMIT)


def _along(values: Picture, strip: int) -> Picture:
    """Largest mean over a strip down the rows, over the slopes (a sample to either side counts)."""
    near = _widened(values, 1)
    best = np.full_like(values, -LIMIT)
    for slope in SLOPES:
        kernel = np.zeros((strip, 2 * round(abs(slope) * strip / 2) + 1), np.float32)
        for row in range(strip):
            kernel[row, round(slope * (row - strip / 2)) + kernel.shape[1] // 2] = 1 / strip
        np.maximum(best, cv2.filter2D(near, -1, kernel, borderType=cv2.BORDER_REFLECT), out=best)
    return best


def _describe(view: View, labels: NDArray[np.int32], boxes: NDArray[np.int32]) -> NDArray[np.float32]:
    rows = np.zeros((len(boxes), len(FEATURES)), np.float32)
    if not len(boxes):
        return rows
    height, noise = view.shape[0], view.noise()
    bright, dark = _ridge(view, 0, 1), _ridge(view, 0, -1)
    offsets = [o for o in OFFSETS if view.has(o)]
    sway = max(3, round(SWAY_SHARE * height))
    speed = _scene_flow(view, offsets[0]) / abs(offsets[0]) if offsets else np.zeros((*view.shape, 2), np.float32)
    beside = np.ones((1, 4 * sway + 1), np.uint8)
    in_scene = {o: {s: _widened(_ridge_of(view, ("moved", o), s), 1) for s in (1, -1)} for o in offsets}
    in_motion = {
        o: {s: _widened(_ridge_of(view, ("aligned", o), s), 1) for s in (1, -1)} for o in offsets if abs(o) == 1
    }
    on_film = {o: {s: _widened(_ridge(view, o, s), sway) for s in (1, -1)} for o in offsets}
    for number, (left, top, w, h, area) in enumerate(boxes, 1):
        margin = 3 * sway
        window = (slice(top, top + h), slice(max(0, left - margin), left + w + margin))
        line = labels[window] == number
        sign = 1 if bright[window][line].sum() > dark[window][line].sum() else -1
        own = (bright if sign > 0 else dark)[window]
        strength = float(own[line].mean())
        near = {by: max(0.0, float(_widened(own, by)[line].mean())) for by in (1, sway)}

        around = (cv2.dilate(line.astype(np.uint8), beside) > 0) & ~line
        rows[number - 1] = (
            h / height,
            np.log1p(max(0.0, strength) / noise) / 2,
            float(area) / h / max(1, w),
            _kept(in_scene, sign, window, line, near[1] + noise),
            _kept(in_motion, sign, window, line, near[1] + noise),
            _kept(on_film, sign, window, line, near[sway] + noise),
            np.log1p(100 * float(np.abs(speed[window][line, 0]).mean()) / height),
            np.log1p(float(np.abs(own)[around].mean()) / noise),
            min(float(area) / h * 100 / height, 4.0),
            min(float(own[line].std()) / (max(0.0, strength) + noise), 2.0),
            _crookedness(line),
        )
    return rows


def _kept(
    there: dict[int, dict[int, Picture]],
    sign: int,
    window: tuple[slice, slice],
    line: NDArray[np.bool_],
    strength: float,
) -> float:
    """Median over the neighbours of how strong the line is there, against how strong it is here, both looked for as far
    to either side; 1 without neighbours."""
    if not there:
        return 1.0
    seen = [float(ridges[sign][window][line].mean()) for ridges in there.values()]
    return float(np.clip(np.median(seen) / strength, -1, 2))


def _ridge_of(view: View, which: tuple[str, int], sign: int) -> Picture:
    how, offset = which
    return view.memory.get(
        ("ridge of", view.index, which, sign),
        lambda: ridge(view.aligned(offset) if how == "aligned" else _moved(view, offset), sign),
    )


def _widened(picture: Picture, by: int) -> Picture:
    """The strongest within `by` samples to either side."""
    return np.asarray(cv2.dilate(picture, np.ones((1, 2 * by + 1), np.uint8)), np.float32)


def _crookedness(line: NDArray[np.bool_]) -> float:
    """Standard deviation of the line's middle from a straight one, in samples, at most 4."""
    count = line.sum(1)
    rows = np.flatnonzero(count)
    middle = (line * np.arange(line.shape[1])).sum(1)[rows] / count[rows]
    if rows.size < 3:
        return 4.0
    return min(float((middle - np.polyval(np.polyfit(rows, middle, 1), rows)).std()), 4.0)


def _moved(view: View, offset: int) -> Picture:
    """Luma of a neighbour laid onto the frame along the scene's motion, which no single line bends."""
    picture = warp(view.luma(offset), sample_positions(_scene_flow(view, offset)))
    return even_out(picture, view.luma())


def _scene_flow(view: View, offset: int) -> NDArray[np.float32]:
    return view.memory.get(("scene flow", view.index, offset), lambda: smooth_flow(view.flow(offset)))


def smooth_flow(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median flow of 3x3 cells around each place, H W 2."""
    height, width = flow.shape[:2]
    size = (max(1, width // CELL), max(1, height // CELL))
    small = np.asarray(cv2.resize(flow, size, interpolation=cv2.INTER_AREA), np.float32).reshape(size[1], size[0], 2)
    parts = [cv2.medianBlur(np.ascontiguousarray(small[..., c]), 5) for c in (0, 1)]
    return np.asarray(cv2.resize(np.stack(parts, -1), (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
