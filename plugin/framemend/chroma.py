"""Chroma planes at the size of luma and back: interpolation as zimg's bilinear resizer has it, and its inverse.

A direction that is subsampled is an `Axis`: the axis of the array, the factor, and where the first chroma sample stands,
in luma samples from the first luma sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[Any]
Picture = NDArray[np.float32]
Axis = tuple[int, int, float]

INVERSE_TAPS = 6
"""Taps on each side of the filter that undoes the blur of up and down; the next one would be under 0.001."""
EDGE_COUNT = 10
"""Chroma samples at each edge that the filters cannot reach: INVERSE_TAPS and the triangle's own."""
DENSE_COUNT = 32
"""Lines of up to this many chroma samples are inverted exactly."""


def upsample(chroma: Picture, axes: Sequence[Axis], height: int, width: int) -> Picture:
    """A chroma plane at the size of luma, interpolated linearly, the edge repeated."""
    for axis, factor, first in axes:
        padded = np.pad(chroma, [(1, 1) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        step = np.diff(padded, axis=axis)
        count = chroma.shape[axis]
        shape = list(chroma.shape)
        shape[axis] = count * factor
        result = np.empty(shape, np.float32)
        for phase in range(factor):
            place = (phase - first) / factor
            before = int(np.floor(place))
            span = slice(1 + before, 1 + before + count)
            target = _along(result, axis, slice(phase, None, factor))
            np.multiply(_along(step, axis, span), np.float32(place - before), out=target)
            target += _along(padded, axis, span)
        chroma = result
    return np.ascontiguousarray(chroma[:height, :width])


def downsample(change: Picture, axes: Sequence[Axis]) -> Picture:
    """A change at the size of luma as the change of the chroma plane that comes nearest to it once interpolated.

    That is the least-squares inverse of `upsample`: its adjoint, a triangle around each chroma sample, then a short
    filter that undoes the blur of up and down. Without the latter noise and edges would be left in chroma: the triangle
    alone halves the finest detail.
    """
    for axis, factor, first in axes:
        size = change.shape[axis]
        count = -(-size // factor)
        if count <= DENSE_COUNT:
            change = _along_times(change, axis, _inverse(count, size, factor, first))
            continue
        total = np.zeros([count if a == axis else n for a, n in enumerate(change.shape)], np.float32)
        inner = _along(total, axis, slice(1, count - 2))
        for position in range(int(np.floor(first - factor)) + 1, int(np.ceil(first + factor))):
            start = factor + position
            weight = (1 - abs(position - first) / factor) / factor
            inner += _along(change, axis, slice(start, start + (count - 4) * factor + 1, factor)) * np.float32(weight)
        kernel = _unblur(factor, first).reshape((-1, 1) if axis == 0 else (1, -1))
        result = np.asarray(cv2.filter2D(total, -1, kernel), np.float32)
        # Near the edge, where the filters lack neighbours, the rows of the exact inverse of a short line.
        exact = _inverse(DENSE_COUNT, size - (count - DENSE_COUNT) * factor, factor, first)
        reach = factor * DENSE_COUNT // 2
        head, tail = exact[:EDGE_COUNT, :reach], exact[-EDGE_COUNT:, -reach:]
        _along(result, axis, slice(0, EDGE_COUNT))[...] = _along_times(
            _along(change, axis, slice(0, reach)), axis, head
        )
        _along(result, axis, slice(-EDGE_COUNT, None))[...] = _along_times(
            _along(change, axis, slice(-reach, None)), axis, tail
        )
        change = result
    return change


def touched_blocks(touched: NDArray[np.bool_] | None, axes: Sequence[Axis]) -> NDArray[np.bool_] | None:
    """Which chroma samples have a touched luma sample in their block."""
    if touched is None:
        return None
    for axis, factor, _ in axes:
        blocks = _along(touched, axis, slice(0, None, factor)).copy()
        for phase in range(1, factor):
            samples = _along(touched, axis, slice(phase, None, factor))
            _along(blocks, axis, slice(0, samples.shape[axis]))[...] |= samples
        touched = blocks
    return touched


@lru_cache
def _inverse(count: int, size: int, factor: int, first: float) -> NDArray[np.float32]:
    """count size: least-squares inverse of interpolating `count` chroma samples to `size` luma samples on one line."""
    place = np.clip((np.arange(size)[:, None] - first) / factor, 0, count - 1)
    return np.linalg.pinv(np.maximum(0.0, 1.0 - np.abs(place - np.arange(count)))).astype(np.float32)


@lru_cache
def _unblur(factor: int, first: float) -> NDArray[np.float32]:
    """The middle of the inverse of up-then-down along one axis, as a symmetric filter with sum 1."""
    middle = DENSE_COUNT // 2
    inverse = _inverse(DENSE_COUNT, DENSE_COUNT * factor, factor, first).astype(np.float64)
    kernel = (factor * inverse @ inverse.T)[middle, middle - INVERSE_TAPS : middle + INVERSE_TAPS + 1]
    return (kernel / kernel.sum()).astype(np.float32)


def _along_times(array: Picture, axis: int, matrix: NDArray[np.float32]) -> Picture:
    return matrix @ array if axis == 0 else array @ matrix.T


def _along(array: Plane, axis: int, span: slice) -> Plane:
    return array[span] if axis == 0 else array[:, span]
