"""What was changed in one frame: where, how much of it was generated, how sure the model is, and hashes of both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from framemend_filters.engine import FrameRepair

JOIN_DISTANCE = 8
"""Changed samples this near to one another share a region, in samples."""
MOST_REGIONS = 32
"""A frame with more is described by one region that holds them all."""
SURE_ERROR = 8 / 255
"""A changed sample counts as sure where the model expects to be off by less than this, on the 0..1 scale."""

Region = tuple[int, int, int, int]
"""X, Y, width, height in luma samples of the picture as it is stored."""


@dataclass(frozen=True)
class FrameRecord:
    """What was changed in one frame."""

    frame: int
    """Number from 0, in order of presentation."""
    pts: int | None
    """In ticks of the input's time base."""
    regions: list[Region]
    """They hold every changed sample, as closely as rectangles do."""
    changed: float
    """Share of the frame's samples that differ from the input's, at luma resolution."""
    generated: float
    """Share of the frame that was generated (masked), 0..1; the rest of what changed is blind repair."""
    borrowed: dict[str, float] | None
    """Frame number to the share of the frame that was carried over from it into holes; None: the engine did not say."""
    confidence: float | None
    """Share of the changed samples where the model expects an error under 8 codes of 255; None: it did not run."""
    expected_error: float | None
    """Mean expected absolute error of the changed samples, 0..1 scale."""
    given: str
    """SHA-256 of the frame's samples as they were given: all components in order, rows packed, little-endian."""
    repaired: str
    """The same of the samples that were handed to the encoder."""

    def as_json(self) -> dict[str, Any]:
        """Plain values for the report."""
        return asdict(self)


def record_frame(
    index: int, pts: int | None, given: Sequence[NDArray], planes: Sequence[NDArray], repair: FrameRepair
) -> FrameRecord | None:
    """The record of a frame, None where no sample changed. given, planes: as frames.views gives them."""
    changed = changed_samples(given, planes)
    if not changed.any():
        return None
    errors = None if repair.error is None else repair.error[changed]
    return FrameRecord(
        frame=index,
        pts=pts,
        regions=find_regions(changed),
        changed=round(float(changed.mean()), 6),
        generated=round(repair.generated, 6),
        borrowed=None
        if repair.borrowed is None
        else {str(source): round(share, 6) for source, share in repair.borrowed.items()},
        confidence=None if errors is None else round(float((errors < SURE_ERROR).mean()), 4),
        expected_error=None if errors is None else round(float(errors.mean()), 5),
        given=hash_planes(given),
        repaired=hash_planes(planes),
    )


def hash_planes(planes: Sequence[NDArray]) -> str:
    """SHA-256 of samples, rows packed."""
    digest = hashlib.sha256()
    for plane in planes:
        digest.update(np.ascontiguousarray(plane))
    return digest.hexdigest()


def changed_samples(before: Sequence[NDArray], after: Sequence[NDArray]) -> NDArray[np.bool_]:
    """Where two frames differ, H W at luma resolution: a chroma sample that differs counts for its whole block."""
    height, width = before[0].shape
    changed = before[0] != after[0]
    for old, new in zip(before[1:], after[1:], strict=True):
        differs = old != new
        if differs.shape != (height, width):
            rows, columns = -(-height // differs.shape[0]), -(-width // differs.shape[1])
            differs = differs.repeat(rows, 0).repeat(columns, 1)[:height, :width]
        changed |= differs
    return changed


def find_regions(changed: NDArray[np.bool_]) -> list[Region]:
    """Rectangles around groups of changed samples (H W); MOST_REGIONS at most. Each sample lies in one at least."""
    import cv2

    rows, columns = (np.flatnonzero(changed.any(axis)) for axis in (1, 0))
    if not rows.size:
        return []
    top, left = int(rows[0]), int(columns[0])
    height, width = int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left
    whole: list[Region] = [(left, top, width, height)]
    reach = JOIN_DISTANCE // 2
    part = np.pad(changed[top : top + height, left : left + width].astype(np.uint8), reach)
    joined = cv2.dilate(part, np.ones((2 * reach + 1,) * 2, np.uint8))
    count, _, boxes, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    if count - 1 > MOST_REGIONS:
        return whole
    # widened by `reach` on every side, and padded by as much: a box minus the widening is exact
    return [
        (int(x) + left, int(y) + top, int(w) - 2 * reach, int(h) - 2 * reach) for x, y, w, h, _ in boxes[1:].tolist()
    ]


def inside(regions: Sequence[Sequence[int]], height: int, width: int) -> NDArray[np.bool_]:
    """H W: which samples lie in one of the regions."""
    covered = np.zeros((height, width), bool)
    for x, y, w, h in regions:
        covered[y : y + h, x : x + w] = True
    return covered


def at_size(covered: NDArray[np.bool_], plane: NDArray) -> NDArray[np.bool_]:
    """`covered` at the size of a plane: a chroma sample is covered where a luma sample of its block is."""
    height, width = covered.shape
    if plane.shape == covered.shape:
        return covered
    rows, columns = -(-height // plane.shape[0]), -(-width // plane.shape[1])
    padded = np.zeros((plane.shape[0] * rows, plane.shape[1] * columns), bool)
    padded[:height, :width] = covered
    return padded.reshape(plane.shape[0], rows, plane.shape[1], columns).any((1, 3))
