"""Loads weights. Only safetensors are read."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from framemend_filters.errors import ModelError
from framemend_filters.model.configuration import ModelSizes
from framemend_filters.model.network import RepairNetwork
from framemend_filters.weights import model_folder, weight_files


def load_model(model: str | Path) -> RepairNetwork:
    """The network of a shipped name, or of a folder in transformers format (config.json, model.safetensors or its parts
    model-00001-of-..., in which large ones are saved), in float32 and ready for use. ModelError says what is wrong with a name or folder."""
    folder = model_folder(model)
    try:
        sizes = ModelSizes.taken_from(json.loads((folder / "config.json").read_text()))
        with torch.device("meta"):  # sizes alone: no memory, nothing drawn at random
            network = RepairNetwork(sizes)
        weights = {name: value for part in weight_files(folder) for name, value in load_file(part).items()}
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"cannot load the model in {folder}: {reason}") from error
    expected = {name: value.shape for name, value in network.state_dict().items()}
    wrong = {
        "missing": expected.keys() - weights.keys(),
        "not of the network": weights.keys() - expected.keys(),
        "of another shape": {n for n, v in weights.items() if n in expected and v.shape != expected[n]},
    }
    for what, names in wrong.items():
        if names:
            raise ModelError(f"the weights in {folder} do not fit its config.json: {what}: {min(names)}")
    # copies: what stays where it lies in the file is rounded otherwise, where that is not on the processor's vectors
    copied = {name: value.to(torch.float32, copy=True) for name, value in weights.items()}
    network.load_state_dict(copied, assign=True)
    return network.eval()
