"""Interlaced clips: each field repaired by itself, woven back, flags and field order kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vapoursynth as vs
from numpy.typing import NDArray
from vsclips import (
    HEIGHT,
    WIDTH,
    Frames,
    arrays,
    assert_equal,
    by_hand,
    core,
    hole_mask,
    moving_clip,
    painted,
    pictures,
)

from framemend.node import repair
from framemend.planes import to_rgb
from framemend.vsframes import plane_format, planes_of

LENGTH = 4


@pytest.mark.parametrize("order", [1, 2, (2, 1, 0, 2)], ids=["bottom first", "top first", "changing"])
@pytest.mark.parametrize("name", ["YUV420P8", "YUV422P10", "RGBS"])
def test_fields_are_repaired_by_themselves_and_woven_back(name: str, order: Any, tiny_model: Path) -> None:
    clip = interlaced(moving_clip(name, LENGTH), order)
    repaired = repair(clip, model=tiny_model, device="cpu", fields=True)
    assert_equal(pictures(repaired), woven(*(by_hand(fields(clip, p), tiny_model) for p in (0, 1))))
    for before, after in zip(clip.frames(), repaired.frames(), strict=True):
        found = {name: value for name, value in after.props.items() if not name.startswith("_Framemend")}
        assert found == dict(before.props)


def test_a_mask_is_separated_like_the_clip(tiny_model: Path) -> None:
    clip = interlaced(moving_clip("YUV420P8", LENGTH), 2)
    mask = painted("GRAY8", [[hole_mask()]] * LENGTH)
    repaired = repair(clip, mask, model=tiny_model, device="cpu", fields=True)
    halves = [dict.fromkeys(range(LENGTH), hole_mask()[parity::2]) for parity in (0, 1)]
    wanted = woven(*(by_hand(fields(clip, p), tiny_model, halves[p], strength=0) for p in (0, 1)))
    assert_equal(pictures(repaired), wanted)
    for given, made in zip(pictures(clip), pictures(repaired), strict=True):
        np.testing.assert_array_equal(made[0][hole_mask() == 0], given[0][hole_mask() == 0])
    share = repaired.get_frame(0).props["_FramemendMasked"]
    assert share == pytest.approx((hole_mask() > 0).mean())


@pytest.mark.parametrize("location", range(6))
@pytest.mark.parametrize("name", ["YUV420P8", "YUV422P10"])
def test_chroma_of_a_field_stands_where_zimg_has_it(name: str, location: int) -> None:
    clip = core.std.SetFrameProps(interlaced(moving_clip(name, 1), 2), _Matrix=1, _ChromaLocation=location)
    both = core.std.SeparateFields(clip)
    for frame, wanted in zip(both.frames(), core.resize.Bilinear(both, format=vs.RGBS).frames(), strict=True):
        rgb = to_rgb(planes_of(frame), plane_format(frame))
        assert np.abs(rgb - np.stack(arrays(wanted), -1)).max() * 1023 < 0.05


def interlaced(clip: vs.VideoNode, order: int | tuple[int, ...]) -> vs.VideoNode:
    """The clip tagged with a field order, or one for each frame."""
    orders = (order,) * clip.num_frames if isinstance(order, int) else order
    return core.std.Splice([core.std.SetFrameProps(clip[i], _FieldBased=o) for i, o in enumerate(orders)])


def fields(clip: vs.VideoNode, parity: int) -> vs.VideoNode:
    """Every second line of each plane as a clip of its own, which says so."""
    lines: Frames = [[plane[parity::2] for plane in planes] for planes in pictures(clip)]
    return core.std.SetFrameProps(painted(clip.format.name, lines), _Field=1 - parity)


def woven(top: Frames, bottom: Frames) -> Frames:
    def weave(upper: NDArray[Any], lower: NDArray[Any]) -> NDArray[Any]:
        return np.stack([upper, lower], 1).reshape(2 * upper.shape[0], -1)

    assert top[0][0].shape == (HEIGHT // 2, WIDTH)
    return [[weave(*pair) for pair in zip(*frames, strict=True)] for frames in zip(top, bottom, strict=True)]


def test_damage_is_looked_for_in_each_field(tiny_model: Path) -> None:
    clip = interlaced(moving_clip("YUV420P8", LENGTH), 2)
    made = repair(clip, model=tiny_model, device="cpu", fields=True, detect="dust,scratches")
    halves = [repair(fields(clip, p), model=tiny_model, device="cpu", detect="dust,scratches") for p in (0, 1)]
    assert_equal(pictures(made), woven(*(pictures(half) for half in halves)))
