"""Frames beyond the end of a clip."""

import numpy as np
import pytest
from pictures import panning_clip, psnr

from framemend_filters.engine import Repairer, RepairSettings
from framemend_filters.engine.extend import extend, history
from framemend_filters.errors import SettingError

INNER = (slice(12, -12), slice(16, -16))


@pytest.fixture(scope="module")
def repairer() -> Repairer:
    return Repairer(RepairSettings(device="cpu", precision="fp32"), masked=True)


def test_a_pan_goes_on_as_it_was_moving(repairer: Repairer) -> None:
    clip = panning_clip(16, 64, 96, speed=2.0)
    made = list(extend(repairer, list(clip[:12]), 4))
    assert len(made) == 4
    for picture, true in zip(made, clip[12:], strict=True):
        assert picture.dtype == np.float32
        assert psnr(picture[INNER], true[INNER]) > psnr(clip[11][INNER], true[INNER]) + 4


def test_what_lies_further_back_than_the_history_does_not_count(repairer: Repairer) -> None:
    clip = list(panning_clip(history(repairer) + 5, 32, 48))
    made = [list(extend(repairer, frames, 7)) for frames in (clip, clip[-history(repairer) :])]
    np.testing.assert_array_equal(made[0], made[1])


def test_one_frame_is_enough_and_none_is_refused(repairer: Repairer) -> None:
    still = panning_clip(1, 32, 48)[0]
    made = list(extend(repairer, [still], 2))
    assert len(made) == 2
    assert all(psnr(picture, still) > 25 for picture in made)
    with pytest.raises(SettingError, match="no frame to go on from"):
        next(extend(repairer, [], 2))
