"""How far the work has come, on stderr: a live line on a terminal, a plain line every few seconds in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self, TextIO

PLAIN_INTERVAL = 5.0
LIVE_INTERVAL = 0.2
"""Seconds between two lines."""


class Progress:
    """Frames done, frames a second and time left.

    >>> with Progress(total=480, label="in.mp4", quiet=False) as progress:
    ...     progress.update(12)

    total: frames expected, None where that is not known; quiet: write nothing at all; unit: what is counted.
    """

    def __init__(
        self, total: int | None, label: str, quiet: bool, *, unit: str = "frames", stream: TextIO | None = None
    ) -> None:
        self.total = total
        self.label = label
        self.done = 0
        self._unit = unit
        self._quiet = quiet
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._console = None
        self._start = self._last = time.monotonic()
        self._shown = False

    def __enter__(self) -> Self:
        self._start = self._last = time.monotonic()
        return self

    def update(self, done: int) -> None:
        """`done` frames are finished by now."""
        self.done = done
        now = time.monotonic()
        if self.total and done > self.total:
            self.total = None
        if self._quiet or now - self._last < (LIVE_INTERVAL if self._live else PLAIN_INTERVAL):
            return
        self._last = now
        self._write()

    def line(self) -> str:
        """The line as it stands: `in.mp4: 120/480 frames (25 %), 7.1 fps, 0:00:51 left`."""
        rate = self.done / max(time.monotonic() - self._start, 1e-6)
        parts = (
            f"{self.done}/{self.total} {self._unit} ({100 * self.done // self.total} %)"
            if self.total
            else f"{self.done} {self._unit}"
        )
        text = f"{self.label}: {parts}, {rate:.3g} {'fps' if self._unit == 'frames' else self._unit + '/s'}"
        if self.total and self.done and self.done < self.total:
            text += f", {_clock((self.total - self.done) / rate)} left"
        return text

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._quiet:
            return
        if kind is None:
            self.total = self.done if self.total else None  # what the file promised may have been wrong
            self._write()
        if self._shown and self._live:
            self._stream.write("\n")
            self._stream.flush()

    def _write(self) -> None:
        self._shown = True
        if not self._live:
            self._stream.write(f"framemend: {self.line()}\n")
            self._stream.flush()
            return
        if self._console is None:
            from rich.console import Console

            self._console = Console(file=self._stream, highlight=True, soft_wrap=True)
        self._stream.write("\r\x1b[2K")
        self._console.print(self.line(), end="", markup=False)


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
