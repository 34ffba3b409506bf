"""Which frames are seen for which: the drawing in engine/windows.py, as numbers."""

import pytest

from framemend_filters.engine.windows import chunk_span, mirror, plan_segments


@pytest.mark.parametrize(
    ("reach", "expected"),
    [
        (range(3, 6), [4, 5, 4, 3, 4, 5, 4, 3, 4]),
        (range(1), [0] * 9),
        (range(2), [0, 1, 0, 1, 0, 1, 0, 1, 0]),
    ],
)
def test_frames_beyond_a_scene_are_mirrored_into_it(reach: range, expected: list[int]) -> None:
    assert [mirror(i, reach) for i in range(9)] == expected


def test_a_chunk_is_split_where_a_cut_runs_through_it() -> None:
    segments = plan_segments(0, size=5, radius=6, num_frames=20, cuts={3})
    assert [s.frames for s in segments] == [range(4), range(4, 5)]
    assert [s.reach for s in segments] == [range(4), range(4, 11)]


@pytest.mark.parametrize("cut", range(19))
def test_no_segment_reaches_over_a_cut(cut: int) -> None:
    for chunk in range(4):
        for segment in plan_segments(chunk, size=5, radius=6, num_frames=20, cuts={cut}):
            assert not (segment.reach.start <= cut < segment.reach.stop - 1)
            assert segment.frames.start >= segment.reach.start
            assert segment.frames.stop <= segment.reach.stop


@pytest.mark.parametrize("num_frames", range(1, 18))
def test_chunks_cover_every_frame_once(num_frames: int) -> None:
    chunks = -(-num_frames // 5)
    written = [i for k in range(chunks) for s in plan_segments(k, 5, 6, num_frames, {2, 9}) for i in s.frames]
    assert written == list(range(num_frames))


def test_span_holds_what_the_segments_reach_and_what_decides_on_cuts() -> None:
    assert chunk_span(2, size=5, radius=6, num_frames=100) == range(2, 23)
    assert chunk_span(0, size=5, radius=6, num_frames=7) == range(7)
