"""Frames of any host through the repair, in order, as they come: what files and pipes share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from .planes import Plane, PlaneFormat, add_residual, to_rgb

if TYPE_CHECKING:
    import numpy as np
    from av import VideoFrame
    from numpy.typing import NDArray

    from framemend_filters.engine import FrameRepair, Repairer

    from .masks import MaskSource
    from .sources import VideoSource


def repair_frames[Frame](
    repairer: Repairer,
    frames: Iterable[Frame],
    planes_of: Callable[[Frame], tuple[Sequence[Plane], PlaneFormat]],
    mask_for: Callable[[int, Frame], NDArray[np.uint8] | None],
) -> Iterator[tuple[Frame, list[Plane], FrameRepair]]:
    """Each frame of the host with its repaired planes and what was done to it; as many are held as a window asks for.

    planes_of: the samples of a frame and how to read them; mask_for: number of a frame and the frame itself to its mask,
    H W uint8, or None. An error of `frames` passes through at once.
    """
    waiting: deque[Frame] = deque()

    def given() -> Iterator[tuple[NDArray[np.float32], NDArray[np.uint8] | None]]:
        for index, frame in enumerate(frames):
            waiting.append(frame)
            yield to_rgb(*planes_of(frame)), mask_for(index, frame)

    for repair in repairer.repair_stream(given()):
        frame = waiting.popleft()
        planes, fmt = planes_of(frame)
        yield frame, add_residual(planes, fmt, repair), repair


def repaired_video(
    source: VideoSource, repairer: Repairer, masks: MaskSource | None, pix_fmt: str, color: str | None = None
) -> Iterator[tuple[VideoFrame, int | None, int]]:
    """The repaired frames in order, each with its pts and duration in ticks of the source.

    color: what --color says of the samples, in place of what the frames' tags say.
    """
    from .colors import with_color
    from .frames import alpha_view, build_frame, views

    start = source.start_pts

    def mask_for(index: int, frame: VideoFrame) -> NDArray | None:
        seconds = None if frame.pts is None else (frame.pts - start) * source.time_base
        if masks is None:
            return None
        colours = with_color(source.plane_format(frame), color)
        picture = to_rgb(views(frame), colours) if masks.looks_at_pictures else None
        return masks.mask_for(index, seconds, picture, alpha_view(frame) if masks.from_alpha else None)

    repaired = repair_frames(
        repairer,
        source.frames(),
        lambda frame: (views(frame), with_color(source.plane_format(frame), color)),
        mask_for,
    )
    for frame, planes, _ in repaired:
        yield build_frame(frame, planes, pix_fmt), frame.pts, frame.duration or 0
