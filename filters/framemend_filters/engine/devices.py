"""Chooses where and how exactly to compute."""

from __future__ import annotations

import torch

from framemend_filters.errors import SettingError

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def pick_device(device: str) -> str:
    """The device that a setting stands for. SettingError where this machine has none such."""
    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    if device.startswith("cuda"):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        number = int(device.partition(":")[2] or 0)
        if number >= count:
            raise SettingError(f"device is {device!r}, but torch finds {count} CUDA devices here; use --device cpu")
    if device == "mps" and not torch.backends.mps.is_available():
        raise SettingError("device is 'mps', which this machine does not have; use --device cpu")
    return device


def pick_precision(precision: str, device: str) -> torch.dtype:
    """The dtype that a setting stands for on a device.

    auto: fp16 on CUDA and mps; on a CPU bf16 where it is computed in hardware (AVX512-BF16, AMX), else fp32, since
    elsewhere half precision is tens of times slower.
    """
    if precision != "auto":
        return _DTYPES[precision]
    if device != "cpu":
        return torch.float16
    return torch.bfloat16 if cpu_computes_bf16() else torch.float32


def cpu_computes_bf16() -> bool:
    """Whether this CPU has bfloat16 arithmetic (AVX512-BF16 or AMX)."""
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, bool)() for check in checks)


def place[M: torch.nn.Module](network: M, device: str, dtype: torch.dtype) -> M:
    """Move a network to a device and dtype, its convolutions in channels_last, which they are many times faster in."""
    return torch.nn.Module.to(network, device=device, dtype=dtype, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
