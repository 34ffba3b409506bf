"""HDR10+ and Dolby Vision: from HEVC to HEVC frame by frame and bit for bit, otherwise one line says that they are lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import pytest
from boxes import with_box

from framemend.dynamic_hdr import HDR10_PLUS, DynamicHdr, dynamic_units, escaped
from framemend.nals import from_annex_b, from_lengths, with_lengths

FRAMES = 10
PLUS, VISION = "HDR10+ metadata", "Dolby Vision metadata"


def hdr10_plus(number: int) -> bytes:
    """A unit with one message that says so of frame `number` (its brightest red), in the fields of SMPTE ST 2094-40."""
    bits = f"{1:02b}{1000:027b}0{500 + number:017b}" + 2 * f"{500:017b}" + f"{300:017b}{0:04b}{10:010b}000"
    message = HDR10_PLUS + b"\x01" + int(bits.ljust(120, "0"), 2).to_bytes(15)
    return b"\x4e\x01" + escaped(bytes([4, len(message)]) + message + b"\x80")


def dolby_vision(number: int) -> bytes:
    """A unit of the kind that holds metadata; of a type that ffmpeg hands on without looking into it."""
    return b"\x7c\x01" + escaped(bytes([25, 3 << 2, 9, number, 0, 0, 1, 0x80]))


Units = Callable[[int], list[bytes]]


@pytest.fixture
def write_hevc(tmp_path, write_clip) -> Callable[[str, Units], Path]:
    """A file whose packets, numbered in decoding order, have those units: messages before the slice, others behind."""
    parameters = {
        "x265-params": "log-level=error:keyint=5:min-keyint=5:open-gop=0:scenecut=0:bframes=2:b-adapt=0:repeat-headers=1"
    }
    plain = write_clip(
        tmp_path / "plain.mkv", codec="libx265", pix_fmt="yuv420p10le", options=parameters, frames=FRAMES
    )

    def run(name: str, units: Units) -> Path:
        with av.open(str(plain)) as container, av.open(str(tmp_path / name), "w") as output:
            video = container.streams.video[0]
            stream = output.add_stream_from_template(video)
            for number, packet in enumerate(p for p in container.demux(video) if p.size):
                new = units(number)
                messages = with_lengths([u for u in new if u[0] >> 1 == 39], 4)
                made = av.Packet(messages + bytes(packet) + with_lengths([u for u in new if u[0] >> 1 != 39], 4))
                made.pts, made.dts, made.time_base, made.stream = packet.pts, packet.dts, packet.time_base, stream
                made.is_keyframe = packet.is_keyframe
                output.mux(made)
        return tmp_path / name

    return run


def units_by_time(path: Path) -> dict[float, list[bytes]]:
    """What each picture of a file has, by its time in seconds."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        marks, found = DynamicHdr(video), {}
        for packet in container.demux(video):
            if packet.size:
                assert packet.pts is not None and packet.time_base is not None
                marks.mark(packet)
                found[round(float(packet.pts * packet.time_base), 2)] = packet.opaque or []
        return found


@pytest.mark.parametrize(("given", "made"), [("in.mkv", "out.mp4"), ("in.mp4", "out.ts"), ("in.ts", "out.mkv")])
def test_hevc_keeps_both_frame_by_frame(given, made, tmp_path, write_hevc, decode, repair):
    source = write_hevc(given, lambda n: [hdr10_plus(n), dolby_vision(n)])
    before = units_by_time(source)
    assert len({unit for units in before.values() for unit in units}) == 2 * FRAMES
    status, _, err = repair(
        source, tmp_path / made, "--rect", "8,8,12,12", "--codec", "libx265", "--preset", "ultrafast"
    )
    assert status == 0 and PLUS not in err and VISION not in err, err
    after = units_by_time(tmp_path / made)
    start = min(before) - min(after)
    assert {round(time + start, 2): units for time, units in after.items()} == before
    sides = [{s.type.name for s in frame.side_data.values()} for frame in decode(tmp_path / made)]
    assert len(sides) == FRAMES and all({"DYNAMIC_HDR_PLUS", "DOVI_RPU_BUFFER"} <= names for names in sides)


def test_smart_keeps_them_in_groups_that_are_encoded_again(tmp_path, write_hevc, repair):
    source = write_hevc("in.mp4", lambda n: [hdr10_plus(n)])
    status, _, err = repair(source, tmp_path / "out.mp4", "--rect", "8,8,12,12@6-6", "--smart")
    assert status == 0 and "5 of 10 frames are copied" in err and PLUS not in err, err
    assert units_by_time(tmp_path / "out.mp4") == units_by_time(source)


