"""`framemend pipe` with NUT and raw frames, and what --color and --fields say of a stream."""

from __future__ import annotations

import array
import fcntl
import io
import os
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shell import standard_streams

from framemend.cli import main
from framemend.colors import with_color
from framemend.planes import PlaneFormat
from framemend.rawvideo import RawReader, raw_header
from framemend_filters.errors import SettingError

imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
FFMPEG = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error"]
ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT = 64, 48
PICTURE = f"testsrc2=s={WIDTH}x{HEIGHT}:r=25:d=0.48,noise=alls=20:all_seed=3:allf=t"
RAW_FORMATS = ["yuv420p", "nv12", "yuv422p10le", "gbrp", "rgb24", "bgra", "gray", "gray16le", "yuva420p", "rgb48le"]
Y4M_FORMATS = [f"yuv{s}p{b}" for s in ("420", "422", "444") for b in ("", "9le", "10le", "12le", "14le", "16le")]
Y4M_FORMATS += ["yuv411p", "gray", "gray9le", "gray10le", "gray12le", "gray16le"]


def made(*options: str) -> bytes:
    command = [*FFMPEG, "-f", "lavfi", "-i", PICTURE, *options, "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout


@pytest.fixture
def pipe(tiny_model, tmp_path, capfd) -> Callable[..., tuple[int, bytes, str]]:
    """Run `framemend pipe` on some bytes: exit status, stdout, stderr."""

    def run(data: bytes, *options: object) -> tuple[int, bytes, str]:
        (tmp_path / "stdin").write_bytes(data)
        capfd.readouterr()
        with standard_streams((tmp_path / "stdin").open("rb"), (tmp_path / "stdout").open("wb")):
            status = main(["pipe", "--model", tiny_model, "--device", "cpu", "--quiet", *map(str, options)])
        return status, (tmp_path / "stdout").read_bytes(), capfd.readouterr().err

    return run


@pytest.mark.parametrize("pix_fmt", Y4M_FORMATS)
def test_y4m_of_every_colour_space_of_ffmpeg_passes_bit_by_bit(pix_fmt, pipe):
    data = made("-frames:v", "3", "-pix_fmt", pix_fmt, "-strict", "-1", "-f", "yuv4mpegpipe")
    assert pipe(data, "--strength", 0) == (0, data, "")


@pytest.mark.parametrize("pix_fmt", RAW_FORMATS)
def test_raw_frames_pass_bit_by_bit_and_change_in_the_hole_alone(pix_fmt, pipe):
    data = made("-frames:v", "4", "-pix_fmt", pix_fmt, "-f", "rawvideo")
    options = ["-f", "raw", "--size", f"{WIDTH}x{HEIGHT}", "--pix-fmt", pix_fmt]
    assert pipe(data, *options, "--strength", 0) == (0, data, "")
    status, out, err = pipe(data, *options, "--rect", "16,16,16,16", "--no-grain")
    assert (status, err) == (0, "") and len(out) == len(data)
    header = raw_header(f"{WIDTH}x{HEIGHT}", pix_fmt, None)
    frames = zip(RawReader(io.BytesIO(data), header), RawReader(io.BytesIO(out), header), strict=True)
    for given, got in frames:
        for before, after in zip(given.planes, got.planes, strict=True):
            differs = before != after
            top, left = before.shape[0] // 3, before.shape[1] // 4
            assert differs.any()
            differs[top : 2 * top, left : 2 * left] = False
            assert not differs.any()


def test_raw_frames_cut_short_end_with_a_line_after_the_whole_ones(pipe):
    size = WIDTH * HEIGHT * 3
    status, out, err = pipe(bytes(2 * size + 7), "-f", "raw", "--size", "64x48", "--pix-fmt", "rgb24", "--strength", 0)
    assert status == 1 and out == bytes(2 * size) and "frame 2" in err and f"7 of {size} bytes" in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-f", "raw"], "give --size"),
        (["-f", "raw", "--size", "64", "--pix-fmt", "gray"], "must look like 1920x1080"),
        (["-f", "raw", "--size", "64x48", "--pix-fmt", "nonesuch"], "for instance yuv420p"),
        (["-f", "raw", "--size", "32000x32000", "--pix-fmt", "rgb48le"], "at most"),
        (["-f", "raw", "--size", "64x48", "--pix-fmt", "gray", "--rate", "0"], "must look like 25"),
        (["--size", "64x48"], "are for -f raw"),
        (["-f", "raw", "--size", "64x48", "--pix-fmt", "gray", "--color", "blue"], "does not know 'blue'"),
    ],
)
def test_wrong_use_is_said_in_one_line(options, words, pipe):
    status, out, err = pipe(bytes(WIDTH * HEIGHT), *options)
    assert (status, out) == (2, b"") and words in err and err.count("\n") == 1


def test_colour_words_say_what_the_stream_does_not():
    fmt = PlaneFormat(family="yuv", bits=8, subsampling_w=1, subsampling_h=1, matrix="bt601")
    said = with_color(fmt, "bt709,full,topleft")
    assert (said.matrix, said.full_range, said.chroma_location) == ("bt709", True, "topleft")
    assert with_color(fmt, None) == fmt
    with pytest.raises(SettingError, match="it knows bt709"):
        with_color(fmt, "bt709,bright")


