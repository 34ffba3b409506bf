"""Before and after in one picture or by turns, and masks shown over the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs
from vsclips import HEIGHT, WIDTH, arrays, assert_equal, core, hole_clip, hole_mask, moving_clip, pictures

from framemend.previews import preview

FORMATS = ["GRAY8", "GRAYS", "YUV420P8", "YUV420P10", "YUV444P16", "YUV444PS", "RGB24", "RGBS", "RGBH"]


@pytest.mark.parametrize("name", FORMATS)
def test_before_and_after_stand_side_by_side(name: str) -> None:
    clip = moving_clip(name, 2)
    other = core.std.FlipHorizontal(clip)
    shown = preview(clip, other, labels=False)
    assert (shown.width, shown.height, shown.num_frames) == (2 * WIDTH, HEIGHT, 2)
    for frame, before, after in zip(pictures(shown), pictures(clip), pictures(other), strict=True):
        for plane, left, right in zip(frame, before, after, strict=True):
            np.testing.assert_array_equal(plane, np.hstack([left, right]))
    assert preview(clip, other).get_frame(0).width == 2 * WIDTH


def test_before_and_after_come_by_turns() -> None:
    clip = moving_clip("YUV420P8", 3)
    other = core.std.FlipHorizontal(clip)
    shown = preview(clip, other, mode="interleave", labels=False)
    assert shown.fps == 2 * clip.fps
    assert_equal(pictures(shown), [f for pair in zip(pictures(clip), pictures(other), strict=True) for f in pair])


def test_labels_say_which_is_which() -> None:
    clip = moving_clip("YUV420P8", 1)
    plain, labelled = (preview(clip, clip, labels=labels).get_frame(0) for labels in (False, True))
    changed = arrays(plain)[0] != arrays(labelled)[0]
    assert changed[:, :WIDTH].any() and changed[:, WIDTH:].any()


@pytest.mark.parametrize("name", FORMATS)
def test_a_mask_is_shown_over_the_picture(name: str) -> None:
    clip = moving_clip(name, 2)
    shown = preview(clip, mask=hole_clip(2), mode="mask")
    assert shown.format.id == clip.format.id
    for made, given in zip(pictures(shown), pictures(clip), strict=True):
        np.testing.assert_array_equal(made[0][hole_mask() == 0], given[0][hole_mask() == 0])
        assert (made[0][hole_mask() > 0] != given[0][hole_mask() > 0]).mean() > 0.9


def test_without_a_repaired_clip_it_is_made(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = moving_clip("GRAY8", 2)
    monkeypatch.setattr("framemend.previews.repair", lambda clip, mask: core.std.Invert(clip))
    shown = preview(clip, labels=False)
    np.testing.assert_array_equal(pictures(shown)[0][0][:, WIDTH:], 255 - pictures(clip)[0][0])


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda c: preview(c, c, mode="wipe"), "mode is 'wipe'"),  # pyright: ignore
        (lambda c: preview(c, c, mode="mask"), "none is given"),
        (lambda c: preview(c, c[:1]), "length of the clip is 2, of the repaired one 1"),
        (lambda c: preview(c, core.std.CropRel(c, 2)), "size of the clip is 64x48, of the repaired one 62x48"),
        (lambda c: preview(c, core.resize.Point(c, format=vs.GRAY16)), "format of the clip is Gray8"),
        (lambda c: preview(c, mask=hole_clip(1), mode="mask"), "the mask has 1 frame, the clip 2 frames"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(build, says: str) -> None:
    with pytest.raises(vs.Error, match=f"framemend.preview: .*{says}"):
        build(moving_clip("GRAY8", 2))
