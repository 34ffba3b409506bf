"""Clips to judge a repair by: before and after in one picture or by turns, or the mask laid over the picture."""

from __future__ import annotations

from typing import Any, Literal, NoReturn

import vapoursynth as vs

from framemend.node import grey_clip, repair
from framemend.planes import default_matrix

_MODES = ("stack", "interleave", "mask")
_TINT = (255, 40, 40)  # RGB of what a mask covers, laid on at half strength
_ZIMG_MATRIX = {"bt601": 6, "bt709": 1}


def preview(
    clip: vs.VideoNode,
    repaired: vs.VideoNode | None = None,
    mask: vs.VideoNode | None = None,
    *,
    mode: Literal["stack", "interleave", "mask"] = "stack",
    labels: bool = True,
) -> vs.VideoNode:
    """Before and after of a repair, or what a mask covers. For the eye alone: the result is not for encoding.

    clip: as given. repaired: what came of it, with its format, size and length; None: `framemend.repair(clip, mask)`.
    mask: as for `framemend.repair`; mode "mask" needs it.
    mode: "stack" puts before and after side by side, "interleave" shows them by turns at twice the rate, "mask" tints red
        (white in gray clips) what the mask covers.
    labels: write "before" and "after" into the pictures (not in half floats, which VapourSynth's text cannot be put on).

    Raises vapoursynth.Error.
    """
    core: Any = vs.core
    if mode not in _MODES:
        _fail(f"mode is {mode!r}; it can be {', '.join(map(repr, _MODES))}")
    if mode == "mask":
        if mask is None:
            _fail("mode 'mask' shows a mask, and none is given")
        return _tinted(clip, grey_clip(clip, mask, "mask", "preview"))
    repaired = repair(clip, mask) if repaired is None else repaired
    for what, before, after in (
        ("format", clip.format.name, repaired.format.name),
        ("size", f"{clip.width}x{clip.height}", f"{repaired.width}x{repaired.height}"),
        ("length", clip.num_frames, repaired.num_frames),
    ):
        if before != after:
            _fail(f"{what} of the clip is {before}, of the repaired one {after}; they must be the same")
    if labels and not (clip.format.sample_type == vs.FLOAT and clip.format.bits_per_sample == 16):
        clip, repaired = core.text.Text(clip, "before"), core.text.Text(repaired, "after")
    return core.std.StackHorizontal([clip, repaired]) if mode == "stack" else core.std.Interleave([clip, repaired])


def _tinted(clip: vs.VideoNode, mask: vs.VideoNode) -> vs.VideoNode:
    """The clip with half of _TINT laid over it where the mask, GRAY8, is white."""
    core: Any = vs.core
    form = clip.format
    if form.sample_type == vs.FLOAT and form.bits_per_sample == 16:  # which the filters below do not take
        single = core.resize.Point(clip, format=form.replace(bits_per_sample=32).id)
        return core.resize.Point(_tinted(single, mask), format=form.id)
    if form.color_family == vs.GRAY:
        white = 1 if form.sample_type == vs.FLOAT else (1 << form.bits_per_sample) - 1
        tint = core.std.BlankClip(clip, color=white, length=1)
    else:
        tint = core.std.BlankClip(width=clip.width, height=clip.height, format=vs.RGB24, color=_TINT, length=1)
        matrix = _ZIMG_MATRIX[default_matrix(clip.width, clip.height)] if form.color_family == vs.YUV else 0
        tint = core.resize.Point(tint, format=form.id, matrix=matrix)
    half = core.std.Merge(clip, core.std.Loop(tint, clip.num_frames), 0.5)
    shape = core.std.SetFrameProps(mask, _Range=1)
    gray = core.query_video_format(vs.GRAY, form.sample_type, form.bits_per_sample, 0, 0)
    shape = core.resize.Point(shape, format=gray.id, range_s="full")
    return core.std.MaskedMerge(clip, half, shape, first_plane=True)


def _fail(text: str) -> NoReturn:
    raise vs.Error(f"framemend.preview: {text}")
