"""What --color says of samples whose stream does not say how they are to be read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from framemend_filters.errors import SettingError

if TYPE_CHECKING:
    from .planes import PlaneFormat

RANGES = {"limited": False, "full": True}


def with_color(fmt: PlaneFormat, words: str | None) -> PlaneFormat:
    """`fmt` with what --color says in place of what was guessed. Raises SettingError for a word it does not know."""
    from .planes import CHROMA_LOCATIONS, MATRICES

    changes: dict[str, Any] = {}
    for word in filter(None, (words or "").split(",")):
        if word in MATRICES:
            changes["matrix"] = word
        elif word in RANGES:
            changes["full_range"] = RANGES[word]
        elif word in CHROMA_LOCATIONS:
            changes["chroma_location"] = word
        else:
            known = ", ".join((*MATRICES, *RANGES, *CHROMA_LOCATIONS))
            raise SettingError(f"--color does not know {word!r}; it knows {known}")
    return replace(fmt, **changes)
