"""Training: what is hidden and damaged, that it learns, and that a killed run goes on exactly."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import pattern
from trainingclips import Clips

from framemend_filters.damage import film, synthesis
from framemend_filters.errors import SettingError
from framemend_filters.model.pretrained import FramemendConfig, FramemendModel
from framemend_filters.training import recipe as recipes
from framemend_filters.training.hiding import hide
from framemend_filters.training.loop import Run, learning_rate
from framemend_filters.training.motion import camera_over_still
from framemend_filters.training.plot import plot_run
from framemend_filters.training.pool import PoolKeeper, layout, pack
from framemend_filters.training.recipe import Recipe, load_recipe
from framemend_filters.training.samples import WindowShape, make_sample
from framemend_filters.training.validation import build

SHAPE = WindowShape(frames=2, radius=2, neighbours=1)
MODEL = {"frames": 2, "radius": 2, "neighbours": 1, "dims": [8, 8, 16], "depth": 1, "heads": 2}


def tiny(objective: str, **settings: object) -> Recipe:
    base = recipes.pretrain() if objective == "pretrain" else recipes.repair()
    small = {"steps": 8, "batch": 2, "crop": 32, "margin": 8, "pool": 8, "reuse": 2.0, "warmup": 2, "hole_reach": 3}
    return dataclasses.replace(base, **(small | {"validate_every": 4, "model": MODEL} | settings))  # pyright: ignore[reportArgumentType]


def start(recipe: Recipe) -> FramemendModel:
    return FramemendModel(FramemendConfig(**recipe.model))


def train(folder: Path, recipe: Recipe, *, steps: int, resume: bool = False, pool: Path | None = None) -> Run:
    """Take steps up to number `steps`, then stop as a kill would: nothing but the checkpoint is left."""
    run = Run(folder, recipe, lambda: start(recipe), resume=resume)
    validation = build(Clips(), [0], recipe, SHAPE)
    with PoolKeeper(pool or folder / "pool", Clips(), ([0, 1], [2]), recipe, SHAPE) as keeper:
        run.recipe = dataclasses.replace(recipe, steps=steps)
        run.train(keeper, validation, None, lambda status: None)
    return run


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["pretrain", "repair"])
def test_a_killed_run_goes_on_exactly(tmp_path: Path, objective: str) -> None:
    recipe = tiny(objective, decay_from=1.0)
    whole = train(tmp_path / "whole", recipe, steps=8)
    train(tmp_path / "killed", recipe, steps=5)
    again = train(tmp_path / "killed", recipe, steps=8, resume=True, pool=tmp_path / "another pool")
    assert again.step == whole.step == 8
    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(again.model.state_dict()[name], value, rtol=0, atol=0)
        torch.testing.assert_close(again.mean[name], whole.mean[name], rtol=0, atol=0)
    for name in ("log.csv", "validation.csv"):
        with open(tmp_path / "killed" / name) as file:
            steps = [int(row["step"]) for row in csv.DictReader(file)]
        assert steps == sorted(set(steps))
        assert steps[-1] == 8
    assert plot_run(tmp_path / "killed")
    assert FramemendModel.from_pretrained(tmp_path / "killed" / "best").config.frames == 2


def test_a_run_is_not_begun_twice_by_mistake(tmp_path: Path) -> None:
    recipe = tiny("repair")
    Run(tmp_path, recipe, lambda: start(recipe)).save()
    with pytest.raises(SettingError, match="holds a run already; pass --resume"):
        Run(tmp_path, recipe, lambda: start(recipe))
    with pytest.raises(SettingError, match="holds a run of repair, not pretrain"):
        Run(tmp_path, tiny("pretrain"), lambda: start(recipe), resume=True)


@pytest.mark.slow
def test_training_repairs_better_than_the_start(tmp_path: Path) -> None:
    recipe = tiny("repair", steps=240, batch=4, crop=48, margin=12, rate=3e-3, stills=0.0, validate_every=240)
    run = Run(tmp_path, recipe, lambda: start(recipe))
    validation = build(Clips(), [0, 1], recipe, SHAPE)
    before = run.validate(validation)
    with PoolKeeper(tmp_path / "pool", Clips(), ([0, 1], []), dataclasses.replace(recipe, reuse=1e9), SHAPE) as keeper:
        run.train(keeper, validation, None, lambda status: None)
    after = run.validate(validation)
    assert after["noise40"] > before["noise40"] + 0.1
    assert after["noise20"] > before["noise20"] + 0.1


@pytest.mark.parametrize("objective", ["pretrain", "repair"])
def test_a_window_is_the_same_whoever_makes_it(objective: str) -> None:
    recipe = tiny(objective)
    for index in range(6):
        one, two = (make_sample(Clips(), ([0, 1], [2]), recipe, SHAPE, index) for _ in range(2))
        np.testing.assert_array_equal(pack(one, SHAPE), pack(two, SHAPE))
        assert pack(one, SHAPE).shape == (2, layout(SHAPE)["target"].stop, 32, 32)


def test_windows_pretraining_hides_parts_and_repair_damages() -> None:
    kinds = {
        o: {make_sample(Clips(), ([0, 1], [2]), tiny(o), SHAPE, i).kind for i in range(90)}
        for o in ("pretrain", "repair")
    }
    assert kinds["pretrain"] == {"cubes", "tubes", "blocks", "frames", "future"}
    assert kinds["repair"] >= {"noise", "codec", "blur", "holes", "clean"}


def test_the_future_is_hidden_from_some_frame_on() -> None:
    rng = np.random.default_rng(0)
    futures = [m for m, kind in (hide((13, 32, 32), rng, range(4, 9)) for _ in range(200)) if kind == "future"]
    assert futures
    for mask in futures:
        hidden = mask.reshape(13, -1).min(1) == 255
        first = int(np.argmax(hidden))
        assert 4 <= first < 9
        assert hidden[first:].all()
        assert not mask[:first].any()


def test_ten_to_ninety_percent_are_hidden() -> None:
    rng = np.random.default_rng(1)
    shares = [
        float((m > 0).mean())
        for m, kind in (hide((9, 64, 64), rng, range(2, 7)) for _ in range(200))
        if kind == "tubes"
    ]
    assert min(shares) < 0.25
    assert max(shares) > 0.75


@pytest.mark.parametrize("sigma", [10.0, 40.0])
def test_noise_is_drawn_once_and_is_as_strong_as_said(sigma: float) -> None:
    grey = np.full((4, 64, 64, 3), 128, np.uint8)
    one, two = (synthesis.gaussian_noise(grey, sigma, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.astype(float).std() == pytest.approx(sigma, rel=0.05)
    assert not np.array_equal(one[0], one[1])


def test_poisson_noise_grows_with_light_and_grain_lies_in_the_middle_tones() -> None:
    rng = np.random.default_rng(0)
    tones = np.repeat(np.array([16, 128, 240], np.uint8), 64 * 64).reshape(3, 64, 64, 1).repeat(3, 3)
    shot = synthesis.poisson_noise(tones, 200, rng).reshape(3, -1).std(1)
    grain = film.grain(tones, 12, 0.8, rng).reshape(3, -1).std(1)
    assert shot[0] < shot[1] < shot[2]
    assert grain[1] > grain[0] and grain[1] > grain[2]


def test_a_camera_moves_over_a_still() -> None:
    still = (pattern(120, 140) * 255).astype(np.uint8)
    moved = 0
    for seed in range(8):
        clip = camera_over_still(still, 7, 48, np.random.default_rng(seed))
        assert clip.shape == (7, 48, 48, 3)
        moved += int(np.abs(clip[0].astype(int) - clip[-1]).mean() > 5)
    assert moved >= 4


def test_the_learning_rate_warms_up_stays_and_falls() -> None:
    recipe = Recipe(objective="repair", steps=1000, warmup=100, rate=1e-3, decay_from=0.5, rate_end=0.1)
    assert learning_rate(0, recipe) == pytest.approx(1e-5)
    assert learning_rate(100, recipe) == learning_rate(500, recipe) == 1e-3
    assert learning_rate(750, recipe) == pytest.approx(0.55e-3)
    assert learning_rate(1000, recipe) == pytest.approx(1e-4)


def test_a_recipe_file_changes_settings_and_refuses_unknown_ones(tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"
    file.write_text('{"steps": 5, "rate": 0.01}')
    assert load_recipe(recipes.repair(), file).steps == 5
    file.write_text('{"step": 5}')
    with pytest.raises(SettingError, match="unknown setting 'step'"):
        load_recipe(recipes.repair(), file)
