"""What decides the samples that are written for a frame: a run may go on only from segments made with the same."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

from framemend_filters.errors import SettingError

_BESIDE_THE_POINT = frozenset(
    ["inputs", "input", "output", "overwrite", "codec", "profile", "crf", "preset", "pix_fmt", "encoder_opt"]
    + ["quiet", "debug", "resume", "restart", "keep"]
    + ["workers", "distributed", "threads", "report", "json", "smart", "to"]
)
"""Options that do not change what is written for a frame; a run may be resumed with others."""
_SAMPLE = 1 << 20
"""Bytes of each piece of a file that `fingerprint` reads."""


def describe_job(args: argparse.Namespace) -> dict[str, Any]:
    """All that decides what is written for a frame, in values that JSON keeps: a run may only go on from segments made
    with the same."""
    from .. import __version__

    chosen = {key: value for key, value in vars(args).items() if key not in _BESIDE_THE_POINT}
    return {
        "framemend": __version__,
        "input": _input_mark(args.input),
        "model hash": hash_model(args.model),
        "mask files": _mask_files(args.mask),
        **{
            key: value if isinstance(value, bool | int | float | None) else _plain(value)
            for key, value in chosen.items()
        },
    }


def count_threads(args: argparse.Namespace) -> int:
    """Threads of each process that computes; frames are the same with any number of them. Raises SettingError."""
    if args.threads is not None:
        if args.threads < 1:
            raise SettingError(f"--threads is {args.threads}; it takes at least 1")
        return args.threads
    if args.distributed is not None:
        return 1
    import torch

    return max(1, torch.get_num_threads() // (args.workers or 1))


def use_threads(args: argparse.Namespace) -> None:
    """Compute with as many threads in this process."""
    import cv2
    import torch

    threads = count_threads(args)
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)


def hash_model(model: str) -> str:
    """SHA-256 of a model's configuration and weights."""
    from framemend_filters.weights import model_files

    digest = hashlib.sha256()
    for path in model_files(model):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def fingerprint(path: Path) -> str:
    """Tells one file from another without reading all of it: size, and SHA-256 of its beginning, middle and end."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with open(path, "rb") as file:
        for start in (0, max(0, size // 2), max(0, size - _SAMPLE)):
            file.seek(start)
            digest.update(file.read(_SAMPLE))
    return digest.hexdigest()


def _input_mark(path: Path) -> str:
    """Of a file, or of all pictures of a sequence."""
    from ..sequences import is_sequence, numbered, numbers_of

    if not is_sequence(path):
        return fingerprint(path)
    marks = [fingerprint(numbered(path, number)) for number in numbers_of(path)]
    return hashlib.sha256("".join(marks).encode()).hexdigest()


def _mask_files(mask: str | None) -> str | None:
    """The state of a mask's file, or of the folder it is in."""
    if mask is None:
        return None
    path = Path(mask)
    if path.is_file():
        return fingerprint(path)
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        return None  # whoever opens it says so
    entries = sorted((p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in folder.iterdir())
    return hashlib.sha256(repr(entries).encode()).hexdigest()


def _plain(value: Any) -> Any:
    return [str(part) for part in value] if isinstance(value, list | tuple) else str(value)
