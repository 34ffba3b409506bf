"""Files of which ffmpeg's own tools lose something: covers, transparency, times before zero, cropping, services, sound that a
container does not hold."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from boxes import with_box

from framemend.alpha import alpha_decoder
from framemend.frames import LAYOUTS, alpha_view, views
from framemend.transport import Service, Transport, read_transport

PICTURE = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.4"]
SOUND = ["-f", "lavfi", "-i", "sine=d=0.4:r=48000"]
SLOPE = ",geq=lum='p(X,Y)':cb='p(X,Y)':cr='p(X,Y)':a='X*4'"
"""Transparency that rises from left to right, for YUV."""


def read(path: Path) -> tuple[dict[str, Any], dict[int, list[bytes]]]:
    """Streams of a file by kind, as (name, disposition, metadata), and the packets of each stream by its number."""
    with av.open(str(path)) as container:
        kinds: dict[str, Any] = {}
        for s in container.streams:
            name = s.codec_context.name if s.codec_context is not None else None
            kinds.setdefault(s.type, []).append((name, int(s.disposition), dict(s.metadata)))
        found: dict[int, list[bytes]] = {s.index: [] for s in container.streams}
        for packet in container.demux():
            if packet.size:
                found[packet.stream_index].append(bytes(packet))
        return kinds, found


def with_alpha(path: Path) -> list[Any]:
    """The frames of a video, with transparency where there is some."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        decoder = alpha_decoder(video) or video.codec_context
        return [f for p in container.demux(video) for f in decoder.decode(p if p.size else None)]


@pytest.fixture
def cover(tmp_path, ffmpeg) -> Path:
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=32x32", "-frames:v", 1, tmp_path / "cover.jpg")
    return tmp_path / "cover.jpg"


@pytest.mark.parametrize("given", ["mp4", "mkv"])
@pytest.mark.parametrize("made", ["mp4", "mkv"])
def test_a_cover_stays_a_cover(given, made, cover, tmp_path, ffmpeg, repair):
    source, out = tmp_path / f"in.{given}", tmp_path / f"out.{made}"
    attached = ["-attach", cover, "-metadata:s:t", "mimetype=image/jpeg"]
    taken = ["-i", cover, "-map", 0, "-map", 1, "-map", 2, "-c:v:1", "copy", "-disposition:v:1", "attached_pic"]
    ffmpeg(*PICTURE, *SOUND, *(attached if given == "mkv" else taken), "-metadata", "artist=Somebody", source)
    status, _, err = repair(source, out, "--strength", 0)
    assert status == 0 and "not in" not in err and "left out" not in err, err
    kinds, found = read(out)
    assert [(name, kind) for name, kind, _ in kinds["video"][1:]] == [("mjpeg", 1024)]
    assert found[2] == [cover.read_bytes()]


@pytest.mark.parametrize("made", ["mov", "webm", "avi", "ts", "mxf"])
def test_a_cover_that_finds_no_place_is_said(made, cover, tmp_path, ffmpeg, repair):
    source = tmp_path / "in.mkv"
    ffmpeg(*PICTURE, "-attach", cover, "-metadata:s:t", "mimetype=image/jpeg", source)
    status, _, err = repair(source, tmp_path / f"out.{made}", "--strength", 0)
    assert status == 0 and "stream 1 (cover, mjpeg); it is left out" in err
    assert len(read(tmp_path / f"out.{made}")[0]["video"]) == 1


