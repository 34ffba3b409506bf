"""The VapourSynth filter `framemend.detect(clip)`: a clip of masks of the damage that is found, to look at, edit with
std functions and hand to `framemend.repair` as its mask.

Frame n of it is one callback over the frames around n; see node.py for why it is built of SelectEvery and ModifyFrame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from framemend.node import check_clip
from framemend.planes import to_rgb
from framemend.vsframes import RgbCache, RgbWindow, check_progressive, plane_format, planes_of
from framemend.vsgraph import window_clips
from framemend_filters.errors import FramemendError

if TYPE_CHECKING:
    from framemend_filters.damage.detection import Finder, Plan

RGB_BYTES_KEPT = 256 << 20  # at most, of converted frames that neighbouring windows share


def detect(clip: vs.VideoNode, kinds: str | Sequence[str] = "auto") -> vs.VideoNode:
    """Masks of the damage in a clip: GRAY8, full range, as large and long as the clip, 255 where something is to be
    generated, less at soft edges.

    clip: constant format and size, as for `framemend.repair`.
    kinds: names, or one string with commas: "dust", "scratches", "dropouts", "blocks", "frames", "logo", "flicker" (no
        mask: it is evened out by `repair`), or "auto": what the clip shows. "auto" and "logo" read the clip at the call.

    Frame properties: _FramemendDetected, the kinds found in the frame with commas between.

    Raises vapoursynth.Error for a format, size or kind that will not do.
    """
    check_clip(clip, "detect")
    try:
        plan = plan_of(clip, kinds)
    except FramemendError as error:
        raise vs.Error(f"framemend.detect: {error}") from None
    from framemend_filters.damage.detection import Finder

    finder = Finder(plan)
    core: Any = vs.core
    blank = core.std.BlankClip(clip, format=vs.GRAY8, color=0, keep=True)
    blank = core.std.SetFrameProps(blank, _Range=1, _FramemendDetected="")
    if plan.idle:
        return blank
    inputs = window_clips(clip, 1, finder.reach, finder.reach, clip.num_frames)
    return core.std.ModifyFrame(blank, [blank, *inputs], _MaskWriter(finder, clip))


def plan_of(clip: vs.VideoNode, kinds: str | Sequence[str], *, fields: bool = False) -> Plan:
    """What to look for in a clip, or in the fields of an interlaced one, after reading it where the kinds ask for that. Raises
    SettingError and InputError."""
    from framemend.fields import top_fields
    from framemend_filters.damage.survey import parse_kinds, survey

    pictures = _pictures(clip, fields=fields)
    return survey(top_fields(pictures) if fields else pictures, parse_kinds(kinds))


def _pictures(clip: vs.VideoNode, *, fields: bool) -> Iterator[NDArray[np.float32]]:
    for index, frame in enumerate(clip.frames(close=True)):
        if not fields:
            check_progressive(index, frame)
        yield to_rgb(planes_of(frame), plane_format(frame, fields=fields))


class _MaskWriter:
    """The callback. Holds no node: a callback that did would keep its own graph alive."""

    def __init__(self, finder: Finder, clip: vs.VideoNode) -> None:
        self._finder = finder
        self._num_frames = clip.num_frames
        bytes_of_window = (2 * finder.reach + 1) * clip.width * clip.height * 3 * 4
        self._rgb = RgbCache(min(RGB_BYTES_KEPT, bytes_of_window))

    def __call__(self, n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        from framemend_filters.engine.repairer import hold

        reach = self._finder.reach
        near = range(max(0, n - reach), min(self._num_frames, n + reach + 1))
        frames = {i: f[1 + i - n + reach] for i in near}
        for i, frame in frames.items():
            check_progressive(i, frame)
        window = RgbWindow(frames, self._rgb)
        found = self._finder.find(n, {i: hold(window[i]) for i in near}, self._num_frames)
        out = f[0].copy()
        mask = found.mask()
        if mask is not None:
            np.copyto(np.asarray(out[0]), mask)
        out.props["_FramemendDetected"] = ",".join(found.masks)
        return out
