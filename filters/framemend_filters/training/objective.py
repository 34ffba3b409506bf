"""What training minimises."""

from __future__ import annotations

import torch
from torch import Tensor

from framemend_filters.model.network import NOISE_FLOOR
from framemend_filters.training.recipe import Recipe

FLOOR = 1 / 255
"""Errors below this gain nothing any more: the 8-bit pictures that are learned from are no more exact."""


def loss(
    picture: Tensor, log_error: Tensor, target: Tensor, masks: Tensor, noise: Tensor, recipe: Recipe
) -> dict[str, Tensor]:
    """Logarithm of the root mean square error of each window, and the likelihood of its error under the predicted scale.

    picture, target: B T 3 H W; log_error, masks: B T H W; noise: B. The logarithm makes a decibel count the same in every
    window: without it those that nobody can repair well (holes, strong blur) drown the others. Samples in holes are judged
    apart from those that are given: by 0.9 and 0.1 in pretraining, by recipe.hole_weight and the rest in repair. Of that,
    recipe.gradient_weight is judged by the differences between neighbouring samples instead, holes and all. The predicted
    error learns from the error made (Laplace likelihood) and leaves the picture's gradient alone but through the shared
    layers.
    """
    unit = noise + NOISE_FLOOR
    difference = picture - target
    squared = difference.square().mean(2)
    hole_weight = 0.9 if recipe.objective == "pretrain" else recipe.hole_weight
    hidden = _log_error(squared, masks, unit)
    given = _log_error(squared, 1 - masks, unit)
    share = hole_weight * (masks.sum((1, 2, 3)) > 0)
    edges = sum(difference.diff(dim=axis).square().mean((1, 2, 3, 4)) for axis in (-1, -2))
    gradients = 0.5 * torch.log((edges + FLOOR**2) / unit.square())
    picture_loss = (share * hidden + (1 - share) * given).lerp(gradients, recipe.gradient_weight).mean()
    made = difference.detach().abs().mean(2)
    error_loss = (made * torch.exp(-log_error) + log_error - torch.log(unit.reshape(-1, 1, 1, 1))).mean()
    return {
        "loss": picture_loss + recipe.error_weight * error_loss,
        "picture": picture_loss.detach(),
        "error": error_loss.detach(),
    }


def _log_error(squared: Tensor, weight: Tensor, unit: Tensor) -> Tensor:
    """Natural log of the RMS error of each window in units of the noise, B, of the samples that weigh something."""
    mean = (squared * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3)).clamp_min(1)
    return 0.5 * torch.log((mean + FLOOR**2) / unit.square())
