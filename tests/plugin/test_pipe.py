"""`framemend pipe` between two ffmpegs: same samples where nothing is to be done, same repair as everywhere else."""

from __future__ import annotations

import io
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from shell import standard_streams

from framemend.cli import main
from framemend.planes import add_residual, to_rgb
from framemend.y4m import Frame, Reader, Writer
from framemend_filters.engine import Repairer, RepairSettings

imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
FFMPEG = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error"]
ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT, FRAMES = 64, 48, 12
FORMATS = [
    "yuv420p",
    "yuv422p",
    "yuv444p",
    "yuv411p",
    "gray",
    "yuv420p10le",
    "yuv422p10le",
    "yuv444p12le",
    "yuv420p16le",
    "gray10le",
    "gray16le",
]
RECT = (12, 10, 20, 16)
"""x, y, width, height of the hole in tests with one."""


def produce(pix_fmt="yuv420p", size=(WIDTH, HEIGHT), frames=FRAMES, *options: str) -> list[str]:
    """An ffmpeg command that writes a moving picture with noise to stdout, as y4m."""
    source = f"testsrc2=s={size[0]}x{size[1]}:r=25,noise=alls=20:all_seed=3:allf=t"
    output = ["-pix_fmt", pix_fmt, "-strict", "-1", "-f", "yuv4mpegpipe", "-"]
    return [*FFMPEG, "-f", "lavfi", "-i", source, "-frames:v", str(frames), *options, *output]


def made(*arguments, **settings) -> bytes:
    return subprocess.run(produce(*arguments, **settings), capture_output=True, check=True).stdout


@pytest.fixture
def pipe(tiny_model, tmp_path, capfd) -> Callable[..., tuple[int, bytes, str]]:
    """Run `framemend pipe` on some bytes: exit status, stdout, stderr."""

    def run(data: bytes, *options: object) -> tuple[int, bytes, str]:
        given, written = tmp_path / "stdin", tmp_path / "stdout"
        given.write_bytes(data)
        capfd.readouterr()
        with standard_streams(given.open("rb"), written.open("wb")):
            status = main(["pipe", "--model", str(tiny_model), "--device", "cpu", "--quiet", *map(str, options)])
        return status, written.read_bytes(), capfd.readouterr().err

    return run


def frames_of(data: bytes) -> list[Frame]:
    return list(Reader(io.BytesIO(data)))


def repaired_directly(data: bytes, settings: RepairSettings, mask=None) -> bytes:
    """What the pipe should write: every chunk on its own, by `repair_chunk`."""
    reader = Reader(io.BytesIO(data))
    fmt, frames = reader.header.format, list(reader)
    pictures = [to_rgb(f.planes, fmt) for f in frames]
    repairer = Repairer(settings, masked=mask is not None)
    out = io.BytesIO()
    writer = Writer(out, reader.header)
    for chunk in range(-(-len(frames) // repairer.chunk_frames)):
        span = repairer.span(chunk, len(frames))
        masks = {i: mask for i in span} if mask is not None else None
        repairs = repairer.repair_chunk(chunk, {i: pictures[i] for i in span}, masks, num_frames=len(frames))
        for offset, repair in enumerate(repairs):
            frame = frames[chunk * repairer.chunk_frames + offset]
            writer.write(Frame(add_residual(frame.planes, fmt, repair), frame.line))
    return out.getvalue()


@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_strength_0_between_two_ffmpegs_is_bit_exact(pix_fmt, tiny_model, tmp_path):
    """ffmpeg | framemend pipe | ffmpeg gives the samples of ffmpeg alone."""
    target = tmp_path / "out.raw"
    consume = [*FFMPEG[:1], "-v", "error", "-y", "-i", "-", "-strict", "-1", "-f", "rawvideo", str(target)]
    with (
        subprocess.Popen(produce(pix_fmt), stdout=subprocess.PIPE) as producer,
        subprocess.Popen(consume, stdin=subprocess.PIPE) as consumer,
    ):
        assert isinstance(producer.stdout, io.BufferedReader) and isinstance(consumer.stdin, io.BufferedWriter)
        with standard_streams(producer.stdout, consumer.stdin):
            assert main(["pipe", "--strength", "0", "--model", str(tiny_model), "--quiet"]) == 0
    assert producer.returncode == consumer.returncode == 0
    direct = [*produce(pix_fmt)[:-3], "-f", "rawvideo", "-"]
    assert target.read_bytes() == subprocess.run(direct, capture_output=True, check=True).stdout


@pytest.mark.parametrize("pix_fmt", FORMATS)
@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (51, 37)], ids=["even", "odd"])
def test_outside_the_mask_nothing_changes(pix_fmt, size, pipe):
    data = made(pix_fmt, size, frames=4)
    x, y, width, height = RECT
    status, out, err = pipe(data, "--rect", ",".join(map(str, RECT)))
    assert (status, err) == (0, "")
    fmt = Reader(io.BytesIO(data)).header.format
    for given, got in zip(frames_of(data), frames_of(out), strict=True):
        assert got.line == given.line
        for index, (before, after) in enumerate(zip(given.planes, got.planes, strict=True)):
            across, down = (fmt.subsampling_w, fmt.subsampling_h) if index else (0, 0)
            hole = np.zeros(before.shape, bool)
            hole[y >> down : -(-(y + height) >> down), x >> across : -(-(x + width) >> across)] = True
            np.testing.assert_array_equal(after[~hole], before[~hole])
            assert (after[hole] != before[hole]).any()


