"""The network that tells defects from the scene, sample by sample: a U-shape at a half, a quarter and an eighth of the size,
a branch of tall cells for scratches, and the mean of the frame, which tells rain from a few specks.

Dimensions: B batch, H W samples of a frame (multiples of LEAST_MULTIPLE), K kinds.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from framemend_filters.damage.detectors.evidence import CHROMA_PLANES, LUMA_PLANES

LEARNED_KINDS = ("dust", "scratches", "dropouts", "blocks")
"""What the network tells apart, in the order of its outputs."""
LEAST_MULTIPLE = 16
TALL = 8
"""Lines, at half the size, that a tall cell holds."""
DIFFERENCE_SCALE, LEVEL_SCALE, CHROMA_SCALE = 24.0, 64.0, 24.0
"""Codes that the inputs are divided by."""


class DefectNetwork(nn.Module):
    """From evidence to log odds of each kind of defect at each sample."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        w2, w4, w8 = width, 2 * width, 2 * width
        self.stem = nn.Conv2d(4 * LUMA_PLANES + CHROMA_PLANES + 2, w2, 3, padding=1)
        self.halves = _Residual(w2)
        self.to_tall = nn.Conv2d(w2, w2, 1)
        self.tall = nn.Sequential(
            nn.Conv2d(w2, w2, 3, padding=1), nn.ReLU(), nn.Conv2d(w2, w2, (5, 3), padding=(2, 1)), nn.ReLU()
        )
        self.down4 = nn.Conv2d(w2, w4, 2, stride=2)
        self.quarters = _Residual(w4)
        self.down8 = nn.Conv2d(w4, w8, 2, stride=2)
        self.eighths = nn.Sequential(_Residual(w8), _Context(w8), _Residual(w8))
        self.up4 = nn.Conv2d(w8, w4, 1)
        self.joined4 = _Residual(w4)
        self.up2 = nn.Conv2d(w4, w2, 1)
        self.joined2 = _Residual(w2)
        self.head = nn.Conv2d(w2, 4 * len(LEARNED_KINDS), 3, padding=1)
        nn.init.constant_(self.head.bias, -5.0)  # pyright: ignore[reportArgumentType]

    def forward(self, luma: Tensor, chroma: Tensor, noise: Tensor, both_sides: Tensor) -> Tensor:
        """luma: B 7 H W and chroma: B 6 H/2 W/2, uint8, noise: B, codes, both_sides: B, 0 or 1, as in Evidence. Returns B K H W
        log odds, float32."""
        x = functional.relu(self.stem(_inputs(luma, chroma, noise, both_sides)))
        half = self.halves(x)
        tall = self.tall(functional.avg_pool2d(self.to_tall(half), (TALL, 1)))
        tall = functional.interpolate(tall, scale_factor=(TALL, 1), mode="bilinear", align_corners=False)
        quarter = self.quarters(functional.relu(self.down4(half)))
        eighth = self.eighths(functional.relu(self.down8(quarter)))
        quarter = self.joined4(quarter + _twice(self.up4(eighth)))
        half = self.joined2(half + tall + _twice(self.up2(quarter)))
        return functional.pixel_shuffle(self.head(half), 2).float()


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(functional.relu(self.first(x))))


class _Context(nn.Module):
    """Tells every place the mean of all places."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mean = nn.Sequential(nn.Conv2d(width, width, 1), nn.ReLU(), nn.Conv2d(width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.mean(x.mean((2, 3), keepdim=True)))


def _inputs(luma: Tensor, chroma: Tensor, noise: Tensor, both_sides: Tensor) -> Tensor:
    """Levels of the frame, differences of the neighbours from it, noise and sides: B C H/2 W/2."""
    here = luma[:, :1].float()
    luma_in = torch.cat([here / LEVEL_SCALE - 2, (luma[:, 1:].float() - here) / DIFFERENCE_SCALE], 1)
    colour = chroma[:, :2].float()
    moved = chroma[:, 2:].float() - colour.repeat(1, 2, 1, 1)
    chroma_in = torch.cat([(colour - 128) / CHROMA_SCALE, moved / CHROMA_SCALE], 1)
    flat = torch.stack([noise.clamp(min=0.5).log(), both_sides], 1)[:, :, None, None]
    size = chroma.shape[-2:]
    return torch.cat([functional.pixel_unshuffle(luma_in, 2), chroma_in, flat.expand(-1, -1, *size)], 1)


def _twice(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
