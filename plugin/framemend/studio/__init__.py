"""Repair in the browser: open a clip, mark what is to go, try a second of it, compare, then repair the whole clip.

The page is served to this computer alone unless --host says otherwise, and then only to those who know the token. It
works without internet. What is uploaded stays in a private folder that is removed at the end.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from framemend_filters.errors import InputNotFound, OutputError, SettingError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
DEFAULT_PORT = 8747
GIB = 1 << 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `framemend studio`."""
    parser.add_argument(
        "videos", nargs="*", type=Path, metavar="VIDEO", help="files, or folders of files, that the page may open"
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="NAME", help="where to listen (default: this computer)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, metavar="N", help=f"0: any (default: {DEFAULT_PORT})")
    parser.add_argument(
        "--token", metavar="TEXT", help="what visitors must know (default: made up where --host is not this computer)"
    )
    parser.add_argument(
        "--max-upload", type=float, default=4.0, metavar="GIB", help="largest file to take (default: 4)"
    )
    parser.add_argument(
        "--model", default="fast", metavar="NAME", help="weights that the page begins with (default: fast)"
    )
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    parser.add_argument("--quiet", action="store_true", help="no notes")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def run(args: argparse.Namespace) -> int:
    """`framemend studio`: serves until Ctrl-C. Raises FramemendError where it cannot begin."""
    import secrets
    import socket
    import webbrowser

    for path in args.videos:
        if not path.exists():
            raise InputNotFound(f"no such file: {path}")
    if not 0 <= args.port < 65536:
        raise SettingError(f"--port is {args.port}; it goes from 0 to 65535")
    if args.max_upload <= 0:
        raise SettingError(f"--max-upload is {args.max_upload}; give a size in GiB")
    try:
        import uvicorn

        from .app import build_app
    except ImportError:
        raise SettingError("the studio needs fastapi and uvicorn; pip install 'framemend[studio]'") from None
    from .library import Library
    from .sessions import Sessions

    token = args.token or (None if args.host in LOOPBACK else secrets.token_urlsafe(24))
    family = socket.AF_INET6 if ":" in args.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((args.host, args.port))
    except OSError as error:
        raise OutputError(f"cannot listen on {args.host}:{args.port} ({error.strerror}); try --port 0") from error
    port = listener.getsockname()[1]
    shown = f"[{args.host}]" if ":" in args.host else args.host
    address = f"http://{shown}:{port}/" + (f"?token={token}" if token else "")
    with Sessions(Library(args.videos), model=args.model, device=args.device) as sessions:
        hosts = None if args.host not in LOOPBACK else LOOPBACK
        app = build_app(sessions, port=port, token=token, hosts=hosts, max_upload=round(args.max_upload * GIB))
        print(f"framemend: studio is at {address} (Ctrl-C ends it)", file=sys.stderr, flush=True)
        if not args.no_browser:
            webbrowser.open(address)
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[listener])
    return 0
