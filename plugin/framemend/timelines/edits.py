"""What every kind of edit can do, whatever file it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..evaluate import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from .plan import Job, Use


class Edit(Protocol):
    """An edit that was read from a file.

    reports: what could not be handled, a line each that begins with the clip's name and its timecode.
    """

    reports: list[str]

    def uses(self, *, only_marked: bool) -> list[Use]:
        """The ranges of media that the edit shows, one for each clip."""
        ...

    def relink(self, jobs: list[Job]) -> None:
        """Point the clips of these jobs to the repaired media, and note in them what was done."""
        ...

    def save(self, path: Path, shown_as: Path) -> None:
        """Write the edit to `path`, which will be renamed to `shown_as`."""
        ...


def find_media(name: str, search: list[Path]) -> Path | None:
    """The file that `name` (a path, perhaps of another machine, or a bare name) stands for, None where there is none.

    Looked for in its own place, then in the folders `search` by its name; a name without suffix (an EDL's reel) finds the
    file that has one.
    """
    path = Path(name)
    for folder in search:
        if (folder / path).is_file():
            return (folder / path).resolve()
    leaf = name.replace("\\", "/").rsplit("/", 1)[-1]
    for folder in search:
        if leaf and (folder / leaf).is_file():
            return (folder / leaf).resolve()
    if leaf and not Path(leaf).suffix:
        for folder in search:
            found = sorted(p for p in folder.glob(f"{leaf}.*") if p.is_file() and p.suffix.lower() in VIDEO_SUFFIXES)
            if len(found) == 1:
                return found[0].resolve()
    return None
