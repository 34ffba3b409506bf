"""The number of threads changes how long a repair takes and nothing else, so that work may be shared out in any way."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import torch
from pictures import panning_clip

from framemend_filters.damage.detection import Plan
from framemend_filters.engine import Repairer, RepairSettings
from framemend_filters.engine.detecting import DetectingRepairer


@pytest.fixture
def _threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads(), cv2.getNumThreads()
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


@pytest.mark.usefixtures("_threads_as_before")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("detecting", [False, True])
def test_frames_are_the_same_with_any_number_of_threads(precision, detecting):
    rng = np.random.default_rng(1)
    frames = [np.clip(f + rng.normal(0, 0.03, f.shape), 0, 1).astype(np.float32) for f in panning_clip(4, 72, 96)]
    frames[2][20:24, 30:34] = 1.0
    mask = np.zeros((72, 96), np.uint8)
    mask[40:52, 60:76] = 255
    made = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        cv2.setNumThreads(threads)
        settings = RepairSettings(device="cpu", precision=precision)
        repairer = DetectingRepairer(settings, Plan(kinds=("dust", "scratches"))) if detecting else Repairer(settings)
        given = ((f, mask if i == 1 else None) for i, f in enumerate(frames))
        made.append(np.stack([repair.residual for repair in repairer.repair_stream(given)]))
    assert np.abs(made[0]).max() > 0
    for other in made[1:]:
        np.testing.assert_array_equal(other, made[0])