@pytest.mark.parametrize(
    ("pix_fmt", "frames"), [("yuv420p", 1), ("yuv444p", 2), ("yuv420p", FRAMES), ("yuv422p10le", 5), ("gray16le", 4)]
)
def test_blind_repair_is_that_of_the_repairer(pix_fmt, frames, pipe, tiny_model):
    data = made(pix_fmt, frames=frames)
    status, out, err = pipe(data, "--strength", "0.7")
    assert (status, err) == (0, "")
    settings = RepairSettings(model=str(tiny_model), device="cpu", strength=0.7)
    assert out == repaired_directly(data, settings)
    assert out != data and len(out) == len(data)


def test_repair_with_a_mask_file_is_that_of_the_repairer(pipe, tiny_model, tmp_path):
    data = made(frames=FRAMES)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, (30, 20), 9, 255, -1)
    mask = np.asarray(cv2.GaussianBlur(mask, (5, 5), 0), np.uint8)
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    status, out, err = pipe(data, "--mask", tmp_path / "mask.png")
    assert (status, err) == (0, "")
    settings = RepairSettings(model=str(tiny_model), device="cpu")
    assert out == repaired_directly(data, settings, mask)
    assert out != data


def test_rectangle_with_times_goes_by_the_frame_rate(pipe):
    data = made(frames=8)
    status, out, _ = pipe(data, "--rect", "12,10,20,16@0.08s-0.16s")
    assert status == 0
    pairs = zip(frames_of(data), frames_of(out), strict=True)
    assert [i for i, (a, b) in enumerate(pairs) if not np.array_equal(a.planes[0], b.planes[0])] == [2, 3, 4]


def test_header_and_frame_lines_are_kept(pipe):
    header = b"YUV4MPEG2 H48 W64 XHELLO=world Ip F24000:1001 A10:11 C420mpeg2 XCOLORRANGE=FULL\n"
    frame = b"FRAME Ip XMARK=1\n" + bytes(range(256)) * 18
    data = header + frame * 5
    assert pipe(data, "--strength", "0") == (0, data, "")
    status, out, _ = pipe(data)
    assert status == 0 and out.startswith(header) and out.count(b"FRAME Ip XMARK=1\n") == 5


def test_samples_beyond_the_nominal_depth_pass(pipe):
    data = b"YUV4MPEG2 W64 H48 F25:1 Cmono10\n" + (b"FRAME\n" + b"\xff\xff" * (64 * 48)) * 3
    assert pipe(data, "--strength", "0") == (0, data, "")


