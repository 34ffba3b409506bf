"""Frames to come: goes on with a clip beyond its end, a chunk at a time, each from what has been made before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.repairer import HOLE_RADIUS, Picture, Repairer
from framemend_filters.errors import SettingError


def extend(repairer: Repairer, frames: Sequence[Picture], count: int) -> Iterator[Picture]:
    """The `count` frames that may follow `frames` (H W 3 float32 RGB, 0..1, in order): the same kind, one by one.

    The frames asked for are taken for lost ones at the end of the clip: motion goes on as it was, the model repairs what
    that leaves, and what has been generated counts as given for the next chunk. repairer: one made with masked=True. Of
    `frames` the last `history(repairer)` count. Raises SettingError if there is none.
    """
    if not frames:
        raise SettingError("there is no frame to go on from; give one at least")
    size = repairer.chunk_frames
    known: list[NDArray[np.floating]] = list(frames[-history(repairer) :])
    shape = known[-1].shape
    made = 0
    while made < count:
        steps = size - len(known) % size
        number = len(known) // size
        clip = known + [np.zeros(shape, np.float32)] * steps
        hidden = np.full(shape[:2], 255, np.uint8)
        masks = {i: hidden for i in range(len(known), len(clip))}
        span = repairer.span(number, len(clip))
        repairs = repairer.repair_chunk(number, {i: clip[i] for i in span}, masks, num_frames=len(clip))
        for repair in repairs[-steps:]:
            picture = np.clip(repair.residual, 0, 1)
            known.append(picture)
            if made < count:
                yield picture
                made += 1
        del known[: max(0, len(known) - history(repairer)) // size * size]


def history(repairer: Repairer) -> int:
    """How many of the frames before count."""
    return HOLE_RADIUS + repairer.chunk_frames
