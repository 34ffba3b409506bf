"""Flicker: how much brighter or darker each region of a frame is than the frames around it, once motion is undone.

What is returned is a gain, not a mask: nothing is generated. A single frame that is much brighter (a flash, lightning) is left
alone, and so is a change that stays (a lamp) or goes on (a fade): only what goes up and down again counts.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.detectors.view import Picture, View
from framemend_filters.engine.flow import dis_flow, sample_positions, warp

RADIUS = 4
"""Frames on both sides that a frame is compared with."""
SMALL_EDGE = 160
"""Width of the pictures that are compared, in samples; flicker has no detail."""
REGIONS = (6, 4)
"""Regions across and down that have a gain of their own, smooth between them."""
LEAST_LUMA, MOST_LUMA = 8.0, 247.0
"""Codes outside which a sample is clipped and says nothing about gain."""
LEAST_USABLE = 0.3
"""Share of a region that must be neither black nor white: the light of credits on black is no flicker."""
LARGEST = 0.25
"""Largest change of the logarithm of brightness that is corrected; beyond it a frame is a flash and left alone."""
STEP = 0.12
"""Difference between both sides of time from which a region changed for good (a lamp), and is left as it is."""
LEAP = 4.0
"""A frame whose change is this many times that of the frames around it and more than LEAST_FLASH is a flash, where it is brighter."""
LEAST_FLASH = 0.08


def flicker_gain(view: View) -> Picture | None:
    """Factor for each sample of the frame, H W float32; None where it can't be told or the frame is a flash."""
    offsets = [o for k in range(1, RADIUS + 1) for o in (-k, k) if view.has(o)]
    if not any(o < 0 for o in offsets) or not any(o > 0 for o in offsets):
        return None
    change = _change(view)
    level = float(np.abs(change).mean())
    around = [float(np.abs(_change(view.at(view.index + o))).mean()) for o in offsets if abs(o) <= 2]
    leaps = level > LEAST_FLASH and level > LEAP * max(1e-3, float(np.median(around)))
    if np.abs(change).max() > LARGEST or (leaps and change.mean() > 0):
        return None
    height, width = view.shape
    smooth = np.asarray(cv2.resize(change, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    return np.exp(-smooth)


def _change(view: View) -> NDArray[np.float32]:
    """Logarithm of how much brighter each region is than the frames around, rows x columns of REGIONS."""
    near = range(max(view.reach.start, view.index - RADIUS), min(view.reach.stop, view.index + RADIUS + 1))
    return view.memory.get(("flicker", view.index, near), lambda: _measure(view))


def _measure(view: View) -> NDArray[np.float32]:
    sides = [[o for o in range(way, way * (RADIUS + 1), way) if view.has(o)] for way in (-1, 1)]
    changes = [[_against(view, o) for o in side] for side in sides]
    if not all(changes):
        return np.zeros(REGIONS[::-1], np.float32)
    # the mean of both sides: a brightness that rises steadily is higher than before and lower than after by the same
    every = np.concatenate([np.stack(side) for side in changes])
    weights = np.concatenate([np.full(len(side), 0.5 / len(side)) for side in changes])
    total = np.tensordot(weights, every, 1)
    before, after = (np.stack(side).mean(0) for side in changes)
    return np.where(np.abs(before - after) > STEP, 0, total).astype(np.float32)


def _against(view: View, offset: int) -> NDArray[np.float32]:
    here, there = _small(view, 0), _small(view, offset)
    soft = [np.clip(cv2.GaussianBlur(p, (0, 0), 1.0), 0, 255).astype(np.uint8) for p in (here, there)]
    flow = dis_flow(soft[0], soft[1])
    moved = warp(there, sample_positions(flow))
    usable = (np.minimum(here, moved) > LEAST_LUMA) & (np.maximum(here, moved) < MOST_LUMA)
    ratio = np.log(np.maximum(here, 1) / np.maximum(moved, 1))
    columns, rows = REGIONS
    out = np.zeros((rows, columns), np.float32)
    height, width = here.shape
    for r in range(rows):
        for c in range(columns):
            # regions overlap by half, so that one that is clipped borrows from those beside it
            y = slice(max(0, (2 * r - 1) * height // (2 * rows)), (2 * r + 3) * height // (2 * rows))
            x = slice(max(0, (2 * c - 1) * width // (2 * columns)), (2 * c + 3) * width // (2 * columns))
            values = ratio[y, x][usable[y, x]]
            out[r, c] = np.median(values) if values.size > LEAST_USABLE * ratio[y, x].size else 0.0
    return out


def _small(view: View, offset: int) -> Picture:
    def make() -> Picture:
        picture = view.luma(offset)
        height, width = picture.shape
        size = (min(width, SMALL_EDGE), max(8, round(height * min(width, SMALL_EDGE) / width)))
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)

    return view.memory.get(("small", view.index + offset), make)