def test_header_alone_gives_a_header(pipe):
    assert pipe(b"YUV4MPEG2 W64 H48 F25:1\n") == (0, b"YUV4MPEG2 W64 H48 F25:1\n", "")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "stdin is empty"),
        (b"\x1aE\xdf\xa3 matroska\n", "not YUV4MPEG2"),
        (b"YUV4MPEG2 W64 F25:1\n", "no height"),
        (b"YUV4MPEG2 W64 H48 F25:1", "no end of line"),
        (b"YUV4MPEG2 W64 H48 C444alpha\n", "'C444alpha'"),
        (b"YUV4MPEG2 W64 H48 It\n", "-vf bwdif"),
        (b"YUV4MPEG2 W64 H48 Ib\n", "-vf bwdif"),
        (b"YUV4MPEG2 W64 H48 Im\n", "-vf bwdif"),
        (b"YUV4MPEG2 W640000 H48\n", "width 640000"),
        (b"YUV4MPEG2 W30000 H30000 C444p16\n", "at most"),
        (b"YUV4MPEG2 W64 H48 F25:1\nGARBAGE\n", "instead of FRAME"),
    ],
)
def test_bad_input_costs_one_line_and_status_1(data, words, pipe):
    status, out, err = pipe(data)
    assert status == 1
    assert err.startswith("framemend: ") and err.count("\n") == 1 and words in err
    assert out in (b"", data[: data.find(b"\n") + 1])


@pytest.mark.parametrize("kept", [7.5, 7.001])
def test_frame_cut_short_writes_the_whole_ones_first(kept, pipe):
    data = made(frames=FRAMES)
    frame = 6 + WIDTH * HEIGHT * 3 // 2
    header = len(data) - FRAMES * frame
    cut = data[: header + int(kept * frame)]
    status, out, err = pipe(cut)
    assert status == 1
    assert out == pipe(data[: header + 7 * frame])[1]
    assert err.count("\n") == 1 and "frame 7" in err and f"of {frame - 6} bytes" in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rect", "60,40,20,20"], "outside the picture"),
        (["--strength", "2"], "strength is 2"),
        (["--model", "nonesuch"], "no model named 'nonesuch'"),
        (["--mask", "nonesuch.png"], "no such mask"),
    ],
)
def test_wrong_use_costs_one_line_and_writes_nothing(options, words, pipe):
    status, out, err = pipe(made(frames=1), *options)
    assert status in (1, 2) and out == b""
    assert err.startswith("framemend: ") and err.count("\n") == 1 and words in err


def test_masks_that_run_out_end_the_work(pipe, tmp_path):
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"m{index}.png"), np.full((HEIGHT, WIDTH), 255, np.uint8))
    status, _, err = pipe(made(frames=FRAMES), "--mask", tmp_path / "m%d.png")
    assert status == 2 and "3 frames" in err and err.count("\n") == 1


def test_what_libraries_print_does_not_spoil_the_video(pipe, monkeypatch):
    def noisy(self, frames):
        print("a stray word")
        os.write(sys.stdout.fileno(), b"and another\n")
        return original(self, frames)

    original = Repairer.repair_stream
    monkeypatch.setattr(Repairer, "repair_stream", noisy)
    data = made(frames=2)
    status, out, err = pipe(data, "--strength", "0")
    assert status == 0 and out == data
    assert "a stray word" in err and "and another" in err


def test_output_begins_before_input_ends(tiny_model):
    """A window's worth of frames is enough for the first to come out; nothing waits for the end of the stream."""
    data = made(frames=FRAMES)
    frame = 6 + WIDTH * HEIGHT * 3 // 2
    header = len(data) - FRAMES * frame
    repairer = Repairer(RepairSettings(model=str(tiny_model), device="cpu"))
    window = repairer.chunk_frames + repairer.radius
    assert window < FRAMES
    (source, feed), (read, target) = os.pipe(), os.pipe()
    status: list[int] = []

    def work() -> None:
        with standard_streams(os.fdopen(source, "rb"), os.fdopen(target, "wb")):
            status.append(main(["pipe", "--model", str(tiny_model), "--device", "cpu", "--quiet"]))

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    with os.fdopen(read, "rb") as output:
        with os.fdopen(feed, "wb", buffering=0) as giving:
            watch = threading.Timer(60, giving.close)  # a pipe that waits for the end fails instead of hanging
            watch.start()
            giving.write(data[: header + window * frame])
            first = output.read(header + repairer.chunk_frames * frame)
            watch.cancel()
            assert not giving.closed and len(first) == header + repairer.chunk_frames * frame
            giving.write(data[header + window * frame :])
        rest = output.read()
    worker.join(30)
    assert status == [0]
    settings = RepairSettings(model=str(tiny_model), device="cpu")
    assert first + rest == repaired_directly(data, settings)


