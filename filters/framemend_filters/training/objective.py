"""What training minimises."""

from __future__ import annotations

import torch
from torch import Tensor

from framemend_filters.model.network import NOISE_FLOOR
from framemend_filters.training.recipe import Recipe

CHARBONNIER = 0.25
"""Width of the rounded bottom of the loss, in units of the noise plus NOISE_FLOOR. Wide: where the damage is in doubt,
the mean of what may be true is wanted, not the median, which is to do nothing."""


def loss(
    picture: Tensor, log_error: Tensor, target: Tensor, masks: Tensor, noise: Tensor, recipe: Recipe
) -> dict[str, Tensor]:
    """Charbonnier loss of the picture in units of the noise, and the likelihood of its error under the predicted scale.

    picture, target: B T 3 H W; log_error, masks: B T H W; noise: B. Pretraining weighs hidden samples fully and the
    others by a tenth; repair weighs samples in holes by recipe.hole_weight. The predicted error learns from the error
    made (Laplace likelihood) and leaves the picture's gradient alone but through the shared layers.
    """
    unit = (noise + NOISE_FLOOR).reshape(-1, 1, 1, 1, 1)
    difference = picture - target
    charbonnier = torch.sqrt((difference / unit).square() + CHARBONNIER**2) - CHARBONNIER
    hidden = masks[:, :, None]
    if recipe.objective == "pretrain":
        weight = 0.1 + 0.9 * hidden
    else:
        weight = 1 - (1 - recipe.hole_weight) * hidden
    picture_loss = (charbonnier * weight).sum() / (3 * weight.sum())
    made = difference.detach().abs().mean(2)
    error_loss = (made * torch.exp(-log_error) + log_error - torch.log(unit[:, :, 0])).mean()
    return {
        "loss": picture_loss + recipe.error_weight * error_loss,
        "picture": picture_loss.detach(),
        "error": error_loss.detach(),
    }
