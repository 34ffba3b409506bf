"""A screen that nobody sees, and editors on it: what windows they show, and a picture of it when they complain."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import cv2
import numpy as np
import pytest

TROUBLE = ("Problem", "Missing", "Error", "Warning", "Question", "Repair", "Crash", "Sorry")
"""Words in the titles of windows by which Kdenlive and Shotcut complain or ask."""
PATIENCE_S = 300
"""How long an editor may take to show a window: on a machine with fifteen processes a core, Kdenlive took 150 s."""


@dataclass(frozen=True)
class Screen:
    name: str
    """What DISPLAY says."""
    memory: Path
    """Where the server keeps the picture, an XWD file."""

    def titles(self) -> list[str]:
        """Titles of the windows that are there."""
        command = ["xwininfo", "-display", self.name, "-root", "-tree"]
        tree = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return [line.split('"')[1] for line in tree.splitlines() if line.count('"') >= 2]

    def save(self, path: Path) -> Path:
        """Write what the screen shows as a picture."""
        data = self.memory.read_bytes()
        header = np.frombuffer(data[:100], ">u4")
        (width, height), stride, colours = header[4:6], header[12], header[19]
        rows = np.frombuffer(data, np.uint8, height * stride, header[0] + 12 * colours).reshape(height, stride)
        cv2.imwrite(str(path), rows[:, : 4 * width].reshape(height, width, 4)[..., :3])
        return path


@contextmanager
def open_screen() -> Iterator[Screen]:
    """A screen of 1280x800 with nothing on it; the test is skipped where there is no Xvfb."""
    program = shutil.which("Xvfb")
    if program is None or shutil.which("xwininfo") is None:
        pytest.skip("no Xvfb or xwininfo; Debian's packages xvfb and x11-utils have them")
    reading, writing = os.pipe()
    with tempfile.TemporaryDirectory() as folder:
        size = ["-screen", "0", "1280x800x24", "-fbdir", folder]
        command = [program, "-displayfd", str(writing), *size, "-nolisten", "tcp"]
        server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
        os.close(writing)
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        try:
            yield Screen(f":{number}", Path(folder) / "Xvfb_screen0")
        finally:
            server.terminate()
            server.wait()


class Editor:
    """A running editor; tests fail as soon as it shows a dialog that complains."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], screen: Screen, told: Path, pictures: Path) -> None:
        self.name, self.process, self.screen, self.told, self.pictures = name, process, screen, told, pictures

    def check(self) -> list[str]:
        """Titles of its windows; fails the test when it ended or one of them is a complaint."""
        titles = self.screen.titles()
        if self.process.poll() is not None:
            self.fail(f"ended with {self.process.returncode}")
        complaints = [title for title in titles if any(word in title for word in TROUBLE)]
        if complaints:
            self.fail(f"says {complaints}")
        return titles

    def wait_for(self, start: str) -> None:
        """Until it shows a window whose title begins like that."""
        deadline = time.monotonic() + PATIENCE_S
        while not any(title.startswith(start) for title in self.check()):
            if time.monotonic() > deadline:
                self.fail(f"shows no window {start!r} within {PATIENCE_S} s, but {self.screen.titles()}")
            time.sleep(0.5)

    def fail(self, what: str) -> NoReturn:
        picture = self.screen.save(self.pictures / f"{self.name}-complains.png")
        told = self.told.read_text(errors="replace")[-2000:]
        pytest.fail(f"{self.name} {what}; picture of its screen: {picture}; on stderr:\n{told}", pytrace=False)


@contextmanager
def running(command: Sequence[object], screen: Screen, pictures: Path) -> Iterator[Editor]:
    """An editor with settings of its own, none of the caller's; complaints are kept as pictures in the folder `pictures`.

    Its home lies in a short path: sockets are made there, and their paths may not be longer than 107 characters.
    """
    bus = shutil.which("dbus-run-session")
    program = shutil.which(str(command[0]))
    if program is None or bus is None:
        pytest.skip(f"no {command[0]} or dbus-run-session; Debian's packages {command[0]} and dbus have them")
    with tempfile.TemporaryDirectory(prefix="fm", dir="/tmp", ignore_cleanup_errors=True) as home:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "DBUS_", "QT_", "LC_"))}
        environment = {
            **inherited,
            "HOME": home,
            "XDG_RUNTIME_DIR": home,
            "TMPDIR": home,  # for the lock by which Kdenlive would ask next time why it was killed
            "DISPLAY": screen.name,
            "QT_QPA_PLATFORM": "xcb",
            "LANG": "C.UTF-8",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "QT_LOGGING_RULES": "*=false",
        }
        told = Path(home) / "told"
        with told.open("wb") as log:
            process = subprocess.Popen(
                [bus, "--", program, *map(str, command[1:])],
                env=environment,
                start_new_session=True,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        try:
            yield Editor(str(command[0]), process, screen, told, pictures)
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # the session bus, and the editor in it
            process.wait()
