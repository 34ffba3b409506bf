"""The command line with its standard streams over files and pipes, as a shell would have them."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def standard_streams(source: io.BufferedIOBase, target: io.BufferedIOBase) -> Iterator[None]:
    """sys.stdin and sys.stdout over real files or pipes; closed at the end."""
    before = sys.stdin, sys.stdout
    sys.stdin, sys.stdout = io.TextIOWrapper(source), io.TextIOWrapper(target)  # pyright: ignore[reportArgumentType]
    try:
        yield
    finally:
        streams = sys.stdin, sys.stdout
        sys.stdin, sys.stdout = before
        for stream in streams:
            stream.close()
