"""A file, a pipe and the engine called directly give the same frames (test_vspipe.py holds VapourSynth to the pipe)."""

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from shell import standard_streams

from framemend.cli import main
from framemend.frames import views


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "gray"])
@pytest.mark.parametrize("options", [[], ["--rect", "8,8,24,16"]], ids=["blind", "rectangle"])
def test_a_file_and_a_pipe_give_the_same_frames(
    tmp_path: Path,
    write_clip: Callable[..., Path],
    decode: Callable,
    repair: Callable[..., tuple[int, str, str]],
    tiny_model: str,
    capsys: pytest.CaptureFixture[str],
    pix_fmt: str,
    options: list[str],
) -> None:
    clip = write_clip(tmp_path / "in.mkv", pix_fmt=pix_fmt)
    status, _, err = repair(clip, tmp_path / "out.mkv", *options)
    assert status == 0, err
    filed = [[view.copy() for view in views(frame)] for frame in decode(tmp_path / "out.mkv")]

    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    # said to ffmpeg, which otherwise writes C420jpeg: chroma sited in the middle, where a file without a tag is sited left
    sited = ["-chroma_sample_location", "left"]
    source = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-i", str(clip)]
    written = tmp_path / "piped.y4m"
    with subprocess.Popen(
        [*source, *sited, "-f", "yuv4mpegpipe", "-strict", "-1", "-"], stdout=subprocess.PIPE
    ) as producer:
        assert isinstance(producer.stdout, io.BufferedReader)
        with capsys.disabled(), standard_streams(producer.stdout, written.open("wb")):
            assert main(["pipe", "--model", tiny_model, "--device", "cpu", "--quiet", *options]) == 0
    piped = written.read_bytes()
    rest = piped.partition(b"\n")[2]
    for planes in filed:
        expected = b"FRAME\n" + b"".join(np.ascontiguousarray(plane).tobytes() for plane in planes)
        assert rest[: len(expected)] == expected
        rest = rest[len(expected) :]
    assert not rest
