"""The network in OpenVINO, on a CPU."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from framemend_filters.engine.backends import Network
from framemend_filters.engine.backends.exported import exported_model
from framemend_filters.engine.devices import pick_precision
from framemend_filters.engine.settings import RepairSettings
from framemend_filters.errors import SettingError

if TYPE_CHECKING:
    from torch import Tensor


def open_network(settings: RepairSettings) -> tuple[Network, str]:
    """The network in OpenVINO. Raises ModelError and SettingError."""
    import torch

    if settings.device not in ("auto", "cpu"):
        raise SettingError(f"device is {settings.device!r}; backend 'openvino' runs on the CPU: use device cpu")
    try:
        import openvino
    except ImportError as error:
        reason = " ".join(str(error).split())[:200]
        raise SettingError(
            "backend is 'openvino', which cannot be loaded into this process (where VapourSynth has loaded "
            f"vapoursynth-mlrt-ov, another OpenVINO is there already): {reason}"
        ) from error
    precision = pick_precision(settings.precision, "cpu")
    hints = {torch.float32: "f32", torch.bfloat16: "bf16", torch.float16: "f16"}
    compiled = openvino.Core().compile_model(
        str(exported_model(settings.model)),
        "CPU",
        {"INFERENCE_PRECISION_HINT": hints[precision], "INFERENCE_NUM_THREADS": torch.get_num_threads()},
    )
    return _Compiled(compiled), "cpu"


class _Compiled:
    """A compiled model with one request for each thread that calls."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._requests = threading.local()

    def __call__(self, **inputs: Tensor) -> tuple[Tensor, Tensor]:
        import torch

        request = getattr(self._requests, "request", None)
        if request is None:
            request = self._requests.request = self._compiled.create_infer_request()
        made = request.infer({name: value.numpy() for name, value in inputs.items()})
        return torch.from_numpy(made[0].copy()), torch.from_numpy(made[1].copy())
