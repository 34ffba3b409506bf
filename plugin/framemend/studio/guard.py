"""Who may ask what: the first thing that every request passes.

A page from elsewhere in the same browser must not reach the studio. It is refused by the Host header (a name of its own
that was made to point here), by Origin and Sec-Fetch-Site (a form, a picture, a script), and, where something changes, by
a header that browsers let other sites send only with a permission that is never given.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

OWN_HEADER = "x-framemend"
COOKIE = "framemend_token"
SAFE = frozenset({"GET", "HEAD"})
REQUESTS_A_SECOND, BURST = 60, 400
"""Of all visitors together: a person who scrubs needs some tens a second."""
LARGEST_HEADERS = 16 << 10
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}

Scope = dict[str, Any]
Send = Callable[[Any], Awaitable[None]]


class Guard:
    """ASGI middleware."""

    def __init__(self, app: Any, *, port: int, token: str | None, hosts: Iterable[str] | None) -> None:
        """port: where the studio listens; token: what visitors must know, None: nothing; hosts: names it may be called by,
        None: any (then there is a token)."""
        self._app, self._token = app, token
        self._hosts = None if hosts is None else {*hosts, *(f"[{h}]" for h in hosts if ":" in h)}
        self._port = port
        self._allowance, self._last = float(BURST), time.monotonic()

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _answer(send, *refusal)
            return
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if self._token is not None and not self._knows_token(headers):
            if scope["path"] == "/" and secrets.compare_digest(
                query.get("token", [""])[0].encode(), self._token.encode()
            ):
                cookie = f"{COOKIE}={self._token}; HttpOnly; SameSite=Strict; Path=/"
                await _answer(send, 303, "", {"location": "/", "set-cookie": cookie})
            else:
                await _answer(send, 403, "the address of this studio has a token; ask who started it")
            return
        await self._app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        if sum(len(name) + len(value) for name, value in scope["headers"]) > LARGEST_HEADERS:
            return 431, "too many headers"
        if not self._in_time():
            return 429, "too many requests; wait a second"
        host = headers.get("host", "")
        match = re.fullmatch(r"(.*?)(?::([0-9]{1,5}))?", host, re.DOTALL)
        name, port = (match[1], match[2]) if match else (host, None)
        if self._hosts is not None and (name not in self._hosts or (port and int(port) != self._port)):
            return 421, "this studio has another name"
        origin = headers.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return 403, "requests from other sites are refused"
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            first_visit = scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate"
            if not first_visit:  # a link to the page may be followed; what it shows is the visitor's own
                return 403, "requests from other sites are refused"
        if scope["method"] not in SAFE and OWN_HEADER not in headers:
            return 403, "requests from other sites are refused"
        return None

    def _in_time(self) -> bool:
        now = time.monotonic()
        self._allowance = min(BURST, self._allowance + (now - self._last) * REQUESTS_A_SECOND)
        self._last = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _knows_token(self, headers: dict[str, str]) -> bool:
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        assert self._token is not None
        return morsel is not None and secrets.compare_digest(morsel.value.encode(), self._token.encode())


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Any) -> None:
        if message["type"] == "http.response.start":
            known = {name.lower() for name, _ in message["headers"]}
            extra = [(n.encode(), v.encode()) for n, v in SECURITY_HEADERS.items() if n.encode() not in known]
            message = message | {"headers": [*message["headers"], *extra]}
        await send(message)

    return wrapped


async def _answer(send: Send, status: int, text: str, headers: dict[str, str] | None = None) -> None:
    body = text.encode()
    given = {"content-type": "text/plain; charset=utf-8", "content-length": str(len(body))} | (headers or {})
    start = {
        "type": "http.response.start",
        "status": status,
        "headers": [(n.encode(), v.encode()) for n, v in given.items()],
    }
    await _with_headers(send)(start)
    await send({"type": "http.response.body", "body": body})