def test_mp4_says_which_tags_give_way_to_a_cover(cover, tmp_path, ffmpeg, repair):
    source = tmp_path / "in.mkv"
    ffmpeg(*PICTURE, "-attach", cover, "-metadata:s:t", "mimetype=image/jpeg", "-metadata", "shelf=12", source)
    status, _, err = repair(source, tmp_path / "out.mp4", "--strength", 0)
    assert status == 0 and "mp4 holds a cover or tags of one's own; left out: SHELF" in err
    assert len(read(tmp_path / "out.mp4")[0]["video"]) == 2


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
@pytest.mark.parametrize("made", ["webm", "mkv", "mov"])
def test_transparency_beside_the_packets_is_kept(codec, made, tmp_path, ffmpeg, repair):
    source, out = tmp_path / "in.webm", tmp_path / f"out.{made}"
    picture = [*PICTURE[:3], PICTURE[3] + ",format=yuva420p" + SLOPE]
    ffmpeg(*picture, "-c:v", codec, "-pix_fmt", "yuva420p", "-auto-alt-ref", 0, source)
    status, _, err = repair(source, out, "--strength", 0)
    assert status == 0 and "transparency" not in err, err
    before, after = with_alpha(source), with_alpha(out)
    assert len(before) == len(after) == 10
    for old, new in zip(before, after, strict=True):
        old_alpha, new_alpha = alpha_view(old), alpha_view(new)
        assert old_alpha is not None and new_alpha is not None and np.ptp(old_alpha) > 200
        scale = 255 / ((1 << LAYOUTS[new.format.name].bits) - 1)
        assert np.abs(old_alpha.astype(float) - new_alpha * scale).max() < 6


def test_transparency_that_is_lost_is_said(tmp_path, ffmpeg, repair):
    source = tmp_path / "in.mov"
    ffmpeg(*PICTURE, "-c:v", "qtrle", "-pix_fmt", "argb", source)
    status, _, err = repair(source, tmp_path / "out.mp4", "--strength", 0)
    assert status == 0 and "becomes yuv444p without its transparency" in err


@pytest.mark.parametrize(("codec", "pix_fmt"), [("qtrle", "argb"), ("png", "rgba"), ("v210", "yuv422p10le")])
def test_a_lossless_codec_with_an_encoder_stays_what_it_is(codec, pix_fmt, tmp_path, ffmpeg, decode, repair):
    source, out = tmp_path / "in.mov", tmp_path / "out.mov"
    ffmpeg(*PICTURE, "-c:v", codec, "-pix_fmt", pix_fmt, source)
    status, _, err = repair(source, out, "--strength", 0)
    assert status == 0 and "lossless" not in err, err
    assert read(out)[0]["video"][0][0] == codec
    for old, new in zip(decode(source), decode(out), strict=True):
        assert old.format.name == new.format.name
        for a, b in zip(views(old), views(new), strict=True):
            np.testing.assert_array_equal(a, b)


def test_another_codec_is_said(tmp_path, ffmpeg, repair):
    ffmpeg(*PICTURE, "-c:v", "libvpx-vp9", "-cpu-used", 8, tmp_path / "in.webm")
    status, _, err = repair(tmp_path / "in.webm", tmp_path / "out.mov", "--strength", 0)
    assert status == 0 and "the video is vp9 and becomes h264" in err  # QuickTime files hold no VP9


def test_hevc_in_mp4_bears_the_name_that_apple_plays(tmp_path, ffmpeg, repair):
    ffmpeg(*PICTURE, "-c:v", "libx265", "-x265-params", "log-level=error", "-tag:v", "hvc1", tmp_path / "in.mov")
    for made in (tmp_path / "out.mov", tmp_path / "out.mp4"):
        assert repair(tmp_path / "in.mov", made, "--strength", 0)[0] == 0
        with av.open(str(made)) as container:
            assert container.streams.video[0].codec_context.codec_tag == "hvc1"


def test_pictures_before_zero_stay_with_their_sound(tmp_path, ffmpeg, packets, repair):
    ffmpeg(*PICTURE, *SOUND, "-c:v", "libx264", "-c:a", "aac", tmp_path / "whole.mp4")
    shift = ["-itsoffset", -0.2, "-i", tmp_path / "whole.mp4", "-c", "copy", "-avoid_negative_ts", "disabled"]
    ffmpeg(*shift, tmp_path / "in.mkv")  # Matroska gives the first five pictures no time
    status, _, err = repair(tmp_path / "in.mkv", tmp_path / "out.mkv", "--strength", 0)
    assert status == 0 and "moved" not in err, err
    whole, made = (
        {kind: sorted(t for t, _ in packets(tmp_path / name, kind)) for kind in ("video", "audio")}
        for name in ("whole.mp4", "out.mkv")
    )
    shifts = [b - a for kind in made for a, b in zip(whole[kind], made[kind], strict=True)]
    assert max(shifts) - min(shifts) < Fraction(1, 200)  # three roundings to a millisecond


SOUNDS = [("mov", "pcm_s24le"), ("mkv", "flac"), ("ogv", "libvorbis"), ("mov", "alac"), ("wmv", "wmav2")]


