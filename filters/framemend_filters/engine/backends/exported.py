"""Where the runtimes that read ONNX find a model: exported on first use, then kept in the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

from framemend_filters.errors import ModelError


def exported_model(model: str) -> Path:
    """The ONNX file of a model, in $XDG_CACHE_HOME/framemend (~/.cache/framemend). Raises ModelError."""
    from framemend_filters.model import load_model
    from framemend_filters.model.export import export_onnx, fingerprint

    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "framemend"
    path = folder / f"{fingerprint(model)}.onnx"
    if path.is_file():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f".{path.name}.{os.getpid()}.part"
        unfinished.touch()
    except OSError as error:
        raise ModelError(f"no place for the exported model: {error}; set XDG_CACHE_HOME to a folder") from error
    try:
        export_onnx(load_model(model), unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path
