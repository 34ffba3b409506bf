"""The scripts on the page examples/scripts.md, in a real vspipe with the shipped weights, on clips of a few tiny frames."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import vapoursynth as vs
from numpy.typing import NDArray
from vspipes import run_vspipe

from framemend.y4m import Reader

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "examples" / "scripts"
WIDTH, HEIGHT, FRAMES = 64, 48, 6

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(vs.core, "bs"), reason="needs vapoursynth-bestsource"),
]
Frames = list[list[NDArray[Any]]]
Script = Callable[..., Frames]


@pytest.fixture
def given(tmp_path: Path, write_clip: Callable[..., Path]) -> Path:
    return write_clip(tmp_path / "film.mkv", frames=FRAMES)


@pytest.fixture
def frames_of(decode: Callable[[Path], list]) -> Callable[[Path], Frames]:
    def run(path: Path) -> Frames:
        from framemend.frames import views

        return [[view.copy() for view in views(frame)] for frame in decode(path)]

    return run


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def script(tmp_path: Path, home: Path) -> Script:
    """`script(name, source=..., ...)`: the frames that vspipe writes."""

    def run(name: str, **arguments: object) -> Frames:
        options = [word for key, value in arguments.items() for word in ("-a", f"{key}={value}")]
        written = tmp_path / "out.y4m"
        written.write_bytes(run_vspipe(SCRIPTS / name, "-c", "y4m", *options, home=home))
        with written.open("rb") as file:
            return [list(frame.planes) for frame in Reader(file)]

    return run


def test_every_script_is_on_the_page_and_tested_here() -> None:
    page = (ROOT / "examples" / "scripts.md").read_text()
    names = {path.name for path in SCRIPTS.glob("*.vpy")}
    assert set(re.findall(r"\(scripts/([\w-]+\.vpy)\)", page)) == names
    assert set(re.findall(r'script\("([\w-]+\.vpy)"', Path(__file__).read_text())) == names


@pytest.mark.skipif(not hasattr(vs.core, "mv"), reason="needs vapoursynth-mvtools")
def test_a_speck_of_dust_goes_from_a_film_scan(tmp_path: Path, ffmpeg, script: Script, frames_of) -> None:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    scene = 110 + 40 * np.sin(x / 6) * np.cos(y / 5)
    for i in range(FRAMES):
        picture = scene + rng.normal(0, 2, scene.shape)
        if i == 3:
            picture[20:24, 30:34] = 235
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.repeat(picture.clip(0, 255).astype(np.uint8)[..., None], 3, 2))
    ffmpeg("-i", tmp_path / "%d.png", "-c:v", "ffv1", "-pix_fmt", "yuv420p", tmp_path / "scan.mkv")
    given = frames_of(tmp_path / "scan.mkv")
    made = script("film-scan.vpy", source=tmp_path / "scan.mkv")
    assert len(made) == FRAMES
    clean = given[2][0][20:24, 30:34].astype(float)
    before, after = (np.abs(frames[3][0][20:24, 30:34] - clean).mean() for frames in (given, made))
    assert before > 50 and after < 12


def test_a_tape_stays_interlaced_and_keeps_its_size(given: Path, script: Script, frames_of) -> None:
    made = script("vhs-tape.vpy", source=given)
    assert [frame[0].shape for frame in made] == [(HEIGHT, WIDTH)] * FRAMES
    for after, before in zip(made, frames_of(given), strict=True):
        assert (after[0][:-8] != before[0][:-8]).any()
        np.testing.assert_array_equal(after[0][-8:], before[0][-8:])  # where the heads change over: as it was


def test_web_video_comes_out_twice_as_large(given: Path, script: Script) -> None:
    made = script("web-video.vpy", source=given)
    assert [frame[0].shape for frame in made] == [(2 * HEIGHT, 2 * WIDTH)] * FRAMES
    assert made[0][0].dtype == np.uint16


def test_a_logo_goes_and_nothing_else_changes(given: Path, script: Script, frames_of) -> None:
    made = script("logo.vpy", source=given, box="16,8,20,12")
    hole = np.zeros((HEIGHT, WIDTH), bool)
    hole[8:20, 16:36] = True
    for after, before in zip(made, frames_of(given), strict=True):
        np.testing.assert_array_equal(after[0][~hole], before[0][~hole])
        assert (after[0][hole] != before[0][hole]).any()


def test_lost_frames_are_generated_and_others_kept(given: Path, script: Script, frames_of) -> None:
    made = script("lost-frames.vpy", source=given, lost="2,3")
    for n, (after, before) in enumerate(zip(made, frames_of(given), strict=True)):
        same = all((a == b).all() for a, b in zip(after, before, strict=True))
        assert same is (n not in (2, 3))


def test_film_keeps_the_grain_of_luma(tmp_path: Path, given: Path, script: Script, frames_of) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[10:20, 10:20] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    made = script("keep-grain.vpy", source=given, mask=tmp_path / "mask.png")
    for after, before in zip(made, frames_of(given), strict=True):
        np.testing.assert_array_equal(after[0][mask == 0], before[0][mask == 0])
        assert (after[0][mask > 0] != before[0][mask > 0]).any()
        assert (after[1] != before[1]).any()


@pytest.mark.skipif(not hasattr(vs.core, "mv"), reason="needs vapoursynth-mvtools")
def test_it_works_beside_vsjetpack_bestsource_and_mvtools(tmp_path: Path, home: Path, given: Path) -> None:
    """The script on the page, its path changed, and mvtools before it; found as any package is found."""
    pytest.importorskip("vstools", reason="needs vsjetpack")
    page = (ROOT / "examples" / "scripts.md").read_text()
    (text,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    text = text.replace("/films/old.mkv", str(given))
    moved = "levels = clip.mv.Super()\nclip = clip.mv.Compensate(levels, levels.mv.Analyse())\nrepaired ="
    path = tmp_path / "beside.vpy"
    path.write_text(text.replace("repaired =", moved, 1))
    written = run_vspipe(path, home=home)
    assert len(written) == FRAMES * WIDTH * HEIGHT * 3 // 2 * 2


def test_strict_pyright_passes_a_script(tmp_path: Path) -> None:
    """VapourSynth's own types end at its plugins, which are Any here; ours leave nothing unknown."""
    import sys

    (tmp_path / "script.py").write_text(
        "# pyright: strict, reportMissingTypeStubs=false\nfrom typing import Any\n\nimport vapoursynth as vs\n\nimport framemend\n\n"
        "core: Any = vs.core\n"
        "clip: vs.VideoNode = core.std.BlankClip(length=3)\n"
        "mask: vs.VideoNode = core.std.BlankClip(clip, format=vs.GRAY8)\n"
        "repaired: vs.VideoNode = framemend.repair(clip, mask, strength=0.5, scene_changes='props', fields=True)\n"
        "framemend.preview(clip, repaired, mode='interleave').set_output(1)\n"
        "try:\n    framemend.repair(clip, strength=mask, num_streams=2).set_output()\n"
        "except vs.Error as error:\n    print(error)\n"
        "settings = framemend.RepairSettings(strength=0.5)\n"
        "print(settings.strength, framemend.__version__)\n"
    )
    roots = ", ".join(f'"{ROOT / name}"' for name in ("plugin", "filters"))
    (tmp_path / "pyrightconfig.json").write_text(
        f'{{"include": ["script.py"], "strict": ["."], "extraPaths": [{roots}], "reportMissingTypeStubs": false}}'
    )
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "-p", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    bad = (tmp_path / "script.py").read_text().replace("'props'", "'sometimes'")
    (tmp_path / "script.py").write_text(bad)
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
