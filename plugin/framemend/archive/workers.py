"""Repairs segments in several processes of this machine."""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from framemend_filters.errors import FramemendError, OutputError

from .crew import Crew, Event
from .job import count_threads, use_threads
from .work import SegmentMaker

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from .store import SegmentStore

GRACE_SECONDS = 5.0
"""How long a worker may take to end when it is asked to."""


class LocalCrew(Crew):
    """`args.workers` processes, each with a decoder and a model of its own."""

    def __init__(
        self, args: argparse.Namespace, store: SegmentStore, segments: Sequence[int] | None, note: Callable[[str], None]
    ) -> None:
        """args: of `framemend repair`."""
        super().__init__(store, args.workers, segments, note)
        self._args = argparse.Namespace(**vars(args) | {"threads": count_threads(args)})
        self._spawn = multiprocessing.get_context("spawn")  # torch and the codecs do not survive a fork
        self._makers: dict[int, tuple[SpawnProcess, Connection]] = {}

    def close(self) -> None:
        for process, connection in self._makers.values():
            connection.close()
            process.terminate()
        for process, _ in self._makers.values():
            process.join(GRACE_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()
        self._makers.clear()

    def _start(self, place: int, number: int) -> None:
        if place not in self._makers:
            ours, theirs = self._spawn.Pipe()
            process = self._spawn.Process(target=_work, args=(theirs, self._args), daemon=True)
            process.start()
            theirs.close()
            self._makers[place] = process, ours
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # dead by now: `_listen` will notice
            self._makers[place][1].send((number, self._store.path(number)))

    def _listen(self, seconds: float) -> Iterable[Event]:
        places = {connection: place for place, (_, connection) in self._makers.items() if place in self._in_hand}
        for ready in wait(list(places), seconds):
            assert isinstance(ready, Connection)
            place = places[ready]
            try:
                answer = ready.recv()
            except (EOFError, ConnectionResetError):
                process, connection = self._makers.pop(place)
                connection.close()
                process.join()
                yield Event(place)
                continue
            yield Event(place, error=answer) if isinstance(answer, BaseException) else Event(place, count=answer)


def _work(connection: Connection, args: argparse.Namespace) -> None:
    """A worker's life: make what is asked for until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    use_threads(args)
    maker: SegmentMaker | None = None
    while True:
        try:
            number, path = connection.recv()
        except (EOFError, OSError):
            return
        answer: int | Exception
        try:
            maker = maker or SegmentMaker(args)
            answer = maker.make(number, path)
        except FramemendError as error:
            answer = error
        except Exception as error:  # noqa: BLE001  the parent says it in one line
            answer = OutputError(f"a worker failed on segment {number}: {type(error).__name__}: {error}")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.send(answer)
