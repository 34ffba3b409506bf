"""The table in examples/what-survives.md, cell by cell, on real files that ffprobe and PyAV read before and after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import survival

PAGE = Path(__file__).parents[2] / "examples" / "what-survives.md"
pytestmark = pytest.mark.skipif(survival.FFPROBE is None, reason="ffprobe is not installed (Debian: ffmpeg)")


def tables() -> list[dict[tuple[str, str], str]]:
    """The tables of the page: (property, container) to what the cell says."""
    found: list[dict[tuple[str, str], str]] = []
    columns: list[str] = []
    for line in [*PAGE.read_text().splitlines(), ""]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            columns = []
        elif not columns:
            columns = cells[1:]
            found.append({})
        elif not set(cells[0]) <= set(":-"):
            found[-1].update({(cells[0], kind): cell for kind, cell in zip(columns, cells[1:], strict=True)})
    return found


SAME, FROM_MATROSKA = tables()
Result = tuple[survival.Probe, survival.Probe, str]


@pytest.fixture(scope="module")
def results(tmp_path_factory, ffmpeg, tiny_model) -> Callable[[str, str], Result]:
    """What is known of an input and of what `framemend repair` makes of it, and what it said; each made once."""
    from framemend.cli import main

    folder = tmp_path_factory.mktemp("survival")
    rich: dict[str, Path] = {}
    done: dict[tuple[str, str], Result] = {}

    def run(given: str, kind: str) -> Result:
        if (given, kind) not in done:
            if given not in rich:
                rich[given] = survival.make_rich(folder, given, ffmpeg)
            made = folder / f"{given}.out.{kind}"
            with pytest.MonkeyPatch.context() as patch:
                said: list[str] = []
                patch.setattr("framemend.files._note", said.append)
                arguments = ["repair", rich[given], made, "--strength", "0", "--model", tiny_model]
                assert main([str(a) for a in arguments]) == 0
            done[given, kind] = survival.probe(rich[given]), survival.probe(made), "\n".join(said)
        return done[given, kind]

    return run


def test_the_tables_have_every_property_and_container():
    for table in (SAME, FROM_MATROSKA):
        assert {name for name, _ in table} == set(survival.PROPERTIES)
    assert {kind for _, kind in SAME} == set(survival.CONTAINERS)
    assert {kind for _, kind in FROM_MATROSKA} == set(survival.CONTAINERS) - {"mkv"}


@pytest.mark.parametrize(("name", "kind"), SAME, ids=lambda text: text)
def test_from_a_file_of_its_own_kind(name, kind, results):
    before, after, _ = results(kind, kind)
    given, made = (survival.PROPERTIES[name](known) for known in (before, after))
    assert made == given
    assert survival.empty(given) is (SAME[name, kind] == "-"), given


@pytest.mark.parametrize(("name", "kind"), FROM_MATROSKA, ids=lambda text: text)
def test_from_matroska(name, kind, results):
    before, after, said = results("mkv", kind)
    given, made = (survival.PROPERTIES[name](known) for known in (before, after))
    cell = FROM_MATROSKA[name, kind]
    if cell == "kept":
        assert survival.alike(name, given, made)
    elif cell == "within a frame":
        assert survival.alike(name, given, made, survival.FRAME)
    else:
        assert not survival.alike(name, given, made)
        assert cell.removeprefix("said: ") in said