@pytest.mark.parametrize("codec", ["libx264", "libsvtav1", "ffv1"])
def test_another_codec_loses_them_and_one_line_says_so(codec, tmp_path, write_hevc, repair):
    source = write_hevc("in.mkv", lambda n: [hdr10_plus(n), dolby_vision(n)])
    status, _, err = repair(source, tmp_path / "out.mkv", "--strength", 0, "--codec", codec)
    assert status == 0
    (line,) = [line for line in err.splitlines() if "HDR10+" in line or "Dolby" in line]
    assert PLUS in line and VISION in line


def test_dolby_vision_of_two_layers_is_not_kept_by_half(tmp_path, write_hevc, repair):
    layer = b"\x7e\x01" + bytes(range(4, 40))
    source = write_hevc("in.mkv", lambda n: [layer, dolby_vision(n)])
    status, _, err = repair(source, tmp_path / "out.mkv", "--strength", 0, "--codec", "libx265")
    assert status == 0 and not any(units_by_time(tmp_path / "out.mkv").values())
    assert err.count(VISION) == 1, err


RECORD = bytes([1, 0, 8 << 1, 1 << 3 | 0b101, 1 << 4]) + bytes(19)
"""Of a Dolby Vision stream of profile 8.1."""


def record_of(path: Path) -> bytes | None:
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.coded_side_data.get("dovi_conf")


@pytest.mark.parametrize("made", ["out.mp4", "out.mkv"])
def test_the_record_that_players_ask_for_stays_with_the_metadata(made, tmp_path, write_hevc, repair):
    source = write_hevc("in.mp4", lambda n: [dolby_vision(n)])
    source.write_bytes(with_box(source.read_bytes(), b"hev1", b"dvvC", RECORD))
    status, _, err = repair(source, tmp_path / made, "--strength", 0, "--codec", "libx265")
    assert status == 0 and "Dolby" not in err, err
    assert record_of(source) is not None and record_of(tmp_path / made) == record_of(source)
    assert units_by_time(tmp_path / made).values() and all(units_by_time(tmp_path / made).values())


@pytest.mark.parametrize(("made", "codec"), [("out.mp4", "libx264"), ("out.mov", "libx265")])
def test_a_record_that_finds_no_place_is_said_to_be_lost(made, codec, tmp_path, write_hevc, repair):
    source = write_hevc("in.mp4", lambda n: [dolby_vision(n)])
    source.write_bytes(with_box(source.read_bytes(), b"hev1", b"dvvC", RECORD))
    status, _, err = repair(source, tmp_path / made, "--strength", 0, "--codec", codec)
    assert status == 0 and record_of(tmp_path / made) is None
    assert sum("record of Dolby Vision" in line for line in err.splitlines()) == 1, err


def test_a_record_of_two_layers_does_not_outlive_the_second(tmp_path, write_hevc, repair):
    source = write_hevc("in.mp4", lambda n: [b"\x7e\x01" + bytes(range(4, 40)), dolby_vision(n)])
    two = bytes([1, 0, 7 << 1, 1 << 3 | 0b111, 0]) + bytes(19)
    source.write_bytes(with_box(source.read_bytes(), b"hev1", b"dvcC", two))
    status, _, err = repair(source, tmp_path / "out.mp4", "--strength", 0, "--codec", "libx265")
    assert status == 0 and record_of(source) is not None and record_of(tmp_path / "out.mp4") is None
    assert "record of Dolby Vision" in err


def test_a_message_among_others_is_taken_alone():
    other = bytes([137, 4]) + b"\x00\x00\x01\x02"  # mastering display, cut short
    mine = from_annex_b(b"\x00\x00\x01" + hdr10_plus(3))[0]
    body = escaped(other + bytes([4, 22]) + HDR10_PLUS + bytes(16) + b"\x80")
    found = list(dynamic_units([b"\x4e\x01" + body, b"\x02\x01slice", mine]))
    assert found == [b"\x4e\x01" + escaped(bytes([4, 22]) + HDR10_PLUS + bytes(16) + b"\x80"), mine]
    assert from_lengths(with_lengths(found, 4), 4) == found


@pytest.mark.parametrize(
    "unit", [b"\x4e\x01\x04", b"\x4e\x01\x04\xff\xff\x80", b"\x4e\x01\x04\x20" + HDR10_PLUS, b"\x7c"]
)
def test_damaged_units_hold_nothing(unit):
    assert list(dynamic_units([unit])) == []
