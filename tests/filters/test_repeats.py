"""Frames that repeat the one before are repaired once, in every way through the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pictures import panning_clip

from framemend_filters.engine import Repairer, RepairSettings, backends
from framemend_filters.engine.repeats import distinct
from framemend_filters.engine.windows import Segment

NONE: dict[int, np.ndarray] = {}


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    """Frames 0 1 1 1 2 3 3 4 5: chunks of three are 0 1 1, 1 2 3, 3 4 5."""
    return panning_clip(6, 48, 64, noise=15)[[0, 1, 1, 1, 2, 3, 3, 4, 5]]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many frames each run of the network was given."""
    counts: list[int] = []
    original = backends.open_network

    def open_network(settings: RepairSettings) -> tuple[Any, str]:
        network, device = original(settings)

        def counted(**inputs: Any) -> Any:
            counts.append(inputs["frames"].shape[1])
            return network(**inputs)

        return counted, device

    monkeypatch.setattr(backends, "open_network", open_network)
    return counts


def _repairer(model: str, *, masked: bool = False) -> Repairer:
    settings = RepairSettings(model=model, device="cpu", precision="fp32", strength=1.0, scene_changes="none")
    return Repairer(settings, masked=masked)


def test_runs_are_drawn_together(clip: np.ndarray) -> None:
    one = distinct(Segment(range(3, 6), range(9)), dict(enumerate(clip)), NONE)
    assert one.numbers == {0: 0, 1: 1, 2: 4, 3: 5, 4: 7, 5: 8}
    assert one.segment == Segment(range(1, 4), range(6))
    assert one.places == {3: 1, 4: 2, 5: 3}


def test_repeats_are_told_from_nothing_beyond_the_scene(clip: np.ndarray) -> None:
    one = distinct(Segment(range(3, 5), range(3, 9)), dict(enumerate(clip)), NONE)
    assert one.numbers == {3: 3, 4: 4, 5: 5, 6: 7, 7: 8}


def test_one_sample_makes_another_frame(clip: np.ndarray) -> None:
    other = clip.copy()
    other[2, 47, 63, 0] += 1e-3
    assert distinct(Segment(range(3), range(3)), dict(enumerate(other)), NONE).places == {0: 0, 1: 1, 2: 2}


def test_frames_with_holes_are_no_repeats(clip: np.ndarray) -> None:
    hole = {2: np.full(clip.shape[1:3], 255, np.uint8)}
    one = distinct(Segment(range(3), range(5)), dict(enumerate(clip)), hole)
    assert one.numbers == {i: i for i in range(5)} and list(one.masks) == [2]


def test_a_repeat_is_not_run_again_and_gets_the_same_repair(tiny_model: str, clip: np.ndarray, seen: list[int]) -> None:
    repairs = list(_repairer(tiny_model).repair_stream((frame, None) for frame in clip))
    assert seen == [2, 3, 3]
    np.testing.assert_array_equal(repairs[1].residual, repairs[2].residual)
    assert np.abs(repairs[1].residual).max() > 1 / 255
    assert not np.array_equal(repairs[3].residual, repairs[4].residual)


def test_repeats_come_out_the_same_in_any_order(tiny_model: str, clip: np.ndarray) -> None:
    repairer = _repairer(tiny_model)
    streamed = [r.residual for r in repairer.repair_stream((frame, None) for frame in clip)]
    for chunk in (2, 0, 1):
        frames = {i: clip[i] for i in repairer.span(chunk, len(clip))}
        for i, repair in enumerate(repairer.repair_chunk(chunk, frames, num_frames=len(clip)), 3 * chunk):
            np.testing.assert_array_equal(repair.residual, streamed[i])


def test_a_still_picture_is_run_once_a_chunk(tiny_model: str, clip: np.ndarray, seen: list[int]) -> None:
    repairs = list(_repairer(tiny_model).repair_stream((clip[0], None) for _ in range(7)))
    assert seen == [1, 1, 1]
    for repair in repairs:
        np.testing.assert_array_equal(repair.residual, repairs[0].residual)


def test_lost_frames_in_a_row_are_told_apart(tiny_model: str) -> None:
    """Both are black and hidden as a whole, and stand for different moments."""
    clip = panning_clip(8, 48, 64, noise=0)
    clip[3:5] = 0
    lost = np.full(clip.shape[1:3], 255, np.uint8)
    masks = [lost if i in (3, 4) else None for i in range(8)]
    repairs = list(_repairer(tiny_model, masked=True).repair_stream(zip(clip, masks, strict=True)))
    assert not np.array_equal(repairs[3].residual, repairs[4].residual)


def test_what_was_borrowed_is_told_by_the_frames_own_numbers(tiny_model: str, clip: np.ndarray) -> None:
    hole = np.zeros(clip.shape[1:3], np.uint8)
    hole[20:28, 24:40] = 255
    masks = [hole if i == 7 else None for i in range(len(clip))]
    repair = list(_repairer(tiny_model, masked=True).repair_stream(zip(clip, masks, strict=True)))[7]
    assert repair.borrowed and set(repair.borrowed) <= {0, 1, 4, 5, 8}
