"""What other methods find: the median of three frames for dust, DeScratch for scratches, tuned on validation clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from bench.detection.damage import Frames, Masks, damaged
from bench.detection.score import Score

MEDIAN_THRESHOLDS = (8, 12, 16, 24, 32, 48)
"""Codes tried for the median-of-three test, on validation clips."""


def _by_median(threshold: int, frames: Frames, wanted: range) -> Iterator[tuple[int, Masks]]:
    """The median-of-three test: samples that differ from the temporal median by more than `threshold` codes."""
    grey = frames.astype(np.float32).mean(3)
    for i in wanted:
        middle = np.median(grey[i - 1 : i + 2], 0)
        yield i, np.abs(grey[i] - middle) > threshold


def _by_descratch(settings: dict[str, int], frames: Frames, wanted: range) -> Iterator[tuple[int, Masks]]:
    """DeScratch of VapourSynth in its marking mode: samples that it marks."""
    import vapoursynth as vs

    core: Any = vs.core
    height, width = frames.shape[1:3]
    even = frames[:, : height - height % 4, : width - width % 4]
    grey = np.rint(even.astype(np.float32) @ np.array([0.2126, 0.7152, 0.0722], np.float32)).astype(np.uint8)
    blank = core.std.BlankClip(width=grey.shape[2], height=grey.shape[1], format=vs.YUV420P8, length=len(grey))

    def paint(n, f):
        out = f.copy()
        np.copyto(np.asarray(out[0]), grey[n])
        return out

    clip = core.std.ModifyFrame(blank, blank, paint)
    marked = core.descratch.DeScratch(clip, mark=True, modeu=0, modev=0, **settings)
    for i in wanted:
        with marked.get_frame(i) as frame:
            mask = np.zeros(frames.shape[1:3], bool)
            mask[: grey.shape[1], : grey.shape[2]] = np.asarray(frame[0]) != grey[i]
            yield i, mask


def median_of_three(clips, validation, wanted: range) -> tuple[str, Score, Score]:
    """The test with the threshold that is best on validation clips, measured."""
    best, own, clean = _tuned(_by_median, MEDIAN_THRESHOLDS, "dust", clips, validation, wanted, range(1, 5))
    return f"median of three, threshold {best}", own, clean


def descratch(clips, validation, wanted: range) -> tuple[str, Score, Score]:
    """DeScratch with the settings that are best on validation clips, measured."""
    grid = [
        {"mindif": difference, "minlen": length, "maxwidth": width, "modey": 3, "maxangle": 5, "maxgap": 10}
        for difference in (2, 5, 9)
        for length in (50, 120)
        for width in (3, 5)
    ]
    best, own, clean = _tuned(_by_descratch, grid, "scratches", clips, validation, wanted, range(2, 4))
    return f"DeScratch, mindif {best['mindif']}, minlen {best['minlen']}, maxwidth {best['maxwidth']}", own, clean


def _tuned[S](
    method: Callable[[S, Frames, range], Iterator[tuple[int, Masks]]],
    settings: Sequence[S],
    kind: str,
    clips,
    validation,
    wanted: range,
    tuned_on: range,
) -> tuple[S, Score, Score]:
    """The settings with the best F1 on validation clips (their frames `tuned_on`), and its scores on damaged and on
    undamaged clips."""

    def measured(on, setting: S, seed: int, frames: range) -> Score:
        score = Score()
        for spoiled, truth, _ in damaged(on, kind, seed):
            for i, found in method(setting, spoiled, frames):
                score.add(found, truth[i])
        return score

    best = max(settings, key=lambda setting: measured(validation, setting, 3, tuned_on).row[2])
    clean = Score()
    for _, frames in clips:
        for _, found in method(best, frames, wanted):
            clean.add(found, np.zeros_like(found))
    return best, measured(clips, best, 7, wanted), clean
