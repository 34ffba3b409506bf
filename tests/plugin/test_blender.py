"""The round trip of an image sequence through Blender's sequencer, in a real Blender, as examples/blender.md describes it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
FRAMES, WIDTH, HEIGHT = 5, 64, 48
EDIT = """
import bpy
scene = bpy.context.scene
strip = scene.sequence_editor_create().sequences.new_image("shot", {first!r}, channel=1, frame_start=1)
for name in {names!r}[1:]:
    strip.elements.append(name)
strip.frame_final_duration = scene.frame_end = {frames}
scene.render.resolution_x, scene.render.resolution_y = {size}
scene.view_settings.view_transform = "Standard"
scene.render.image_settings.file_format = "PNG"
scene.render.filepath = "//rendered/####"
bpy.ops.wm.save_as_mainfile(filepath={blend!r})
"""


def blender(*arguments: object) -> str:
    program = shutil.which("blender")
    if program is None:
        pytest.skip("no Blender; Debian's package blender has it")
    command = [program, "-b", "--factory-startup", "--python-exit-code", "3", *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pictures(folder: Path) -> list[np.ndarray]:
    return [np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR)) for path in sorted(folder.iterdir())]


@pytest.mark.slow
def test_blender_renders_the_repaired_frames(
    tmp_path: Path, write_clip: Callable[..., Path], repair: Callable[..., tuple[int, str, str]], ffmpeg
) -> None:
    clip = write_clip(tmp_path / "clip.mkv", size=(WIDTH, HEIGHT), frames=FRAMES)
    (tmp_path / "frames").mkdir()
    ffmpeg("-i", clip, tmp_path / "frames" / "%04d.png")
    names = sorted(path.name for path in (tmp_path / "frames").iterdir())
    first = str(tmp_path / "frames" / names[0])
    text = EDIT.format(
        first=first, names=names, frames=FRAMES, size=(WIDTH, HEIGHT), blend=str(tmp_path / "edit.blend")
    )
    (tmp_path / "edit.py").write_text(text)
    blender("--python", tmp_path / "edit.py")
    given, made = tmp_path / "frames" / "%04d.png", tmp_path / "repaired" / "%04d.png"
    assert repair(given, made, "--quiet")[0] == 0
    places = [tmp_path / name for name in ("frames", "repaired", "edit repaired.blend")]
    told = blender(tmp_path / "edit.blend", "--python", ROOT / "examples" / "blender.py", "--", *places)
    assert "1 strips read from" in told
    blender(tmp_path / "edit repaired.blend", "-a")
    rendered, repaired = pictures(tmp_path / "rendered"), pictures(tmp_path / "repaired")
    assert len(rendered) == len(repaired) == FRAMES
    np.testing.assert_array_equal(rendered, repaired)
    assert float(np.abs(np.subtract(rendered, pictures(tmp_path / "frames"), dtype=np.int16)).mean()) > 0.5
