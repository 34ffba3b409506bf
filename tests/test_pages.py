"""Commands in the pages whose programs a test cannot run (editors, a browser for people) are at least commands that exist."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest

from framemend.cli import COMMANDS, Parser

EXAMPLES = Path(__file__).parents[1] / "examples"
PAGES = ("studio.md", "timelines.md", "kdenlive.md", "frei0r.md", "resolve.md", "blender.md", "mpv.md")
SEGMENTS = [
    segment.strip()
    for page in PAGES
    for line in (EXAMPLES / page).read_text("utf-8").splitlines()
    if line.startswith("    ")
    for segment in line.split(" | ")
    if segment.strip().startswith("framemend ")
]


def test_the_pages_have_commands() -> None:
    assert len(SEGMENTS) >= 8


@pytest.mark.parametrize("segment", SEGMENTS)
def test_the_command_and_its_options_exist(segment: str) -> None:
    words = shlex.split(segment)
    (command,) = [c for c in COMMANDS if c.name == words[1]]
    parser = Parser(prog="framemend", allow_abbrev=False)
    importlib.import_module(command.module).add_arguments(parser)
    parser.parse_args(words[2:])


@pytest.mark.parametrize("page", sorted(EXAMPLES.glob("*.md")), ids=lambda page: page.name)
def test_pictures_and_pages_that_are_linked_are_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target
