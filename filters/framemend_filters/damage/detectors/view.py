"""What a detector sees: one frame and its neighbours in time, as luma, those of the same scene laid onto it.

Everything is computed from the frames themselves and their numbers, so that what is found in frame n is the same
whoever asks, and in whatever order. What serves several frames or detectors is kept in a `Memory`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, fields, is_dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.flow import COARSE, dis_flow, expand, flow_picture, halvings, luma, sample_positions, warp
from framemend_filters.engine.noise import noise_level

Picture = NDArray[np.float32]
Frame = NDArray[np.floating]
Mask = NDArray[np.uint8]

LEAST_NOISE = 0.7
"""Standard deviation of noise, in codes of 255, below which a frame is never taken to be: rounding alone."""
EVENING_EDGE = 12
"""Brightness is evened out between frames over boxes of the frame's height divided by this."""
EVENING_LIMIT = 40.0
"""Codes beyond which a difference says nothing about brightness (a defect, or something that moved)."""


class Memory:
    """Keeps the results used last, as many as fit into `limit_bytes`. Methods may be called from several threads."""

    def __init__(self, limit_bytes: int = 384 << 20) -> None:
        self._limit = limit_bytes
        self._used = 0
        self._table: OrderedDict[Hashable, object] = OrderedDict()
        self._lock = threading.Lock()

    def get[T](self, key: Hashable, make: Callable[[], T]) -> T:
        """What was made for `key`, made now where it is not kept."""
        with self._lock:
            if key in self._table:
                self._table.move_to_end(key)
                return self._table[key]  # pyright: ignore[reportReturnType]
        made = make()
        with self._lock:
            if key not in self._table:
                self._table[key] = made
                self._used += _size(made)
            while self._used > self._limit and len(self._table) > 1:
                self._used -= _size(self._table.popitem(last=False)[1])
        return made


@dataclass(frozen=True)
class View:
    """Frames around one that is looked at.

    frames: H W 3 RGB 0..1 (float32 or float16) by number, for at least `reach`; reach: numbers of the frames of the same scene that
    may be looked at, `index` among them.
    """

    frames: Mapping[int, Frame]
    index: int
    reach: range
    memory: Memory

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.frames[self.index].shape[:2]

    def at(self, index: int) -> View:
        """The same scene, seen from another of its frames."""
        return View(self.frames, index, self.reach, self.memory)

    def has(self, *offsets: int) -> bool:
        """Whether the scene has frames at all of these distances."""
        return all(self.index + offset in self.reach for offset in offsets)

    def luma(self, offset: int = 0) -> Picture:
        """Luma of a frame, H W float32, 0..255."""
        number = self.index + offset
        return self.memory.get(("luma", number), lambda: luma(self.frames[number]))

    def noise(self) -> float:
        """Standard deviation of the frame's noise, in codes of 255, at least LEAST_NOISE."""
        number = self.index
        estimate = self.memory.get(("noise", number), lambda: noise_level(self.frames[number].astype(np.float32)))
        return max(LEAST_NOISE, 255 * (estimate or 0.0))

    def flow(self, offset: int) -> NDArray[np.float32]:
        """Flow from the frame to the one at `offset`, H W 2, samples."""
        here, there = self.index, self.index + offset
        return self.memory.get(("flow", here, there), lambda: self._flow(here, there))

    def aligned(self, offset: int) -> Picture:
        """Luma of the frame at `offset` laid onto this one and made as bright region by region, H W, 0..255."""
        return self.memory.get(("aligned", self.index, offset), lambda: self._aligned(offset))

    def _aligned(self, offset: int) -> Picture:
        moved = warp(self.luma(offset), sample_positions(self.flow(offset)))
        return even_out(moved, self.luma())

    def _flow(self, here: int, there: int) -> NDArray[np.float32]:
        height, width = self.shape
        scale = 1 << halvings(height, width)
        return expand(dis_flow(self._thumb(here), self._thumb(there), scale, COARSE), scale)[:height, :width]

    def _thumb(self, number: int) -> NDArray[np.uint8]:
        return self.memory.get(("thumb", number), lambda: flow_picture(self.frames[number], COARSE))


def even_out(picture: Picture, like: Picture) -> Picture:
    """`picture` with the brightness of `like` in every region, so that flicker and flashes are no difference."""
    edge = max(9, 2 * (like.shape[0] // EVENING_EDGE) + 1)
    difference = np.clip(like - picture, -EVENING_LIMIT, EVENING_LIMIT)
    return picture + np.asarray(cv2.blur(difference, (edge, edge)), np.float32)


def _size(value: object) -> int:
    """Bytes of the arrays that a result holds, and a little for itself."""
    if isinstance(value, np.ndarray):
        return 64 + value.nbytes
    if is_dataclass(value) and not isinstance(value, type):
        return 64 + sum(_size(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, dict):
        return 64 + sum(_size(part) for part in value.values())
    return 64
