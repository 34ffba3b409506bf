"""The network as ONNX, for other runtimes: with its inputs by name, or stacked into one picture for vs-mlrt.

Needs onnx and onnxscript (`pip install framemend[export]`).
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from framemend_filters.levels import COUNT
from framemend_filters.model.network import RepairNetwork
from framemend_filters.weights import model_files

INPUTS = ("frames", "masks", "certainty", "neighbours", "validity", "mean", "count", "base", "levels")
"""Arguments of `RepairLayers.forward`, in its order, with the batch in front."""
OUTPUTS = ("picture", "log_error")
LEAST_EDGE, GREATEST_EDGE = 16, 16384
"""Height and width that the network is exported for, in samples."""


def export_onnx(network: RepairNetwork, path: Path, *, stacked: bool = False) -> None:
    """Write the network as ONNX, float32, for pictures of any size from 16x16; weights are inside the file.

    stacked False: INPUTS to OUTPUTS, shapes as `RepairLayers.forward` says with a batch of 1 and any number of frames
    up to sizes.frames. stacked True: one input `window` and one output `repaired`, as `stack_inputs` and
    `unstack_outputs` lay them out, for windows of exactly sizes.frames frames.
    """
    frames, near = network.sizes.frames, 2 * network.sizes.neighbours
    given = example(frames, near)
    module = _Stacked(network, near).eval() if stacked else network
    height, width = (torch.export.Dim(name, min=LEAST_EDGE, max=GREATEST_EDGE) for name in ("height", "width"))
    if stacked:
        inputs: dict[str, Tensor] = {"window": stack_inputs(given)}
        shapes: dict[str, dict[int, torch.export.Dim]] = {"window": {2: height, 3: width}}
    else:
        inputs = given
        count = torch.export.Dim("frames", min=1, max=frames)
        shapes = {n: {1: count, v.ndim - 2: height, v.ndim - 1: width} for n, v in inputs.items() if v.ndim > 1}
        shapes["levels"] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # each edge is named once for every input that has it
        torch.onnx.export(
            module,
            kwargs=inputs,
            f=str(path),
            dynamo=True,
            dynamic_shapes=shapes,
            input_names=list(inputs),
            output_names=["repaired"] if stacked else list(OUTPUTS),
            external_data=False,
            verbose=False,
        )


def fingerprint(model: str | Path) -> str:
    """A name for the weights of a model and the way they are exported, for a cache of exports."""
    digest = hashlib.sha256()
    for path in (*model_files(model), Path(__file__), Path(__file__).with_name("network.py")):
        digest.update(path.read_bytes())
    digest.update(torch.__version__.encode())
    return digest.hexdigest()[:32]


def stack_inputs(inputs: Mapping[str, Tensor]) -> Tensor:
    """What the network takes of a window, as one picture 1 C H W: for each frame in turn 3 channels of `frames`, `masks`,
    `certainty`, 3 for each of `neighbours`, `validity` of each, 3 of `mean`, `count`, 3 of `base`; last of all one for each of
    `levels`."""
    frames = inputs["frames"]
    planes = [
        frames,
        inputs["masks"][:, :, None],
        inputs["certainty"][:, :, None],
        inputs["neighbours"].flatten(2, 3),
        inputs["validity"],
        inputs["mean"],
        inputs["count"][:, :, None],
        inputs["base"],
    ]
    levels = inputs["levels"].reshape(1, -1, 1, 1).expand(1, -1, *frames.shape[-2:])
    return torch.cat([torch.cat(planes, 2).flatten(1, 2), levels], 1)


def unstack_outputs(repaired: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures 1 T 3 H W and log errors 1 T H W of a stacked network's 1 4*T H W: R, G, B, log error of each frame."""
    each = repaired.unflatten(1, (-1, 4))
    return each[:, :, :3], each[:, :, 3]


class _Stacked(nn.Module):
    """The inverse of `stack_inputs`, the network, and its outputs as `unstack_outputs` takes them."""

    def __init__(self, network: RepairNetwork, near: int) -> None:
        super().__init__()
        self.network = network
        self.near = near

    def forward(self, window: Tensor) -> Tensor:
        T, N = self.network.sizes.frames, self.near
        H, W = window.shape[-2:]
        each = window[:, :-COUNT].reshape(1, T, 12 + 4 * N, H, W)
        frames, masks, certainty, neighbours, validity, mean, count, base = each.split([3, 1, 1, 3 * N, N, 3, 1, 3], 2)
        picture, log_error = self.network(
            frames,
            masks[:, :, 0],
            certainty[:, :, 0],
            neighbours.reshape(1, T, N, 3, H, W),
            validity,
            mean,
            count[:, :, 0],
            base,
            window[:, -COUNT:, 0, 0],
        )
        return torch.cat([picture, log_error[:, :, None]], 2).flatten(1, 2)


def example(T: int, N: int, H: int = 41, W: int = 57) -> dict[str, Tensor]:
    """Inputs of the right shapes; nothing of their values or size stays in what is exported."""
    made = torch.Generator().manual_seed(0)

    def some(*shape: int) -> Tensor:
        return torch.rand(1, T, *shape, generator=made)

    shapes = ((3, H, W), (H, W), (H, W), (N, 3, H, W), (N, H, W), (3, H, W), (H, W), (3, H, W))
    return {
        **{n: some(*s) for n, s in zip(INPUTS, shapes, strict=False)},
        "levels": 0.5 * torch.rand(1, COUNT, generator=made),
    }
