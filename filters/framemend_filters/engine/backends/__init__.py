"""What runs the network: a file for each runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from framemend_filters.engine.settings import RepairSettings

if TYPE_CHECKING:
    from torch import Tensor


class Network(Protocol):
    """A network that is loaded and ready."""

    def __call__(self, **inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures B T 3 H W and the log of their expected errors B T H W, from what `FramemendModel.forward` takes, by
        name, on the device that `open_network` named."""
        ...


def open_network(settings: RepairSettings) -> tuple[Network, str]:
    """The network of settings.model, and the device that tensors must be on. Raises ModelError and SettingError."""
    from framemend_filters.engine.backends import torch_backend

    return torch_backend.open_network(settings)
