"""Counts what was found rightly and wrongly, and what the detectors find."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from bench.detection.damage import Frames, Masks
from framemend_filters.damage.detection import Finder, Plan

MARGIN = 3
"""Found and true samples count as the same within so many samples: masks are widened on purpose."""


class Score:
    """Counts of samples: found rightly, found wrongly, of the true ones those found, and true ones."""

    def __init__(self) -> None:
        self.right = self.wrong = self.hit = self.true = self.seen = 0

    def add(self, found: Masks, truth: Masks) -> None:
        kernel = np.ones((2 * MARGIN + 1,) * 2, np.uint8)
        near = cv2.dilate(truth.astype(np.uint8), kernel) > 0
        self.wrong += int(np.count_nonzero(found & ~near))
        self.right += int(np.count_nonzero(found & near))
        self.hit += int(np.count_nonzero(found & truth))
        self.true += int(np.count_nonzero(truth))
        self.seen += truth.size

    @property
    def row(self) -> tuple[float, float, float]:
        """Precision, recall, F1."""
        precision = self.right / max(1, self.right + self.wrong)
        recall = self.hit / max(1, self.true)
        return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def found_masks(kinds: tuple[str, ...], frames: Frames, wanted: range) -> Iterator[tuple[int, Frames]]:
    """Soft masks, H W uint8, of the detectors of these kinds."""
    pictures = {i: f.astype(np.float32) / 255 for i, f in enumerate(frames)}
    finder = Finder(Plan(kinds=kinds))
    for i in wanted:
        mask = finder.find(i, pictures, len(frames)).mask()
        yield i, np.zeros(frames.shape[1:3], np.uint8) if mask is None else mask


def by_finder(kinds: tuple[str, ...], frames: Frames, wanted: range) -> Iterator[tuple[int, Masks]]:
    """What the detectors of these kinds find."""
    return ((i, mask > 127) for i, mask in found_masks(kinds, frames, wanted))