def test_colour_words_change_the_repair(pipe):
    data = made("-frames:v", "3", "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe")
    assert pipe(data)[1] != pipe(data, "--color", "bt2020ncl,full")[1]


def test_interlaced_y4m_keeps_its_letters(pipe):
    data = made("-vf", "setfield=tff", "-frames:v", "3", "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe")
    assert b" It " in data[:100]
    status, _, err = pipe(data)
    assert status == 1 and "--fields" in err and "bwdif" in err
    assert pipe(data, "--fields", "--strength", 0) == (0, data, "")
    status, out, err = pipe(data, "--fields")
    assert status == 0 and out != data and out[: out.index(b"\n")] == data[: data.index(b"\n")]


NUT = ["-f", "lavfi", "-i", "sine=d=0.5:r=48000"]


def nut(*options: str) -> bytes:
    times = "setpts='(if(gt(N,4),N+3,N)+2)/25/TB',settb=1/90000"
    maps = ["-map", "0:v", "-map", "1:a", "-vf", times, "-fps_mode", "passthrough", "-c:v", "rawvideo"]
    return made(*NUT, *maps, *options, "-c:a", "aac", "-f", "nut")


def packets(data: bytes, kind: str) -> list[tuple]:
    import av

    with av.open(io.BytesIO(data), "r", format="nut") as container:
        stream: Any = next(s for s in container.streams if s.type == kind)
        return [(p.pts * stream.time_base, bytes(p)) for p in container.demux(stream) if p.size]


def test_nut_passes_with_sound_and_times(pipe):
    data = nut("-pix_fmt", "yuv422p10le")
    status, out, err = pipe(data, "-f", "nut", "--strength", 0)
    assert (status, err) == (0, "")
    for kind in ("video", "audio"):
        assert packets(out, kind) == packets(data, kind) != []
    status, out, err = pipe(data, "-f", "nut")
    assert status == 0 and packets(out, "audio") == packets(data, "audio")
    assert [t for t, _ in packets(out, "video")] == [t for t, _ in packets(data, "video")]
    assert all(a != b for (_, a), (_, b) in zip(packets(out, "video"), packets(data, "video"), strict=True))


def test_nut_that_is_none_or_cut_short_is_said(pipe):
    status, out, err = pipe(b"not nut at all" * 100, "-f", "nut")
    assert (status, out) == (1, b"") and "stdin is not a video" in err and err.count("\n") == 1
    data = nut()
    status, out, err = pipe(data[: len(data) * 2 // 3], "-f", "nut", "--strength", 0)
    assert status == 0 and 3 < len(packets(out, "video")) < 12


def test_nut_comes_out_before_its_end_has_come_in(tiny_model):
    """Latency: a window of frames, and what the reader of a container holds, not the whole stream."""
    data = made("-pix_fmt", "yuv420p", "-vf", "loop=1:12", "-c:v", "rawvideo", "-f", "nut")
    (source, feed), (read, target) = os.pipe(), os.pipe()
    frame = WIDTH * HEIGHT * 3 // 2
    status: list[int] = []

    def work() -> None:
        with standard_streams(os.fdopen(source, "rb"), os.fdopen(target, "wb")):
            status.append(main(["pipe", "-f", "nut", "--model", tiny_model, "--strength", "0", "--quiet"]))

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    with os.fdopen(read, "rb") as output:
        with os.fdopen(feed, "wb", buffering=0) as giving:
            watch = threading.Timer(60, giving.close)
            watch.start()
            giving.write(data[: 16 * frame])
            first = output.read(2 * frame)
            watch.cancel()
            assert not giving.closed and len(first) == 2 * frame
            giving.write(data[16 * frame :])
        rest = output.read()
    worker.join(30)
    assert status == [0]
    assert np.array_equal([p for _, p in packets(first + rest, "video")], [p for _, p in packets(data, "video")])


def test_a_reader_of_nut_that_goes_away_is_no_error(tiny_model, tmp_path, capfd):
    (tmp_path / "in.nut").write_bytes(nut())
    read, write = os.pipe()
    os.close(read)
    with standard_streams((tmp_path / "in.nut").open("rb"), os.fdopen(write, "wb")):
        assert main(["pipe", "-f", "nut", "--model", tiny_model, "--strength", "0", "--quiet"]) == 0
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_ctrl_c_ends_a_pipe_of_nut_that_waits_for_its_first_frame(tiny_model):
    paths = os.pathsep.join(str(ROOT / folder) for folder in ("plugin", "filters"))
    command = [sys.executable, "-m", "framemend", "pipe", "-f", "nut", "--model", tiny_model, "--quiet"]
    ends = subprocess.PIPE
    with subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": paths}, stdin=ends, stdout=ends, stderr=ends
    ) as running:
        assert running.stdin and running.stderr
        running.stdin.write(nut()[: WIDTH * HEIGHT])
        running.stdin.flush()
        while not _is_waiting(running.pid):
            assert running.poll() is None
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
        assert running.stderr.read() == b"framemend: interrupted\n"


def _is_waiting(pid: int) -> bool:
    """Whether a process has read all that was written to its stdin and has PyAV loaded."""
    left = array.array("i", [0])
    with open(f"/proc/{pid}/fd/0", "rb", buffering=0) as stdin:
        fcntl.ioctl(stdin, termios.FIONREAD, left)
    return left[0] == 0 and "libavformat" in Path(f"/proc/{pid}/maps").read_text()
