"""Lays frames onto each other along their flow, exposed alike, and says what changes between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.exposure import BLOCK, brightness, compared_scale, gain_field, steadying
from framemend_filters.engine.filled import Filled
from framemend_filters.engine.flow import expand, inside, reduce, sample_positions, warp
from framemend_filters.engine.motion import Motion, Once

NOISE_BLOCK = 8
"""Edge of the blocks that changes are measured in, in samples."""
BANDS, MOST_BLOCKS = 8, 2048
"""Frames of more blocks than this are measured in so many bands."""


class Laid(NamedTuple):
    """A part of a frame laid onto another one: picture h w 3 as it is; exposed h w 3, as light as the other is; visible h w,
    0..1, how far it is seen there and given."""

    picture: NDArray[np.float32]
    exposed: NDArray[np.float32]
    visible: NDArray[np.float32]


class Laying:
    """Lays the frames of a segment onto each other. Safe to use from several threads.

    filled: the frames by number; masks: H W uint8 of those with holes (0 = given); motion: flows between them.
    """

    def __init__(self, filled: Mapping[int, Filled], masks: Mapping[int, NDArray[np.uint8]], motion: Motion) -> None:
        self._filled, self._masks, self._motion = filled, masks, motion
        self._brightness = Once[int, NDArray[np.float32]]()
        self._gains = Once[tuple[int, int], NDArray[np.float32] | None]()

    def lay(self, other: int, t: int, rows: slice, columns: slice) -> Laid:
        """Frame `other` laid onto a part of frame t."""
        filled = self._filled[other]
        flow = expand(self._motion.flow(t, other), self._motion.scale, rows, columns)
        positions = sample_positions(flow, rows.start, columns.start)
        picture = warp(filled.picture, positions, cubic=True)
        gain = self._gain(t, other)
        exposed = picture
        if gain is not None:
            exposed = np.asarray(picture * expand(gain, BLOCK, rows, columns)[..., None], np.float32)
        visible = inside(positions, *filled.picture.shape[:2])
        if other in self._masks:
            visible = visible * warp((self._masks[other] == 0).astype(np.float32), positions)
        return Laid(picture, exposed, visible)

    def steadied(self, t: int, others: Sequence[int]) -> NDArray[np.float32] | None:
        """See `exposure.steadying`: for frame t, blocks of exposure.BLOCK, by what others show of it; all in order of time."""
        height, width = (-(-edge // BLOCK) for edge in self._filled[t].picture.shape[:2])
        exposures = np.zeros((len(others) + 1, height, width), np.float32)
        at = sum(other < t for other in others)
        for place, other in enumerate(others):
            if (gain := self._gain(t, other)) is not None:
                exposures[place + (place >= at)] = -np.log(gain)
        return steadying(exposures, at)

    def changes(self, t: int, other: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Brightness of blocks of frame t, and half the mean squared difference to frame `other`, of those that both show;
        of a large frame in bands."""
        height, width = self._filled[t].picture.shape[:2]
        lines, across = height // NOISE_BLOCK, width // NOISE_BLOCK
        if lines * across <= MOST_BLOCKS:
            bands = [(0, lines)]
        else:
            thick = max(1, MOST_BLOCKS // (BANDS * across))
            bands = [((lines - thick) * i // (BANDS - 1), thick) for i in range(BANDS)]
        columns = slice(0, across * NOISE_BLOCK)
        found = [
            self._band(t, other, slice(first * NOISE_BLOCK, (first + thick) * NOISE_BLOCK), columns)
            for first, thick in bands
        ]
        return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])

    def _band(self, t: int, other: int, rows: slice, columns: slice) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        frame = self._filled[t].picture[rows, columns].astype(np.float32, copy=False)
        laid = self.lay(other, t, rows, columns)
        visible = laid.visible
        if t in self._masks:
            visible = visible * (self._masks[t][rows, columns] == 0)
        error = squared_error(laid.exposed, frame) / np.float32(2)
        tone, error, seen = (reduce(plane, NOISE_BLOCK) for plane in (brightness(frame), error, visible))
        whole = seen > 0.999
        return tone[whole], error[whole]

    def _gain(self, t: int, other: int) -> NDArray[np.float32] | None:
        """See `exposure.gain_field`."""
        scale = self._motion.scale

        def reduced(i: int) -> NDArray[np.float32]:
            return reduce(brightness(self._filled[i].picture), compared_scale(scale))

        def fit(_: tuple[int, int]) -> NDArray[np.float32] | None:
            here, there = (self._brightness.get(i, reduced) for i in (t, other))
            return gain_field(here, there, self._motion.flow(t, other), scale)

        return self._gains.get((t, other), fit)


def squared_error(picture: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared difference of two pictures H W 3, mean of the channels, H W."""
    difference = cv2.subtract(picture, other)
    return brightness(np.asarray(cv2.multiply(difference, difference), np.float32))
