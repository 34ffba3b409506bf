"""What the detecting network looks at: a frame, its neighbours laid onto it along the scene's motion, and those nearest as
they lie on the film. Dust is in none of the neighbours, a scratch stays where the film is and not where the scene goes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.detectors.view import View, even_out
from framemend_filters.engine.flow import sample_positions, warp

Codes = NDArray[np.uint8]

REACH = 2
"""Neighbours on both sides that tell."""
LUMA_PLANES, CHROMA_PLANES = 7, 6


@dataclass(frozen=True)
class Evidence:
    """luma: 7 H W uint8: the frame, four neighbours laid onto it (the nearest two, then two farther ones), the nearest two as
    they are; chroma: 6 H/2 W/2 uint8, Cb and Cr of the frame and of the nearest two laid onto it; noise: standard deviation,
    codes of 255; both_sides: whether there is a neighbour on both sides, or all are on one. H and W are rounded up to even.
    """

    luma: Codes
    chroma: Codes
    noise: float
    both_sides: bool


def evidence(view: View) -> Evidence | None:
    """What tells about a frame; None where the scene has fewer than two other frames."""
    chosen = neighbours(view)
    if chosen is None:
        return None
    near, far = chosen[:2], chosen[2:]
    height, width = view.shape
    even = (0, height % 2, 0, width % 2)
    planes = [
        view.luma(),
        *(view.aligned(o) for o in (*near, *far)),
        *(even_out(view.luma(o), view.luma()) for o in near),
    ]
    bordered = [cv2.copyMakeBorder(_codes(plane), *even, cv2.BORDER_REPLICATE) for plane in planes]
    luma = np.stack([np.asarray(plane, np.uint8) for plane in bordered])
    chroma = [_chroma(view, 0), *(_moved_chroma(view, o) for o in near)]
    stacked = np.concatenate([_codes(c).transpose(2, 0, 1) for c in chroma])
    return Evidence(luma, stacked, view.noise(), on_both_sides(chosen))


def neighbours(view: View) -> tuple[int, int, int, int] | None:
    """Offsets of the two nearest frames, one on each side where there are, and of two farther ones. At the end of a scene
    those of the other side stand in; None where it has fewer than two other frames."""
    before = [-d for d in range(1, 2 * REACH + 1) if view.has(-d)]
    after = [d for d in range(1, 2 * REACH + 1) if view.has(d)]
    if before and after:
        first, last = before[min(1, len(before) - 1)], after[min(1, len(after) - 1)]
        return (-1, 1, first, last) if len(before) + len(after) > 2 else (-1, 1, -1, 1)
    side = before or after
    if len(side) < 2:
        return None
    return side[0], side[1], side[min(2, len(side) - 1)], side[min(3, len(side) - 1)]


def on_both_sides(chosen: tuple[int, int, int, int]) -> bool:
    """Whether what `neighbours` has chosen lies before and after the frame, not all on one side."""
    return chosen[0] * chosen[1] < 0


def _chroma(view: View, offset: int) -> NDArray[np.float32]:
    """Cb and Cr of a frame at half its size, H/2 W/2 2, 128 where grey."""
    number = view.index + offset
    return view.memory.get(("chroma", number), lambda: _half_chroma(view, number))


def _half_chroma(view: View, number: int) -> NDArray[np.float32]:
    height, width = view.shape
    frame = view.frames[number].astype(np.float32, copy=False)
    frame = cv2.copyMakeBorder(frame, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    small = cv2.resize(frame, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    ycc = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb), np.float32)
    return np.ascontiguousarray(ycc[..., :0:-1] * 255)


def _moved_chroma(view: View, offset: int) -> NDArray[np.float32]:
    size = ((view.shape[1] + 1) // 2, (view.shape[0] + 1) // 2)
    flow = np.asarray(cv2.resize(view.flow(offset), size, interpolation=cv2.INTER_AREA), np.float32) / np.float32(2)
    return warp(_chroma(view, offset), sample_positions(flow))


def _codes(plane: NDArray[np.float32]) -> Codes:
    return np.clip(np.rint(plane), 0, 255).astype(np.uint8)
