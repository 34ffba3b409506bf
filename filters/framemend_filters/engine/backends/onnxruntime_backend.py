"""The network in ONNX Runtime, on a CPU or CUDA device, in fp32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framemend_filters.engine.backends import Network
from framemend_filters.engine.backends.exported import exported_model
from framemend_filters.engine.settings import RepairSettings
from framemend_filters.errors import SettingError

if TYPE_CHECKING:
    from torch import Tensor

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def open_network(settings: RepairSettings) -> tuple[Network, str]:
    """The network in ONNX Runtime; tensors go in and come out on the CPU. Raises ModelError and SettingError."""
    import onnxruntime
    import torch

    if settings.precision not in ("auto", "fp32"):
        raise SettingError(f"precision is {settings.precision!r}; backend 'onnxruntime' computes in fp32")
    kind, _, number = ("cpu" if settings.device == "auto" else settings.device).partition(":")
    available: list[str] = onnxruntime.get_available_providers()
    provider = _PROVIDERS.get(kind, "")
    if provider not in available:
        raise SettingError(
            f"device is {settings.device!r}, but this ONNX Runtime has {', '.join(available)}; use device cpu"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    where = [(provider, {"device_id": int(number or 0)})] if kind == "cuda" else [provider]
    session = onnxruntime.InferenceSession(str(exported_model(settings.model)), options, providers=where)
    return _Session(session), "cpu"


class _Session:
    def __init__(self, session: Any) -> None:
        self._session = session

    def __call__(self, **inputs: Tensor) -> tuple[Tensor, Tensor]:
        import torch

        picture, log_error = self._session.run(None, {name: value.numpy() for name, value in inputs.items()})
        return torch.from_numpy(picture), torch.from_numpy(log_error)
