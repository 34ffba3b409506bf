"""Headers, frames and what is wrong with them, in YUV4MPEG2 streams."""

from __future__ import annotations

import io
import subprocess
from fractions import Fraction

import imageio_ffmpeg
import numpy as np
import pytest

from framemend.y4m import LARGEST_EDGE, Frame, Reader, Writer, parse_header
from framemend_filters.errors import InputError, OutputError

PLAIN = b"YUV4MPEG2 W6 H4 F25:1 Ip A1:1 C420jpeg"


def stream(header=PLAIN, frames=3, frame_line=b"FRAME", frame_bytes=36) -> bytes:
    data = [header + b"\n"]
    for index in range(frames):
        data += [frame_line + b"\n", bytes([index + 1]) * frame_bytes]
    return b"".join(data)


def complaint(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        list(Reader(io.BytesIO(data)))
    assert caught.value.exit_status == 1
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("tag", "family", "bits", "subsampling", "location"),
    [
        ("C420jpeg", "yuv", 8, (1, 1), "center"),
        ("C420mpeg2", "yuv", 8, (1, 1), "left"),
        ("C420paldv", "yuv", 8, (1, 1), "topleft"),
        ("C420", "yuv", 8, (1, 1), "center"),
        ("C420 XLENGTH=7", "yuv", 8, (1, 1), "left"),
        ("", "yuv", 8, (1, 1), "center"),
        ("XYSCSS=420MPEG2", "yuv", 8, (1, 1), "left"),
        *((f"C420p{bits}", "yuv", bits, (1, 1), "left") for bits in range(9, 17)),
        ("C422", "yuv", 8, (1, 0), "left"),
        ("C422p10", "yuv", 10, (1, 0), "left"),
        ("C444", "yuv", 8, (0, 0), "left"),
        ("C444p12", "yuv", 12, (0, 0), "left"),
        ("C411", "yuv", 8, (2, 0), "left"),
        ("C410", "yuv", 8, (2, 2), "left"),
        ("C440", "yuv", 8, (0, 1), "left"),
        ("Cmono", "gray", 8, (0, 0), "left"),
        *((f"Cmono{bits}", "gray", bits, (0, 0), "left") for bits in range(9, 17)),
    ],
)
def test_colour_spaces(tag, family, bits, subsampling, location):
    fmt = parse_header(f"YUV4MPEG2 W64 H48 F25:1 Ip {tag}".encode()).format
    assert (fmt.family, fmt.bits, fmt.sample) == (family, bits, "integer")
    assert (fmt.subsampling_w, fmt.subsampling_h) == subsampling
    assert fmt.chroma_location == location
    assert fmt.full_range is False


@pytest.mark.parametrize(
    "line",
    [
        b"YUV4MPEG2 W64 H48 F30000:1001 Ip A8:9 C420p10 XYSCSS=420P10 XCOLORRANGE=FULL XLENGTH=12",
        b"YUV4MPEG2 C420p10 XCOLORRANGE=FULL XYSCSS=420P10 A8:9 XLENGTH=12 Ip F30000:1001 H48 W64",
        b"YUV4MPEG2  W64  C420p10 H48 F30000:1001 XCOLORRANGE=FULL XLENGTH=12 ",
    ],
)
def test_tags_may_come_in_any_order(line):
    header = parse_header(line)
    assert (header.width, header.height, header.format.bits, header.format.full_range) == (64, 48, 10, True)
    assert header.frame_rate == Fraction(30000, 1001)
    assert header.num_frames == 12
    assert header.frame_bytes == 64 * 48 * 3
    assert header.line == line


def test_matrix_goes_by_size_and_unknown_rate_is_none():
    assert parse_header(b"YUV4MPEG2 W720 H576 F0:0").format.matrix == "bt601"
    assert parse_header(b"YUV4MPEG2 W1920 H1080").format.matrix == "bt709"
    assert parse_header(b"YUV4MPEG2 W1920 H1080").frame_rate is None
    assert parse_header(b"YUV4MPEG2 W720 H576 F0:0").frame_rate is None


@pytest.mark.parametrize(
    ("tag", "frame_bytes"),
    [
        ("C420jpeg", 35 + 2 * 12),
        ("C422", 35 + 2 * 20),
        ("C444p16", 210),
        ("C411", 35 + 20),
        ("C410", 35 + 8),
        ("Cmono12", 70),
    ],
)
def test_odd_sizes_have_rounded_up_chroma(tag, frame_bytes):
    header = parse_header(f"YUV4MPEG2 W7 H5 {tag}".encode())
    assert header.frame_bytes == frame_bytes


@pytest.mark.parametrize("frame_line", [b"FRAME", b"FRAME Ip", b"FRAME Ixyz XKEY=1"])
def test_what_is_read_is_written_again(frame_line):
    data = stream(b"YUV4MPEG2 XHELLO=1 H4 W6 C420mpeg2 F25:1 A1:1", frame_line=frame_line)
    reader = Reader(io.BytesIO(data))
    out = io.BytesIO()
    writer = Writer(out, reader.header)
    frames = list(reader)
    assert [f.planes[1].shape for f in frames] == [(2, 3)] * 3
    for frame in frames:
        writer.write(frame)
    assert out.getvalue() == data


@pytest.mark.parametrize(
    "pix_fmt",
    [
        "yuv420p",
        "yuv422p",
        "yuv444p",
        "yuv411p",
        "gray",
        "yuv420p9le",
        "yuv420p10le",
        "yuv422p12le",
        "yuv444p14le",
        "yuv420p16le",
        "gray10le",
        "gray16le",
    ],
)
def test_streams_of_ffmpeg_are_read_and_written_as_they_are(pix_fmt):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=50x34:r=25:d=0.12"]
    command += ["-pix_fmt", pix_fmt, "-strict", "-1", "-f", "yuv4mpegpipe", "-"]
    made = subprocess.run(command, capture_output=True, check=True)
    reader = Reader(io.BytesIO(made.stdout))
    out = io.BytesIO()
    writer = Writer(out, reader.header)
    count = 0
    for frame in reader:
        writer.write(frame)
        count += 1
    assert count == 3 and out.getvalue() == made.stdout