@pytest.mark.parametrize(("given", "codec"), SOUNDS)
def test_sound_that_a_transport_stream_cannot_name_is_converted(given, codec, tmp_path, ffmpeg, repair):
    source, out = tmp_path / f"in.{'mkv' if given == 'ogv' else given}", tmp_path / "out.ts"
    ffmpeg(*PICTURE, *SOUND, "-c:v", "libx264", "-c:a", codec, source)
    status, _, err = repair(source, out, "--strength", 0)
    assert status == 0 and "stream 1 (audio) becomes aac" in err, err
    assert loudness(out)[0.2] > 0.05


def loudness(path: Path) -> dict[float, float]:
    """Root of the mean square of sound, by tenths of a second after the first picture."""
    with av.open(str(path)) as container:
        start = min(p.pts * p.time_base for p in container.demux(video=0) if p.pts is not None and p.time_base)
        container.seek(0)
        heard: dict[float, list[np.ndarray]] = {}
        to_float = av.AudioResampler("fltp", "mono")
        for frame in container.decode(audio=0):
            for part in to_float.resample(frame):
                heard.setdefault(int(((part.time or 0) - float(start)) * 10) / 10, []).append(part.to_ndarray()[0])
    return {t: float(np.sqrt(np.mean(np.concatenate(parts) ** 2))) for t, parts in heard.items()}


def test_a_hole_in_converted_sound_stays_a_hole(tmp_path, ffmpeg, repair):
    ffmpeg(*PICTURE[:3], "testsrc2=s=64x48:r=25:d=1.2", "-f", "lavfi", "-i", "sine=d=1.2:r=48000",
           "-af", "aselect='lt(t,0.3)+gt(t,0.8)'", "-c:v", "libx264", "-c:a", "flac", tmp_path / "in.mkv")  # fmt: skip
    assert repair(tmp_path / "in.mkv", tmp_path / "out.ts", "--strength", 0)[0] == 0
    heard = loudness(tmp_path / "out.ts")
    assert heard[0.1] > 0.05 and heard[0.5] < 0.001 and heard[1.0] > 0.05


def test_sound_of_which_only_the_number_of_channels_is_known_goes_into_mp4(tmp_path, ffmpeg, repair):
    ffmpeg(*PICTURE, *SOUND, "-af", "aformat=channel_layouts=5.1", "-c:a", "pcm_s24le", tmp_path / "in.mkv")
    assert repair(tmp_path / "in.mkv", tmp_path / "out.mp4", "--strength", 0)[0] == 0
    with av.open(str(tmp_path / "out.mp4")) as container:
        context = container.streams.audio[0].codec_context
        assert (context.name, context.layout.name) == ("pcm_s24le", "5.1")


def test_a_stream_that_cannot_be_read_again_is_said(tmp_path, ffmpeg, repair, monkeypatch):
    monkeypatch.setattr("framemend.companions.TAKES", {})
    ffmpeg(*PICTURE, *SOUND, "-c:a", "pcm_s16le", tmp_path / "in.mkv")
    status, _, err = repair(tmp_path / "in.mkv", tmp_path / "out.ts", "--strength", 0)
    assert status == 0 and "not in" in err and "stream 1 (audio)" in err


def test_a_track_of_timecode_is_no_data_to_a_transport_stream(tmp_path, ffmpeg, repair):
    ffmpeg(*PICTURE, "-timecode", "01:00:00:00", "-c:v", "prores_ks", tmp_path / "in.mov")
    status, _, err = repair(tmp_path / "in.mov", tmp_path / "out.ts", "--strength", 0)
    assert status == 0 and "timecode 01:00:00:00" in err
    assert list(read(tmp_path / "out.ts")[0]) == ["video"]


