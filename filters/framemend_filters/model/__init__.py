"""The network and its weights, in the form of the transformers library."""

from transformers import AutoConfig, AutoModel

from framemend_filters.model.configuration import FramemendConfig
from framemend_filters.model.loading import load_model
from framemend_filters.model.network import FramemendModel, RepairOutput
from framemend_filters.weights import shipped_models

AutoConfig.register(FramemendConfig.model_type, FramemendConfig, exist_ok=True)
AutoModel.register(FramemendConfig, FramemendModel, exist_ok=True)

__all__ = ["FramemendConfig", "FramemendModel", "RepairOutput", "load_model", "shipped_models"]
