"""What the model made, laid over what was given."""

import numpy as np
import pytest
from pictures import pattern

from framemend_filters.engine import RepairSettings
from framemend_filters.engine.compose import compose
from framemend_filters.errors import SettingError

NOISE = 10 / 255
GRAINY = np.random.default_rng(3).normal(0, NOISE, (64, 96, 3)).astype(np.float32)


def _left(grain: float, damage: np.ndarray) -> np.ndarray:
    """What is left of grain and `damage` on a picture that the model cleans perfectly."""
    clean = pattern(64, 96)
    given = (clean + GRAINY + damage).astype(np.float32)
    error = np.zeros((64, 96), np.float32)
    repair = compose(given, clean, error, None, strength=1.0, noise=NOISE, grain=grain)
    return given + repair.residual - clean


def test_grain_is_removed_reduced_or_kept_as_asked() -> None:
    nothing = np.zeros_like(GRAINY)
    kept, reduced, removed = (_left(grain, nothing).std() for grain in (1.0, 0.5, 0.0))
    assert kept == pytest.approx(NOISE, rel=0.08)
    assert reduced == pytest.approx(NOISE / 2, rel=0.08)
    assert removed < 1e-6


def test_damage_that_is_coarser_or_stronger_than_grain_goes_though_grain_is_kept() -> None:
    y, x = np.mgrid[:64, :96].astype(np.float32)
    blotches = np.repeat(0.02 * np.sin(x / 9)[..., None], 3, 2) + 0 * y[..., None]
    assert abs(np.mean(_left(1.0, blotches) * np.sign(blotches))) < 0.15 * np.abs(blotches).mean()
    speck = np.zeros_like(GRAINY)
    speck[20:26, 30:37] = 0.6
    assert np.abs(_left(1.0, speck)[20:26, 30:37]).max() < 1e-6


def test_generated_areas_get_as_much_grain_as_stays_around_them() -> None:
    flat = np.full((64, 96, 3), 0.5, np.float32)
    hole = np.zeros((64, 96), np.uint8)
    hole[:, 48:] = 255
    repair = compose(
        flat + GRAINY, flat, np.zeros((64, 96), np.float32), hole, strength=1.0, noise=NOISE, grain=1.0, seed=7
    )
    made = (flat + GRAINY + repair.residual)[:, 48:]
    assert made.std() == pytest.approx(NOISE, rel=0.1)
    assert np.corrcoef(made.ravel(), GRAINY[:, 48:].ravel())[0, 1] < 0.1


def test_grain_says_what_it_can_be() -> None:
    with pytest.raises(SettingError, match="grain is 'some'; use one of keep, reduce, remove"):
        RepairSettings(grain="some")
