"""What belongs to one visitor: a private folder, the clip that is open, the mask, and jobs. Nobody else can name any of it."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from framemend_filters.errors import FramemendError, InputError, SettingError

from ..ranges import IndexedVideo
from .library import HEAD_BYTES, Library, suffix_by_content
from .work import Job, Workshop

MOST_SESSIONS = 16
IDLE_SECONDS = 6 * 3600
"""A session that nobody asked for so long ends when the next begins."""
SHORT_IDLE_SECONDS = 1800
"""The same where there is no room for more: a browser that was killed does not say that its tabs are closed."""
MOST_JOBS = 20
"""That a session remembers."""
MOST_FRAMES_EDGE = 8192
"""Samples: larger pictures are refused."""


class Busy(FramemendError):
    """There is no room for more now."""


@dataclass(eq=False)
class Session:
    """One visitor's tab."""

    id: str
    folder: Path
    video: IndexedVideo | None = None
    name: str = ""
    """Of the clip, as the visitor knows it."""
    mask: Path | None = None
    jobs: list[Job] = field(default_factory=list)
    seen: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _pace: list[float] = field(default_factory=list)

    @property
    def clip(self) -> IndexedVideo:
        """The clip that is open. Raises InputError where there is none."""
        if self.video is None:
            raise InputError("open a clip first")
        return self.video

    def facts(self) -> dict[str, Any]:
        """What the page shows of the clip."""
        clip = self.clip
        return {
            "name": self.name,
            "width": clip.width,
            "height": clip.height,
            "frames": clip.num_frames,
            "rate": [clip.rate.numerator, clip.rate.denominator],
            "format": clip.pix_fmt,
        }

    def open(self, path: Path, name: str) -> None:
        """Open a clip; what belonged to the one before goes. Raises InputError."""
        try:
            video = IndexedVideo(path)
        except FramemendError as error:
            raise InputError(str(error).replace(str(path), name)) from error
        if max(video.width, video.height) > MOST_FRAMES_EDGE:
            raise InputError(
                f"{name} is {video.width}x{video.height}; the studio takes up to {MOST_FRAMES_EDGE} samples"
            )
        self.close_clip(keep=path)
        self.video, self.name = video, name

    def close_clip(self, keep: Path | None = None) -> None:
        for job in self.jobs:
            job.cancel()
        self.jobs, self.mask, self.video = [], None, None
        for path in self.folder.iterdir():
            if path != keep:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)

    def take_upload(self, partial: Path, name: str) -> None:
        """Open what was uploaded to `partial`, after a look at its contents. Raises InputError; then it is gone."""
        try:
            with partial.open("rb") as file:
                suffix = suffix_by_content(file.read(HEAD_BYTES))
            path = self.folder / f"clip-{secrets.token_hex(4)}{suffix}"
            partial.rename(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        try:
            self.open(path, safe_name(name, suffix))
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def take_mask(self, picture: bytes | None) -> None:
        """The mask from now on, a PNG; None: nothing is painted. A repair that waits keeps the one it was asked for with."""
        self.mask = None
        if picture is not None:
            self.mask = self.folder / f"mask-{secrets.token_hex(4)}.png"
            self.mask.write_bytes(picture)
        used = {self.mask, *(job.mask for job in self.jobs if job.state in ("waiting", "running"))}
        for path in self.folder.glob("mask-*.png"):
            if path not in used:
                path.unlink(missing_ok=True)

    def preview_folder(self, job: Job) -> Path:
        """Where the repaired frames of a preview lie."""
        return self.folder / f"preview-{job.number}"

    def drop(self, job: Job) -> None:
        """Stop a job and remove what it made; of those that are over the last few are still told of."""
        job.cancel()
        shutil.rmtree(self.preview_folder(job), ignore_errors=True)
        if job.output is not None:
            job.output.unlink(missing_ok=True)
            job.output = None
        self.jobs = self.jobs[-MOST_JOBS:]

    def job(self, number: int) -> Job:
        """Raises InputError where this visitor has no such job."""
        for job in self.jobs:
            if job.number == number:
                return job
        raise InputError(f"there is no job {number}")


class Sessions:
    """All visitors. A context manager: at its end every private folder is removed."""

    def __init__(self, library: Library, *, model: str = "fast", device: str = "auto") -> None:
        self.library = library
        self.model, self.device = model, device
        self._table: dict[str, Session] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._root = Path(tempfile.mkdtemp(prefix="framemend-studio-"))  # for this user alone: 0700
        self.workshop = Workshop()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.workshop.close()
        shutil.rmtree(self._root, ignore_errors=True)

    @property
    def root(self) -> Path:
        """The folder that holds all private ones."""
        return self._root

    def begin(self) -> Session:
        """A new session. Raises Busy where there are too many."""
        with self._lock:
            idle = IDLE_SECONDS if len(self._table) < MOST_SESSIONS else SHORT_IDLE_SECONDS
            before = time.monotonic() - idle
            for session in [s for s in self._table.values() if s.seen < before]:
                self._end(session)
            if len(self._table) >= MOST_SESSIONS:
                raise Busy(f"{MOST_SESSIONS} tabs are open already; close one")
            identity = secrets.token_urlsafe(24)
            folder = self._root / secrets.token_hex(8)
            folder.mkdir(mode=0o700)
            session = self._table[identity] = Session(identity, folder)
            return session

    def find(self, identity: str) -> Session:
        """Raises SettingError for an identity that is none."""
        session = self._table.get(identity)
        if session is None:
            raise SettingError("this session is over; load the page again")
        session.seen = time.monotonic()
        return session

    def end(self, identity: str) -> None:
        """Stop what a visitor had running and remove what was theirs."""
        with self._lock:
            session = self._table.get(identity)
            if session is not None:
                self._end(session)

    def _end(self, session: Session) -> None:
        for job in session.jobs:
            job.cancel()
        self._table.pop(session.id, None)
        shutil.rmtree(session.folder, ignore_errors=True)


def safe_name(name: str, suffix: str) -> str:
    """A file name to show and to offer for saving: the last part of what the visitor's computer called it."""
    stem = re.sub(r"[^\w .()-]", "_", name.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]).strip(" .")[:80]
    return (stem or "clip") + suffix
