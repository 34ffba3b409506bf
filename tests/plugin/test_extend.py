"""`framemend extend`: the input as it was, then frames that go on from it."""

import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest


def _frames(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def test_the_input_is_kept_and_the_new_frames_follow_in_time(framemend, write_clip, tiny_model, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", sound=True)
    target = tmp_path / "out.mkv"
    status, out, err = framemend("extend", source, target, "--frames", 4, "--model", tiny_model, "--device", "cpu")
    assert (status, out) == (0, ""), err
    before, after = _frames(source), _frames(target)
    assert len(after) == len(before) + 4
    for a, b in zip(before, after, strict=False):
        np.testing.assert_array_equal(a.to_ndarray(), b.to_ndarray())
        assert a.time == b.time
    times = [Fraction(f.pts) * f.time_base for f in after if f.pts is not None and f.time_base is not None]
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {Fraction(1, 25)}
    assert all(not np.array_equal(f.to_ndarray(), before[-1].to_ndarray()) for f in after[len(before) :])
    with av.open(str(source)) as a, av.open(str(target)) as b:
        assert [bytes(p) for p in a.demux(audio=0)] == [bytes(p) for p in b.demux(audio=0)]


@pytest.mark.parametrize("frames", [0, -3])
def test_less_than_one_frame_is_refused(framemend, write_clip, tmp_path: Path, frames: int) -> None:
    source = write_clip(tmp_path / "in.mkv")
    status, _, err = framemend("extend", source, tmp_path / "out.mkv", "--frames", frames)
    assert status == 2
    assert err == f"framemend: --frames is {frames}; it is the number of frames to add, from 1 on\n"
    assert not (tmp_path / "out.mkv").exists()
