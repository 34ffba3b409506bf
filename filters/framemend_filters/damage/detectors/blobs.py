"""Describes the blobs of `outliers` by what tells a defect from a thing that moves: contrast, surroundings, and whether
the same thing is found elsewhere in the neighbouring frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.detectors.outliers import Outliers, outliers
from framemend_filters.damage.detectors.view import Picture, View
from framemend_filters.fitted import score

FILE = Path(__file__).with_name("fitted.json")

FEATURES = (
    "size",
    "contrast",
    "disagreement",
    "unrest",
    "texture",
    "found_before",
    "found_after",
    "speed",
    "bend",
    "solidity",
    "sharpness",
    "flatness",
)
RING = 5
"""Samples around a blob that are taken to be its surroundings; the nearest two are not (soft edges)."""
SEARCH_SHARE = 0.07
"""A blob is looked for in the neighbouring frames within this share of the frame's smaller edge."""
MARGIN = 2
"""Samples around a blob that are looked for together with it."""
COMES_BACK = 0.4
"""What two frames away differs by less than this share of a blob's contrast is the same thing: it blinks, or walks."""
MOST_BLOBS = 600
"""Blobs of one frame that are described; where there are more (rain, noise) none is taken for a defect."""


def judged(view: View, found: Outliers) -> NDArray[np.float64]:
    """Log odds that each blob is a defect; of more blobs than MOST_BLOBS none is one."""
    if not 0 < len(found.blobs) <= MOST_BLOBS:
        return np.full(len(found.blobs), -np.inf)
    near = tuple(filter(view.has, (-2, 2)))
    return view.memory.get(("judged", view.index, near), lambda: _judged(view, found, near))


def blob_odds(view: View) -> float:
    """Highest log odds of the frame's blobs."""
    found = outliers(view)
    return -np.inf if found is None else float(judged(view, found).max(initial=-np.inf))


def _judged(view: View, found: Outliers, near: tuple[int, ...]) -> NDArray[np.float64]:
    odds = score(FILE, "blobs")(describe(view, found))
    for number in np.flatnonzero(odds > 0) + 1:
        left, top, w, h, _ = (int(v) for v in found.blobs[number - 1])
        window = (slice(top, top + h), slice(left, left + w))
        inside = found.labels[window] == number
        here = view.luma()[window][inside]
        contrast = np.abs(here - (view.aligned(-1)[window][inside] + view.aligned(1)[window][inside]) / 2).mean()
        if any(np.abs(here - view.aligned(offset)[window][inside]).mean() < COMES_BACK * contrast for offset in near):
            odds[number - 1] = -np.inf
    return odds


def describe(view: View, found: Outliers) -> NDArray[np.float32]:
    """One row a blob, columns as in FEATURES; about 0..3 each."""
    rows = np.zeros((len(found.blobs), len(FEATURES)), np.float32)
    here, before, after = view.luma(), view.aligned(-1), view.aligned(1)
    middle = ((before + after) / 2).astype(np.float32)
    motion = (view.flow(-1), view.flow(1))
    unrest = np.abs(here - middle).astype(np.float32)
    for number, box in enumerate(found.blobs, 1):
        rows[number - 1] = _describe(view, found, number, box, (here, middle, unrest), motion)
    return rows


def _describe(
    view: View,
    found: Outliers,
    number: int,
    box: NDArray[np.int32],
    pictures: tuple[Picture, Picture, Picture],
    motion: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> list[float]:
    height, width = view.shape
    left, top, w, h, area = (int(v) for v in box)
    reach = MARGIN + RING
    window = (
        slice(max(0, top - reach), min(height, top + h + reach)),
        slice(max(0, left - reach), min(width, left + w + reach)),
    )
    blob = (found.labels[window] == number).astype(np.uint8)
    near = cv2.dilate(blob, np.ones((2 * MARGIN + 1,) * 2, np.uint8))
    around = (cv2.dilate(near, np.ones((2 * RING + 1,) * 2, np.uint8)) > 0) & (near == 0)
    inside = blob > 0
    if not around.any():
        around = ~inside if not inside.all() else inside
    here, middle, unrest = (p[window] for p in pictures)
    noise = view.noise()
    step = np.abs(here - middle)[inside]
    contrast = float(step.mean())
    gradient = np.abs(cv2.morphologyEx(here, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))
    rim = (cv2.dilate(blob, np.ones((3, 3), np.uint8)) > 0) & (cv2.erode(blob, np.ones((3, 3), np.uint8)) == 0)
    flows = [f[window][around].mean(0) for f in motion]
    unit = min(height, width)
    errors = [_elsewhere(view, offset, (left, top, w, h)) / (contrast + noise) for offset in (-1, 1)]
    return [
        float(np.log1p(area * (100 / unit) ** 2)),
        float(np.log1p(contrast / noise)) / 2,
        float(np.log1p(found.trust[window][around].mean() / noise)),
        float(np.log1p(unrest[around].mean() / noise)),
        float(np.log1p(middle[around].std() / noise)) / 2,
        min(errors[0], 2.0),
        min(errors[1], 2.0),
        float(np.log1p(100 * max(np.linalg.norm(f) for f in flows) / unit)),
        float(np.log1p(100 * np.linalg.norm(flows[0] + flows[1]) / unit)),
        area / (w * h),
        min(float(gradient[rim].mean()) / (contrast + noise), 3.0),
        min(float(here[inside].std()) / (contrast + noise), 2.0),
    ]


def _elsewhere(view: View, offset: int, box: tuple[int, int, int, int]) -> float:
    """Least root mean square difference, in codes, of the blob's box to any place near it in the frame at `offset`."""
    height, width = view.shape
    left, top, w, h = box
    rows = slice(max(0, top - MARGIN), min(height, top + h + MARGIN))
    columns = slice(max(0, left - MARGIN), min(width, left + w + MARGIN))
    patch = view.luma()[rows, columns]
    far = max(4, round(SEARCH_SHARE * min(height, width)))
    area = view.luma(offset)[
        max(0, rows.start - far) : rows.stop + far, max(0, columns.start - far) : columns.stop + far
    ]
    squares = cv2.matchTemplate(area, patch, cv2.TM_SQDIFF)
    return float(np.sqrt(max(0.0, float(squares.min())) / patch.size))
