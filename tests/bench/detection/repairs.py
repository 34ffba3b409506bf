"""What a repair by found masks loses against one by true masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.detection.damage import DAMAGE, Frames, Masks
from bench.detection.score import found_masks


@dataclass(frozen=True)
class RepairCase:
    """The damaged part of a clip: spoiled and clean frames T H W 3, and masks T H W uint8, found and true (those one sample
    wider than the damage)."""

    FRAMES: ClassVar[int] = 7
    spoiled: Frames
    clean: Frames
    found: Frames
    true: Frames

    @classmethod
    def draw(cls, kind: str, frames: Frames, rng: np.random.Generator, edge: int) -> RepairCase:
        """Damage of a kind drawn over FRAMES frames, looked for in all of them, cropped to the edge x edge samples that have most."""
        spoiled, truth = DAMAGE[kind](frames, rng)
        found = np.stack([mask for _, mask in found_masks((kind,), spoiled, range(len(spoiled)))])
        masked = truth.astype(np.uint8) * np.uint8(255)
        wider = np.stack([np.asarray(cv2.dilate(m, np.ones((3, 3), np.uint8)), np.uint8) for m in masked])
        crop = (slice(None), *_most_damaged(truth, edge))
        return cls(spoiled[crop], frames[crop], found[crop], wider[crop])

    def repaired(self, masks: Frames) -> float:
        """PSNR, dB, of the repair by these masks."""
        from framemend_filters.engine import Repairer, RepairSettings

        repairer = Repairer(RepairSettings(hole_grain=False), masked=True)
        pictures = [s.astype(np.float32) / 255 for s in self.spoiled]
        repairs = repairer.repair_stream(zip(pictures, list(masks), strict=True))
        return self.psnr(np.stack([(p + r.residual) * 255 for p, r in zip(pictures, repairs, strict=True)]))

    def psnr(self, made: NDArray) -> float:
        """PSNR, dB, of all but the first and the last frame."""
        error = np.square(made[1:-1].astype(np.float64) - self.clean[1:-1]).mean()
        return float(10 * np.log10(255**2 / max(float(error), 1e-6)))


def _most_damaged(truth: Masks, edge: int) -> tuple[slice, slice]:
    """The square of a clip that has most damage, on a grid of half its edge."""
    _, height, width = truth.shape
    places = [(y, x) for y in range(0, height - edge + 1, edge // 2) for x in range(0, width - edge + 1, edge // 2)]
    y, x = max(places, key=lambda p: np.count_nonzero(truth[:, p[0] : p[0] + edge, p[1] : p[1] + edge]))
    return slice(y, y + edge), slice(x, x + edge)
