"""The stacked export runs in vs-mlrt, and what it makes are the frames of the filter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import vapoursynth as vs
from numpy.typing import NDArray
from torch import Tensor
from vsclips import by_hand, core, moving_clip, pictures

from framemend.node import repair
from framemend_filters.model.export import stack_inputs, unstack_outputs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stacked(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from framemend.cli import main

    pytest.importorskip("onnxscript")
    path = tmp_path_factory.mktemp("onnx") / "stacked.onnx"
    assert main(["export", str(path), "--model", tiny_model, "--stacked"]) == 0
    return path


@pytest.mark.parametrize("runtime", ["ort", "ov"])
def test_mlrt_gives_the_frames_of_the_filter(
    runtime: str, stacked: Path, tiny_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not hasattr(core, runtime):
        pytest.skip(f"needs vapoursynth-mlrt-{runtime}")

    def network(**inputs: Tensor) -> tuple[Tensor, Tensor]:
        planes = stack_inputs(inputs)[0].numpy()
        # as the page about ONNX has it: OpenVINO else computes in bfloat16 where the processor can
        exact = {"config": lambda: {"INFERENCE_PRECISION_HINT": "f32"}} if runtime == "ov" else {}
        answer = getattr(core, runtime).Model(
            [gray(plane) for plane in planes], str(stacked), flexible_output_prop="framemend", **exact
        )
        frame = answer["clip"].get_frame(0)
        found = [np.asarray(frame.props[f"framemend{i}"][0]).copy() for i in range(answer["num_planes"])]
        return unstack_outputs(torch.from_numpy(np.stack(found))[None])

    clip = moving_clip("YUV420P8", 6)  # two whole windows
    wanted = pictures(repair(clip, model=tiny_model, device="cpu", precision="fp32", scene_changes="none"))
    monkeypatch.setattr("framemend_filters.engine.backends.open_network", lambda settings: (network, "cpu"))
    made = by_hand(clip, tiny_model, scene_changes="none")
    for a, b in zip(made, wanted, strict=True):
        for plane, other in zip(a, b, strict=True):
            assert np.abs(plane.astype(int) - other).max() <= 1


def gray(plane: NDArray[np.float32]) -> vs.VideoNode:
    blank = core.std.BlankClip(width=plane.shape[1], height=plane.shape[0], format=vs.GRAYS, length=1)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        np.asarray(frame[0])[...] = plane
        return frame

    return core.std.ModifyFrame(blank, blank, fill)
