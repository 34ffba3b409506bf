"""What a person may ask of the encoder, and metadata that only an encoder can write."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from framemend.encode_options import EncodeSettings, merge_options
from framemend.frames import build_frame, views
from framemend.hdr import StaticHdr, hdr_options
from framemend.matroska import complete_head
from framemend.scheduling import usual_scheduling
from framemend_filters.errors import SettingError


def stream_of(path) -> tuple[str, str, list[bool]]:
    """Codec, pixel format and key flag of each packet."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        context = video.codec_context
        keys = [p.is_keyframe for p in container.demux(video) if p.size]
        return context.codec.canonical_name, str(context.pix_fmt), keys


@pytest.mark.parametrize(
    ("profile", "pix_fmt", "suffix", "codec", "expected"),
    [
        ("prores", "yuv420p10le", ".mov", "prores", "yuv422p10le"),
        ("prores", "yuv444p12le", ".mov", "prores", "yuv444p12le"),
        ("dnxhr", "yuv422p10le", ".mxf", "dnxhd", "yuv422p10le"),
        ("ffv1", "yuv444p16le", ".mkv", "ffv1", "yuv444p16le"),
        ("h264", "yuv422p10le", ".mp4", "h264", "yuv422p10le"),
        ("hevc", "yuv444p12le", ".mkv", "hevc", "yuv444p12le"),
        ("av1", "yuv420p10le", ".webm", "av1", "yuv420p10le"),
    ],
)
def test_a_profile_is_all_key_frames_at_the_depth_of_the_input(
    profile, pix_fmt, suffix, codec, expected, tmp_path, write_clip, repair
):
    given = write_clip(tmp_path / "in.mkv", pix_fmt=pix_fmt, size=(256, 128), frames=4)
    made = tmp_path / f"out{suffix}"
    status, _, err = repair(given, made, "--strength", 0, "--profile", profile)
    assert status == 0, err
    assert stream_of(made) == (codec, expected, [True] * 4)


def test_options_go_to_the_encoder_and_win(tmp_path, write_clip, repair):
    given = write_clip(tmp_path / "in.mkv", frames=8)
    options = ["--codec", "libx264", "--encoder-opt", "g=2", "--encoder-opt", "x264-params=bframes=0:scenecut=0"]
    status, _, err = repair(given, tmp_path / "out.mkv", "--strength", 0, *options)
    assert status == 0, err
    assert stream_of(tmp_path / "out.mkv")[2] == [True, False] * 4
    status, _, err = repair(given, tmp_path / "no.mkv", "--strength", 0, "--encoder-opt", "nonesuch=1")
    assert status == 2 and "ffv1 has no option nonesuch" in err and not (tmp_path / "no.mkv").exists()
    status, _, err = repair(given, tmp_path / "no.mkv", "--encoder-opt", "tune")
    assert status == 2 and "KEY=VALUE" in err


def test_a_pixel_format_can_be_asked_for(tmp_path, write_clip, repair, decode):
    given = write_clip(tmp_path / "in.mkv", pix_fmt="yuv420p", frames=3, tags={"color_range": 2, "colorspace": 1})
    status, _, err = repair(given, tmp_path / "out.mkv", "--strength", 0, "--pix-fmt", "yuv420p10le")
    assert status == 0, err
    for old, new in zip(decode(given), decode(tmp_path / "out.mkv"), strict=True):
        assert (new.format.name, new.color_range, new.colorspace) == ("yuv420p10le", 2, 1)
        off = np.abs(views(new)[0].astype(float) - views(old)[0] * (1023 / 255))
        assert off.max() <= 1  # full range stays full, and the matrix is not touched
    status, _, err = repair(given, tmp_path / "no.mp4", "--codec", "libx264", "--pix-fmt", "gbrp16le")
    assert status == 2 and "libx264 takes no gbrp16le; it takes yuv420p" in err
    status, _, err = repair(given, tmp_path / "no.mp4", "--pix-fmt", "nonesuch")
    assert status == 2 and "no such pixel format: nonesuch" in err


def test_ten_bits_stay_ten_bits_in_webm(tmp_path, write_clip, repair):
    """libvpx of PyAV has eight only; AV1 is in WebM too."""
    given = write_clip(tmp_path / "in.mkv", pix_fmt="yuv420p10le", frames=3)
    status, _, err = repair(given, tmp_path / "out.webm", "--strength", 0)
    assert status == 0, err
    assert stream_of(tmp_path / "out.webm")[:2] == ("av1", "yuv420p10le")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="SVT-AV1 asks for real time as root alone")
