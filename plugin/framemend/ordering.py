"""Times of frames that the container does not give as they are: in the order of decoding, or not at all for the first ones."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Generator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av import VideoFrame

TIMES_IN_DECODING_ORDER = frozenset({"avi"})
"""Containers that number frames as they are decoded: where frames are reordered, a frame bears the time of another."""
MAX_REORDER = 16
"""Frames by which a codec may reorder (H.264 and HEVC)."""


def in_order_of_time(frames: Generator[VideoFrame]) -> Generator[VideoFrame]:
    """The frames as they come, with their times dealt out again in rising order."""
    waiting: deque[VideoFrame] = deque()
    times: list[int] = []
    for frame in frames:
        waiting.append(frame)
        if frame.pts is not None:
            heapq.heappush(times, frame.pts)
        if len(waiting) > MAX_REORDER:
            yield _next_in_time(waiting, times)
    while waiting:
        yield _next_in_time(waiting, times)


def _next_in_time(waiting: deque[VideoFrame], times: list[int]) -> VideoFrame:
    frame = waiting.popleft()
    frame.pts = heapq.heappop(times) if times else None
    return frame


def first_times(frames: Generator[VideoFrame]) -> Generator[VideoFrame]:
    """The frames as they come; those at the start that have no time get it from the first one that has, counted back.

    Matroska has no times for pictures before zero. Where none of the first frames has a time, or how long they are shown,
    they are left as they are.
    """
    waiting: list[VideoFrame] = []
    for frame in frames:
        waiting.append(frame)
        if frame.pts is None and len(waiting) <= MAX_REORDER:
            continue
        pts = frame.pts
        for earlier in reversed(waiting[:-1]):
            if pts is None or not earlier.duration:
                break
            pts -= earlier.duration
            earlier.pts = pts
        yield from waiting
        break
    else:
        yield from waiting
        return
    yield from frames
