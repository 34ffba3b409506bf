"""A studio that really listens, on a port of this computer, and a plain client for it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from framemend.studio.library import Library
from framemend.studio.sessions import Sessions

MAX_UPLOAD = 2 << 20


@dataclass
class Studio:
    """Where it listens, and its insides."""

    port: int
    sessions: Sessions
    begun: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def ask(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, http.client.HTTPMessage]:
        """Status, body (JSON where it is that) and headers. `headers` replace those that the page sends."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        data = body if isinstance(body, bytes | type(None)) else json.dumps(body).encode()
        given = {"X-Framemend": "1"} if headers is None else headers
        connection.request(method, path, data, given)
        answer = connection.getresponse()
        raw = answer.read()
        connection.close()
        try:
            return answer.status, json.loads(raw), answer.headers
        except ValueError:
            return answer.status, raw, answer.headers

    def begin(self, name: str | None = None) -> str:
        """A new session, with a clip of the library opened in it."""
        status, begun, _ = self.ask("POST", "/api/sessions")
        assert status == 200, begun
        self.begun.append(begun["session"])
        if name is not None:
            status, facts, _ = self.ask("POST", f"/api/{begun['session']}/open", {"name": name})
            assert status == 200, facts
        return begun["session"]

    def wait(self, session: str, number: int, *, seconds: float = 400) -> dict[str, Any]:
        """The job, once it is over."""
        deadline = time.monotonic() + seconds
        while True:
            _, job, _ = self.ask("GET", f"/api/{session}/jobs/{number}")
            if job["state"] not in ("waiting", "running"):
                return job
            assert time.monotonic() < deadline, job
            time.sleep(0.05)


@pytest.fixture(autouse=True)
def _sessions_end(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "studio" in request.fixturenames:
        studio: Studio = request.getfixturevalue("studio")
        for session in studio.begun:
            studio.ask("DELETE", f"/api/{session}")
        studio.begun.clear()


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, write_clip: Callable[..., Path]) -> Path:
    """A folder with clip.mkv, 16 frames of 64x48, ten a second, and one.mkv, a single frame."""
    folder = tmp_path_factory.mktemp("clips")
    write_clip(folder / "clip.mkv", frames=16, rate=10)
    write_clip(folder / "one.mkv", frames=1)
    return folder


@pytest.fixture(scope="module")
def start_studio(clips: Path) -> Iterator[Callable[..., Studio]]:
    """Start a studio: `start_studio(token=None, hosts=LOOPBACK, model="fast")`."""
    pytest.importorskip("fastapi", reason="pip install 'framemend[studio]' brings it")
    uvicorn = pytest.importorskip("uvicorn")
    from framemend.studio import LOOPBACK
    from framemend.studio.app import build_app

    running: list[tuple[Any, threading.Thread, Sessions]] = []

    def start(*, token: str | None = None, hosts: Any = LOOPBACK, model: str = "fast") -> Studio:
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        sessions = Sessions(Library([clips]), model=model, device="cpu").__enter__()
        app = build_app(sessions, port=port, token=token, hosts=hosts, max_upload=MAX_UPLOAD)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        running.append((server, thread, sessions))
        return Studio(port, sessions)

    yield start
    for server, thread, sessions in running:
        server.should_exit = True
        thread.join(timeout=20)
        sessions.__exit__(None, None, None)


@pytest.fixture(scope="module")
def studio(start_studio: Callable[..., Studio]) -> Studio:
    return start_studio()
