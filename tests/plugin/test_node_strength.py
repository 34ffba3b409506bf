"""Strength as a clip: each sample goes as far as it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs
from vsclips import HEIGHT, WIDTH, assert_equal, by_hand, core, hole_clip, hole_mask, moving_clip, painted, pictures

from framemend.node import repair

LENGTH = 4


def ramp() -> np.ndarray:
    """0 on the left third, rising to 255 on the right."""
    return np.broadcast_to(np.clip((np.arange(WIDTH) - 20) * 8, 0, 255), (HEIGHT, WIDTH)).astype(np.uint8)


@pytest.mark.parametrize("masked", [False, True])
def test_each_sample_goes_as_far_as_the_clip_says(masked: bool, tiny_model: Path) -> None:
    clip = moving_clip("YUV420P8", LENGTH)
    strength = painted("GRAY8", [[ramp()]] * LENGTH)
    mask = hole_clip(LENGTH) if masked else None
    made = pictures(repair(clip, mask, model=tiny_model, device="cpu", strength=strength))
    strengths = dict.fromkeys(range(LENGTH), ramp().astype(np.float32) / np.float32(255))
    masks = dict.fromkeys(range(LENGTH), hole_mask()) if masked else None
    assert_equal(made, by_hand(clip, tiny_model, masks, strengths=strengths))
    kept = (ramp() == 0) & ~((hole_mask() > 0) & masked)
    for after, before in zip(made, pictures(clip), strict=True):
        np.testing.assert_array_equal(after[0][kept], before[0][kept])
        assert (after[0][~kept] != before[0][~kept]).mean() > 0.5


def test_an_even_clip_is_the_same_as_a_number(tiny_model: Path) -> None:
    clip = moving_clip("GRAY16", LENGTH)
    even = core.std.BlankClip(clip, format=vs.GRAYS, color=0.6)  # 153 of 255
    made = pictures(repair(clip, model=tiny_model, device="cpu", strength=even))
    wanted = pictures(repair(clip, model=tiny_model, device="cpu", strength=0.6))
    for a, b in zip(made, wanted, strict=True):
        assert np.abs(a[0].astype(int) - b[0]).max() <= 1


def test_strength_may_change_from_frame_to_frame(tiny_model: Path) -> None:
    clip = moving_clip("GRAY8", LENGTH)
    black = core.std.BlankClip(clip, length=2, color=0)
    strength = black + core.std.BlankClip(clip, length=2, color=255)
    made, whole = (pictures(repair(clip, model=tiny_model, device="cpu", strength=s)) for s in (strength, 1))
    assert_equal(made[:2], pictures(clip)[:2])
    assert_equal(made[2:], whole[2:])
