"""`framemend train` from a folder of real files to weights that `framemend repair` takes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from framemend_filters.damage.detection import Finder, Plan
from framemend_filters.damage.detectors import learned
from framemend_filters.model.configuration import ModelSizes
from framemend_filters.model.loading import load_model
from framemend_filters.model.network import RepairNetwork
from framemend_filters.model.pretrained import FramemendConfig, FramemendModel
from framemend_filters.training.recipe import BASE
from framemend_filters.weights import model_files

ROOT = Path(__file__).parents[2]

RECIPE = {
    "steps": 4,
    "batch": 2,
    "crop": 32,
    "margin": 8,
    "pool": 8,
    "reuse": 2.0,
    "hole_reach": 3,
    "validate_every": 2,
    "model": {"frames": 2, "radius": 2, "neighbours": 1, "dims": [8, 8, 16], "depth": 1, "heads": 2},
}


@pytest.fixture
def data(tmp_path: Path, ffmpeg: Callable[..., None]) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(2):
        source = f"testsrc2=size=96x80:rate=25:duration=0.8,rotate={number}"
        ffmpeg("-f", "lavfi", "-i", source, "-c:v", "libx264", "-crf", "12", folder / f"clip {number}.mp4")
    ffmpeg("-f", "lavfi", "-i", "mandelbrot=size=120x100", "-frames:v", "1", folder / "still.png")
    (folder / "notes.txt").write_text("not a clip")
    (folder / "broken.mp4").write_bytes(b"not a video either")
    return folder


@pytest.mark.slow
def test_weights_are_pretrained_then_trained_to_repair_then_used(
    tmp_path: Path, data: Path, framemend: Callable[..., tuple[int, str, str]]
) -> None:
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(RECIPE))
    shared = ("--data", data, "--validation", data, "--config", recipe)
    status, out, err = framemend("train", "pretrain", *shared, "--out", tmp_path / "pre")
    assert (status, out) == (0, "")
    assert "training on 2 clips and 1 stills" in err
    assert "left out: " in err and "broken.mp4" in err
    status, _, _ = framemend("train", "repair", *shared, "--out", tmp_path / "run", "--init", tmp_path / "pre" / "best")
    assert status == 0
    assert (tmp_path / "run" / "curves.png").stat().st_size > 1000
    assert (tmp_path / "run" / "log.csv").read_text().splitlines()[-1].startswith("4,")
    status, _, err = framemend("train", "repair", *shared, "--out", tmp_path / "run")
    assert status == 2
    assert "holds a run already; pass --resume" in err
    status, _, _ = framemend(
        "repair",
        "--model",
        tmp_path / "run" / "best",
        "--device",
        "cpu",
        data / "clip 0.mp4",
        tmp_path / "repaired.mkv",
    )
    assert status == 0


def test_a_folder_without_clips_is_said_in_one_line(
    tmp_path: Path, framemend: Callable[..., tuple[int, str, str]]
) -> None:
    status, _, err = framemend("train", "repair", "--data", tmp_path, "--out", tmp_path / "run")
    assert status == 1
    assert err == f"framemend: {tmp_path}: no video and no still in it that can be decoded\n"
    status, _, err = framemend("train", "repair", "--data", tmp_path / "none", "--out", tmp_path / "run")
    assert status == 1
    assert err == f"framemend: no such folder: {tmp_path / 'none'}\n"


def test_the_detecting_network_is_trained_and_its_weights_find(
    tmp_path: Path, data: Path, framemend: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, run = tmp_path / "recipe.json", tmp_path / "run"
    recipe.write_text(
        json.dumps({"windows": 4, "first": 2, "validation_windows": 2, "edge": 48, "batch": 2, "steps": 3})
    )
    arguments = ("train", "detect", "--data", data, "--validation", data, "--config", recipe, "--out", run)
    status, out, err = framemend(*arguments)
    assert (status, out) == (0, ""), err
    step, loss, *f1 = (run / "log.csv").read_text().splitlines()[-1].split(",")
    assert step == "3" and float(loss) > 0 and len(f1) == 4 and all(0 <= float(value) <= 1 for value in f1)
    first = (run / "detect.safetensors").read_bytes()
    assert framemend(*arguments)[0] == 2
    assert framemend(*arguments, "--resume")[0] == 0
    assert (run / "detect.safetensors").read_bytes() == first, "the same recipe gives the same weights"
    monkeypatch.setattr(learned, "FILE", run / "detect.safetensors")
    learned.network.cache_clear()
    frames = {i: np.random.default_rng(i).random((40, 50, 3)).astype(np.float32) for i in range(5)}
    assert Finder(Plan(kinds=("dust",))).find(2, frames, 5).corrected is None
    learned.network.cache_clear()


@pytest.mark.slow
def test_training_on_a_gpu_goes_on_from_slice_to_slice(tmp_path: Path, data: Path) -> None:
    """A dry run on the processor: `make gpu-train` as it is, with a tiny model, compiled as there."""
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(RECIPE | {"compile": True}))

    def train(minutes: str) -> str:
        settings = {"PYTHON": sys.executable, "CLIPS": data, "HELD_OUT": data, "RUN": tmp_path / "run"}
        settings["GPU"] = f"--device cpu --workers 1 --minutes {minutes} --config {recipe}"
        command = ["make", "--silent", "gpu-train", *(f"{name}={value}" for name, value in settings.items())]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=500).stdout

    assert train("0.501").startswith("pretrain: ")  # no time but for a step
    first = (tmp_path / "run" / "pretrain" / "log.csv").exists()
    assert train("9").startswith("repair: ")
    assert not first and (tmp_path / "run" / "pretrain" / "log.csv").exists()
    assert load_model(tmp_path / "run" / "weights").sizes.dims == [8, 8, 16]
    before = (tmp_path / "run" / "weights" / "model.safetensors").read_bytes()
    assert train("9").startswith("repair: ")
    assert (tmp_path / "run" / "weights" / "model.safetensors").read_bytes() == before


def test_base_is_no_larger_than_what_it_is_made_for() -> None:
    network = RepairNetwork(ModelSizes(**BASE))
    assert sum(weight.numel() for weight in network.parameters()) <= 12e6


def test_weights_saved_in_parts_are_those_saved_whole(tmp_path: Path) -> None:
    model = FramemendModel(FramemendConfig(**RECIPE["model"]))
    model.save_pretrained(tmp_path / "whole")
    model.save_pretrained(tmp_path / "parts", max_shard_size="20KB")
    assert len(list((tmp_path / "parts").glob("*.safetensors"))) > 1
    whole, parts = load_model(tmp_path / "whole"), load_model(tmp_path / "parts")
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[name], value, rtol=0, atol=0)
    named = model_files(tmp_path / "parts")  # what a report or a job knows a model by
    assert sorted(named) == sorted([tmp_path / "parts" / "config.json", *(tmp_path / "parts").glob("*.safetensors")])
