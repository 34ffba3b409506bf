"""Flicker is 0 for a picture that only moves, the size of what changes otherwise, and blind to cuts and to what appears."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from pictures import panning_clip

from framemend_filters.errors import SettingError
from framemend_filters.metrics import flicker, motion_of


def _moving(frames: int = 5, step: int = 2) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (64, 96 + step * frames, 3), np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3.0)
    wide = cv2.normalize(smooth, smooth.copy(), 40, 200, cv2.NORM_MINMAX)
    return np.stack([wide[:, step * t : step * t + 96] for t in range(frames)])


def test_a_picture_that_moves_does_not_flicker() -> None:
    clip = _moving()
    motion = motion_of(clip)
    assert flicker(clip, motion) < 1.0
    assert motion.seen[:, 8:-8, 8:-8].mean() > 0.9
    assert np.abs(np.diff(clip.astype(float), axis=0)).mean() > 5


def test_light_that_changes_by_ten_codes_flickers_by_ten() -> None:
    clip = _moving()
    changing = clip.copy()
    changing[1::2] += 10
    assert flicker(changing, motion_of(clip)) == pytest.approx(10, rel=0.05)


def test_noise_flickers_by_its_difference_and_a_lasting_error_does_not() -> None:
    clip = _moving(3, 0)
    motion = motion_of(clip)
    noisy = np.clip(clip + np.random.default_rng(1).normal(0, 6, clip.shape), 0, 255).astype(np.uint8)
    assert flicker(noisy, motion) == pytest.approx(6 * 2**0.5, rel=0.05)
    assert flicker(clip // 2, motion) == 0


def test_what_comes_into_the_picture_and_cuts_do_not_count() -> None:
    clip = _moving(4, 6)
    assert flicker(clip, motion_of(clip)) < 1.5
    cut = np.concatenate([_moving(3, 0), 255 - _moving(3, 0)[:, ::-1, ::-1] // 4])
    assert flicker(cut, motion_of(cut)) < 1.0


def test_a_cut_between_all_frames_has_no_figure_and_wrong_clips_are_told() -> None:
    cuts = np.concatenate([_moving(1), 255 - _moving(1)[:, ::-1, ::-1] // 4])
    assert np.isnan(flicker(cuts, motion_of(cuts)))
    with pytest.raises(SettingError, match="two frames"):
        motion_of(_moving(1))
    with pytest.raises(SettingError, match="differ in shape"):
        flicker(_moving(4), motion_of(_moving(5)))


def test_in_a_pan_all_but_the_edge_that_comes_in_is_seen_in_both_frames() -> None:
    clip = panning_clip(4, 96, 128, speed=6)
    assert motion_of(clip).seen.mean((1, 2)) == pytest.approx([1 - 6 / 128] * 3, abs=0.02)


def test_flat_frames_have_a_flicker_too() -> None:
    flat = np.stack([np.full((48, 64, 3), v, np.uint8) for v in (100, 110)])
    assert flicker(flat, motion_of(flat[[0, 0]])) == pytest.approx(10, abs=0.1)
