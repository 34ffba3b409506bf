"""Decides which frames the model sees for each frame written. Numbers only: no pixels, no media.

Chunk k of a clip holds frames k*K .. k*K+K-1, whoever asks and in whatever order. A chunk is split where a scene cut
runs through it; each part, a segment, is seen by the model alone, so that nothing passes a cut::

    frames   0  1  2  3  4 | 5  6  7  8  9      K = 5
    cut                 ^3                      between 3 and 4
    segments [0 1 2 3] [4]  [5 6 7 8 9]         frame 4 looks for neighbours in 4.., frame 3 in ..3
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

CUT_LOOK_BACK = 2
"""Frames before i that decide whether there is a cut between i and i+1."""
CUT_LOOK_AHEAD = 3
"""Frames after i that decide it."""


@dataclass(frozen=True)
class Segment:
    """Frames of one chunk that lie in one scene, and how far that scene is known to reach.

    frames: the frames to write; reach: the frames of the same scene that may be looked at (a superset).
    """

    frames: range
    reach: range

    def mirror(self, index: int) -> int:
        """Index of the frame that stands in for `index`: itself inside the scene, else its mirror image there."""
        return mirror(index, self.reach)


def mirror(index: int, reach: range) -> int:
    """Reflect `index` at the first and last frame of `reach` until it falls inside.

    >>> [mirror(i, range(3, 6)) for i in range(0, 9)]
    [4, 5, 4, 3, 4, 5, 4, 3, 4]
    """
    count = len(reach)
    if count == 1:
        return reach.start
    offset = (index - reach.start) % (2 * (count - 1))
    return reach.start + min(offset, 2 * (count - 1) - offset)


def chunk_frames(chunk: int, size: int, num_frames: int) -> range:
    """Frames that chunk number `chunk` holds in a clip of `num_frames`."""
    return range(chunk * size, min(num_frames, (chunk + 1) * size))


def chunk_span(chunk: int, size: int, radius: int, num_frames: int) -> range:
    """Frames that must be at hand to write a chunk: its own, `radius` on both sides, and those that decide on cuts."""
    written = chunk_frames(chunk, size, num_frames)
    return range(
        max(0, written.start - radius - CUT_LOOK_BACK), min(num_frames, written.stop + radius + CUT_LOOK_AHEAD - 1)
    )


def plan_segments(chunk: int, size: int, radius: int, num_frames: int, cuts: Collection[int]) -> list[Segment]:
    """Split a chunk at scene cuts. `cuts` holds i where there is a cut between frames i and i+1."""
    written = chunk_frames(chunk, size, num_frames)
    segments: list[Segment] = []
    start = written.start
    while start < written.stop:
        stop = start + 1
        while stop < written.stop and stop - 1 not in cuts:
            stop += 1
        first = start
        while first > max(0, written.start - radius) and first - 1 not in cuts:
            first -= 1
        last = stop
        while last < min(num_frames, written.stop + radius) and last - 1 not in cuts:
            last += 1
        segments.append(Segment(range(start, stop), range(first, last)))
        start = stop
    return segments
