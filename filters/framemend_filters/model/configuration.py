"""Sizes of the network, and of the window that it sees."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class ModelSizes:
    """What a model's config.json says of the network.

    frames: frames of a window at most (K). radius: frames on both sides that the aligned mean is taken over (half as many again where noise is strong).
    neighbours: frames on both sides handed to the network one by one. dims: channels at 1/2, 1/4 and 1/8 of the
    picture's size. encoder_depths, decoder_depths: residual convolution blocks at 1/2 and 1/4 before and after the
    attention. depth: Transformer blocks at 1/8. heads: attention heads. window: edge of the attention windows in tokens
    of 8x8 samples (every second block is shifted by half a window); they span all frames. mlp_ratio: width of the
    feed-forward layers over that of the tokens. base_bias: start of the logit by which the output chooses between
    aligned mean (large) and frame (small). Raises ValueError where they do not go together.
    """

    frames: int = 5
    radius: int = 4
    neighbours: int = 2
    dims: tuple[int, int, int] | list[int] = (32, 48, 128)
    encoder_depths: tuple[int, int] | list[int] = (0, 1)
    decoder_depths: tuple[int, int] | list[int] = (1, 1)
    depth: int = 3
    heads: int = 4
    window: int = 4
    mlp_ratio: float = 2.0
    base_bias: float = 2.0

    def __post_init__(self) -> None:
        if min(self.frames, self.radius, self.neighbours, self.depth, self.heads, self.window) < 1:
            raise ValueError("frames, radius, neighbours, depth, heads and window must be at least 1")
        if self.neighbours > self.radius:
            raise ValueError(f"neighbours is {self.neighbours}, more than radius {self.radius}")
        if self.dims[2] % self.heads:
            raise ValueError(f"dims[2] is {self.dims[2]}, not a multiple of heads {self.heads}")
        if self.window % 2:
            raise ValueError(f"window is {self.window}; shifted windows need an even edge")

    @classmethod
    def taken_from(cls, settings: Mapping[str, Any]) -> Self:
        """The sizes among other settings, such as those of a config.json."""
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in settings.items() if name in names})
