"""Real scripts in a real vspipe: the same frames as in this process, as the engine gives, and as `framemend pipe` gives."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vapoursynth as vs
from numpy.typing import NDArray
from vspipes import SECONDS, run_vspipe

import framemend
from framemend.planes import add_residual, to_rgb
from framemend.vsframes import plane_format, planes_of
from framemend_filters.engine import Repairer, RepairSettings

ROOT = Path(__file__).parents[2]
SOURCE = """
import numpy as np
import vapoursynth as vs
core = vs.core
blank = core.std.BlankClip(width=64, height=48, format=vs.{form}, length=14, fpsnum=30000, fpsden=1001)
shapes = [np.asarray(blank.get_frame(0)[plane]).shape for plane in range(blank.format.num_planes)]
peak = 2**blank.format.bits_per_sample - 1

def paint(n, f):
    frame = f.copy()
    for plane, (rows, columns) in enumerate(shapes):
        y, x = np.mgrid[:rows, :columns] * (48 / rows)
        wave = 0.5 + 0.25 * np.sin((x + 1.5 * n) / 5 + plane) * np.cos(y / (6 + plane))
        wave += np.random.default_rng(n).normal(0, 0.03, wave.shape)
        np.asarray(frame[plane])[:] = np.rint(wave * peak)
    return frame

clip = core.std.ModifyFrame(blank, blank, paint)
"""
MASK = """
left = core.std.BlankClip(width=16, height=48, format=vs.GRAY8, length=14)
mask = core.std.StackHorizontal([left, core.std.BlankClip(left, color=255), left, left])
"""
Vspipe = Callable[..., bytes]


@pytest.fixture(scope="session")
def vspipe(tmp_path_factory: pytest.TempPathFactory) -> Vspipe:
    """`vspipe(script, *options)`: run a script's text or file, and give stdout."""
    folder = tmp_path_factory.mktemp("vspipe")

    def run(script: str | Path, *options: str) -> bytes:
        if isinstance(script, str):
            (folder / "script.vpy").write_text(script)
            script = folder / "script.vpy"
        return run_vspipe(script, *options, home=folder)

    return run


@pytest.mark.parametrize("name", ["YUV420P8", "YUV444P16", "GRAY8"])
def test_vspipe_gives_the_frames_of_the_engine_and_of_this_process(name: str, vspipe: Vspipe, tiny_model: Path) -> None:
    source = SOURCE.format(form=name)
    written = vspipe(source + repaired_output(tiny_model), "-r", "8")
    clip = run_here(source)
    assert written == samples(by_hand(clip, tiny_model))
    here = framemend.repair(clip, model=tiny_model, device="cpu")
    assert written == samples([planes_of(frame) for frame in here.frames()])
    assert written != samples([planes_of(frame) for frame in clip.frames()])


@pytest.mark.parametrize("name", ["YUV420P8", "YUV422P10"])
def test_vspipe_gives_the_frames_of_framemend_pipe(name: str, vspipe: Vspipe, tiny_model: Path) -> None:
    source = SOURCE.format(form=name)
    given = vspipe(source + "clip.set_output()", "-c", "y4m")
    repaired = vspipe(source + repaired_output(tiny_model), "-c", "y4m", "-r", "8")
    assert framemend_pipe(given, tiny_model) == repaired != given


def test_with_a_mask_vspipe_gives_the_frames_of_framemend_pipe(vspipe: Vspipe, tiny_model: Path) -> None:
    source = SOURCE.format(form="YUV420P8")
    given = vspipe(source + "clip.set_output()", "-c", "y4m")
    repaired = vspipe(source + MASK + repaired_output(tiny_model, "mask, "), "-c", "y4m", "-r", "8")
    assert framemend_pipe(given, tiny_model, "--rect", "16,0,16,48") == repaired != given


