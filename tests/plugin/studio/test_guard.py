"""What the studio refuses: other sites, other names, other visitors, other files, too much."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from framemend.studio.guard import BURST, SECURITY_HEADERS, Guard
from framemend.studio.library import Library, suffix_by_content
from framemend.studio.sessions import MOST_SESSIONS, SHORT_IDLE_SECONDS, Sessions, safe_name
from framemend_filters.errors import InputError

MAX_UPLOAD = 2 << 20
CROSS_SITE = [
    {"X-Framemend": "1", "Origin": "http://evil.example"},
    {"X-Framemend": "1", "Origin": "null"},
    {"X-Framemend": "1", "Sec-Fetch-Site": "cross-site"},
    {"X-Framemend": "1", "Sec-Fetch-Site": "same-site"},
    {},
    {"Content-Type": "text/plain"},
]


@pytest.mark.parametrize("headers", CROSS_SITE, ids=str)
def test_other_sites_can_start_nothing(studio: Any, headers: dict[str, str]) -> None:
    status, told, _ = studio.ask("POST", "/api/sessions", headers=headers)
    assert status == 403 and told == b"requests from other sites are refused"


def test_other_sites_can_read_nothing(studio: Any) -> None:
    session = studio.begin("clip.mkv")
    for headers in ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, {"Origin": "http://evil.example"}):
        assert studio.ask("GET", f"/api/{session}/frame/0", headers=headers)[0] == 403
    assert studio.ask("GET", f"/api/{session}/frame/0", headers={"Sec-Fetch-Site": "same-origin"})[0] == 200


def test_a_link_to_the_page_may_be_followed(studio: Any) -> None:
    assert studio.ask("GET", "/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})[0] == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "127.0.0.1:1", "localhost.evil.example", "127.0.0.1:8747@evil.example", "127.0.0.1:\xb2", ""],
)  # fmt: skip
def test_another_name_for_this_computer_is_refused(studio: Any, host: str) -> None:
    assert studio.ask("GET", "/", headers={"Host": host})[0] == 421


def test_pages_may_load_nothing_from_elsewhere_and_be_framed_nowhere(studio: Any) -> None:
    _, page, headers = studio.ask("GET", "/")
    assert b"<title>framemend studio" in page
    for name, value in SECURITY_HEADERS.items():
        assert headers[name] == value
    assert "http:" not in page.decode() and "https:" not in page.decode()


def test_with_a_token_nothing_is_served_without_it(start_studio: Callable[..., Any]) -> None:
    guarded = start_studio(token="secret", hosts=None)
    for path in ("/", "/studio.js", "/?token=wrong", "/studio.js?token=secret"):
        assert guarded.ask("GET", path)[0] == 403
    assert guarded.ask("POST", "/api/sessions")[0] == 403
    status, _, headers = guarded.ask("GET", "/?token=secret", headers={"Host": "anything.example"})
    assert status == 303 and "HttpOnly" in headers["set-cookie"] and "SameSite=Strict" in headers["set-cookie"]
    cookie = headers["set-cookie"].split(";")[0]
    assert guarded.ask("GET", "/", headers={"Cookie": cookie})[0] == 200
    assert guarded.ask("GET", "/", headers={"Cookie": "framemend_token=wrong"})[0] == 403


@pytest.mark.parametrize(
    "content",
    [
        b"hello, I am no video",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"\x00\x00\x00\x18ftypmp42" + bytes(500),
        b"",
    ],
    ids=["text", "playlist", "concat", "broken mp4", "empty"],
)
def test_uploads_are_judged_by_their_contents_and_the_refused_are_gone(studio: Any, content: bytes) -> None:
    session = studio.begin()
    status, told, _ = studio.ask("POST", f"/api/{session}/upload?name=film.mp4", content)
    assert status == 400 and told["message"]
    assert list(studio.sessions.find(session).folder.iterdir()) == []


def test_a_good_upload_opens_under_a_name_of_our_own(studio: Any, clips: Path) -> None:
    session = studio.begin()
    name = "..%2F..%2Fetc%2Fmy%20film.avi"
    status, facts, _ = studio.ask("POST", f"/api/{session}/upload?name={name}", (clips / "clip.mkv").read_bytes())
    assert status == 200 and facts["name"] == "my film.mkv" and facts["frames"] == 16
    folder = studio.sessions.find(session).folder
    (path,) = folder.iterdir()
    assert path.name.startswith("clip-") and path.suffix == ".mkv"
    assert folder.stat().st_mode & 0o777 == 0o700 and studio.sessions.root.stat().st_mode & 0o777 == 0o700


def test_an_upload_that_is_too_large_is_refused_and_gone(studio: Any, clips: Path) -> None:
    session = studio.begin()
    content = (clips / "clip.mkv").read_bytes().ljust(MAX_UPLOAD + 1, b"\0")
    status, told, _ = studio.ask("POST", f"/api/{session}/upload?name=a.mkv", content)
    assert status == 400 and "--max-upload" in told["message"]
    connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=30)  # without saying how much comes
    connection.request("POST", f"/api/{session}/upload", iter([content]), {"X-Framemend": "1"}, encode_chunked=True)
    assert connection.getresponse().status == 400
    connection.close()
    assert list(studio.sessions.find(session).folder.iterdir()) == []


@pytest.mark.parametrize("name", ["../clip.mkv", "/etc/passwd", "clip.mkv/../../x", "", "outside.mkv", "notes.txt"])
def test_only_files_of_the_library_open(studio: Any, clips: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.mkv").write_bytes((clips / "one.mkv").read_bytes())
    link = clips / "outside.mkv"
    if not link.exists():
        link.symlink_to(tmp_path / "secret.mkv")
    session = studio.begin()
    status, told, _ = studio.ask("POST", f"/api/{session}/open", {"name": name})
    assert status == 400 and "among the files" in told["message"]
    link.unlink()


@pytest.mark.parametrize(
    "path", ["/../app.py", "/%2e%2e/app.py", "/..%2fapp.py", "/static/index.html", "/app.py", "/docs"]
)
def test_no_other_file_is_served(studio: Any, path: str) -> None:
    assert studio.ask("GET", path)[0] == 404


def test_a_page_cannot_name_a_model_by_its_path(studio: Any, tmp_path: Path) -> None:
    session = studio.begin("clip.mkv")
    status, told, _ = studio.ask("POST", f"/api/{session}/preview", {"model": str(tmp_path), "frame": 0})
    assert status == 400 and "model is" in told["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("preview", {"strength": "strong"}),
        ("preview", {"strength": 7}),
        ("preview", {"rects": ["1,2,3"]}),
        ("preview", {"rects": ["0,0,999,999"]}),
        ("preview", {"rects": ["1,1,2,2"] * 65}),
        ("preview", {"frame": 30}),
        ("preview", {"frame": "0; rm"}),
        ("clip", {"rects": "all"}),
        ("clip", {"detect": ["rust"]}),
        ("clip", {"detect": "dust"}),
        ("preview", {"rects": ["1,1,8,8"], "track": 30}),
        ("preview", {"rects": ["1,1,8,8"], "track": "x"}),
        ("words", b"[1]"),
        ("words", b"{"),
        ("words", b"[" * 100_000),
        ("words", b'{"rects": ["\\ud800"]}'),
        ("words", b" " * (300 << 10)),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_asked_wrongly_is_one_line(studio: Any, path: str, body: Any) -> None:
    session = studio.begin("clip.mkv")
    status, told, _ = studio.ask("POST", f"/api/{session}/{path}", body)
    assert status == 400 and told["message"] and "\n" not in told["message"]
    assert studio.sessions.find(session).jobs == []


@pytest.mark.parametrize("path", ["frame/30", "frame/-1", "frame/0?width=9999", "jobs/1", "mask"])
def test_what_is_not_there_is_said(studio: Any, path: str) -> None:
    session = studio.begin("clip.mkv")
    assert studio.ask("GET", f"/api/{session}/{path}")[0] == 400


def test_a_mask_must_be_a_picture_of_the_clips_size(studio: Any) -> None:
    import cv2
    import numpy as np

    session = studio.begin("clip.mkv")
    small = cv2.imencode(".png", np.zeros((8, 8, 4), np.uint8))[1].tobytes()
    for data in (b"GIF89a", small, b"\x89PNG\r\n\x1a\n" + bytes(8) + (64).to_bytes(4, "big") + (48).to_bytes(4, "big")):
        assert studio.ask("PUT", f"/api/{session}/mask", data)[0] == 400
    assert studio.sessions.find(session).mask is None


def test_a_session_that_is_over_leaves_nothing(studio: Any, clips: Path) -> None:
    session = studio.begin()
    studio.ask("POST", f"/api/{session}/upload?name=a.mkv", (clips / "one.mkv").read_bytes())
    folder = studio.sessions.find(session).folder
    assert studio.ask("DELETE", f"/api/{session}")[0] == 200
    assert not folder.exists()
    status, told, _ = studio.ask("GET", f"/api/{session}/frame/0")
    assert status == 400 and "load the page again" in told["message"]


def test_a_file_whose_name_is_no_text_does_not_keep_the_page_from_opening(tmp_path: Path, clips: Path) -> None:
    import os

    name = os.fsencode(tmp_path) + b"/old\xff.mkv"
    try:
        Path(os.fsdecode(name)).write_bytes((clips / "one.mkv").read_bytes())
    except OSError:
        pytest.skip("this file system takes no such names")
    (shown,) = Library([tmp_path]).files()
    assert shown == "old\ufffd.mkv" and Library([tmp_path]).path(shown).is_file()


def test_there_is_an_end_to_sessions() -> None:
    from framemend.studio.sessions import Busy

    with Sessions(Library([])) as sessions:
        root = sessions.root
        first, *_ = [sessions.begin() for _ in range(MOST_SESSIONS)]
        with pytest.raises(Busy, match="tabs are open already"):
            sessions.begin()
        first.seen -= SHORT_IDLE_SECONDS + 1  # its browser was killed
        sessions.begin()
        assert len(list(root.iterdir())) == MOST_SESSIONS and not first.folder.exists()
    assert not root.exists()


def test_too_many_requests_are_refused() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    guard, statuses = Guard(app, port=1, token=None, hosts=None), []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def ask() -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [(b"host", b"a")]}
        for _ in range(BURST + 50):
            await guard(scope, None, send)

    asyncio.run(ask())
    assert statuses[:BURST] == [200] * BURST and 429 in statuses


def test_names_are_made_safe() -> None:
    assert safe_name("..\\..\\my film.mp4", ".mkv") == "my film.mkv"
    assert safe_name("/a/b/<script>.mov", ".mov") == "_script_.mov"
    assert safe_name("...", ".mp4") == "clip.mp4"


def test_containers_are_known_by_their_first_bytes(tmp_path: Path, write_clip: Callable[..., Path]) -> None:
    for suffix, codec in (
        (".mkv", "ffv1"),
        (".mp4", "libx264"),
        (".avi", "ffv1"),
        (".ts", "libx264"),
        (".mov", "libx264"),
    ):
        path = write_clip(tmp_path / f"a{suffix}", codec=codec, frames=2)
        assert suffix_by_content(path.read_bytes()[:4096]) == suffix
    with pytest.raises(InputError, match="not a video file"):
        suffix_by_content(b"MZ\x90\x00")
