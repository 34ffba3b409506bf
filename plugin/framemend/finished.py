"""Outputs that appear under their name only when they are whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from framemend_filters.errors import OutputError


@contextlib.contextmanager
def finished_file(path: Path) -> Iterator[Path]:
    """A temporary name in the folder of `path`: renamed to it when the block ends well, deleted otherwise.

    Raises OutputError where the folder cannot be written to.
    """
    folder = path.parent
    if not folder.is_dir():
        raise OutputError(f"no such folder: {folder}; make it first")
    temporary = folder / f".{path.stem[:100]}.{os.getpid()}.part{path.suffix}"
    try:
        temporary.touch()
    except OSError as error:
        raise OutputError(f"cannot write into {folder}: {error.strerror}") from error
    try:
        yield temporary
        try:
            temporary.replace(path)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from error
    except FileNotFoundError as error:
        if temporary.exists():
            raise
        raise OutputError(f"{path} was taken away while it was written; run again") from error
    finally:
        temporary.unlink(missing_ok=True)
