"""The network in torch, on a CPU, CUDA or Apple GPU."""

from __future__ import annotations

from pathlib import Path

import torch

from framemend_filters.engine.backends import Network
from framemend_filters.engine.devices import pick_device, pick_precision, place
from framemend_filters.engine.settings import RepairSettings
from framemend_filters.model import load_model
from framemend_filters.model.single_frame import load_single_frame
from framemend_filters.weights import is_single_frame


def open_network(settings: RepairSettings) -> tuple[Network, str]:
    """The network in torch. Raises ModelError and SettingError."""
    device = pick_device(settings.device)
    dtype = pick_precision(settings.precision, device)
    if is_single_frame(settings.model):
        network = load_single_frame(Path(settings.model))
        if settings.precision == "auto" and not network.computes(dtype):
            dtype = torch.float32
    else:
        network = load_model(settings.model)
    return place(network, device, dtype), device
