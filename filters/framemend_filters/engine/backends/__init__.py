"""The runtimes that a network can be run in, one file each. All give the same pictures, up to rounding."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from framemend_filters.engine.settings import RepairSettings
from framemend_filters.errors import SettingError
from framemend_filters.weights import is_single_frame

if TYPE_CHECKING:
    from torch import Tensor

_NEEDED = {"onnxruntime": ("onnxruntime", "onnx", "onnxscript"), "openvino": ("openvino", "onnx", "onnxscript")}
"""Import packages that a backend needs beside torch."""


class Network(Protocol):
    """A network that is loaded and ready."""

    def __call__(self, **inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures B T 3 H W and the log of their expected errors B T H W, from what `RepairLayers.forward` takes, by
        name, on the device that `open_network` named."""
        ...


def open_network(settings: RepairSettings) -> tuple[Network, str]:
    """The network of settings.model in settings.backend, and the device that tensors must be on. Raises ModelError and
    SettingError (no such device here, a runtime that is not installed)."""
    check_installed(settings.backend)
    if settings.backend != "torch" and is_single_frame(settings.model):
        raise SettingError(f"backend is {settings.backend!r}; models of single frames run in torch")
    module = import_module(f"framemend_filters.engine.backends.{settings.backend}_backend")
    return module.open_network(settings)


def check_installed(backend: str) -> None:
    """Raise SettingError where the runtime of that name is not installed."""
    missing = [name for name in _NEEDED.get(backend, ()) if find_spec(name) is None]
    if missing:
        raise SettingError(
            f"backend is {backend!r}, for which {', '.join(missing)} must be installed: pip install 'framemend[export]'"
        )
