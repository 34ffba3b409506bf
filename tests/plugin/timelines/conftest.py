"""Media for edits, and `framemend timeline` with a model that changes little."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edits import FRAMES, HEIGHT, WIDTH, Run, grey


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory, write_frames: Callable[..., Path], ffmpeg: Any) -> Path:
    """source.mov: 40 frames, timecode 01:00:00:00, reel A001, a rising tone."""
    folder = tmp_path_factory.mktemp("media")
    rng = np.random.default_rng(3)
    texture = rng.integers(-4, 5, (HEIGHT, WIDTH, 1))
    frames = [np.repeat(np.clip(grey(i) + texture, 0, 255), 3, 2).astype(np.uint8) for i in range(FRAMES)]
    plain = write_frames(folder / "plain.mkv", frames)
    tone = ["-f", "lavfi", "-i", "aevalsrc=sin(900*t*t):s=16000:d=1.6"]
    tags = ["-timecode", "01:00:00:00", "-metadata:s:v", "reel_name=A001"]
    coded = ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-qp", "1", "-g", "1", "-c:a", "pcm_s16le"]
    ffmpeg("-i", plain, *tone, *coded, *tags, folder / "source.mov")
    return folder / "source.mov"


@pytest.fixture
def desk(tmp_path: Path, media: Path) -> Path:
    """A folder with the media."""
    shutil.copy2(media, tmp_path / "source.mov")
    return tmp_path


@pytest.fixture
def timeline(framemend: Run, tiny_model: str) -> Run:
    """`framemend timeline` with a model that changes little: strength 0 keeps frames recognisable."""

    def run(*arguments: object, strength: float = 0.0) -> tuple[int, str, str]:
        shared = ["--model", tiny_model, "--device", "cpu", "--quiet", "--strength", strength]
        return framemend("timeline", *arguments, *shared)

    return run
