"""`framemend train adapt`: weights that learn one film, and that repair takes."""

from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_film_is_learned_and_the_weights_repair_it(framemend, write_clip, tiny_model, tmp_path: Path) -> None:
    film, model = write_clip(tmp_path / "film.mkv"), tmp_path / "model"
    recipe = tmp_path / "recipe.json"
    recipe.write_text('{"steps": 4, "batch": 2, "crop": 32, "margin": 8, "pool": 8, "reuse": 2.0, "hole_reach": 3}')
    status, _, err = framemend("train", "adapt", film, "--out", model, "--init", tiny_model, "--config", recipe)
    assert status == 0, err
    assert "film.mkv: 1 pieces, noise " in err
    assert sorted(p.name for p in model.iterdir()) == ["config.json", "model.safetensors", "run"]
    assert (model / "model.safetensors").read_bytes() != (Path(tiny_model) / "model.safetensors").read_bytes()
    status, _, err = framemend("repair", film, tmp_path / "out.mkv", "--model", model, "--device", "cpu")
    assert status == 0, err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["adapt", "--out", "m"], "adapt learns one film: framemend train adapt INPUT --out MODEL"),
        (["adapt", "no film.mkv", "--out", "m"], "no such file: no film.mkv"),
        (["repair", "film.mkv", "--out", "m"], "repair trains on folders: framemend train repair --data DIR --out DIR"),
        (["pretrain", "--out", "m"], "pretrain trains on folders"),
    ],
)
def test_what_is_missing_is_said(framemend, tmp_path: Path, monkeypatch, arguments: list[str], message: str) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, err = framemend("train", *arguments)
    assert status in (1, 2)
    assert message in err