def test_tags_of_copied_streams_and_the_time_of_recording_stay(tmp_path, ffmpeg, repair):
    date = "2020-02-03T04:05:06Z"
    ffmpeg(*PICTURE, *SOUND, "-c:v", "libx264", "-c:a", "flac", tmp_path / "in.mkv")
    assert repair(tmp_path / "in.mkv", tmp_path / "out.mkv", "--strength", 0)[0] == 0
    (video, *_), (sound, *_) = (read(tmp_path / "out.mkv")[0][kind] for kind in ("video", "audio"))
    assert "flac" in sound[2]["ENCODER"] and "ENCODER" not in video[2]
    ffmpeg("-i", tmp_path / "in.mkv", "-c", "copy", "-movflags", "use_metadata_tags", "-metadata", "shelf=12",
           "-metadata", f"creation_time={date}", tmp_path / "in.mp4")  # fmt: skip
    for made in ("once.mp4", "twice.mp4"):
        given = {"once.mp4": "in.mp4", "twice.mp4": "once.mp4"}[made]
        assert repair(tmp_path / given, tmp_path / made, "--strength", 0)[0] == 0
    with av.open(str(tmp_path / "twice.mp4")) as container:
        tags = [container.metadata, *(s.metadata for s in container.streams)]
        assert all(t["creation_time"].startswith(date[:-1]) for t in tags) and container.metadata["shelf"] == "12"


def test_the_names_and_numbers_of_a_service_stay(tmp_path, ffmpeg, repair):
    source, out = tmp_path / "in.ts", tmp_path / "out.ts"
    names = ["-metadata", "service_name=Das Erste", "-metadata", "service_provider=ARD"]
    numbers = ["-mpegts_service_id", 77, "-mpegts_transport_stream_id", 9]
    numbers += ["-mpegts_pmt_start_pid", 600, "-mpegts_start_pid", 500]
    ffmpeg(*PICTURE, *SOUND, "-c:v", "libx264", "-c:a", "aac", *names, *numbers, source)
    assert repair(source, out, "--strength", 0)[0] == 0
    assert read_transport(out) == read_transport(source) == Transport(9, (Service(77, 600, "Das Erste", "ARD"),))
    with av.open(str(out)) as container:
        assert [s.id for s in container.streams] == [500, 501]


def test_several_services_that_become_one_are_said(tmp_path, ffmpeg, repair):
    programs = ["-program", "title=One:program_num=101:st=0", "-program", "title=Two:program_num=102:st=1"]
    ffmpeg(*PICTURE, *PICTURE, "-map", 0, "-map", 1, "-c:v", "libx264", *programs, tmp_path / "in.ts")
    status, _, err = repair(tmp_path / "in.ts", tmp_path / "out.ts", "--strength", 0)
    assert status == 0 and "the streams of 2 programs are in one now; lost as such: 102 Two" in err
    assert len(read(tmp_path / "out.ts")[0]["video"]) == 2


@pytest.mark.parametrize("data", [b"", b"\x47", b"\x47" * 10000, bytes(5000), b"\x47\x40\x00\x10\xff" + bytes(183)])
def test_tables_that_are_not_there_are_none(data, tmp_path):
    (tmp_path / "in.ts").write_bytes(data)
    assert read_transport(tmp_path / "in.ts").services == ()


CLEAN_APERTURE = b"".join(n.to_bytes(4, "big", signed=True) for n in (60, 1, 40, 1, 0, 1, 0, 1))
"""60x40 in the middle of 64x48."""


@pytest.mark.parametrize("made", ["mp4", "mov", "mkv"])
def test_what_players_crop_is_kept(made, tmp_path, ffmpeg, decode, repair):
    source, out = tmp_path / "in.mp4", tmp_path / f"out.{made}"
    ffmpeg(*PICTURE, "-vf", "setsar=4/3", "-c:v", "libx264", source)
    source.write_bytes(with_box(source.read_bytes(), b"avc1", b"clap", CLEAN_APERTURE))
    status, _, err = repair(source, out, "--strength", 0)
    assert status == 0 and "not in" not in err, err
    crops, shapes = zip(*(crop_and_shape(path) for path in (source, out)), strict=True)
    assert crops[0] == crops[1] == (4, 4, 2, 2) and shapes[0] == shapes[1]
    assert (decode(out)[0].width, decode(out)[0].height) == (64, 48)


def crop_and_shape(path: Path) -> tuple[tuple[int, ...], Fraction | None]:
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        side = video.codec_context.coded_side_data.get("frame_cropping", b"")
        ratio = video.sample_aspect_ratio
        return tuple(np.frombuffer(side, "<u4").tolist()), Fraction(
            ratio.numerator, ratio.denominator
        ) if ratio else None


