"""Sizes of the network, and of the window that it sees."""

from __future__ import annotations

from typing import Any

from transformers import PretrainedConfig

from framemend_filters.weights import MODEL_TYPE


class FramemendConfig(PretrainedConfig):
    """Settings of a `FramemendModel`.

    frames: frames of a window at most (K). radius: frames on both sides that the aligned mean is taken over.
    neighbours: frames on both sides handed to the network one by one. dims: channels at 1/2, 1/4 and 1/8 of the
    picture's size. encoder_depths, decoder_depths: residual convolution blocks at 1/2 and 1/4 before and after the
    attention. depth: Transformer blocks at 1/8. heads: attention heads. window: edge of the attention windows in tokens
    of 8x8 samples (every second block is shifted by half a window); they span all frames. mlp_ratio: width of the
    feed-forward layers over that of the tokens. base_bias: start of the logit by which the output chooses between
    aligned mean (large) and frame (small).
    """

    model_type = MODEL_TYPE

    def __init__(
        self,
        frames: int = 5,
        radius: int = 6,
        neighbours: int = 2,
        dims: tuple[int, int, int] | list[int] = (32, 48, 128),
        encoder_depths: tuple[int, int] | list[int] = (0, 1),
        decoder_depths: tuple[int, int] | list[int] = (1, 1),
        depth: int = 3,
        heads: int = 4,
        window: int = 4,
        mlp_ratio: float = 2.0,
        base_bias: float = 2.0,
        **kwargs: Any,
    ) -> None:
        if min(frames, radius, neighbours, depth, heads, window) < 1:
            raise ValueError("frames, radius, neighbours, depth, heads and window must be at least 1")
        if neighbours > radius:
            raise ValueError(f"neighbours is {neighbours}, more than radius {radius}")
        if dims[2] % heads:
            raise ValueError(f"dims[2] is {dims[2]}, not a multiple of heads {heads}")
        if window % 2:
            raise ValueError(f"window is {window}; shifted windows need an even edge")
        self.frames = frames
        self.radius = radius
        self.neighbours = neighbours
        self.dims = list(dims)
        self.encoder_depths = list(encoder_depths)
        self.decoder_depths = list(decoder_depths)
        self.depth = depth
        self.heads = heads
        self.window = window
        self.mlp_ratio = mlp_ratio
        self.base_bias = base_bias
        super().__init__(**kwargs)
