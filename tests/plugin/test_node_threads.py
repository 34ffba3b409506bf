"""Any order, any number of threads: the same frames, no dead-lock, and each chunk written no more often than it must."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vapoursynth as vs
from vsclips import SECONDS, arrays, assert_equal, by_hand, core, hole_clip, moving_clip, painted, pictures

from framemend.node import repair
from framemend.vsgraph import CHUNKS_KEPT
from framemend_filters.engine import FrameRepair, Repairer, RepairSettings

REQUESTS = 2000


@contextmanager
def threads_of_the_core(count: int) -> Iterator[None]:
    before = core.num_threads
    core.num_threads = count
    try:
        yield
    finally:
        core.num_threads = before


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often each chunk was written, by an engine that needs no time: frame n comes back as n + 100."""
    counts: Counter[int] = Counter()
    lock = threading.Lock()

    class Counting(Repairer):
        def __init__(self, settings: RepairSettings, *, masked: bool = False) -> None:
            self.chunk_frames = 5

        def span(self, chunk: int, num_frames: int) -> range:
            return range(max(0, 5 * chunk - 8), min(num_frames, 5 * chunk + 13))

        def repair_chunk(self, chunk, frames, *_: Any, num_frames: int, **__: Any) -> list[FrameRepair]:
            with lock:
                counts[chunk] += 1
            change = np.full((16, 16, 3), 100 / 255, np.float32)
            written = range(chunk * 5, min(num_frames, chunk * 5 + 5))
            assert all(
                round(float(frames[i][0, 0, 0]) * 255) == i % 150 for i in (frames if chunk % 50 == 0 else written)
            )
            return [FrameRepair(change, None, None, 0.0) for _ in written]

    monkeypatch.setattr("framemend_filters.engine.Repairer", Counting)
    return counts


def numbered(length: int) -> vs.VideoNode:
    return painted("RGB24", [[np.full((16, 16), i % 150, np.uint8)] * 3 for i in range(length)])


@pytest.mark.slow
@pytest.mark.parametrize("num_threads", [1, 4])
def test_a_soak_of_random_requests_from_four_threads(num_threads: int, tiny_model: Path) -> None:
    """Two filters in a row, one with a mask; as many requests in flight as VapourSynth and four callers make."""
    length = 15

    def build() -> vs.VideoNode:
        clip = core.std.CropAbs(moving_clip("YUV420P8", length), 32, 24)
        mask = core.std.CropAbs(hole_clip(length), 32, 24)
        return repair(repair(clip, model=tiny_model, device="cpu"), mask, model=tiny_model, device="cpu")

    with threads_of_the_core(num_threads):
        wanted = pictures(build())
        node = build()

        def ask(caller: int) -> None:
            rng = random.Random(caller)
            for _ in range(REQUESTS // 4):
                n = rng.randrange(length)
                # by turns: one frame waited for, or several under way at a time
                if rng.random() < 0.5:
                    assert_equal([arrays(node.get_frame(n))], [wanted[n]])
                else:
                    futures = {i: node.get_frame_async(i) for i in (n, (n + 5) % length)}
                    for i, future in futures.items():
                        assert_equal([arrays(future.result(SECONDS))], [wanted[i]])  # pyright: ignore

        with ThreadPoolExecutor(4) as pool:
            for job in [pool.submit(ask, caller) for caller in range(4)]:
                job.result(SECONDS)


@pytest.mark.parametrize("num_streams", [1, 2])
@pytest.mark.parametrize("num_threads", [1, 4])
def test_thousands_of_random_requests_through_three_filters(
    num_threads: int, num_streams: int, counted: Counter[int]
) -> None:
    length = 60
    with threads_of_the_core(num_threads):
        node = repair(numbered(length), num_streams=num_streams)
        for _ in range(2):
            node = repair(core.std.Expr(node, "x 100 -"), num_streams=num_streams)

        def ask(caller: int) -> None:
            rng = random.Random(caller)
            for _ in range(REQUESTS // 4):
                n = rng.randrange(length)
                with node.get_frame(n) as frame:
                    assert np.asarray(frame[0])[0, 0] == n + 100

        with ThreadPoolExecutor(4) as pool:
            for job in [pool.submit(ask, caller) for caller in range(4)]:
                job.result(SECONDS)


@pytest.mark.parametrize("num_streams", [1, 2, 3])
def test_in_order_each_chunk_is_written_once(num_streams: int, counted: Counter[int]) -> None:
    with threads_of_the_core(4):
        node = repair(numbered(150), num_streams=num_streams)
        # Four under way and four that wait for an earlier one: never more ahead than CHUNKS_KEPT is made for. By
        # itself `frames` lets three times as many wait, and a thread that the machine holds up comes to a chunk long gone.
        for n, frame in enumerate(node.frames(prefetch=4, backlog=4)):
            assert np.asarray(frame[0])[0, 0] == n + 100
    assert counted == Counter(range(30))


def test_a_seek_costs_one_window_and_stepping_back_none(counted: Counter[int]) -> None:
    asked: Counter[int] = Counter()

    def ask(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        asked[n] += 1
        return f

    source = numbered(500)
    node = repair(core.std.ModifyFrame(source, source, ask))
    node.get_frame(312)
    assert counted == Counter([62]) and asked == Counter(range(5 * 62 - 8, 5 * 62 + 13))
    for n in (314, 313, 310, 311):
        node.get_frame(n)
    assert counted == Counter([62])
    for n in range(315, 315 + 5 * (CHUNKS_KEPT - 1)):
        node.get_frame(n)
    node.get_frame(310)
    assert counted == Counter(range(62, 62 + CHUNKS_KEPT))


@pytest.mark.parametrize("num_streams", [2, 9])
def test_streams_change_no_frame(num_streams: int, tiny_model: Path) -> None:
    clip = moving_clip("GRAY8", 10)
    node = repair(clip, model=tiny_model, device="cpu", num_streams=num_streams)
    assert_equal(pictures(node), by_hand(clip, tiny_model))
    assert [frame.props["_FramemendChunk"] for frame in node.frames()] == [n // 3 for n in range(10)]


@pytest.mark.parametrize("lookahead", [0, 2])
def test_no_frame_beyond_the_lookahead_is_asked_for(lookahead: int, tiny_model: Path) -> None:
    asked: set[int] = set()

    def ask(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        asked.add(n)
        return f

    clip = moving_clip("GRAY8", 8)
    node = repair(core.std.ModifyFrame(clip, clip, ask), model=tiny_model, device="cpu", lookahead=lookahead)
    live = []
    for n in range(8):
        live.append(arrays(node.get_frame(n)))
        assert max(asked) == min(7, n + lookahead)
    assert_equal(live, by_hand(clip, tiny_model, lookahead=lookahead))
