"""The network: sizes, reload, what it refuses, and that it looks where it should."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, AutoModel

from framemend_filters.errors import ModelError
from framemend_filters.levels import Levels
from framemend_filters.model import load_model
from framemend_filters.model.network import KERNEL_UNIT
from framemend_filters.model.pretrained import FramemendConfig, FramemendModel, load_for_training


def window(frames: int, height: int, width: int, neighbours: int = 2, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random arguments of forward, B = 1."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    near = 2 * neighbours
    return {
        "frames": random(1, frames, 3, height, width),
        "masks": torch.zeros(1, frames, height, width),
        "certainty": torch.ones(1, frames, height, width),
        "neighbours": random(1, frames, near, 3, height, width),
        "validity": random(1, frames, near, height, width),
        "mean": random(1, frames, 3, height, width),
        "count": random(1, frames, height, width) * 9,
        "base": random(1, frames, 3, height, width),
        "levels": torch.from_numpy(Levels(0.05, 0.02, 0.3, 1.2, 0.9, 0.8, 0.9, 0.5, 0.04, 0.02).array())[None],
    }


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 31), (40, 33), (96, 64)])
def test_any_size_from_16_up_and_any_number_of_frames(tiny_model: str, frames: int, height: int, width: int) -> None:
    output = load_model(tiny_model)(**window(frames, height, width))
    assert output.picture.shape == (1, frames, 3, height, width)
    assert output.log_error.shape == (1, frames, height, width)
    assert torch.isfinite(output.picture).all()


def test_more_frames_than_the_window_are_refused(tiny_model: str) -> None:
    with pytest.raises(ValueError, match="4 frames; this model takes up to 3"):
        load_model(tiny_model)(**window(4, 32, 32))


def test_settings_and_weights_survive_a_reload(tiny_model: str, tmp_path: Path) -> None:
    model = load_for_training(tiny_model)
    model.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path)
    assert isinstance(again, FramemendModel)
    assert isinstance(AutoConfig.from_pretrained(tmp_path), FramemendConfig)
    arguments = window(3, 32, 48)
    with torch.no_grad():
        # the transformers library leaves weights where they lie in the file, where torch may round otherwise
        for other, off in ((again.eval(), 2e-7), (load_model(tmp_path), 0)):
            torch.testing.assert_close(other(**arguments).picture, model(**arguments).picture, rtol=0, atol=off)


def test_an_untrained_model_changes_nothing_but_to_mix_in_base_and_mean() -> None:
    model = FramemendModel(FramemendConfig(dims=[8, 8, 16], depth=1, heads=2)).eval()
    arguments = window(2, 32, 32)
    with torch.no_grad():
        picture = model(**arguments).picture
    mixed = torch.stack([arguments[name] for name in ("frames", "base", "mean")])
    assert bool(((picture >= mixed.amin(0) - 1e-5) & (picture <= mixed.amax(0) + 1e-5)).all())


@pytest.mark.parametrize(("height", "width"), [(32, 40), (33, 41)])
def test_a_kernel_weighs_the_samples_around_each_two_by_two(height: int, width: int) -> None:
    model = FramemendModel(FramemendConfig(dims=[8, 8, 16], depth=1, heads=2)).eval()
    arguments = window(1, height, width)
    with torch.no_grad():
        before = model(**arguments).picture
        model.head.state_dict()["bias"][24] = 0.5 / KERNEL_UNIT  # the pair to the left and right
        added = model(**arguments).picture - before
    light = np.pad(before[0, 0].mean(0).numpy(), ((0, 0), (1, 1)), mode="edge")
    expected = 0.5 * (light[:, 2:] + light[:, :-2] - 2 * light[:, 1:-1])
    for channel in range(3):
        np.testing.assert_allclose(added[0, 0, channel].numpy(), expected, atol=1e-5)


def test_attention_carries_from_one_frame_of_the_window_to_another(tiny_model: str) -> None:
    model = load_model(tiny_model)
    arguments = window(3, 32, 32)
    changed = {name: value.clone() for name, value in arguments.items()}
    changed["base"][:, 0] = 1 - changed["base"][:, 0]
    with torch.no_grad():
        before, after = model(**arguments).picture, model(**changed).picture
    assert float((before - after)[:, 2].abs().max()) > 1e-5


def test_fast_stays_within_its_budget() -> None:
    model = load_model("fast")
    assert sum(p.numel() for p in model.parameters()) <= 3_000_000
    frames = model.sizes.frames
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(**window(frames, 360, 640))
    assert counter.get_total_flops() / frames <= 10e9


def test_unknown_models_are_named_with_those_that_exist() -> None:
    with pytest.raises(ModelError, match=r"no model named 'quick'; shipped are .*fast"):
        load_model("quick")


def test_weights_that_are_not_safetensors_are_refused(tiny_model: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((Path(tiny_model) / "config.json").read_bytes())
    torch.save(load_model(tiny_model).state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"no model.safetensors \(found pytorch_model.bin, which is not read\)"):
        load_model(tmp_path)
    (tmp_path / "model.safetensors").write_bytes((tmp_path / "pytorch_model.bin").read_bytes())
    with pytest.raises(ModelError, match="cannot load the model"):
        load_model(tmp_path)


def test_weights_that_lack_a_layer_are_refused(tiny_model: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    state = {n: v.contiguous() for n, v in load_model(tiny_model).state_dict().items() if not n.startswith("head")}
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_bytes((Path(tiny_model) / "config.json").read_bytes())
    with pytest.raises(ModelError, match="head"):
        load_model(tmp_path)
