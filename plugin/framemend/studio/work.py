"""The repairs that visitors ask for: one at a time, in the order they came, each with its progress and a way to stop it.

A preview runs here, on a model that stays loaded. A whole clip is repaired by `framemend repair` in a process of its own: the
very command that the page shows, stopped like one.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from framemend_filters.errors import FramemendError

if TYPE_CHECKING:
    from framemend_filters.engine import Repairer

MOST_WAITING = 8
"""Jobs of all visitors together."""
MOST_LOADED = 2
"""Models that stay loaded."""
State = Literal["waiting", "running", "done", "failed", "cancelled"]
_numbers = itertools.count(1)


@dataclass(eq=False)
class Job:
    """Something that takes a while. `work` reports frames done to it and asks `stopped` between frames."""

    kind: Literal["preview", "clip"]
    total: int
    work: Callable[[Job], None]
    number: int = field(default_factory=lambda: next(_numbers))
    state: State = "waiting"
    done: int = 0
    message: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    output: Path | None = None
    output_name: str = ""
    mask: Path | None = None
    """Painted, that it repairs with."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _process: subprocess.Popen[str] | None = None

    def facts(self, ahead: int = 0) -> dict[str, Any]:
        """What the page shows."""
        names = ("number", "kind", "state", "done", "total", "message", "result")
        return {name: getattr(self, name) for name in names} | {"ahead": ahead, "file": self.output_name}

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def cancel(self) -> None:
        """Stop it, wherever it is; a job that is over stays as it is."""
        self._stop.set()
        if self.state == "waiting":
            self.state = "cancelled"
        process = self._process
        if process is not None:
            process.terminate()

    def run(self) -> None:
        """Do the work, and keep how it ended."""
        if self.stopped:
            self.state = "cancelled"
            return
        self.state = "running"
        try:
            self.work(self)
            self.state = "cancelled" if self.stopped else "done"
        except FramemendError as error:
            self.state, self.message = "failed", str(error)
        except Exception as error:  # noqa: BLE001  a page must learn of it, and the next job must run
            self.state, self.message = "failed", f"unexpected {type(error).__name__}: {error}"
        if self.stopped:
            self.state = "cancelled"


class Workshop:
    """One thread that does the jobs."""

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()
        self._change = threading.Condition()
        self._closed = False
        self._current: Job | None = None
        self._repairers: dict[Hashable, Repairer] = {}
        self._thread = threading.Thread(target=self._serve, name="framemend-studio-work", daemon=True)
        self._thread.start()

    def add(self, job: Job) -> bool:
        """Queue a job; False where too many wait."""
        with self._change:
            self._waiting = deque(j for j in self._waiting if j.state == "waiting")
            if len(self._waiting) >= MOST_WAITING:
                return False
            self._waiting.append(job)
            self._change.notify()
        return True

    def ahead_of(self, job: Job) -> int:
        """How many jobs, of whomever, will be done before this one."""
        if job.state != "waiting":
            return 0
        with self._change:
            before = itertools.takewhile(lambda j: j is not job, self._waiting)
            return sum(j.state == "waiting" for j in before) + (self._current is not None)

    def repairer(self, key: Hashable, make: Callable[[], Repairer]) -> Repairer:
        """The repairer of that name, made where it is new; the last few stay loaded."""
        if key not in self._repairers:
            while len(self._repairers) >= MOST_LOADED:
                self._repairers.pop(next(iter(self._repairers)))
            self._repairers[key] = make()
        return self._repairers[key]

    def close(self) -> None:
        """Stop everything."""
        with self._change:
            self._closed = True
            for job in self._waiting:
                job.cancel()
            if self._current is not None:
                self._current.cancel()
            self._change.notify()
        self._thread.join(timeout=20)

    def _serve(self) -> None:
        while True:
            with self._change:
                while not self._waiting and not self._closed:
                    self._change.wait()
                if self._closed:
                    return
                self._current = self._waiting.popleft()
            self._current.run()
            with self._change:
                self._current = None


def run_command(job: Job, arguments: list[str]) -> None:
    """Run `framemend repair` with these arguments. Raises FramemendError with its message where it fails."""
    command = [sys.executable, "-m", "framemend.studio.command", *arguments]
    notes: list[str] = []
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        job._process = process
        if job.stopped:
            process.terminate()
        assert process.stderr is not None
        for done, line in _lines(process.stderr):
            if done is None:
                notes.append(line)
            else:
                job.done = done
        status = process.wait()
    job._process = None
    if status and not job.stopped:
        raise FramemendError(notes[-1] if notes else f"framemend repair ended with status {status}")
    if not job.stopped:
        job.message = "; ".join(note for note in notes if note)[:500]


def _lines(stream: Any) -> Iterator[tuple[int | None, str]]:
    """Frames done, or None and a note, for each line that framemend writes."""
    for line in stream:
        text = line.strip().removeprefix("framemend: ")
        match = re.search(r": (\d+)(?:/\d+)? frames", text)
        yield (int(match[1]), "") if match else (None, text)
