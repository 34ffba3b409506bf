"""Interlaced clips: each field is repaired as a picture of its own, and the fields are woven back where they were.

All top fields make one clip of half the height, all bottom fields another. In each of them lines lie and move as in any
progressive clip, whichever field comes first, so a clip may also change its field order or hold progressive frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import vapoursynth as vs

from framemend.vsframes import planes_of
from framemend.vsgraph import tagged


def repair_by_field(
    clip: vs.VideoNode,
    others: Sequence[vs.VideoNode | None],
    build: Callable[..., vs.VideoNode],
) -> vs.VideoNode:
    """The clip with its fields as `build(clip, *others)` repairs them; properties are those of the clip's frames.

    clip: its height divides into fields (see `least_multiple`); others: masks and the like, separated in the same way.
    """
    core: Any = vs.core
    parts = [build(*(None if c is None else _fields(c, parity) for c in (clip, *others))) for parity in (0, 1)]
    return core.std.ModifyFrame(clip, [clip, *parts], _weave)


def least_multiple(form: vs.VideoFormat) -> int:
    """What the height of an interlaced clip must be a multiple of: both fields need whole lines of chroma."""
    return 2 << form.subsampling_h


def _fields(clip: vs.VideoNode, parity: int) -> vs.VideoNode:
    """The fields of one parity: 0 top, 1 bottom."""
    core: Any = vs.core
    both = core.std.SeparateFields(core.std.SetFieldBased(clip, 2), modify_duration=False)  # the top one first, always
    return core.std.SelectEvery(both, 2, [parity], modify_duration=False)


def _weave(n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
    frame, fields = f[0].copy(), f[1:]
    for parity, field in enumerate(fields):
        for target, lines in zip(planes_of(frame), planes_of(field), strict=True):
            np.copyto(target[parity::2], lines)
    top, bottom = (field.props for field in fields)
    return tagged(
        frame,
        masked=_mean(top["_FramemendMasked"], bottom["_FramemendMasked"]),
        confidence=_mean(top["_FramemendConfidence"], bottom["_FramemendConfidence"]),
        chunk=int(top["_FramemendChunk"]),  # pyright: ignore[reportArgumentType]
    )


def _mean(a: Any, b: Any) -> float:
    return (float(a) + float(b)) / 2