def test_av1_does_not_make_the_process_a_real_time_one(tmp_path, write_clip, repair):
    def policies():
        return {os.sched_getscheduler(int(thread.name)) for thread in Path("/proc/self/task").iterdir()}

    context = av.CodecContext.create("libsvtav1", "w")
    context.width = context.height = 64
    context.pix_fmt, context.time_base = "yuv420p", Fraction(1, 25)
    with usual_scheduling():
        context.open()
        assert os.SCHED_FIFO in policies()  # what it is there for
    assert policies() == {os.SCHED_OTHER}, "the encoder's threads run on"
    given = write_clip(tmp_path / "in.mkv", pix_fmt="yuv420p", frames=3)
    status, _, err = repair(given, tmp_path / "out.mkv", "--strength", 0, "--codec", "libsvtav1")
    assert status == 0, err
    assert policies() == {os.SCHED_OTHER}


def test_profile_and_codec_exclude_each_other():
    with pytest.raises(SettingError, match="leave --codec"):
        EncodeSettings(codec="ffv1", profile="prores")
    with pytest.raises(SettingError, match="prores, dnxhr"):
        EncodeSettings(profile="nonesuch")


def test_lists_of_parameters_and_flags_are_joined():
    options = {"x265-params": "log-level=error", "flags": "+qscale", "crf": "14"}
    merge_options(options, {"x265-params": "aq-mode=3", "flags": "+ildct", "crf": "18"})
    assert options == {"x265-params": "log-level=error:aq-mode=3", "flags": "+qscale+ildct", "crf": "18"}


HDR = StaticHdr(
    primaries=tuple(
        (Fraction(x, 50000), Fraction(y, 50000))
        for x, y in ((34000, 16000), (13250, 34500), (7500, 3000), (15635, 16450))
    ),
    luminance=(Fraction(1, 10000), Fraction(1000)),
    light=(1000, 400),
)


def test_each_encoder_gets_hdr10_in_its_own_words():
    x265 = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
    assert hdr_options(HDR, "libx265") == {"x265-params": x265}
    assert hdr_options(HDR, "libx264")["x264-params"].endswith(":cll=1000,400")
    assert "R(0.68000,0.32000)" in hdr_options(HDR, "libsvtav1")["svtav1-params"]
    assert hdr_options(HDR, "prores_ks") == {} == hdr_options(StaticHdr(), "libx265")


def test_the_head_of_matroska_takes_shape_and_hdr10(tmp_path, decode):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        output.metadata["encoding_tool"] = "framemend" + 160 * " "
        stream: Any = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        for packet in (*stream.encode(av.VideoFrame(64, 48, "yuv420p10le")), *stream.encode(None)):
            output.mux(packet)
    before = path.read_bytes()
    assert complete_head(path, 0, ratio=Fraction(16, 9), hdr=HDR)
    after = path.read_bytes()
    assert len(after) == len(before) and after[-300:] == before[-300:]
    (frame,) = decode(path)
    names = {side.type.name for side in frame.side_data.values()}
    assert {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"} <= names
    with av.open(str(path)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
        assert "encoding_tool" not in container.metadata
    assert not complete_head(path, 1, ratio=Fraction(16, 9), hdr=HDR)  # there is no such track


def test_frames_keep_side_data_and_drop_the_picture_type(ffmpeg, tmp_path, decode):
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.2", "-c:v", "libx264", "-bf", 0,
           "-x264-params", "mastering-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)",
           tmp_path / "in.mp4")  # fmt: skip
    frame = decode(tmp_path / "in.mp4")[0]
    assert frame.pict_type == 1
    for pix_fmt in ("yuv420p", "nv12", "yuv444p10le"):
        made = build_frame(frame, views(frame), pix_fmt)
        assert made.format.name == pix_fmt and made.pict_type == 0
        assert "MASTERING_DISPLAY_METADATA" in {side.type.name for side in made.side_data.values()}


def test_hevc_of_frames_that_its_encoder_fails_on_is_refused(tmp_path, ffmpeg, repair):
    given, made = tmp_path / "small.mkv", tmp_path / "out.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=48x40:rate=25:duration=0.2", "-c:v", "ffv1", given)
    status, _, err = repair(given, made, "--codec", "libx265")
    assert status == 2 and "libx265 cannot encode 48x40" in err and "--codec libx264" in err
    assert not made.exists()
    assert repair(given, made, "--codec", "libx264")[0] == 0