def test_two_filters_in_one_script_come_to_an_end(vspipe: Vspipe, tiny_model: Path) -> None:
    chained = (
        SOURCE.format(form="YUV420P8")
        + MASK
        + f"""
import framemend
once = framemend.repair(clip, model={str(tiny_model)!r}, device="cpu")
framemend.repair(once, mask, model={str(tiny_model)!r}, device="cpu").set_output()
"""
    )
    ahead = vspipe(chained, "-r", "8")
    one_thread = vspipe(chained.replace("core = vs.core", "core = vs.core\ncore.num_threads = 1", 1), "-r", "1")
    assert ahead == one_thread


def test_vspipe_shows_why_a_clip_is_refused(vspipe: Vspipe, tiny_model: Path) -> None:
    refused = (
        SOURCE.format(form="YUV420P8")
        + f"""
import framemend
framemend.repair(core.std.SetFieldBased(clip, 2), model={str(tiny_model)!r}).set_output()
"""
    )
    with pytest.raises(AssertionError, match="framemend.repair: frame 0 holds two fields"):
        vspipe(refused)


def test_the_script_in_examples_runs(vspipe: Vspipe, tiny_model: Path) -> None:
    given = vspipe(ROOT / "examples/vapoursynth.vpy", "-c", "y4m", "-o", "1", "-e", "5")
    repaired = vspipe(ROOT / "examples/vapoursynth.vpy", "-c", "y4m", "-e", "5", "-a", f"model={tiny_model}")
    assert len(repaired) == len(given) and repaired != given


def test_every_call_on_the_page_in_examples_is_taken(tiny_model: Path) -> None:
    page = (ROOT / "examples" / "vapoursynth.md").read_text()
    calls = re.findall(r"^(?:repaired|shown) = framemend\.(repair\(clip.*|preview\(clip.*)\)$", page, re.MULTILINE)
    assert len(calls) == 12
    names: dict[str, Any] = {"clip": run_here(SOURCE.format(form="YUV420P8")), "framemend": framemend, "vs": vs}
    names["mask"] = run_here(SOURCE.format(form="GRAY8"))
    for call in calls:
        call = call.replace('"my-weights"', repr(str(tiny_model)))
        if call.startswith("repair") and "model=" not in call:
            call += f", model={str(tiny_model)!r}"
        made = eval(f"framemend.{call})", names)
        assert made.num_frames == names["clip"].num_frames * (2 if "interleave" in call else 1)
        if call.startswith("repair"):
            names["repaired"] = made


def repaired_output(model: Path, mask: str = "") -> str:
    return f"\nimport framemend\nframemend.repair(clip, {mask}model={str(model)!r}, device='cpu').set_output()\n"


def framemend_pipe(given: bytes, model: Path, *options: str) -> bytes:
    command = [sys.executable, "-m", "framemend", "pipe", "--model", str(model), "--device", "cpu", "--quiet", *options]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, input=given, env=environment, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def run_here(script: str) -> vs.VideoNode:
    names: dict[str, Any] = {}
    exec(script, names)  # noqa: S102  (our own text, above)
    return names["clip"]


def by_hand(clip: vs.VideoNode, model: Path) -> list[list[NDArray[Any]]]:
    """The clip through `repair_stream`, with no VapourSynth in between."""
    frames = list(clip.frames())
    formats = [plane_format(frame) for frame in frames]
    repairer = Repairer(RepairSettings(model=str(model), device="cpu"))
    given = [(to_rgb(planes_of(frame), form), None) for frame, form in zip(frames, formats, strict=True)]
    repairs = list(repairer.repair_stream(given))
    return [add_residual(planes_of(f), form, made) for f, form, made in zip(frames, formats, repairs, strict=True)]


def samples(frames: list[list[NDArray[Any]]]) -> bytes:
    """Planes of all frames without padding, as vspipe writes them."""
    return b"".join(np.ascontiguousarray(plane).tobytes() for frame in frames for plane in frame)
