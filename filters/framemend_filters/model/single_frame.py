"""Third-party restoration models of single frames, loaded through spandrel, behind the forward of `RepairLayers`.

They see one frame at a time: the engine fills holes, tiles, blends, composes and lays on grain as for its own model.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from framemend_filters.errors import ModelError

if TYPE_CHECKING:
    from spandrel import ImageModelDescriptor


class SingleFrameModel(nn.Module):
    """A model that takes and gives one picture of the same size."""

    def __init__(self, descriptor: ImageModelDescriptor[Any]) -> None:
        super().__init__()
        self.network = descriptor.model
        self._descriptor = descriptor

    def computes(self, dtype: torch.dtype) -> bool:
        """Whether the model's makers say that it works in that dtype."""
        return {
            torch.float32: True,
            torch.float16: self._descriptor.supports_half,
            torch.bfloat16: self._descriptor.supports_bfloat16,
        }[dtype]

    def forward(self, frames: Tensor, levels: Tensor, **_: Any) -> tuple[Tensor, Tensor]:
        """Pictures 1 T 3 H W of frames 1 T 3 H W (holes filled), and log errors 1 T H W.

        What lies beyond 0..1 is kept beside the model, which knows only that range. Such a model does not say how sure it
        is: the noise that the frames had stands for the error.
        """
        dtype = next(self.network.parameters()).dtype
        within = frames.clamp(0, 1)
        made = [self._descriptor(frame[None].to(dtype)).float() for frame in within[0]]
        picture = torch.cat(made)[None] + (frames - within)
        level = torch.log(levels[:, 0].float() + 1 / 255).reshape(1, 1, 1, 1)
        return picture, level.expand_as(picture[:, :, 0])


def load_single_frame(path: Path) -> SingleFrameModel:
    """Load a .safetensors or .pth (read by an unpickler that knows nothing but tensors). Raises ModelError."""
    try:
        from spandrel import ImageModelDescriptor, ModelLoader
    except ImportError as error:
        raise ModelError(f"{path} needs spandrel: pip install 'framemend[spandrel]' ({error})") from error
    try:
        descriptor = ModelLoader("cpu").load_from_file(path)
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(f"spandrel cannot load {path}: {reason}") from error
    name = descriptor.architecture.name
    if not isinstance(descriptor, ImageModelDescriptor):
        raise ModelError(f"{path} is a {name} that fills masks; models that take one picture work")
    if descriptor.scale != 1:
        raise ModelError(f"{path} is a {name} that enlarges {descriptor.scale} times; models of scale 1 work")
    channels = descriptor.input_channels, descriptor.output_channels
    if channels != (3, 3):
        raise ModelError(f"{path} is a {name} of {channels[0]} to {channels[1]} channels; RGB to RGB works")
    return SingleFrameModel(descriptor.eval())
