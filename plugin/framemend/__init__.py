"""framemend repairs video: `framemend.repair` in a VapourSynth script, `framemend` on the command line.

Names load when they are first used, so `import framemend` pulls in neither torch nor vapoursynth.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framemend.detectnode import detect
    from framemend.node import repair
    from framemend.previews import preview
    from framemend_filters.engine import RepairSettings
    from framemend_filters.errors import FramemendError

__version__ = "0.1.0"

__all__ = ["FramemendError", "RepairSettings", "__version__", "detect", "preview", "repair"]

_HOMES = {
    "FramemendError": "framemend_filters.errors",
    "RepairSettings": "framemend_filters.engine",
    "detect": "framemend.detectnode",
    "preview": "framemend.previews",
    "repair": "framemend.node",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(sorted(_HOMES))}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value  # found directly from now on
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
