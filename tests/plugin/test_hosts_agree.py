"""A file, a pipe and the engine called directly give the same frames (test_vspipe.py holds VapourSynth to the pipe)."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from framemend.frames import views


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "gray"])
@pytest.mark.parametrize("options", [[], ["--rect", "8,8,24,16"]], ids=["blind", "rectangle"])
def test_a_file_and_a_pipe_give_the_same_frames(
    tmp_path: Path,
    write_clip: Callable[..., Path],
    decode: Callable,
    repair: Callable[..., tuple[int, str, str]],
    tiny_model: str,
    pix_fmt: str,
    options: list[str],
) -> None:
    clip = write_clip(tmp_path / "in.mkv", pix_fmt=pix_fmt)
    status, _, err = repair(clip, tmp_path / "out.mkv", *options)
    assert status == 0, err
    filed = [[view.copy() for view in views(frame)] for frame in decode(tmp_path / "out.mkv")]

    def run(command: list[str], given: bytes | None = None) -> bytes:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.run(
            command, input=given, env=environment, capture_output=True, check=True, timeout=120
        ).stdout

    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    # said to ffmpeg, which otherwise writes C420jpeg: chroma sited in the middle, where a file without a tag is sited left
    sited = ["-chroma_sample_location", "left"]
    source = run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(clip)]
        + [*sited, "-f", "yuv4mpegpipe", "-strict", "-1", "-"]
    )
    pipe = [sys.executable, "-m", "framemend", "pipe", "--model", tiny_model, "--device", "cpu", *options]
    piped = run(pipe, source)
    rest = piped.partition(b"\n")[2]
    for planes in filed:
        expected = b"FRAME\n" + b"".join(np.ascontiguousarray(plane).tobytes() for plane in planes)
        assert rest[: len(expected)] == expected
        rest = rest[len(expected) :]
    assert not rest
