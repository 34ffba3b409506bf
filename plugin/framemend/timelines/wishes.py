"""What a marker in an edit asks for: a marker named `repair`, with the options of `framemend repair` as JSON behind it.

    repair
    repair {"strength": 0.6}
    repair {"rect": ["40,30,120,60"], "strength": 0}

An option is named as on the command line, without the dashes in front; one that takes no value is set by true.
"""

from __future__ import annotations

import argparse
import json
import re
from typing import Any, NoReturn

from framemend_filters.errors import SettingError

from ..options import add_repair_options

_MARKER = re.compile(r"\s*repair\b[\s:]*(\{.*\})?\s*", re.IGNORECASE | re.DOTALL)
NOT_BY_MARKER = frozenset({"quiet", "debug", "device", "backend", "memory"})
"""Of the machine that does the work, not of the clip."""


def is_wish(*texts: str | None) -> bool:
    """Whether one of these, a marker's name and comment, says `repair`."""
    return any(text and _MARKER.fullmatch(text) for text in texts)


def wish_of_marker(*texts: str | None) -> dict[str, Any] | None:
    """The options in a marker's name and comment, {} where it has none, None where it is no such marker.

    Raises SettingError for options that are not a JSON object.
    """
    words = [text for text in texts if text]
    if not is_wish(*words):
        return None
    for text in words:
        match = _MARKER.fullmatch(text)
        body = (match[1] if match else None) or (text if text.lstrip().startswith("{") else None)
        if body:
            try:
                return json.loads(body)
            except ValueError as error:
                raise SettingError(f'marker says {text!r}; write it as repair {{"strength": 0.5}} ({error})') from None
    return {}


def options_with(args: argparse.Namespace, wish: dict[str, Any]) -> argparse.Namespace:
    """The options of the command line with those of a marker in their place. Raises SettingError for unknown ones."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    add_repair_options(parser)
    words: list[str] = []
    for name, value in sorted(wish.items()):
        option = "--" + name.replace("_", "-")
        if option.removeprefix("--") in NOT_BY_MARKER:
            raise SettingError(f"a marker cannot set {name}; give it on the command line")
        for part in value if isinstance(value, list) else [value]:
            if part is True:
                words.append(option)
            elif part is not False and part is not None:
                words.append(f"{option}={part}")
    known = vars(args) | ({"rect": []} if "rect" in wish else {})
    copy = {name: list(value) if isinstance(value, list) else value for name, value in known.items()}
    return parser.parse_args(words, argparse.Namespace(**copy))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingError(f"marker: {message}")
