"""Models of single frames from spandrel: run frame by frame in the same engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from framemend_filters.engine import Repairer, RepairSettings
from framemend_filters.errors import ModelError, SettingError
from framemend_filters.model.single_frame import load_single_frame

spandrel = pytest.importorskip("spandrel", reason="pip install framemend[spandrel]")
HEIGHT, WIDTH = 34, 45


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """Of a tiny NAFNet (Chen et al., ECCV 2022) that changes every sample."""
    from spandrel.architectures.NAFNet import NAFNet

    torch.manual_seed(2)
    network = NAFNet(img_channel=3, width=4, middle_blk_num=1, enc_blk_nums=[1], dec_blk_nums=[1])
    bias = network.ending.bias
    assert bias is not None
    torch.nn.init.normal_(bias, 0.05, 0.05)
    return {name: value.contiguous() for name, value in network.state_dict().items()}


@pytest.fixture(params=[".safetensors", ".pth"])
def model(request: pytest.FixtureRequest, weights: dict[str, torch.Tensor], tmp_path: Path) -> Path:
    path = tmp_path / f"nafnet{request.param}"
    save_file(weights, path) if request.param == ".safetensors" else torch.save(weights, path)
    return path


def clip(frames: int = 3) -> dict[int, np.ndarray]:
    made = np.random.default_rng(1)
    return {i: made.random((HEIGHT, WIDTH, 3), np.float32) * np.float32(0.6) + np.float32(0.2) for i in range(frames)}


def test_each_frame_is_what_the_model_makes_of_it_alone(model: Path) -> None:
    frames = clip()
    repairer = Repairer(RepairSettings(model=str(model), device="cpu", precision="fp32"))
    alone = spandrel.ModelLoader("cpu").load_from_file(model).eval()
    for i, given in frames.items():
        (made,) = repairer.repair_chunk(i, frames, num_frames=3)
        with torch.inference_mode():
            wanted = alone(torch.from_numpy(given).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
        assert np.abs(wanted - given).max() > 0.02
        # the engine may hold frames with the precision of 16 bits
        np.testing.assert_allclose(given + made.residual, wanted, atol=2e-3)


def test_outside_a_mask_nothing_is_touched(model: Path) -> None:
    frames = clip()
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[8:20, 10:24] = 255
    repairer = Repairer(RepairSettings(model=str(model), device="cpu", precision="fp32"), masked=True)
    (made,) = repairer.repair_chunk(1, frames, {1: mask}, num_frames=3)
    assert not made.residual[mask == 0].any() and made.residual[mask > 0].any()


def test_highlights_beyond_white_are_kept(model: Path) -> None:
    frames = {i: frame + np.float32(2) * (frame > 0.75) for i, frame in clip().items()}
    repairer = Repairer(RepairSettings(model=str(model), device="cpu", precision="fp32"))
    (made,) = repairer.repair_chunk(1, frames, num_frames=3)
    bright = frames[1] > 2
    assert bright.any() and np.abs(made.residual[bright]).max() < 1


def test_files_that_are_no_such_model_are_refused(tmp_path: Path) -> None:
    save_file({"some.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=r"spandrel cannot load .*other\.safetensors"):
        load_single_frame(tmp_path / "other.safetensors")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    torch.save({"weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(ModelError, match="spandrel cannot load"):
        load_single_frame(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


def test_a_model_that_enlarges_is_refused(tmp_path: Path) -> None:
    from spandrel.architectures.Compact import Compact

    network = Compact(num_feat=8, num_conv=2, upscale=2)
    save_file({n: v.contiguous() for n, v in network.state_dict().items()}, tmp_path / "x2.safetensors")
    with pytest.raises(ModelError, match="enlarges 2 times; models of scale 1 work"):
        load_single_frame(tmp_path / "x2.safetensors")


def test_other_runtimes_do_not_run_it(model: Path) -> None:
    repairer = Repairer(RepairSettings(model=str(model), device="cpu", backend="openvino"))
    with pytest.raises(SettingError, match="run in torch"):
        repairer.repair_chunk(0, clip(), num_frames=3)
