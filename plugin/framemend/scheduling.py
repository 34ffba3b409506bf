"""Keeps encoders from making this process a real-time one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_THREADS = Path("/proc/self/task")


@contextlib.contextmanager
def usual_scheduling() -> Iterator[None]:
    """Whatever runs within leaves the threads of this process scheduled as the caller was before.

    SVT-AV1, opened by root, puts the thread that opens it and all that it starts at the highest real-time priority
    (SCHED_FIFO 99), for good: nothing else runs on those processors then, and Linux can hang in loops that wait for
    threads which never get their turn. Does nothing where the system has no such scheduling, or the caller had it before.
    """
    if not hasattr(os, "sched_getscheduler") or not _THREADS.is_dir() or os.sched_getscheduler(0) in _REAL_TIME:
        yield
        return
    before = os.sched_getscheduler(0)
    try:
        yield
    finally:
        for thread in (int(entry.name) for entry in _THREADS.iterdir()):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                if os.sched_getscheduler(thread) in _REAL_TIME:
                    os.sched_setscheduler(thread, before, os.sched_param(0))


_REAL_TIME = {getattr(os, name) for name in ("SCHED_FIFO", "SCHED_RR") if hasattr(os, name)}
