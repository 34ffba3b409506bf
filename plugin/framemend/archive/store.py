"""Keeps finished segments beside the output, so that a run that was cut off goes on where it stopped.

A segment is a run of whole chunks. Its file is a zip of .npy arrays: for each changed plane of each frame the repaired
samples minus the given ones (modulo the sample type, so that what did not change packs to nothing), and segment.json with
the records. It gets its name only when it is whole and on the disk.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from framemend_filters.errors import OutputError, SettingError

from .records import FrameRecord, hash_planes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .chunks import RepairedFrame

JOB = "job.json"
CONTENTS = "segment.json"
COMPRESSION = 1
"""zlib's fastest: differences are mostly zeros, or noise that does not pack anyway."""


def store_folder(output: Path) -> Path:
    """Where the segments of a run that writes `output` are kept: a hidden folder beside it."""
    return output.with_name(f".{output.name}.framemend")


class SegmentStore:
    """The finished segments of one run."""

    def __init__(self, folder: Path, job: dict[str, Any], *, resume: bool) -> None:
        """folder: as `store_folder` gives it; job: all that decides what is written, as JSON; resume: go on from segments
        that are there. Writes nothing before `begin`.

        Raises SettingError where there are some and `resume` is false, or they belong to another job.
        """
        self.folder = folder
        self._job = job
        found = (_read_job(folder) or {}) if self.numbers() else None
        if found is not None and not resume:
            raise SettingError(
                f"an earlier run left finished segments in {folder}; --resume goes on from them, "
                "--restart drops them and starts again"
            )
        if found is not None and found != job:
            difference = _difference(found, job)
            raise SettingError(f"the segments in {folder} are of another run ({difference}); --restart drops them")
        self.damaged = [number for number in self.numbers() if not self._check(number)]

    def begin(self) -> None:
        """Make the folder. Raises OutputError where it cannot be written."""
        try:
            self.folder.mkdir(exist_ok=True)
            for leftover in self.folder.glob("*.part"):
                leftover.unlink()
            _write_whole(self.folder / JOB, json.dumps(self._job, indent=1).encode())
        except OSError as error:
            raise OutputError(f"cannot keep segments in {self.folder}: {error.strerror}") from error

    def numbers(self) -> list[int]:
        """Numbers of the finished segments, rising."""
        return sorted(int(path.stem.split("-")[1]) for path in self.folder.glob("segment-*.zip"))

    def has(self, number: int) -> bool:
        """Whether that segment is finished."""
        return self.path(number).exists()

    def path(self, number: int) -> Path:
        """The file of a segment, there or not."""
        return self.folder / f"segment-{number:06}.zip"

    def read(self, number: int) -> Segment:
        """A finished segment, checked. Raises OutputError where it is damaged."""
        return Segment(self.path(number))

    def writer(self, number: int) -> SegmentWriter:
        """Writes a segment: a context manager, see `SegmentWriter`."""
        return SegmentWriter(self.path(number))

    def put(self, number: int, content: bytes) -> None:
        """Take over a segment that was written elsewhere."""
        try:
            _write_whole(self.path(number), content)
        except OSError as error:
            raise _cannot_keep(self.folder, error) from error

    def remove(self) -> None:
        """Drop everything: the output is there."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _check(self, number: int) -> bool:
        """Whether a segment is whole; one that is not is dropped, to be made again."""
        try:
            self.read(number).close()
        except OutputError:
            self.path(number).unlink()
            return False
        return True


def drop_store(output: Path) -> None:
    """Remove the segments that an earlier run kept for `output`."""
    shutil.rmtree(store_folder(output), ignore_errors=True)


class SegmentWriter:
    """Writes one segment frame by frame; the file is there when the block ends well, and not otherwise.

    needed: False: the file is not wanted after all, since what is in it costs nothing to make again.
    """

    def __init__(self, path: Path) -> None:
        self.needed = True
        self._path = path
        self._temporary = path.with_suffix(f".{os.getpid()}.part")
        self._records: list[dict[str, Any] | None] = []
        self._start: int | None = None

    def __enter__(self) -> Self:
        try:
            self._file = open(self._temporary, "wb")
        except OSError as error:
            raise _cannot_keep(self._path.parent, error) from error
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION)
        return self

    def add(self, done: RepairedFrame) -> None:
        """Take the next frame. Raises OutputError where there is no room."""
        from ..frames import views

        if self._start is None:
            self._start = done.index
        self._records.append(asdict(done.record) if done.record else None)
        if done.planes is None or done.record is None:
            return
        try:
            for plane, (old, new) in enumerate(zip(views(done.frame), done.planes, strict=True)):
                difference = new - old  # wraps around, and back
                if difference.any():
                    with self._zip.open(f"{done.index}/{plane}.npy", "w") as entry:
                        np.lib.format.write_array(entry, difference, allow_pickle=False)
        except OSError as error:
            raise _cannot_keep(self._path.parent, error) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self.needed:
                self._finish()
        except OSError as failure:
            raise _cannot_keep(self._path.parent, failure) from failure
        finally:
            with contextlib.suppress(OSError, ValueError):
                self._zip.close()
            with contextlib.suppress(OSError):
                self._file.close()
            self._temporary.unlink(missing_ok=True)

    def _finish(self) -> None:
        contents = {"start": self._start, "count": len(self._records), "records": self._records}
        self._zip.writestr(CONTENTS, json.dumps(contents))
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._temporary.replace(self._path)
        _sync_folder(self._path.parent)


class Segment:
    """One finished segment, open for reading.

    start: number of its first frame (None where it holds none); count: frames in it; records: one a frame, None where
    nothing was changed.
    """

    def __init__(self, path: Path) -> None:
        """Raises OutputError where the file is not whole."""
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
            contents = json.loads(self._zip.read(CONTENTS))
            self.start: int | None = contents["start"]
            self.count: int = contents["count"]
            self.records = [FrameRecord(**record) if record else None for record in contents["records"]]
            broken = self._zip.testzip()
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
            raise OutputError(f"{path} is damaged ({error}); delete it and run again with --resume") from error
        if broken is not None or len(self.records) != self.count:
            self.close()
            raise OutputError(f"{path} is damaged; delete it and run again with --resume")
        self._names = frozenset(self._zip.namelist())

    def planes(self, index: int, given: Sequence[NDArray]) -> list[NDArray] | None:
        """The repaired samples of frame `index`, whose samples are `given`; None: unchanged.

        Raises OutputError where they do not come out as they were recorded: the input is another one.
        """
        record = self.records[index - (self.start or 0)]
        if record is None:
            return None
        planes = []
        for plane, old in enumerate(given):
            name = f"{index}/{plane}.npy"
            if name not in self._names:
                planes.append(old.copy())
                continue
            with self._zip.open(name) as entry:
                planes.append(old + np.lib.format.read_array(entry, allow_pickle=False))
        if hash_planes(planes) != record.repaired:
            raise OutputError(f"{self._path} does not fit the input any more (frame {index}); run again with --restart")
        return planes

    def close(self) -> None:
        """Close the file."""
        self._zip.close()


def _read_job(folder: Path) -> dict[str, Any] | None:
    try:
        return json.loads((folder / JOB).read_text())
    except (OSError, ValueError):
        return None


def _difference(found: dict[str, Any], job: dict[str, Any]) -> str:
    """The first setting that differs, for a message."""
    for key in [*job, *found]:
        if found.get(key) != job.get(key):
            return f"{key} was {found.get(key)!r}, now {job.get(key)!r}"
    return "nothing differs"


def _write_whole(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(f".{os.getpid()}.part")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a loss of power, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _cannot_keep(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot keep a finished segment in {folder}: {error.strerror}; make room and run again with --resume, "
        "or keep none with --no-keep"
    )
