"""Defects cover what their masks say, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from framemend_filters.damage import defects

KINDS = [defects.scratches, defects.dust, defects.dropouts, defects.blocks, defects.logo, defects.lost_frames]


def _clip(frames: int = 6, height: int = 60, width: int = 83) -> np.ndarray:
    return np.random.default_rng(0).integers(60, 180, (frames, height, width, 3), np.uint8)


@pytest.mark.parametrize("draw", KINDS)
@pytest.mark.parametrize("severity", [0.1, 0.5, 1.0])
def test_only_what_the_mask_covers_changes(draw, severity: float) -> None:
    clean = _clip()
    kept = clean.copy()
    for seed in range(5):
        damaged, masks = draw(clean, np.random.default_rng(seed), severity)
        assert (damaged.dtype, damaged.shape) == (np.uint8, clean.shape)
        assert (masks.dtype, masks.shape) == (np.uint8, clean.shape[:3])
        assert set(np.unique(masks)) <= {0, 255}
        assert np.array_equal(damaged[masks == 0], clean[masks == 0])
        changed = (damaged != clean).any(-1)
        assert changed.sum() >= 0.5 * (masks > 0).sum()
    assert np.array_equal(clean, kept), "the frames handed in were written to"


@pytest.mark.parametrize("draw", KINDS)
def test_severity_0_leaves_the_clip_alone(draw) -> None:
    damaged, masks = draw(_clip(), np.random.default_rng(1), 0.0)
    assert np.array_equal(damaged, _clip())
    assert not masks.any()


@pytest.mark.parametrize("draw", KINDS)
def test_the_same_generator_draws_the_same(draw) -> None:
    first, second = (draw(_clip(), np.random.default_rng(7), 0.8) for _ in range(2))
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])
    other = draw(_clip(), np.random.default_rng(8), 0.8)
    assert not np.array_equal(first[1], other[1])


@pytest.mark.parametrize("draw", KINDS)
def test_more_severe_is_more_damage(draw) -> None:
    def error(severity: float) -> float:
        results = [draw(_clip(), np.random.default_rng(seed), severity)[0] for seed in range(12)]
        return float(np.mean([np.abs(r.astype(int) - _clip()).mean() for r in results]))

    assert error(0.15) < error(1.0)


@pytest.mark.parametrize("draw", KINDS)
@pytest.mark.parametrize("size", [(1, 16, 16), (2, 17, 300), (3, 240, 16)])
def test_any_size_and_length(draw, size: tuple[int, int, int]) -> None:
    for seed in range(4):
        damaged, masks = draw(_clip(*size), np.random.default_rng(seed), 1.0)
        assert damaged.shape == (*size, 3) and masks.shape == size


def test_scratches_always_show_and_stand_upright() -> None:
    for seed in range(20):
        _, masks = defects.scratches(_clip(), np.random.default_rng(seed), 0.2)
        assert masks.any()
    _, masks = defects.scratches(_clip(), np.random.default_rng(2), 0.2)
    frame = masks[np.argmax(masks.any((1, 2)))] > 0
    assert frame.any(1).sum() > 3 * frame.sum(1).max()


def test_dust_lies_on_single_frames() -> None:
    _, masks = defects.dust(_clip(8, 120, 160), np.random.default_rng(3), 0.6)
    stays = ((masks[:-1] > 0) & (masks[1:] > 0)).sum()
    assert stays < 0.2 * (masks > 0).sum()


def test_lost_frames_are_black_and_never_the_first() -> None:
    for seed in range(20):
        damaged, masks = defects.lost_frames(_clip(9), np.random.default_rng(seed), 0.5)
        lost = masks.all((1, 2))
        assert lost.any() and not lost[0]
        assert not damaged[lost].any()
        assert not masks[~lost].any()


def test_a_logo_stands_still() -> None:
    _, masks = defects.logo(_clip(), np.random.default_rng(4), 0.7)
    assert masks.any() and (masks == masks[0]).all()
