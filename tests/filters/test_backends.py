"""ONNX Runtime and OpenVINO give torch's pictures, through the same engine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framemend_filters.engine import Repairer, RepairSettings
from framemend_filters.engine.backends import check_installed, open_network
from framemend_filters.engine.backends.exported import exported_model
from framemend_filters.errors import ModelError, SettingError

HEIGHT, WIDTH = 34, 47


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, tiny_model: str) -> Iterator[Path]:
    """The file that runtimes find in the user's cache: torch takes most of a minute to make it."""
    pytest.importorskip("onnxscript")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield exported_model(tiny_model)


def repaired(settings: RepairSettings, frames: int, *, cuts: frozenset[int] = frozenset()) -> list[np.ndarray]:
    """Residuals of a short moving clip with a hole in one frame."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    noise = np.random.default_rng(1)
    clip = {}
    for i in range(frames):
        waves = [0.5 + 0.3 * np.sin((x + i) / 5 + c) * np.cos(y / (6 + c)) for c in range(3)]
        clip[i] = (np.stack(waves, -1) + noise.normal(0, 0.03, (HEIGHT, WIDTH, 3))).astype(np.float32)
    masks = {1: np.zeros((HEIGHT, WIDTH), np.uint8)}
    masks[1][8:16, 10:22] = 255
    repairer = Repairer(settings, masked=True)
    chunks = range(-(-frames // repairer.chunk_frames))
    return [r.residual for c in chunks for r in repairer.repair_chunk(c, clip, masks, num_frames=frames, cuts=cuts)]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_another_runtime_gives_the_same_pictures(backend: str, tiny_model: str, exported: Path) -> None:
    """Windows of three, two (before the cut) and one frame (at the end); one code of 8 bits is allowed, less is expected."""
    pytest.importorskip(backend, exc_type=ImportError)  # another OpenVINO may be loaded already: vapoursynth-mlrt-ov's
    common = {"model": tiny_model, "device": "cpu", "precision": "fp32", "strength": 1.0}
    wanted = repaired(RepairSettings(**common), 7, cuts=frozenset({4}))
    made = repaired(RepairSettings(**common, backend=backend), 7, cuts=frozenset({4}))
    assert max(np.abs(residual).max() for residual in wanted) > 5 / 255
    for a, b in zip(made, wanted, strict=True):
        assert np.abs(a - b).max() < 0.1 / 255
    assert list(exported.parent.iterdir()) == [exported]  # once, for all


@pytest.mark.slow
@pytest.mark.parametrize(("frames", "height", "width"), [(1, 16, 16), (2, 33, 50), (3, 64, 48)])
def test_the_export_takes_any_size_and_number_of_frames(
    exported: Path, tiny_model: str, frames: int, height: int, width: int
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    import torch

    from framemend_filters.model import load_model
    from framemend_filters.model.export import INPUTS, OUTPUTS, example

    session = onnxruntime.InferenceSession(str(exported))
    assert tuple(i.name for i in session.get_inputs()) == INPUTS
    assert tuple(o.name for o in session.get_outputs()) == OUTPUTS
    network = load_model(tiny_model)
    inputs = example(frames, 2 * network.sizes.neighbours, height, width)
    with torch.inference_mode():
        wanted = network(**inputs)
    made = [np.asarray(m) for m in session.run(None, {name: value.numpy() for name, value in inputs.items()})]
    np.testing.assert_allclose(made[0], wanted.picture, atol=1e-4)
    np.testing.assert_allclose(made[1], wanted.log_error, atol=1e-3)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"backend": "onnxruntime", "precision": "bf16"}, "computes in fp32"),
        ({"backend": "openvino", "device": "cuda"}, "runs on the CPU"),
        ({"backend": "onnxruntime", "device": "mps"}, "device is 'mps'"),
    ],
)
def test_what_a_runtime_cannot_do_is_refused(settings: dict[str, Any], says: str, tiny_model: str) -> None:
    pytest.importorskip(settings["backend"], exc_type=ImportError)
    with pytest.raises(SettingError, match=says):
        repaired(RepairSettings(model=tiny_model, **settings), 2)


def test_a_runtime_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framemend_filters.engine.backends.find_spec", lambda name: None)
    with pytest.raises(
        SettingError, match=r"openvino, onnx, onnxscript must be installed: pip install 'framemend\[export\]"
    ):
        check_installed("openvino")
    check_installed("torch")


def test_an_openvino_that_cannot_be_loaded_costs_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is where vapoursynth-mlrt-ov has brought one of its own."""
    pytest.importorskip("onnxscript")
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr("framemend_filters.engine.backends.find_spec", lambda name: name)
    with pytest.raises(SettingError, match="'openvino', which cannot be loaded into this process"):
        open_network(RepairSettings(backend="openvino", device="cpu"))


def test_a_backend_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SettingError, match="backend is 'tensorflow'; use one of torch, onnxruntime, openvino"):
        RepairSettings(backend="tensorflow")


def test_no_place_for_the_export_is_said(tiny_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="set XDG_CACHE_HOME"):
        repaired(RepairSettings(model=tiny_model, backend="onnxruntime"), 2)
