"""The `framemend` command: finds the subcommand, runs it, and turns whatever goes wrong into one line and an exit status.

Only the module of the chosen subcommand is imported, and it imports torch or PyAV only when it runs, so that
`framemend --help` answers at once.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from framemend_filters.errors import FramemendError

EXIT_WRONG_USE = 2
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


@dataclass(frozen=True)
class Command:
    """One subcommand: `module` has `add_arguments(parser)` and `run(args) -> int`."""

    name: str
    summary: str
    module: str


COMMANDS = (
    Command("repair", "repair a video file or a picture", "framemend.files"),
    Command("verify", "prove from a report that nothing else was changed", "framemend.verify"),
    Command("undo", "bring original samples back", "framemend.undo"),
    Command("pipe", "repair a YUV4MPEG2 stream from stdin to stdout", "framemend.pipe"),
    Command("detect", "find damage and report it; write masks of it", "framemend.findings"),
    Command("extend", "add frames to the end of a video", "framemend.extend"),
    Command("train", "train a model on any folder of videos and pictures", "framemend.train"),
    Command("export", "write a model as ONNX for other runtimes", "framemend.export"),
    Command("evaluate", "measure a model on standard kinds of damage", "framemend.evaluate"),
    Command("timeline", "repair the media that an edit uses", "framemend.timelines"),
    Command("studio", "repair in the browser: mark, try a second, compare, repair", "framemend.studio"),
    Command("install-frei0r", "install the filter for melt, Kdenlive, Shotcut and ffmpeg", "framemend.frei0r"),
    Command("compare", "make a page that compares two versions of a clip", "framemend.compare"),
)


class Parser(argparse.ArgumentParser):
    """argparse, but a wrong option costs one line instead of a page."""

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with status 2."""
        print(f"framemend: {message}; see '{self.prog} --help'", file=sys.stderr)
        raise SystemExit(EXIT_WRONG_USE)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (without the program's name; None: sys.argv) and return the exit status.

    0 done; 1 the work failed; 2 wrong use; 130 interrupted with Ctrl-C; 143 ended by SIGTERM. Errors are one line on
    stderr; `--debug` adds the traceback.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    terminated = _turn_sigterm_into_an_exception()
    try:
        return _dispatch(arguments)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0 if stop.code is None else EXIT_FAILED
    except KeyboardInterrupt:
        return _say("interrupted", EXIT_INTERRUPTED)
    except _Terminated:
        return _say("ended by SIGTERM", EXIT_TERMINATED)
    except FramemendError as error:
        return _say(_one_line(error), error.exit_status, debug)
    except Exception as error:  # noqa: BLE001  the last resort: a person gets a line, not a traceback
        hint = "" if debug else " (this is a fault in framemend; --debug shows where)"
        return _say(f"unexpected {type(error).__name__}: {_one_line(error)}{hint}", EXIT_FAILED, debug)
    finally:
        if terminated is not None:
            signal.signal(signal.SIGTERM, terminated)


def _dispatch(arguments: list[str]) -> int:
    table = {command.name: command for command in COMMANDS}
    first = arguments[0] if arguments else "--help"
    if first in table:
        command = table[first]
        module = importlib.import_module(command.module)
        parser = Parser(
            prog=f"framemend {command.name}", description=_first_paragraph(module.__doc__ or command.summary)
        )
        module.add_arguments(parser)
        return module.run(parser.parse_args(arguments[1:]))
    parser = _top_parser()
    if arguments and not first.startswith("-"):
        close = difflib.get_close_matches(first, table, n=1)
        guess = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(table)}"
        print(f"framemend: no such command: {first}; {guess}", file=sys.stderr)
        return EXIT_WRONG_USE
    parser.parse_args(arguments)
    parser.print_help()
    return 0 if arguments else EXIT_WRONG_USE


def _top_parser() -> Parser:
    from . import __version__

    commands = "\n".join(f"  {command.name:15}{command.summary}" for command in COMMANDS)
    parser = Parser(
        prog="framemend",
        usage="framemend COMMAND [options]",
        description="Repair damaged video: noise, blocking, blur, scratches, holes.",
        epilog=f"commands:\n{commands}\n\n'framemend COMMAND --help' tells more about one of them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"framemend {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _first_paragraph(text: str) -> str:
    return " ".join(text.strip().split("\n\n")[0].split())


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _say(message: str, status: int, debug: bool = False) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    print(f"framemend: {message}", file=sys.stderr)
    return status


class _Terminated(BaseException):
    """SIGTERM arrived: unwinds like Ctrl-C, so that temporary files go."""


def _turn_sigterm_into_an_exception() -> Any:
    def handler(signum: int, frame: object) -> NoReturn:
        raise _Terminated

    try:
        return signal.signal(signal.SIGTERM, handler)
    except ValueError:  # not the main thread: whoever called looks after signals
        return None