def test_writer_asks_again_where_a_pipe_takes_only_a_part():
    class Narrow(io.RawIOBase):
        data = b""

        def write(self, data):
            self.data += bytes(data[:7])
            return min(7, len(data))

    reader = Reader(io.BytesIO(stream()))
    narrow = Narrow()
    writer = Writer(narrow, reader.header)  # pyright: ignore[reportArgumentType]
    for frame in reader:
        writer.write(frame)
    assert narrow.data == stream()


def test_full_disk_is_an_output_error():
    class Full(io.RawIOBase):
        def write(self, data):
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="No space left"):
        Writer(Full(), parse_header(PLAIN))  # pyright: ignore[reportArgumentType]


def test_reader_takes_one_frame_at_a_time():
    source = io.BytesIO(stream(frames=100))
    frames = iter(Reader(source))
    next(frames)
    assert source.tell() == len(PLAIN) + 1 + 6 + 36


def test_planes_written_may_be_views():
    header = parse_header(b"YUV4MPEG2 W6 H4 Cmono10")
    plane = np.arange(96, dtype=np.uint16).reshape(8, 12)[::2, ::2]
    out = io.BytesIO()
    Writer(out, header).write(Frame([plane]))
    assert out.getvalue().endswith(plane.astype("<u2").tobytes())


def test_header_alone_is_an_empty_clip():
    assert list(Reader(io.BytesIO(PLAIN + b"\n"))) == []


def test_empty_stdin():
    assert "stdin is empty" in complaint(b"")


@pytest.mark.parametrize(
    "data", [b"RIFF\x00\x01\x02AVI ", b"\x1aE\xdf\xa3" * 3000, b"\n", b"YUV4MPEG3 W6 H4\n", b"yuv4mpeg2 W1 H1\n"]
)
def test_something_else_on_stdin(data):
    message = complaint(data)
    assert "not YUV4MPEG2" in message and len(message) < 400


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"YUV4MPEG2 H4 F25:1", "no width"),
        (b"YUV4MPEG2 W6 F25:1", "no height"),
        (b"YUV4MPEG2", "no width"),
        (b"YUV4MPEG2 Wsix H4", "width is 'six'"),
        (b"YUV4MPEG2 W H4", "width is ''"),
        (b"YUV4MPEG2 W-6 H4", "width is '-6'"),
        (b"YUV4MPEG2 W6 H4 Fabc", "frame rate is 'abc'"),
        (b"YUV4MPEG2 W6 H4 F25", "frame rate is '25'"),
        (b"YUV4MPEG2 W6 H4 Iq", "interlacing is 'q'"),
        (b"YUV4MPEG2 W6 H4 X\xff\xfe", "not ASCII"),
    ],
)
def test_malformed_headers(header, words):
    message = complaint(header + b"\n")
    assert "malformed y4m header" in message and words in message


def test_header_without_end():
    assert "no end of line" in complaint(PLAIN)
    assert "no end of line" in complaint(PLAIN + b" " + b"X" * 100_000)


@pytest.mark.parametrize("size", [b"W0 H4", b"W6 H0", b"W99999999999999999999 H4", b"W6 H%d" % (LARGEST_EDGE + 1)])
def test_absurd_sizes(size):
    assert f"from 1 to {LARGEST_EDGE}" in complaint(b"YUV4MPEG2 " + size + b"\n")


def test_absurd_areas_are_refused_before_memory_is_taken():
    assert "at most" in complaint(b"YUV4MPEG2 W32768 H32768 C444p16\n")


@pytest.mark.parametrize(
    "tag", ["C444alpha", "C420p8", "C420p17", "C420p08", "Cmono7", "C421", "Cfoo", "C420p", "C420jpegp10"]
)
def test_unknown_colour_spaces(tag):
    message = complaint(f"YUV4MPEG2 W6 H4 {tag}\n".encode())
    assert f"'{tag}'" in message and "C422" in message


@pytest.mark.parametrize(("tag", "words"), [("It", "top field first"), ("Ib", "bottom field first"), ("Im", "mixed")])
def test_interlaced_streams_come_with_the_way_out(tag, words):
    message = complaint(f"YUV4MPEG2 W6 H4 {tag}\n".encode())
    assert words in message and "ffmpeg -i INPUT -vf bwdif" in message


@pytest.mark.parametrize("tag", ["Ip", "I?", "I"])
def test_progressive_and_unknown_are_taken(tag):
    assert parse_header(f"YUV4MPEG2 W6 H4 {tag}".encode()).width == 6


@pytest.mark.parametrize(("missing", "found"), [(1, 35), (35, 1), (36, 0), (37, 0), (38, 0), (41, 0)])
def test_frame_cut_short(missing, found):
    frames = iter(Reader(io.BytesIO(stream(frames=3)[:-missing])))
    next(frames)
    next(frames)
    with pytest.raises(InputError, match=f"frame 2 .*cut short: {found} of 36 bytes"):
        next(frames)


@pytest.mark.parametrize("junk", [b"FRAMES\n", b"\x00\x01\x02\n", b"frame\n", b"\x80" * 9000])
def test_something_else_where_a_frame_should_begin(junk):
    message = complaint(stream(frames=2) + junk)
    assert "frame 2" in message and "instead of FRAME" in message
