"""The weights that come with the package against the damaged input and the aligned mean, on clips never trained on:
../shared/data/test where it lies beside the checkout, else the clip of examples/."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from framemend.clips import Clip, read_clip
from framemend.evaluation import make_case, measure
from framemend_filters.engine import Repairer, RepairSettings, aligned_mean_clip

ROOT = Path(__file__).parents[2]
SHARED = sorted((ROOT.parent / "shared" / "data" / "test").glob("clean_*.mp4"))
DEMO = ROOT / "examples" / "demo" / "clean.mp4"
FRAMES, HEIGHT, WIDTH = 7, 192, 256


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    """The middle of each clip, small enough that the test takes a minute."""
    whole = [read_clip(path, FRAMES) for path in SHARED or [DEMO]]
    return [dataclasses.replace(clip, frames=_middle(clip.frames)) for clip in whole]


def _middle(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = frames.shape[1:3]
    top, left = max(0, height - HEIGHT) // 2, max(0, width - WIDTH) // 2
    return np.ascontiguousarray(frames[:, top : top + HEIGHT, left : left + WIDTH])


def _codes(pictures: list[NDArray[np.float32]]) -> NDArray[np.uint8]:
    return np.clip(np.rint(np.stack(pictures) * 255), 0, 255).astype(np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["noise10", "noise20", "noise40"])
def test_the_shipped_weights_beat_the_noisy_input_and_the_aligned_mean(clips: list[Clip], task: str) -> None:
    repairer = Repairer(RepairSettings(device="cpu"))
    scores = []
    for clip in clips:
        case = make_case(task, clip, [])
        assert case is not None
        given = [f.astype(np.float32) / 255 for f in case.given]
        repaired = [
            f + r.residual for f, r in zip(given, repairer.repair_stream((f, None) for f in given), strict=True)
        ]
        results = case.given, _codes(aligned_mean_clip(given)), _codes(repaired)
        scores.append([measure(result, clip.frames).psnr for result in results])
        assert scores[-1][2] > scores[-1][0] + 1, clip.name
    damaged, mean, ours = np.mean(scores, 0)
    assert ours > mean + 0.3 > damaged


@pytest.mark.slow
def test_the_shipped_weights_leave_a_clean_clip_nearly_as_it_is(clips: list[Clip]) -> None:
    repairer = Repairer(RepairSettings(device="cpu"))
    scores = []
    for clip in clips:
        given = [f.astype(np.float32) / 255 for f in clip.frames]
        repaired = [
            f + r.residual for f, r in zip(given, repairer.repair_stream((f, None) for f in given), strict=True)
        ]
        scores.append(measure(_codes(repaired), clip.frames).psnr)
    assert np.mean(scores) > 40
