"""Dense optical flow between two frames, warping along it, and how far it can be trusted.

Flow is DIS (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016) as OpenCV has it, on blurred
luma. A flow is H W 2 float32 in samples: flow[y, x] = (dx, dy) says that what stands at (x, y) in one frame stands at
(x + dx, y + dy) in the other. The pictures and flows of large frames are kept reduced (h w 2, still in samples of the
frame), for a fraction of the memory, and expanded where needed.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.settings import WHOLE_AREA

LEAST_EDGE = 32
"""DIS needs some levels of a pyramid; smaller pictures are padded up to this edge."""
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)

GRIDS_KEPT = 4
"""Sizes whose grids of positions a thread keeps: that of the frame, of its flow, and of a tile."""

_local = threading.local()


@dataclass(frozen=True)
class Search:
    """How flow is searched. blur: deviation of the Gaussian blur before it, in samples: noise down, structure kept; halvings:
    how often DIS halves a picture before it searches (its `finest scale`); stride: samples from patch to patch; descents:
    steps of descent; refinements: rounds of refinement; median: edge of the median filter before all, 0 for none."""

    blur: float
    halvings: int
    stride: int
    descents: int
    refinements: int
    median: int = 0


FINE = Search(1.0, 1, 5, 8, 3)
"""For pictures that are laid onto each other (chosen on data/val)."""
FINEST = Search(1.0, 0, 3, 25, 5)
"""For pictures that are made of nothing else, in five times the time (chosen on data/val)."""
COARSE = Search(1.5, 2, 4, 16, 5, median=5)
"""DIS's own "fast" preset, without thin lines and after more blur: it does not follow a defect instead of the scene behind
it (chosen on data/val, examples/experiments.md)."""


def halvings(height: int, width: int) -> int:
    """How often the flow pictures of a frame are halved: not at all up to WHOLE_AREA samples."""
    count = 0
    while (height >> count) * (width >> count) > WHOLE_AREA and count < 4:
        count += 1
    return count


def flow_picture(frame: NDArray[np.floating], search: Search = FINE) -> NDArray[np.uint8]:
    """The 8-bit blurred luma that flow is computed on, from a frame H W 3, 0..1, float32 or float16: reduced by `halvings`."""
    picture = luma(frame)
    if search.median:
        picture = cv2.medianBlur(picture, search.median)
    picture = cv2.GaussianBlur(picture, (0, 0), search.blur)
    scale = 1 << halvings(*frame.shape[:2])
    if scale > 1:
        picture = reduce(np.asarray(picture, np.float32), scale)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def luma(frame: NDArray[np.floating]) -> NDArray[np.float32]:
    """Luma (BT.709 weights) of H W 3 RGB 0..1 in codes of 255, H W float32."""
    channels = frame.astype(np.float32, copy=False)
    return np.asarray(cv2.transform(channels, LUMA[None] * 255), np.float32).reshape(frame.shape[:2])


def reduce(picture: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    """Means over blocks of `scale` samples, the last ones filled up with their edge. H W or H W C float32 to h w."""
    height, width = picture.shape[:2]
    whole = cv2.copyMakeBorder(picture, 0, -height % scale, 0, -width % scale, cv2.BORDER_REPLICATE)
    size = whole.shape[1] // scale, whole.shape[0] // scale
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.float32)


def expand(
    flow: NDArray[np.float32], scale: int, rows: slice | None = None, columns: slice | None = None
) -> NDArray[np.float32]:
    """A reduced flow (or map, h w C) at the frame's own size, bilinear; of it rows and columns, if given."""
    rows, columns = rows or slice(0, flow.shape[0] * scale), columns or slice(0, flow.shape[1] * scale)
    if scale == 1:
        return flow[rows, columns]
    first = [max(0, part.start // scale - 1) for part in (rows, columns)]
    last = [part.stop // scale + 2 for part in (rows, columns)]
    piece = flow[first[0] : last[0], first[1] : last[1]]
    size = piece.shape[1] * scale, piece.shape[0] * scale
    large = np.asarray(cv2.resize(piece, size, interpolation=cv2.INTER_LINEAR), np.float32)
    top, left = first[0] * scale, first[1] * scale
    return large[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


def dis_flow(
    picture: NDArray[np.uint8], other: NDArray[np.uint8], scale: int = 1, search: Search = FINE
) -> NDArray[np.float32]:
    """Flow from `picture` to `other`, both h w uint8 as `flow_picture` makes them for that search, each sample standing for
    `scale` of the frame's on an edge. h w 2 float32, in samples of the frame."""
    height, width = picture.shape
    pad = (0, max(0, LEAST_EDGE - height), 0, max(0, LEAST_EDGE - width))
    if any(pad):
        picture, other = (
            np.asarray(cv2.copyMakeBorder(p, *pad, cv2.BORDER_REPLICATE), np.uint8) for p in (picture, other)
        )
    finest = max(0, search.halvings - scale.bit_length() + 1)
    # a new one each time: on small pictures DIS changes its own settings, and keeps them for those that come after
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    dis.setFinestScale(finest)
    dis.setPatchStride(search.stride)
    dis.setGradientDescentIterations(search.descents)
    dis.setVariationalRefinementIterations(search.refinements)
    start: Any = None
    flow = dis.calc(picture, other, start)
    return np.ascontiguousarray(flow[:height, :width], np.float32) * np.float32(scale)


def chain(flow: NDArray[np.float32], onward: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    """Flow from a to c, of that from a to b and that from b to c, all h w 2 and reduced by `scale`."""
    return flow + warp(onward, sample_positions(flow / np.float32(scale)))


def sample_positions(flow: NDArray[np.float32], top: int = 0, left: int = 0) -> NDArray[np.float32]:
    """Where each sample comes from: its own place plus the flow, H W 2 (x, y). top, left: where the flow's first sample
    stands in the frame."""
    height, width = flow.shape[:2]
    positions = flow + _grid(height, width)
    return positions + np.array([left, top], np.float32) if top or left else positions


def warp(frame: NDArray[np.floating], positions: NDArray[np.float32], cubic: bool = False) -> NDArray[np.float32]:
    """Read `frame` (H W or H W C, float32 or float16) at `positions` (h w 2), bilinear or bicubic; outside the frame the
    edge is repeated. Pictures are read bicubically: bilinear reading between samples blurs fine texture."""
    if frame.dtype != np.float32:
        top, bottom = _bounds(positions[..., 1], frame.shape[0])
        left, right = _bounds(positions[..., 0], frame.shape[1])
        frame = frame[top:bottom, left:right].astype(np.float32)
        positions = positions - np.array([left, top], np.float32)
    nothing: Any = None  # the second map is not needed where the first holds both coordinates
    kind = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    warped = cv2.remap(frame, positions, nothing, kind, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32)


def _bounds(positions: NDArray[np.float32], length: int) -> tuple[int, int]:
    """The part of an edge of `length` samples that positions read from."""
    first = min(max(int(positions.min()) - 2, 0), length - 1)
    return first, max(first + 1, min(int(positions.max()) + 4, length))


def inside(positions: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """1 where a position (x, y on the last axis) lies in a frame of that size, else 0. float32, without the last axis."""
    ends = (-0.5, -0.5, 0, 0), (width - 0.5, height - 0.5, 0, 0)  # of four channels: two are taken for an array
    seen = cv2.inRange(positions.reshape(-1, 1, 2), *ends)
    return (np.asarray(seen) > 0).astype(np.float32).reshape(positions.shape[:-1])


def consistency(flow: NDArray[np.float32], back: NDArray[np.float32], scale: int = 1) -> NDArray[np.float32]:
    """Forward-backward check: how well `back`, read where `flow` leads, comes home. h w float32 in 0..1.

    1 for a round trip without error, falling to 1/e at an error of 1 sample plus 5 % of the way. Both flows reduced by
    `scale`.
    """
    miss = flow + warp(back, sample_positions(flow / np.float32(scale)))
    allowed = 1.0 + 0.05 * lengths(flow)
    return np.exp(-np.square(lengths(miss) / allowed))


def fill_smoothly(values: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill what is not known smoothly from around it (push-pull: Gortler et al., "The Lumigraph", 1996, section 3.4).

    values: H W C float32; known: H W float32 in 0..1, the weight of each sample. Known samples (weight 1) are kept.
    """
    return _push_pull(values * known[..., None], known)


def _push_pull(weighted: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """weighted: values times weight. Returns values everywhere."""
    height, width = weight.shape
    if min(height, width) <= 2 or float(weight.min()) >= 1.0:
        total = np.maximum(weight, 1e-8)[..., None]
        mean = weighted.sum((0, 1)) / max(float(weight.sum()), 1e-8)
        return np.where(weight[..., None] > 1e-6, weighted / total, mean).astype(np.float32)
    size = ((width + 1) // 2, (height + 1) // 2)
    low_weighted = _channels(cv2.resize(weighted, size, interpolation=cv2.INTER_AREA))
    low_weight = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    gain = np.where(low_weight > 1e-8, np.minimum(1.0, 4 * low_weight) / np.maximum(low_weight, 1e-8), 0.0)
    coarse = _push_pull((low_weighted * gain[..., None]).astype(np.float32), (low_weight * gain).astype(np.float32))
    guess = _channels(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR))
    return (weighted + guess * (1.0 - weight[..., None])).astype(np.float32)


def lengths(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """How long the vectors of a flow (H W 2) are, H W."""
    # not cv2.magnitude, whose last bit depends on where the arrays lie in memory
    return np.sqrt(np.square(vectors[..., 0]) + np.square(vectors[..., 1]))


def _channels(resized: Any) -> NDArray[np.float32]:
    """OpenCV drops the last axis where it is 1."""
    picture = np.asarray(resized, np.float32)
    return picture if picture.ndim == 3 else picture[..., None]


def _grid(height: int, width: int) -> NDArray[np.float32]:
    grids = _local.__dict__.setdefault("grids", {})
    if (height, width) not in grids:
        if len(grids) >= GRIDS_KEPT:
            grids.clear()
        y, x = np.mgrid[:height, :width].astype(np.float32)
        grids[height, width] = np.stack([x, y], -1)
    return grids[height, width]
