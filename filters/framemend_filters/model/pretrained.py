"""The network as a model of the transformers library: for training, and for AutoModel, which knows it once this is imported."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel

from framemend_filters.model.configuration import ModelSizes
from framemend_filters.model.loading import load_model
from framemend_filters.model.network import OutputLayer, RepairLayers, WindowAttention
from framemend_filters.weights import MODEL_TYPE


class FramemendConfig(PretrainedConfig):
    """`ModelSizes`, each an attribute, among the settings of the transformers library."""

    model_type = MODEL_TYPE

    def __init__(self, **settings: Any) -> None:
        """Raises ValueError for sizes that do not go together."""
        super().__init__(**settings | dataclasses.asdict(ModelSizes.taken_from(settings)))


class FramemendModel(PreTrainedModel, RepairLayers):
    """The network with the transformers library's ways to make, load and save it; `forward` is that of `RepairLayers`."""

    config_class = FramemendConfig
    main_input_name = "frames"

    def __init__(self, config: FramemendConfig) -> None:
        super().__init__(config)
        self._add_layers(ModelSizes.taken_from(config.to_dict()))
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, OutputLayer):
            module.start(self.sizes.base_bias)
            return
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            with torch.no_grad():
                module.weight.mul_(getattr(module, "init_gain", 1.0))
        elif isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
        elif isinstance(module, WindowAttention):
            nn.init.zeros_(module.position_bias)
        if isinstance(module, nn.Linear | nn.Conv2d | nn.LayerNorm) and module.bias is not None:
            nn.init.zeros_(module.bias)


def load_for_training(model: str | Path) -> FramemendModel:
    """`load_model` for training: what it makes can be saved. Raises ModelError."""
    network = load_model(model)
    made = FramemendModel(FramemendConfig(**dataclasses.asdict(network.sizes)))
    made.load_state_dict(network.state_dict())
    return made.eval()


AutoConfig.register(FramemendConfig.model_type, FramemendConfig, exist_ok=True)
AutoModel.register(FramemendConfig, FramemendModel, exist_ok=True)
