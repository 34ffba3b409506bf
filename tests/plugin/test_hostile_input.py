"""Input that is unusual or out to break something: names, times, sizes, masks."""

from __future__ import annotations

import os
import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest


def test_strange_names_are_only_names(tmp_path, write_clip, decode, repair, monkeypatch):
    plain = write_clip(tmp_path / "plain.mkv", frames=2)
    monkeypatch.chdir(tmp_path)
    for name in (
        "two words.mkv",
        "new\nline.mkv",
        "видео 動画.mkv",
        "a:b.mkv",
        "100%d.mkv",
        "-dash.mkv",
        "'q\".mkv",
        "#1?.mkv",
    ):
        os.link(plain, name)
        status, _, err = repair("--strength", 0, "--quiet", "--", name, f"{name}.out.mkv")
        assert (status, err) == (0, ""), (name, err)
        assert len(decode(Path(f"./{name}.out.mkv").absolute())) == 2
        status, _, err = repair("--strength", 0, "--", name, "missing/x.mkv")
        assert status == 1 and err.count("\n") == 1


def test_a_change_of_size_in_mid_stream_is_one_line(tmp_path, repair):
    given = tmp_path / "in.ts"
    for number, size in enumerate(((64, 48), (96, 64))):
        part = tmp_path / f"{number}.ts"
        with av.open(str(part), "w") as output:
            stream: Any = output.add_stream("mpeg2video", rate=25)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            for i in range(6):
                frame = av.VideoFrame(*size, "yuv420p")
                frame.pts = i
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    given.write_bytes((tmp_path / "0.ts").read_bytes() + (tmp_path / "1.ts").read_bytes())
    status, _, err = repair(given, tmp_path / "out.mkv", "--strength", 0, "--quiet")
    assert status == 1 and "changes from 64x48 yuv420p to 96x64" in err and err.count("\n") == 1
    assert not (tmp_path / "out.mkv").exists()


@pytest.mark.parametrize(
    "pts", [(-500, -480, -440, 0, 40), (0, 40, 10**9, 10**9 + 40, 10**9 + 80)], ids=["negative", "jumping"]
)
def test_negative_and_jumping_times_are_kept(pts, tmp_path, write_clip, decode, repair):
    given = write_clip(tmp_path / "in.nut", pts=pts, frames=5, time_base=Fraction(1, 1000))
    status, _, err = repair(given, tmp_path / "out.nut", "--strength", 0)
    assert status == 0, err
    shown = [[f.pts * Fraction(f.time_base.numerator, f.time_base.denominator) for f in decode(p)] for p in (given, tmp_path / "out.nut")]  # fmt: skip
    assert shown[0] == shown[1]
    assert [t - shown[0][0] for t in shown[0]] == [Fraction(p - pts[0], 1000) for p in pts]


def test_a_file_without_frames_is_one_line(tmp_path, repair):
    given = tmp_path / "in.mkv"
    with av.open(str(given), "w") as output:
        stream: Any = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        output.start_encoding()
    status, _, err = repair(given, tmp_path / "out.mkv")
    assert status == 1 and err.count("\n") == 1 and "in.mkv" in err


def test_a_mask_that_is_a_bomb_is_refused_before_it_is_unpacked(tmp_path, write_clip, repair):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1 << 20), 9)
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body))
    given = write_clip(tmp_path / "in.mkv", frames=2)
    status, _, err = repair(given, tmp_path / "out.mkv", "--mask", tmp_path / "bomb.png")
    assert status == 1 and "60000x60000" in err and err.count("\n") == 1


def test_closed_captions_go_on_and_their_loss_is_said(tmp_path, decode, repair):
    given, made = tmp_path / "in.ts", tmp_path / "out.ts"
    captions = bytes((0xFC, 0x94, 0x20)) * 4  # four pairs of CEA-608: resume caption loading
    message = b"\xb5\x00\x31GA94\x03" + bytes((0x40 | 4, 0xFF)) + captions + b"\xff"
    unit = b"\x00\x00\x00\x01\x06\x04" + bytes((len(message),)) + message + b"\x80"
    with av.open(str(given), "w") as output:
        stream: Any = output.add_stream("libx264", rate=25, options={"x264-params": "bframes=0:annexb=1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in [*range(6), None]:
            frame = None if i is None else av.VideoFrame(64, 48, "yuv420p")
            if frame is not None:
                frame.pts = i
            for packet in stream.encode(frame):
                new = av.Packet(unit + bytes(packet))
                new.pts, new.dts, new.time_base, new.stream = packet.pts, packet.dts, packet.time_base, stream
                new.is_keyframe = packet.is_keyframe
                output.mux(new)
    sides = [[bytes(s) for s in f.side_data.values() if s.type.name == "A53_CC"] for f in decode(given)]
    assert sides and all(sides)
    status, _, err = repair(given, made, "--strength", 0)
    assert status == 0 and "closed captions" not in err, err
    after = [[bytes(s) for s in f.side_data.values() if s.type.name == "A53_CC"] for f in decode(made)]
    assert after == sides
    status, _, err = repair(given, tmp_path / "out.mkv", "--strength", 0, "--codec", "ffv1")
    assert status == 0 and "closed captions" in err


def test_what_an_edit_list_hides_is_not_written_and_sound_stays(tmp_path, write_clip, ffmpeg, decode, packets, repair):
    whole = write_clip(tmp_path / "whole.mp4", codec="libx264", frames=24, sound=True, options={"g": "12", "bf": "0"})
    ffmpeg("-ss", "0.2", "-i", whole, "-c", "copy", tmp_path / "in.mp4")
    status, _, err = repair(tmp_path / "in.mp4", tmp_path / "out.mp4", "--strength", 0)
    assert status == 0, err
    before, after = decode(tmp_path / "in.mp4"), decode(tmp_path / "out.mp4")
    assert len(after) == len(before) < 24
    starts = []
    for path, frames in ((tmp_path / "in.mp4", before), (tmp_path / "out.mp4", after)):
        heard = packets(path, "audio")
        starts.append(float(frames[0].pts * frames[0].time_base) - float(heard[0][0]))
    assert abs(starts[0] - starts[1]) < 0.04
    assert np.array_equal([b for _, b in packets(tmp_path / "out.mp4", "audio")], [b for _, b in packets(tmp_path / "in.mp4", "audio")])  # fmt: skip
