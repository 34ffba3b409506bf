"""Figures of two versions of a clip, frame by frame, and which frames are the worst."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.flow import halvings
from framemend_filters.metrics import flicker_between, motion_between, psnr, ssim

WORST = 10
"""Frames that are kept exactly."""
SSIM_EDGE = 11
"""Smallest edge that SSIM can be measured on."""

Frame = NDArray[np.uint8]


@dataclass(order=True)
class Kept:
    """A frame among the worst: its figure (the lower the worse), its number, both versions as PNG."""

    sort_key: tuple[float, int]
    index: int = field(compare=False)
    a: bytes = field(compare=False)
    b: bytes = field(compare=False)


@dataclass
class Figures:
    """One number a frame for each plot; None where there is none. With a reference, psnr and ssim are those of A and B
    against it (`_a`, `_b`); without one they compare A with B and stand in `_b`. flicker: to the frame before, along the
    motion of the reference, or of B without one: the same for both."""

    psnr_a: list[float | None] = field(default_factory=list)
    psnr_b: list[float | None] = field(default_factory=list)
    ssim_a: list[float | None] = field(default_factory=list)
    ssim_b: list[float | None] = field(default_factory=list)
    flicker_a: list[float | None] = field(default_factory=list)
    flicker_b: list[float | None] = field(default_factory=list)


class Measure:
    """Takes both versions frame by frame; `figures` and `worst` are the result."""

    def __init__(self) -> None:
        self.figures = Figures()
        self._before: list[Frame] = []
        self._heap: list[Kept] = []

    def add(self, a: Frame, b: Frame, reference: Frame | None) -> None:
        """The next frame: H W 3 uint8 RGB each."""
        figures, index = self.figures, len(self.figures.psnr_b)
        against = a if reference is None else reference
        figures.psnr_a.append(None if reference is None else psnr(a, against))
        figures.ssim_a.append(None if reference is None else _ssim(a, against))
        figures.psnr_b.append(psnr(b, against))
        figures.ssim_b.append(_ssim(b, against))
        self._add_flicker([_at_flow_size(frame) for frame in (a, b, b if reference is None else reference)])
        value = figures.psnr_b[-1]
        assert value is not None
        key = (-value, -index)  # of two equal ones the earlier is kept
        if len(self._heap) < WORST:
            heapq.heappush(self._heap, Kept(key, index, _png(a), _png(b)))
        elif key > self._heap[0].sort_key:
            heapq.heapreplace(self._heap, Kept(key, index, _png(a), _png(b)))

    def _add_flicker(self, frames: list[Frame]) -> None:
        """frames: both versions, and what moves as they should."""
        before, self._before = self._before, frames
        found: list[float | None] = [None, None]
        if before:
            motion = motion_between(before[2], frames[2])
            found = [flicker_between(old, new, *motion) for old, new in zip(before[:2], frames[:2], strict=True)]
        self.figures.flicker_a.append(found[0])
        self.figures.flicker_b.append(found[1])

    @property
    def worst(self) -> list[Kept]:
        """The frames with the lowest PSNR of B, worst first."""
        return sorted(self._heap, reverse=True)


def _at_flow_size(frame: Frame) -> Frame:
    """The frame as large as its flow is found at: large ones smaller."""
    height, width = frame.shape[:2]
    scale = halvings(height, width)
    size = width >> scale, height >> scale
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8) if scale else frame


def _ssim(one: Frame, other: Frame) -> float | None:
    return ssim(one, other) if min(one.shape[:2]) >= SSIM_EDGE else None


def _png(frame: Frame) -> bytes:
    done, data = cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    assert done
    return np.asarray(data).tobytes()
