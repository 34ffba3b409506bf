"""What a person can set about a repair."""

from __future__ import annotations

import re
from dataclasses import dataclass

from framemend_filters.errors import SettingError

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
SCENE_CHANGES = ("auto", "none")
GRAIN = {"keep": 1.0, "reduce": 0.5, "remove": 0.0}
"""Settings of grain, and the share of it that each leaves."""
BACKENDS = ("torch", "onnxruntime", "openvino")


@dataclass(frozen=True, kw_only=True)
class RepairSettings:
    """Settings of a `Repairer`; SettingError where one is out of range."""

    model: str = "fast"
    """Name of shipped weights, a folder in transformers format, or a .safetensors or .pth of a single-frame model."""
    strength: float | None = None
    """How much of the blind repair is applied, 0..1. None: 1 without a mask, 0 with one."""
    device: str = "auto"
    """auto (CUDA where there is one, else mps, else the CPU), cpu, cuda, cuda:N or mps."""
    backend: str = "torch"
    """torch, or onnxruntime or openvino, which have to be installed (`pip install framemend[export]`)."""
    precision: str = "auto"
    """fp32, bf16 or fp16; auto: the fastest that the device computes fast."""
    tile: int | None = None
    """Edge of the square tiles that the network sees, in samples (at least 64). None: chosen from the frame's size."""
    tile_overlap: int = 64
    """Samples by which tiles overlap and are blended; at most half a tile."""
    memory: str | int | None = None
    """Memory that the process may take, as 4G, 800M or bytes: tile and window are chosen for it. None: no limit."""
    scene_changes: str = "auto"
    """auto: cuts are detected; none: the clip is one scene."""
    lookahead: int | None = None
    """Frames after the one written that may be seen, for live use: 0 sees the past alone. None: a whole window."""
    grain: str = "remove"
    """Fine grain: remove takes it for noise, reduce leaves half of it, keep all (what is coarser or stronger is repaired)."""
    hole_grain: bool = True
    """Lay grain like that around it on generated areas."""

    def __post_init__(self) -> None:
        if self.strength is not None and not 0 <= self.strength <= 1:
            raise SettingError(f"strength is {self.strength}; it goes from 0 to 1")
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", self.device):
            raise SettingError(f"device is {self.device!r}; use auto, cpu, cuda, cuda:N or mps")
        if self.backend not in BACKENDS:
            raise SettingError(f"backend is {self.backend!r}; use one of {', '.join(BACKENDS)}")
        if self.precision not in PRECISIONS:
            raise SettingError(f"precision is {self.precision!r}; use one of {', '.join(PRECISIONS)}")
        if self.grain not in GRAIN:
            raise SettingError(f"grain is {self.grain!r}; use one of {', '.join(GRAIN)}")
        if self.scene_changes not in SCENE_CHANGES:
            raise SettingError(f"scene_changes is {self.scene_changes!r}; use one of {', '.join(SCENE_CHANGES)}")
        if self.lookahead is not None and self.lookahead < 0:
            raise SettingError(f"lookahead is {self.lookahead}; it is a number of frames from 0 on")
        if self.memory is not None:
            from framemend_filters.engine.memory import parse_size

            parse_size(self.memory)
        if self.tile is not None and self.tile < LEAST_TILE:
            raise SettingError(f"tile is {self.tile}; the smallest is {LEAST_TILE} samples")
        if not 0 <= self.tile_overlap <= (self.tile or AUTO_TILE) // 2:
            raise SettingError(f"tile_overlap is {self.tile_overlap}; it goes from 0 to half a tile")


GRID = 32
"""Tiles begin at multiples of this, so that tokens and attention windows lie as in the whole frame."""
LEAST_TILE = 64
"""Smallest edge of tiles, in samples."""
AUTO_TILE = 512
"""Edge of tiles, in samples, for frames that are not taken whole."""
WHOLE_AREA = 640 * 576
"""Frames of up to this many samples are taken whole."""
