"""A lost frame between two that are given: both are carried to its place along flow and mixed.

What flow says of one sample alone is often wrong at edges and in fine texture. So each sample is predicted by the flow
found at several places around it as well, and the predictions are mixed (overlapped motion compensation: Orchard and
Sullivan, "Overlapped block motion compensation", IEEE Trans. Image Processing 3(5), 1994, here on a dense flow).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.filled import AGREEMENT, Filled
from framemend_filters.engine.flow import FINEST, dis_flow, expand, flow_picture, inside, sample_positions, warp

AROUND = ((6, 0), (-6, 0), (0, 6), (0, -6), (12, 12), (-12, 12), (12, -12), (-12, -12))
"""Samples across and down to the places whose flow is tried as well (chosen on data/val)."""
OWN_WEIGHT = 2.0
"""Weight of a sample's own flow, where those around it have 1 each."""
TRUST_BOX = 5
"""Edge of the box over which agreement is averaged before it weighs a prediction, in samples."""
LEAST_TRUST = 0.01

Flows = tuple[NDArray[np.floating], NDArray[np.floating]]


def interpolate(
    before: Filled, after: Filled, share: float, scale: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The picture at `share` (0..1) of the way from `before` to `after`, H W 3 float32, and its certainty, H W.

    scale: how far flow pictures of this size are reduced (1 << halvings).
    """
    first, last = (flow_picture(side.picture, FINEST) for side in (before, after))
    height, width = before.certainty.shape

    def search(here: NDArray[np.uint8], there: NDArray[np.uint8]) -> NDArray[np.float32]:
        return expand(dis_flow(here, there, scale, FINEST), scale, slice(0, height), slice(0, width))

    ahead, back = search(first, last), search(last, first)
    # intermediate flows as in Jiang et al., "Super SloMo", CVPR 2018, equation 4
    flows = (
        share * share * back - (1 - share) * share * ahead,
        (1 - share) ** 2 * ahead - share * (1 - share) * back,
    )
    picture, _ = _mix(before, after, flows, share)
    middle = flow_picture(picture, FINEST)
    return _mix_overlapped(
        before, after, _straightened((search(middle, first), search(middle, last)), share), share, scale
    )


def _straightened(flows: Flows, share: float) -> Flows:
    """Both flows half way to those of even motion along a straight line."""
    whole = flows[1] - flows[0]
    to_first, to_last = np.float32(-share) * whole, np.float32(1 - share) * whole
    return (flows[0] + to_first) / 2, (flows[1] + to_last) / 2


def _mix_overlapped(
    a: Filled, b: Filled, flows: Flows, share: float, scale: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """As `_mix`, with the flows around each sample tried as well."""
    own, certainty = _mix(a, b, flows, share)
    weight = OWN_WEIGHT * _trust(certainty)
    total = own * weight[..., None]
    for across, down in AROUND:
        shifted = _shifted(flows[0], across * scale, down * scale), _shifted(flows[1], across * scale, down * scale)
        picture, agreement = _mix(a, b, shifted, share)
        trust = _trust(agreement)
        total += picture * trust[..., None]
        weight += trust
    return (total / weight[..., None]).astype(np.float32, copy=False), certainty


def _trust(certainty: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = np.asarray(cv2.blur(certainty, (TRUST_BOX, TRUST_BOX)), np.float32)
    return mean * mean + np.float32(LEAST_TRUST**2)


def _shifted(flow: NDArray[np.floating], across: int, down: int) -> NDArray[np.floating]:
    """The flow as it is `across` and `down` samples on, its edge repeated."""
    height, width = flow.shape[:2]
    rows = np.clip(np.arange(height) + down, 0, height - 1)
    columns = np.clip(np.arange(width) + across, 0, width - 1)
    return np.ascontiguousarray(flow[rows][:, columns])


def _mix(a: Filled, b: Filled, flows: Flows, share: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Warp both pictures along the flows and mix them by nearness in time and by how far each can be seen."""
    height, width = a.certainty.shape
    places = [sample_positions(flow.astype(np.float32, copy=False)) for flow in flows]
    pictures = [warp(side.picture, place, cubic=True) for side, place in zip((a, b), places, strict=True)]
    visible = [
        warp(side.certainty, place) * inside(place, height, width) + np.float32(1e-3)
        for side, place in zip((a, b), places, strict=True)
    ]
    weights = [np.float32(1 - share) * visible[0], np.float32(share) * visible[1]]
    total = (weights[0] + weights[1])[..., None]
    picture = (pictures[0] * weights[0][..., None] + pictures[1] * weights[1][..., None]) / total
    difference = np.abs(pictures[0] - pictures[1]).max(2)
    certainty = np.minimum(np.maximum(*visible), 1.0) / (1 + difference / AGREEMENT)
    return picture.astype(np.float32), certainty.astype(np.float32)
