"""Figures of two versions of a clip, frame by frame, and which frames are the worst."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.flow import dis_flow, flow_picture, halvings, sample_positions, warp
from framemend_filters.metrics import psnr, ssim

WORST = 10
"""Frames that are kept exactly."""
SSIM_EDGE = 11
"""Smallest edge that SSIM can be measured on."""

Frame = NDArray[np.uint8]


class Flicker:
    """How much a clip changes from frame to frame beyond its motion.

    Mean absolute difference of luma, in codes of 255, between a frame and the frame before moved onto it along DIS
    flow. Noise, pumping and what pops in and out raise it; a steady clip has a low figure however fast it moves. Large
    frames are measured at the size that their flow is found at.
    """

    def __init__(self) -> None:
        self._before: tuple[NDArray[np.uint8], NDArray[np.float32]] | None = None

    def add(self, frame: Frame) -> float | None:
        """Take the next frame, H W 3 RGB; None for the first."""
        height, width = frame.shape[:2]
        if scale := halvings(height, width):
            size = width >> scale, height >> scale
            frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
        scaled = frame.astype(np.float32) / np.float32(255)
        picture, luma = flow_picture(scaled), np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2GRAY), np.float32)
        before, self._before = self._before, (picture, luma)
        if before is None:
            return None
        moved = warp(before[1], sample_positions(dis_flow(picture, before[0])))
        return float(np.mean(np.abs(moved - luma)) * 255)


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
    against it (`_a`, `_b`); without one they compare A with B and stand in `_b`."""

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
        self._flickers = (Flicker(), Flicker())
        self._heap: list[Kept] = []

    def add(self, a: Frame, b: Frame, reference: Frame | None) -> None:
        """The next frame: H W 3 uint8 RGB each."""
        figures, index = self.figures, len(self.figures.psnr_b)
        against = a if reference is None else reference
        figures.psnr_a.append(None if reference is None else psnr(a, against))
        figures.ssim_a.append(None if reference is None else _ssim(a, against))
        figures.psnr_b.append(psnr(b, against))
        figures.ssim_b.append(_ssim(b, against))
        figures.flicker_a.append(self._flickers[0].add(a))
        figures.flicker_b.append(self._flickers[1].add(b))
        value = figures.psnr_b[-1]
        assert value is not None
        key = (-value, -index)  # of two equal ones the earlier is kept
        if len(self._heap) < WORST:
            heapq.heappush(self._heap, Kept(key, index, _png(a), _png(b)))
        elif key > self._heap[0].sort_key:
            heapq.heapreplace(self._heap, Kept(key, index, _png(a), _png(b)))

    @property
    def worst(self) -> list[Kept]:
        """The frames with the lowest PSNR of B, worst first."""
        return sorted(self._heap, reverse=True)


def _ssim(one: Frame, other: Frame) -> float | None:
    return ssim(one, other) if min(one.shape[:2]) >= SSIM_EDGE else None


def _png(frame: Frame) -> bytes:
    done, data = cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    assert done
    return np.asarray(data).tobytes()
