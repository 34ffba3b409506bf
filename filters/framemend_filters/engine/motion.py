"""Flow between the frames of a segment, computed once a pair and handed from one segment to the next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from framemend_filters.engine.flow import chain, consistency, dis_flow, flow_picture, halvings, reduce

HOP = 2
"""Flow over more frames than this is put together of flows over as many."""
FLOW_SCALE = 2
"""Flows are kept reduced by at least this much: what DIS finds is no finer."""

Pair = tuple[int, int]
Flow = NDArray[np.float32]


Inputs = tuple[NDArray[np.generic], ...]
"""What flow from and to a frame was found from: the frame, and its hole where it has one."""


class FlowMemory:
    """What the last segment knew of the frames that the next one sees too. Safe to use from several threads: a segment
    takes all there is, so that others find nothing and compute for themselves, to the same result."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inputs: Mapping[int, Inputs] = {}
        self._flows: Mapping[Pair, Flow] = {}

    def take(self, inputs: Mapping[int, Inputs]) -> dict[Pair, Flow]:
        """Flows between frames that are as they were; nothing is left."""
        with self._lock:
            known, flows = self._inputs, self._flows
            self._inputs, self._flows = {}, {}
        same = {i for i, was in known.items() if i in inputs and _same(was, inputs[i])}
        return {pair: flow for pair, flow in flows.items() if same.issuperset(pair)}

    def keep(self, inputs: Mapping[int, Inputs], flows: Mapping[Pair, Flow], start: int) -> None:
        """Put back for the next segment what is about frames from number `start` on."""
        with self._lock:
            self._inputs = {i: given for i, given in inputs.items() if i >= start}
            self._flows = {pair: flow for pair, flow in flows.items() if min(pair) >= start}


def _same(was: Inputs, now: Inputs) -> bool:
    """Whether pictures are the same arrays and holes equal ones: hosts keep pictures, and hand masks over anew."""
    return len(was) == len(now) and all(
        a is b or (a.dtype == bool == b.dtype and np.array_equal(a, b)) for a, b in zip(was, now, strict=True)
    )


class Motion:
    """Flows between frames of one segment, searched for when first asked for.

    frames: H W 3 float32 or float16, 0..1, their holes filled, by number. memory: where flows between the same frames
    (the same arrays) may be found; `remember` puts them there. Flows are h w 2 float32, in samples of the frame, reduced
    by `scale`.
    """

    def __init__(self, frames: Mapping[int, NDArray[np.floating]], memory: FlowMemory | None = None) -> None:
        first = next(iter(frames.values()))
        self._picture_scale = 1 << halvings(*first.shape[:2])
        self.scale = max(FLOW_SCALE, self._picture_scale)
        self._frames = frames
        self._memory = memory
        self._pictures = Once[int, NDArray[np.uint8]]()
        self._flows = Once[Pair, Flow]()
        self._trust = Once[Pair, Flow]()
        if memory:
            for pair, flow in memory.take(self._inputs()).items():
                self._flows.put(pair, flow)

    def remember(self, start: int) -> None:
        """Keep what is known of the frames from number `start` on."""
        if self._memory:
            self._memory.keep(self._inputs(), dict(self._flows.items()), start)

    def _inputs(self) -> dict[int, Inputs]:
        return {i: (frame,) for i, frame in self._frames.items()}

    def flow(self, here: int, there: int) -> Flow:
        """Flow from frame `here` to `there`. Over more than HOP frames it is a chain: faster than a search, as good."""
        return self._flows.get((here, there), self._find)

    def consistency(self, here: int, there: int) -> NDArray[np.float32]:
        """How far the flow from `here` to `there` comes back the same way: h w float32, 0..1."""
        return self._trust.get(
            (here, there), lambda _: consistency(self.flow(here, there), self.flow(there, here), self.scale)
        )

    def _find(self, pair: Pair) -> Flow:
        here, there = pair
        between = here + max(-HOP, min(HOP, there - here))
        if between != there and between in self._frames:
            return chain(self.flow(here, between), self.flow(between, there), self.scale)
        flow = dis_flow(self._picture(here), self._picture(there), self._picture_scale)
        return reduce(flow, self.scale // self._picture_scale) if self.scale > self._picture_scale else flow

    def _picture(self, number: int) -> NDArray[np.uint8]:
        return self._pictures.get(number, lambda i: flow_picture(self._frames[i]))


class Once[K, V]:
    """Values made once each, however many threads ask: those that come second wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._futures: dict[K, Future[V]] = {}

    def get(self, key: K, make: Callable[[K], V]) -> V:
        with self._lock:
            future = self._futures.get(key)
            is_new = future is None
            if future is None:
                future = self._futures[key] = Future()
        if is_new:
            try:
                future.set_result(make(key))
            except BaseException as error:
                future.set_exception(error)
                raise
        return future.result()

    def put(self, key: K, value: V) -> None:
        self.get(key, lambda _: value)

    def items(self) -> list[tuple[K, V]]:
        """What is made by now."""
        with self._lock:
            return [(k, f.result()) for k, f in self._futures.items() if f.done() and not f.exception()]
