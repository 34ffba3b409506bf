"""The network and its weights. `framemend_filters.model.pretrained` has it as a model of the transformers library."""

from framemend_filters.model.configuration import ModelSizes
from framemend_filters.model.loading import load_model
from framemend_filters.model.network import RepairNetwork, RepairOutput
from framemend_filters.weights import shipped_models

__all__ = ["ModelSizes", "RepairNetwork", "RepairOutput", "load_model", "shipped_models"]
