"""Every command in the pages under examples/ runs as it stands there, with a real ffmpeg."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("files.md", "ffmpeg-pipe.md", "compare.md", "damage.md")
COMMANDS = [
    line.strip()
    for page in PAGES
    for line in (ROOT / "examples" / page).read_text().splitlines()
    if line.startswith("    ") and " FILM " not in line  # adapting takes its minutes: tests/plugin/test_adapt.py
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with old.mp4 (ten small frames of the demo, with sound), mask.png, blurred.jpg, and programs in bin/."""
    import cv2

    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="brings the ffmpeg that the commands call")
    folder = tmp_path_factory.mktemp("desk")
    programs = folder / "bin"
    programs.mkdir()
    (programs / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    script = programs / "framemend"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m framemend "$@"\n')
    script.chmod(0o755)
    shrink = ["-i", str(ROOT / "examples/demo/damaged.mp4"), "-vf", "scale=96:54", "-frames:v", "10", "-t", "0.4"]
    command = [str(programs / "ffmpeg"), "-loglevel", "error", *shrink, "-c:a", "copy", str(folder / "old.mp4")]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    subprocess.run([*command[:-3], str(folder / "new.mkv")], check=True, stdin=subprocess.DEVNULL)
    mask = np.zeros((54, 96), np.uint8)
    mask[10:20, 60:80] = 255
    cv2.imwrite(str(folder / "mask.png"), mask)
    (folder / "shapes.json").write_text('[{"circle": [70, 20, 6], "from": 2}]')
    cv2.imwrite(str(folder / "blurred.jpg"), cv2.GaussianBlur(np.repeat(mask[..., None], 3, 2), (0, 0), 2))
    return folder


def test_the_pages_have_commands() -> None:
    assert len(COMMANDS) >= 10
    assert all("framemend" in command for command in COMMANDS)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_works(desk: Path, command: str) -> None:
    import cv2

    from framemend.clips import read_clip

    environment = {
        **os.environ,
        "PATH": f"{desk / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "plugin"), str(ROOT / "filters")]),
    }
    shell = ["bash", "-o", "pipefail", "-c", command]
    done = subprocess.run(
        shell, cwd=desk, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    words = shlex.split(command)
    if words[1] == "detect" and "--html" in words:
        assert "</html>" in (desk / words[words.index("--html") + 1]).read_text("utf-8")
        return
    if words[1] == "compare":
        assert "</html>" in (desk / words[words.index("-o") + 1]).read_text("utf-8")
        return
    (made,) = (desk / w for w in words if w.endswith((".mkv", ".png", "small.mp4")) and w != "mask.png")
    if made.suffix == ".png":
        picture = cv2.imread(str(made))
        assert picture is not None and picture.shape == (54, 96, 3)
    else:
        assert read_clip(made).frames.shape == (14 if words[1] == "extend" else 10, 54, 96, 3)