@pytest.mark.parametrize("lookahead", [0, 2])
def test_live_each_frame_comes_out_as_soon_as_its_lookahead_has_come_in(lookahead, tiny_model):
    data = made(frames=FRAMES)
    frame = 6 + WIDTH * HEIGHT * 3 // 2
    header = len(data) - FRAMES * frame
    (source, feed), (result, target) = os.pipe(), os.pipe()
    late, came = [], bytearray()

    def reader_and_writer() -> None:
        with os.fdopen(feed, "wb", buffering=0) as to:
            to.write(data[:header])
            for number in range(FRAMES):
                to.write(data[header + number * frame : header + (number + 1) * frame])
                wanted = header + (number - lookahead + 1) * frame if number >= lookahead else 0
                while len(came) < wanted and select.select([result], [], [], 60)[0]:
                    came.extend(os.read(result, wanted - len(came)))
                if len(came) < wanted:  # it waits for more: let it end instead of hanging
                    late.append(number)
                    break
        with os.fdopen(result, "rb") as back:
            came.extend(back.read())

    other = threading.Thread(target=reader_and_writer)
    other.start()
    with standard_streams(os.fdopen(source, "rb"), os.fdopen(target, "wb")):
        options = ["--model", str(tiny_model), "--device", "cpu", "--quiet", "--lookahead", str(lookahead)]
        assert main(["pipe", *options]) == 0
    other.join()
    assert not late
    settings = RepairSettings(model=str(tiny_model), device="cpu", lookahead=lookahead)
    assert came == repaired_directly(data, settings)


def test_reader_that_goes_away_is_no_error(tiny_model, tmp_path, capfd):
    (tmp_path / "in").write_bytes(made(frames=FRAMES))
    read, write = os.pipe()
    os.close(read)
    with standard_streams((tmp_path / "in").open("rb"), os.fdopen(write, "wb")):
        assert main(["pipe", "--model", str(tiny_model), "--strength", "0", "--quiet"]) == 0
    assert capfd.readouterr().err == ""


def process(tiny_model: Path, *options: str) -> subprocess.Popen[bytes]:
    """The command in a process of its own."""
    paths = os.pathsep.join(str(ROOT / folder) for folder in ("plugin", "filters"))
    command = [sys.executable, "-m", "framemend", "pipe", "--model", str(tiny_model), "--device", "cpu", *options]
    ends = subprocess.PIPE
    return subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": paths}, stdin=ends, stdout=ends, stderr=ends, text=False
    )


def test_in_a_real_shell_line_only_data_comes_out(tiny_model):
    data = made(frames=4)
    with process(tiny_model) as running:
        out, err = running.communicate(data)
    assert running.returncode == 0
    assert out == repaired_directly(data, RepairSettings(model=str(tiny_model), device="cpu"))
    lines = err.splitlines()  # on a slow machine more than one
    assert b"4 frames" in lines[-1]
    assert all(line.startswith(b"framemend: pipe: ") for line in lines)


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [(signal.SIGINT, 130, b"framemend: interrupted\n"), (signal.SIGTERM, 143, b"framemend: ended by SIGTERM\n")],
)
def test_a_signal_ends_with_its_status_and_one_line(sent, status, said, tiny_model):
    data = made(frames=FRAMES)
    with process(tiny_model, "--quiet") as running:
        assert running.stdin and running.stdout and running.stderr
        running.stdin.write(data)
        running.stdin.flush()
        assert running.stdout.read(9) == b"YUV4MPEG2"  # at work, and the input still open
        running.send_signal(sent)
        err = running.stderr.read()
        assert running.wait(30) == status
    assert err == said