def test_cropping_that_is_lost_is_said(tmp_path, ffmpeg, repair):
    ffmpeg(*PICTURE, "-c:v", "libx264", tmp_path / "in.mp4")
    (tmp_path / "in.mp4").write_bytes(with_box((tmp_path / "in.mp4").read_bytes(), b"avc1", b"clap", CLEAN_APERTURE))
    status, _, err = repair(tmp_path / "in.mp4", tmp_path / "out.avi", "--strength", 0)
    assert status == 0 and "cropping of the picture" in err


@pytest.mark.parametrize("made", ["mov", "mkv", "avi"])
def test_raw_dv_keeps_its_rate_and_the_order_of_its_fields(made, tmp_path, ffmpeg, decode, repair):
    source, out = tmp_path / "in.dv", tmp_path / f"out.{made}"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=720x576:r=25:d=0.2", "-pix_fmt", "yuv420p", source)
    status, _, err = repair(source, out, "--fields", "--strength", 0)
    assert status == 0 and "damaged" not in err, err
    with av.open(str(out)) as container:
        assert container.streams.video[0].average_rate == 25
    assert all(frame.interlaced_frame for frame in decode(out)) and len(decode(out)) == 5


def test_empty_frames_of_avi_are_not_missing_ones(tmp_path, ffmpeg, repair):
    slow = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=5:d=1.2"]
    ffmpeg(*slow, "-c:v", "mjpeg", "-enc_time_base", "1/50", "-fps_mode", "passthrough", tmp_path / "slow.nut")
    ffmpeg("-i", tmp_path / "slow.nut", "-c", "copy", "-r", 50, "-t", 1.02, tmp_path / "in.avi")
    with av.open(str(tmp_path / "in.avi")) as container:
        assert container.streams.video[0].frames > 40  # else this proves nothing
    status, _, err = repair(tmp_path / "in.avi", tmp_path / "out.mkv", "--strength", 0)
    assert status == 0 and "damaged" not in err, err


@pytest.fixture(scope="module")
def reordered(tmp_path_factory, ffmpeg) -> Path:
    path = tmp_path_factory.mktemp("reordered") / "in.mp4"
    ffmpeg(*PICTURE, *SOUND, "-c:v", "libx264", "-bf", 3, "-c:a", "aac", path)
    return path


@pytest.mark.parametrize("made", ["mp4", "mov", "mkv", "nut", "ts", "m2ts", "mpg", "flv", "wmv", "mxf", "avi", "3gp"])
def test_reordered_pictures_are_shown_when_they_were(made, reordered, tmp_path, framemend, repair):
    source, out, report = reordered, tmp_path / f"out.{made}", tmp_path / "report.json"
    status, _, err = repair(source, out, "--rect", "8,8,16,16@4-4", "--report", report)
    assert status == 0, err
    status, said, err = framemend("verify", source, out, report)
    assert status == 0, said + err  # it compares the times of all frames, too


def test_a_container_without_times_for_any_encoder_is_refused(tmp_path, write_clip, repair):
    status, _, err = repair(write_clip(tmp_path / "in.mkv"), tmp_path / "out.ogv")
    assert status == 2 and "no encoder for Theora" in err and "use .mkv or .webm" in err


def test_sound_that_nothing_decodes_is_left_out_with_a_line(tmp_path, ffmpeg, repair):
    """A transport stream whose packets of sound are all zeros: its number of channels is never known."""
    source = tmp_path / "in.ts"
    ffmpeg(*PICTURE, *SOUND, "-c:v", "mpeg2video", "-c:a", "mp2", source)
    data = bytearray(source.read_bytes())
    for at in range(0, len(data), 188):
        if (data[at + 1] & 31) << 8 | data[at + 2] == 0x101:
            stuffing = 1 + data[at + 4] if data[at + 3] & 32 else 0
            start = at + 4 + stuffing + (14 if data[at + 1] & 64 else 0)
            data[start : at + 188] = bytes(max(0, at + 188 - start))
    source.write_bytes(data)
    status, _, err = repair(source, tmp_path / "out.ts", "--strength", 0)
    assert status == 0 and "cannot hold stream 1 (audio, mp3); it is left out" in err
    assert list(read(tmp_path / "out.ts")[0]) == ["video"]
