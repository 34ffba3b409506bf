"""What --detect asks for: the plan for a clip, after looking it over where that is needed, and the repairer that follows it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from framemend_filters.errors import SettingError

from .options import repairer_from

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from framemend_filters.damage.detection import Plan
    from framemend_filters.engine import Repairer, RepairSettings

    from .sources import VideoSource

Pictures = Callable[[], Iterable["NDArray[np.float32]"]]
"""Opens the clip once more: its frames in order, H W 3 float32 RGB 0..1."""


def repairer_for(
    args: argparse.Namespace, settings: RepairSettings, pictures: Pictures | None, note: Callable[[str], None]
) -> Repairer:
    """The repairer that the options ask for.

    pictures: None where the clip can be read only once (a pipe); note: is told what `auto` has found. Raises
    SettingError and ModelError.
    """
    if not args.detect and not args.show_mask:
        return repairer_from(args, settings)
    from framemend_filters.damage.detection import Plan
    from framemend_filters.engine.detecting import DetectingRepairer, MaskPainter

    from .fields import DetectingFieldRepairer, FieldMaskPainter, top_fields

    seen = (lambda: top_fields(pictures())) if args.fields and pictures else pictures
    plan = plan_for(args.detect, seen) if args.detect else Plan()
    if args.detect and "auto" in args.detect:
        note(f"detect auto: {', '.join(plan.kinds)}")
    if args.fields:
        return (FieldMaskPainter if args.show_mask else DetectingFieldRepairer)(settings, plan)
    return (MaskPainter if args.show_mask else DetectingRepairer)(settings, plan)


def plan_for(kinds_text: str, pictures: Pictures | None) -> Plan:
    """The plan for a clip from kinds with commas between. Raises SettingError as `repairer_for` does."""
    from framemend_filters.damage.survey import needs_survey, parse_kinds, survey

    kinds = parse_kinds(kinds_text)
    if needs_survey(kinds) and pictures is None:
        raise SettingError(
            f"--detect {kinds_text} looks over the whole clip first, and this one can be read only once; "
            "name kinds such as dust,scratches,dropouts,blocks,frames,flicker, or repair the file itself"
        )
    return survey(pictures() if pictures else (), kinds)


def pictures_of(opened: Callable[[], VideoSource]) -> Iterator[NDArray[np.float32]]:
    """All frames of a video that decode, in order, H W 3 float32 RGB 0..1. opened: opens it. Raises InputError."""
    from .frames import views
    from .planes import to_rgb

    with opened() as source:
        for frame in source.frames():
            source.passing.clear()
            yield to_rgb(views(frame), source.plane_format(frame))


def pictures_for(args: argparse.Namespace) -> Iterator[NDArray[np.float32]]:
    """All frames of the input of `framemend repair`, as `pictures_of` gives them."""
    from .sequences import open_video

    return pictures_of(lambda: open_video(args))
