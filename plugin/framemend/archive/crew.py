"""Gives out segments to several makers, whoever they are, and again when one of them dies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framemend_filters.errors import OutputError

if TYPE_CHECKING:
    from .store import SegmentStore

TRIES = 3
"""How often a segment is begun before its makers' deaths are taken to be its fault."""
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Event:
    """What happened to the maker in one place: it finished its segment (count: frames it holds), failed with `error`,
    or died (neither; reason: what is known about that)."""

    place: int
    count: int | None = None
    error: BaseException | None = None
    reason: str = ""


class Crew(ABC):
    """Makers at `places` 0 .. size-1, each with at most one segment in hand. Subclasses start them and listen to them."""

    def __init__(
        self, store: SegmentStore, size: int, segments: Sequence[int] | None, note: Callable[[str], None]
    ) -> None:
        """segments: numbers of those to make, rising; None: all there are, however many: then makers run ahead by twice
        their number only."""
        self._store, self._segments, self._note = store, segments, note
        self._size = size
        self._in_hand: dict[int, int] = {}
        self._tries: dict[int, int] = {}
        self._ended: int | None = None
        self._wanted = 0

    def wait_for(self, number: int) -> None:
        """Return when segment `number` is finished. Raises whatever stopped its maker, or OutputError where three died."""
        self._wanted = max(self._wanted, number)
        while not self._store.has(number):
            self._give_out()
            self._take(self._listen(POLL_SECONDS))

    def look_after(self) -> None:
        """Give those who have finished something to do; never waits."""
        self._take(self._listen(0))
        self._give_out()

    @abstractmethod
    def close(self) -> None:
        """End all makers at once."""

    @abstractmethod
    def _start(self, place: int, number: int) -> None:
        """Have the maker in `place` make segment `number`; start one where there is none."""

    @abstractmethod
    def _listen(self, seconds: float) -> Iterable[Event]:
        """What has happened, waiting so long for something to happen."""

    def _give_out(self) -> None:
        for place in range(self._size):
            if place not in self._in_hand:
                number = self._next_number()
                if number is None:
                    return
                self._in_hand[place] = number
                self._tries[number] = self._tries.get(number, 0) + 1
                self._start(place, number)

    def _next_number(self) -> int | None:
        """The first segment that nobody has made or is making."""
        ahead = self._segments
        if ahead is None:
            ahead = range(self._wanted, self._wanted + 2 * self._size + 1)
        out_of_question = set(self._in_hand.values())
        for number in (self._wanted, *ahead):  # a clip may be longer than it says, and that one is asked for
            if self._ended is not None and number > self._ended:
                break
            if number >= self._wanted and number not in out_of_question and not self._store.has(number):
                return number
        return None

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            number = self._in_hand.pop(event.place)
            if event.error is not None:
                raise event.error
            if event.count is not None:
                if event.count == 0:
                    self._ended = number
                continue
            if self._tries[number] >= TRIES:
                why = f" ({event.reason})" if event.reason else ""
                raise OutputError(
                    f"{TRIES} workers died on segment {number}{why}; is there memory for them? try fewer --workers"
                )
            self._note(f"a worker died on segment {number}; another one takes it over")
