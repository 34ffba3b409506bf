"""NUT from stdin to stdout: the video repaired and raw, sound, subtitles and all times passing through as it streams.

ffmpeg -i in.mp4 -c:v rawvideo -c:a copy -f nut - | framemend pipe -f nut | ffmpeg -i - -c:a copy out.mkv
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from .encode_options import EncodeSettings
from .masks import open_masks
from .progress import Progress
from .y4m import put

if TYPE_CHECKING:
    from framemend_filters.engine import Repairer

PROBING = {"fpsprobesize": "0", "analyzeduration": "0", "probesize": "5000000"}
"""NUT says what it holds in its headers: nothing is read ahead to find out."""
AT_ONCE = {"flush_packets": "1"}


def repair_nut(args: argparse.Namespace, repairer: Repairer, output: BinaryIO) -> None:
    """Repair stdin to `output`. Raises InputError, OutputError, and BrokenPipeError where the reader is gone."""
    reading, writing = _Reading(sys.stdin.buffer), _Writing(output)
    try:
        with _signals_end(reading, writing):
            _repair(args, repairer, reading, writing)
    except Exception:
        reading.check()  # what ended the work, where an error is but what came of it
        writing.check()
        raise


def _repair(args: argparse.Namespace, repairer: Repairer, reading: _Reading, writing: _Writing) -> None:
    from .options import fitted
    from .remux import VideoTarget
    from .sources import VideoSource
    from .streams import repaired_video

    def note(text: str) -> None:
        if not args.quiet:
            print(f"framemend: {text}", file=sys.stderr)

    source = VideoSource("stdin", fields=args.fields, stream=reading, kind="nut", options=PROBING)
    with source:
        repairer = fitted(repairer, source.first.width, source.first.height, note)
        masks = open_masks(args, source.first.width, source.first.height)
        target = VideoTarget(
            writing,
            source,
            settings=EncodeSettings(codec="rawvideo"),
            shown_as="stdout",
            note=note,
            kind="nut",
            options=AT_ONCE,
        )
        try:
            with Progress(None, "pipe", args.quiet) as progress:
                frames = repaired_video(source, repairer, masks, target.pix_fmt, args.color)
                for done, (frame, pts, duration) in enumerate(frames, 1):
                    reading.check()
                    while source.passing:
                        target.copy(source.passing.popleft())
                    target.write(frame, pts, duration)
                    writing.check()
                    progress.update(done)
            reading.check()
            while source.passing:
                target.copy(source.passing.popleft())
            target.finish()
            writing.check()
        finally:
            target.abandon()
        if source.losses:
            print(f"framemend: warning: stdin is damaged or cut short: {source.losses}", file=sys.stderr)


class _End(io.RawIOBase):
    """One end of the pipe as PyAV takes it: not seekable. What is raised while ffmpeg reads or writes does not come through
    it (Ctrl-C, a reader that is gone): it is kept for `check` to raise."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._raised: BaseException | None = None

    def check(self) -> None:
        if self._raised is not None:
            raise self._raised

    def stop(self, error: BaseException) -> None:
        """End a read or a write that is waiting, now or later: from here on this end leads nowhere."""
        self._raised = error
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


@contextmanager
def _signals_end(*ends: _End) -> Iterator[None]:
    """Meanwhile SIGINT and SIGTERM stop the ends of the pipe instead of raising where ffmpeg would swallow it."""
    before = {}

    def handler(signum: int, frame: object) -> None:
        try:
            before[signum](signum, frame)
        except BaseException as error:  # noqa: BLE001  raised again by `check`
            for end in ends:
                end.stop(error)

    with suppress(ValueError):  # not the main thread: whoever called looks after signals
        for number in (signal.SIGINT, signal.SIGTERM):
            if callable(signal.getsignal(number)):
                before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)


class _Reading(_End):
    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """What is there, instead of waiting for a full buffer."""
        try:
            return self._stream.read1(size)  # pyright: ignore[reportAttributeAccessIssue]
        except BaseException as error:  # noqa: BLE001
            self._raised = error
            return b""


class _Writing(_End):
    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        if self._raised is None:
            try:
                put(self._stream, data)
            except BaseException as error:  # noqa: BLE001
                self._raised = error
        return len(data)
