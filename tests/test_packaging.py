"""What is installed is what is here: weights, types and metadata are in the wheel."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from vspipes import run_vspipe

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    pytest.importorskip("hatchling", reason="hatchling builds the wheel; pip install 'framemend[test]'")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_the_weights_and_the_types(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    weights = {f"framemend_filters/weights/fast/{name}" for name in ("config.json", "model.safetensors")}
    weights.add("framemend_filters/weights/detect/model.safetensors")
    assert names >= weights | {"framemend/py.typed", "framemend_filters/py.typed"}
    size = wheel.getinfo("framemend_filters/weights/fast/model.safetensors").file_size
    assert 100_000 < size <= 8_000_000


def test_the_wheel_holds_every_module_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    here = {str(p.relative_to(root)) for root in (ROOT / "plugin", ROOT / "filters") for p in root.rglob("*.py")}
    there = {name for name in wheel.namelist() if name.endswith(".py")}
    assert there == here
    assert {name.split("/")[0] for name in wheel.namelist() if ".dist-info" not in name} == {
        "framemend",
        "framemend_filters",
    }


def test_the_wheel_holds_pages_and_c(wheel: zipfile.ZipFile) -> None:
    here = {
        str(p.relative_to(ROOT / "plugin"))
        for p in (ROOT / "plugin").rglob("*")
        if p.suffix in (".html", ".css", ".js", ".json", ".c", ".qml")
    }
    assert here and here <= set(wheel.namelist())


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    import framemend

    (name,) = [n for n in wheel.namelist() if n.endswith(".dist-info/METADATA")]
    told = Parser().parsestr(wheel.read(name).decode())
    assert (told["Name"], told["Version"]) == ("framemend", framemend.__version__)
    assert told["License-Expression"] == "MIT"
    entry = wheel.read(name.replace("METADATA", "entry_points.txt")).decode()
    assert "framemend = framemend.cli:main" in entry


def test_a_script_finds_the_installed_package(
    wheel: zipfile.ZipFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pip lays it into site-packages: no plugin path, no LoadPlugin."""
    installed = tmp_path / "site-packages"
    wheel.extractall(installed)
    script = tmp_path / "script.vpy"
    script.write_text(
        "import vapoursynth as vs\nimport framemend\n"
        f"assert framemend.__file__.startswith({str(installed)!r}), framemend.__file__\n"
        "clip = vs.core.std.BlankClip(width=32, height=32, format=vs.GRAY8, length=2, color=7)\n"
        "framemend.repair(clip, strength=0).set_output()\n"
    )
    monkeypatch.setattr(sys, "path", [str(installed), *(p for p in sys.path if not p.startswith(str(ROOT)))])
    assert run_vspipe(script, home=tmp_path) == b"\x07" * (2 * 32 * 32)


def test_every_dependency_has_a_lower_bound() -> None:
    assert [d for d in PROJECT["dependencies"] if ">=" not in d] == []


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*")), ids=lambda p: p.name)
def test_examples_are_small(path: Path) -> None:
    assert path.is_dir() or path.stat().st_size < 1_000_000
