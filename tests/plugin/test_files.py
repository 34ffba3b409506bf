"""`framemend repair` on real files: what is repaired, and that nothing else changes."""

from __future__ import annotations

import itertools
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from framemend.frames import LAYOUTS, nearest_layout, views
from framemend.sources import sample_aspect_ratio

BITEXACT_FORMATS = [
    "yuv420p",
    "yuv422p",
    "yuv444p",
    "yuv411p",
    "yuv410p",
    "yuv440p",
    "yuva420p",
    "bgr0",
    "bgra",
    "yuv420p9le",
    "yuv420p10le",
    "yuv422p10le",
    "yuv444p12le",
    "yuv420p14le",
    "yuv420p16le",
    "yuv440p10le",
    "gray",
    "gray10le",
    "gray16le",
    "gbrp10le",
    "gbrp12le",
    "gbrp16le",
    "gbrap12le",
]


def samples(frame) -> list[np.ndarray]:
    return [view.copy() for view in views(frame)]


def read(path: Path, flags: int = cv2.IMREAD_COLOR) -> np.ndarray:
    picture = cv2.imread(str(path), flags)
    assert picture is not None
    return np.asarray(picture)


def times(frames) -> list[Fraction]:
    return [frame.pts * Fraction(frame.time_base.numerator, frame.time_base.denominator) for frame in frames]


@pytest.mark.parametrize("pix_fmt", BITEXACT_FORMATS)
def test_strength_0_hands_every_sample_to_the_encoder_unchanged(pix_fmt, tmp_path, write_clip, decode, repair):
    given, made = write_clip(tmp_path / "in.mkv", pix_fmt=pix_fmt, size=(50, 38), frames=4), tmp_path / "out.mkv"
    status, out, err = repair(given, made, "--strength", 0)
    assert (status, out) == (0, ""), err
    before, after = decode(given), decode(made)
    assert [f.format.name for f in after] == [f.format.name for f in before] == [pix_fmt] * 4
    for old, new in zip(before, after, strict=True):
        for a, b in zip(samples(old), samples(new), strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_blind_repair_changes_the_picture(tmp_path, write_clip, decode, repair):
    given, made = write_clip(tmp_path / "in.mkv"), tmp_path / "out.mkv"
    assert repair(given, made)[0] == 0
    changed = [
        np.any(a != b)
        for old, new in zip(decode(given), decode(made), strict=True)
        for a, b in zip(samples(old), samples(new), strict=True)
    ]
    assert len(changed) == 36 and all(changed)


def test_outside_a_rectangle_every_sample_stays(tmp_path, write_clip, decode, repair):
    given, made = write_clip(tmp_path / "in.mkv", pix_fmt="yuv444p"), tmp_path / "out.mkv"
    status, _, err = repair(given, made, "--rect", "16,12,16,8@3-5", "--no-grain")
    assert status == 0, err
    for index, (old, new) in enumerate(zip(decode(given), decode(made), strict=True)):
        for a, b in zip(samples(old), samples(new), strict=True):
            differs = a != b
            assert differs[12:20, 16:32].any() == (3 <= index <= 5)
            differs[12:20, 16:32] = False
            assert not differs.any()


def test_a_mask_file_and_a_rectangle_are_joined(tmp_path, write_clip, decode, repair):
    given, made = write_clip(tmp_path / "in.mkv", pix_fmt="yuv444p"), tmp_path / "out.mkv"
    mask = np.zeros((48, 64), np.uint8)
    mask[4:12, 4:12] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    status, _, err = repair(given, made, "--mask", tmp_path / "mask.png", "--rect", "40,30,8,8")
    assert status == 0, err
    mask[30:38, 40:48] = 255
    for old, new in zip(decode(given), decode(made), strict=True):
        differs = np.any([a != b for a, b in zip(samples(old), samples(new), strict=True)], 0)
        assert differs[4:12, 4:12].any() and differs[30:38, 40:48].any() and not differs[mask == 0].any()


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".nut", ".ts", ".flv"])
def test_variable_times_and_start_offset_are_kept(suffix, tmp_path, write_clip, decode, repair):
    pts = [90000 + 90 * t for t in (0, 40, 80, 100, 117, 200, 240, 900, 901, 1000, 1100, 1500)]
    given = write_clip(tmp_path / f"in{suffix}", codec="libx264", pts=pts, time_base=Fraction(1, 90000))
    made = tmp_path / f"out{suffix}"
    status, _, err = repair(given, made)
    assert status == 0, err
    before, after = times(decode(given)), times(decode(made))
    assert after == before
    assert [t - before[0] for t in before] == [Fraction(p - pts[0], 90000) for p in pts]


def test_frames_reordered_within_avi_come_out_in_order(tmp_path, ffmpeg, decode, repair):
    given = tmp_path / "in.avi"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=1", "-c:v", "libx264", "-bf", 2, given)
    for made in (tmp_path / "out.mp4", tmp_path / "out.avi"):
        status, _, err = repair(given, made, "--strength", 0)
        assert status == 0 and "moved" not in err, err
        shown = times(decode(made))
        assert [b - a for a, b in itertools.pairwise(shown)] == [Fraction(1, 25)] * 24
        worst = min(_psnr(a, b) for a, b in zip(decode(given), decode(made), strict=True))
        assert worst > 33  # in another order it would be under 20


def test_reordering_encoders_keep_decoding_times_rising(tmp_path, write_clip, repair):
    import av

    given, made = write_clip(tmp_path / "in.mp4", codec="libx264", frames=30), tmp_path / "out.mp4"
    assert repair(given, made, "--strength", 0)[0] == 0
    with av.open(str(made)) as container:
        video = [p for p in container.demux(container.streams.video[0]) if p.size]
    assert any(p.pts != p.dts for p in video)  # there are B frames, else this proves nothing
    pts, dts = [p.pts or 0 for p in video], [p.dts or 0 for p in video]
    assert dts == sorted(set(dts)) and all(shown >= decoded for shown, decoded in zip(pts, dts, strict=True))


@pytest.mark.parametrize(("codec", "suffix"), [("ffv1", ".mkv"), ("libx264", ".mp4"), ("mpeg4", ".avi")])
def test_sound_is_copied_byte_by_byte(codec, suffix, tmp_path, write_clip, packets, repair):
    given, made = write_clip(tmp_path / f"in{suffix}", codec=codec, sound=True), tmp_path / f"out{suffix}"
    status, _, err = repair(given, made)
    assert status == 0, err
    assert packets(made, "audio") == packets(given, "audio") != []


def test_a_second_video_stream_and_a_timecode_are_kept(tmp_path, ffmpeg, repair):
    import av

    lavfi = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.5", "-f", "lavfi", "-i", "testsrc=s=32x32:r=25:d=0.5"]
    ffmpeg(*lavfi, "-map", 0, "-map", 1, "-c:v", "libx264", "-timecode", "01:00:00:00", tmp_path / "in.mov")
    for suffix in (".mov", ".mkv"):
        status, _, err = repair(tmp_path / "in.mov", tmp_path / f"out{suffix}")
        assert status == 0, err
        with av.open(str(tmp_path / "in.mov")) as before, av.open(str(tmp_path / f"out{suffix}")) as after:
            second = [[bytes(p) for p in c.demux(c.streams.video[1]) if p.size] for c in (before, after)]
            assert second[0] == second[1] != []
            tags = {key.lower(): value for key, value in after.streams.video[0].metadata.items()}
            assert tags["timecode"] == "01:00:00:00"


@pytest.fixture
def rich_file(tmp_path, write_clip, ffmpeg) -> Path:
    """A Matroska file with video, two sound tracks, subtitles, an attachment, chapters and tags."""
    clip = write_clip(tmp_path / "clip.mkv", sound=True)
    (tmp_path / "text.srt").write_text(
        "1\n00:00:00,000 --> 00:00:00,200\nHello\n\n2\n00:00:00,200 --> 00:00:00,400\nWörld\n"
    )
    (tmp_path / "note.txt").write_text("kept")
    (tmp_path / "meta.txt").write_text(
        ";FFMETADATA1\ntitle=A title\nartist=Somebody\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=200\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=200\nEND=480\ntitle=Two\n"
    )
    made = tmp_path / "rich.mkv"
    inputs = ["-i", clip, "-i", tmp_path / "text.srt", "-i", tmp_path / "meta.txt"]
    maps = [
        "-map",
        "0:v",
        "-map",
        "0:a",
        "-map",
        "0:a",
        "-map",
        "1:s",
        "-map_metadata",
        "2",
        "-map_chapters",
        "2",
        "-c",
        "copy",
    ]
    tags = [
        "-metadata:s:a:0",
        "language=ger",
        "-metadata:s:a:1",
        "language=fra",
        "-metadata:s:s:0",
        "language=eng",
        "-disposition:a:1",
        "comment",
    ]
    title = ["-metadata:s:v:0", "title=The picture", "-disposition:s:0", "forced"]
    attached = ["-attach", tmp_path / "note.txt", "-metadata:s:t", "mimetype=text/plain"]
    ffmpeg(*inputs, *maps, *tags, *title, *attached, made)
    return made


def test_subtitles_chapters_attachments_and_tags_survive(rich_file, tmp_path, packets, repair):
    import av

    made = tmp_path / "out.mkv"
    status, _, err = repair(rich_file, made)
    assert status == 0, err
    assert packets(made, "subtitle") == packets(rich_file, "subtitle") and len(packets(made, "subtitle")) == 2
    with av.open(str(rich_file)) as before, av.open(str(made)) as after:
        assert [s.type for s in after.streams] == [s.type for s in before.streams]
        assert "attachment" in [s.type for s in after.streams]
        for old, new in zip(before.streams, after.streams, strict=True):
            assert new.disposition == old.disposition
            for tag in ("language", "title", "filename", "mimetype"):
                assert new.metadata.get(tag) == old.metadata.get(tag)
        assert after.metadata["title"] == "A title" and after.metadata["ARTIST"] == before.metadata["ARTIST"]
        assert after.chapters() == before.chapters() and len(after.chapters()) == 2


def test_what_mp4_cannot_hold_is_named(rich_file, tmp_path, repair):
    status, _, err = repair(rich_file, tmp_path / "out.mp4")
    assert status == 0, err
    (left_out,) = [line for line in err.splitlines() if "left out" in line]
    assert "attachment" in left_out
    assert "cannot hold subrip; stream 3 (subtitle) becomes mov_text" in err


TAGS = {"color_range": 2, "colorspace": 9, "color_primaries": 9, "color_trc": 16, "chroma_sample_location": 3}


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("libx264", ".mp4"), ("libx265", ".mp4"), ("ffv1", ".mkv"), ("libx264", ".mkv")],
)
def test_colour_tags_and_aspect_are_kept(codec, suffix, tmp_path, write_clip, decode, repair):
    options = {"x265-params": "log-level=error"} if codec == "libx265" else {}
    given = write_clip(
        tmp_path / f"in{suffix}",
        codec=codec,
        pix_fmt="yuv420p10le",
        options=options,
        tags=TAGS,
    )
    made = tmp_path / f"out{suffix}"
    status, _, err = repair(given, made)
    assert status == 0, err
    old, new = decode(given)[0], decode(made)[0]
    assert new.format.name == "yuv420p10le"
    for tag in ("color_range", "colorspace", "color_primaries", "color_trc", "chroma_location"):
        assert getattr(new, tag) == getattr(old, tag) == TAGS[tag.replace("chroma_", "chroma_sample_")], tag


@pytest.mark.parametrize(
    ("codec", "suffix"), [("libx264", ".mp4"), ("libx264", ".mkv"), ("mpeg2video", ".mkv"), ("ffv1", ".mkv")]
)
def test_the_shape_of_samples_is_kept(codec, suffix, tmp_path, write_clip, ffmpeg, repair):
    import av

    square = write_clip(tmp_path / f"square{suffix}", codec=codec)
    ffmpeg("-i", square, "-vf", "setsar=4/3", "-c:v", codec, tmp_path / f"in{suffix}")
    status, _, err = repair(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}")
    assert status == 0, err
    ratios = []
    for name in ("in", "out"):
        with av.open(str(tmp_path / f"{name}{suffix}")) as container:
            next(container.decode(container.streams.video[0]))
            ratios.append(sample_aspect_ratio(container.streams.video[0]))
    assert ratios == [Fraction(4, 3)] * 2 and "shape of samples" not in err


@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_rotation_is_kept(degrees, tmp_path, write_clip, ffmpeg, decode, repair):
    flat = write_clip(tmp_path / "flat.mp4", codec="libx264")
    ffmpeg("-display_rotation", degrees, "-i", flat, "-c", "copy", tmp_path / "in.mp4")
    assert repair(tmp_path / "in.mp4", tmp_path / "out.mp4")[0] == 0
    old, new = decode(tmp_path / "in.mp4")[0], decode(tmp_path / "out.mp4")[0]
    assert new.rotation == old.rotation and abs(new.rotation) == abs(degrees)


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "given", "made", "expected"),
    [
        ("libx264", "yuv420p", "in.mp4", "out.mkv", "h264"),
        ("libx265", "yuv420p10le", "in.mp4", "out.mp4", "hevc"),
        ("prores_ks", "yuv422p10le", "in.mov", "out.mov", "prores"),
        ("mjpeg", "yuvj420p", "in.avi", "out.avi", "mjpeg"),
        ("mpeg2video", "yuv420p", "in.mkv", "out.mkv", "mpeg2video"),
        ("mpeg2video", "yuv420p", "in.ts", "out.ts", "mpeg2video"),
        ("dnxhd", "yuv422p", "in.mov", "out.mov", "dnxhd"),
        ("libx264", "yuv420p", "in.mp4", "out.webm", "vp9"),
        ("flv1", "yuv420p", "in.flv", "out.mp4", "h264"),
        ("huffyuv", "yuv422p", "in.avi", "out.mkv", "ffv1"),
        ("qtrle", "rgb24", "in.mov", "out.mkv", "ffv1"),
        ("libx264rgb", "rgb24", "in.mp4", "out.mp4", "h264"),
    ],
)
def test_the_encoder_is_like_the_input(codec, pix_fmt, given, made, expected, tmp_path, write_clip, decode, repair):
    import av

    quality = {
        "libx264": {"crf": "0"},
        "libx264rgb": {"crf": "0"},
        "libx265": {"x265-params": "log-level=error:crf=1"},
        "dnxhd": {"profile": "dnxhr_hq"},
    }.get(codec, {"qmin": "1", "qmax": "2"})
    size = (256, 128) if codec == "dnxhd" else (64, 48)
    source = write_clip(tmp_path / given, codec=codec, pix_fmt=pix_fmt, options=quality, size=size)
    status, _, err = repair(source, tmp_path / made, "--strength", 0)
    assert status == 0, err
    with av.open(str(tmp_path / made)) as container:
        assert container.streams.video[0].codec_context.codec.canonical_name == expected
    before, after = decode(source), decode(tmp_path / made)
    assert len(before) == len(after) == 12
    worst = min(_psnr(a, b) for a, b in zip(before, after, strict=True))
    assert worst > 33.5, worst  # on noise, the hardest there is; without its noise it would be 30


def _psnr(a, b) -> float:
    difference = a.to_ndarray(format="rgb24").astype(float) - b.to_ndarray(format="rgb24")
    return 20 * np.log10(255 / max(1e-3, np.sqrt(np.mean(difference**2))))


def test_what_the_encoder_cannot_keep_is_said(tmp_path, write_clip, decode, repair):
    given = write_clip(tmp_path / "in.gif", codec="gif", pix_fmt="rgb8")
    status, _, err = repair(given, tmp_path / "out.mp4", "--strength", 0)
    assert status == 0 and "libx264 in mp4 is not" in err and "becomes yuv444p" in err
    first = decode(tmp_path / "out.mp4")[0]
    assert first.format.name == "yuv444p" and first.colorspace == 6  # BT.601, as the conversion was made, and said so


def test_codec_crf_and_preset_can_be_chosen(tmp_path, write_clip, repair):
    import av

    given = write_clip(tmp_path / "in.mkv")
    sizes = []
    for crf in ("5", "45"):
        made = tmp_path / f"{crf}.mkv"
        assert repair(given, made, "--codec", "libx265", "--crf", crf, "--preset", "ultrafast")[0] == 0
        with av.open(str(made)) as container:
            assert container.streams.video[0].codec_context.codec.canonical_name == "hevc"
        sizes.append(made.stat().st_size)
    assert sizes[0] > 2 * sizes[1]


def test_odd_sizes_and_single_frames_work(tmp_path, write_clip, decode, repair):
    given = write_clip(tmp_path / "in.mkv", pix_fmt="yuv420p", size=(37, 29), frames=1)
    status, _, err = repair(given, tmp_path / "out.mkv")
    assert status == 0, err
    (frame,) = decode(tmp_path / "out.mkv")
    assert (frame.width, frame.height, frame.format.name) == (37, 29, "yuv420p")


def test_a_format_beyond_the_table_is_converted_with_a_note(tmp_path, write_clip, decode, repair):
    given = write_clip(tmp_path / "in.nut", codec="rawvideo", pix_fmt="yuyv422")
    status, _, err = repair(given, tmp_path / "out.mkv", "--strength", 0, "--codec", "ffv1")
    assert status == 0 and err.count("yuyv422") == 1 and "converted to yuv422p" in err
    for old, new in zip(decode(given), decode(tmp_path / "out.mkv"), strict=True):
        for a, b in zip(samples(old.reformat(format="yuv422p")), samples(new), strict=True):
            np.testing.assert_array_equal(a, b)


def test_rows_stored_from_the_bottom_up_are_read_the_right_way(tmp_path, write_clip, decode, repair):
    given = write_clip(tmp_path / "in.avi", codec="rawvideo", pix_fmt="bgr24")
    assert repair(given, tmp_path / "out.mkv", "--strength", 0, "--codec", "ffv1")[0] == 0
    for old, new in zip(decode(given), decode(tmp_path / "out.mkv"), strict=True):
        np.testing.assert_array_equal(old.to_ndarray(format="rgb24"), new.to_ndarray(format="rgb24"))


@pytest.mark.parametrize(
    "pix_fmt", [n for n in LAYOUTS if n in ("nv12", "nv21", "rgb24", "argb", "gbrap", "ya8", "yuvj411p")]
)
def test_views_write_through_to_the_frame(pix_fmt):
    import av

    frame = av.VideoFrame(22, 18, pix_fmt)
    for number, view in enumerate(views(frame)):
        view[...] = 40 + 50 * number
    assert [set(view.ravel().tolist()) for view in views(frame)] == [{40 + 50 * i} for i in range(len(views(frame)))]
    if LAYOUTS[pix_fmt].family == "rgb":
        assert frame.to_ndarray(format="rgb24")[7, 9].tolist() == [40, 90, 140]


def test_views_of_a_frame_stored_from_the_bottom_up_are_the_right_way():
    import av
    from av.filter import Graph

    rows = np.repeat(np.arange(20, dtype=np.uint8)[:, None] * 10, 24, 1)
    graph = Graph()
    graph.link_nodes(
        graph.add_buffer(width=24, height=20, format="gray", time_base=Fraction(1, 25)),
        graph.add("vflip"),
        graph.add("buffersink"),
    ).configure()
    graph.push(av.VideoFrame.from_ndarray(rows, format="gray"))
    flipped: Any = graph.pull()
    assert flipped.planes[0].line_size < 0  # else this proves nothing
    np.testing.assert_array_equal(views(flipped)[0], rows[::-1])


def test_nearest_layout_loses_least():
    assert [nearest_layout(n) for n in ("p010le", "yuyv422", "rgb48be")] == ["yuv420p10le", "yuv422p", "gbrp16le"]


def test_an_output_that_is_there_is_replaced_only_when_asked(tmp_path, write_clip, repair):
    given, made = write_clip(tmp_path / "in.mkv"), tmp_path / "out.mkv"
    made.write_text("precious")
    status, _, err = repair(given, made)
    assert status == 2 and "--overwrite" in err and made.read_text() == "precious"
    assert repair(given, made, "--overwrite")[0] == 0
    assert made.stat().st_size > 1000


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".bmp"])
def test_stills_keep_every_sample_at_strength_0(suffix, tmp_path, repair):
    depth = np.uint16 if suffix in (".png", ".tif") else np.uint8
    channels = 4 if suffix in (".png", ".tif", ".webp") else 3
    picture = np.random.default_rng(1).integers(0, np.iinfo(depth).max, (40, 56, channels), depth, endpoint=True)
    given, made = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    cv2.imwrite(str(given), picture, [cv2.IMWRITE_WEBP_QUALITY, 101])
    picture = read(given, cv2.IMREAD_UNCHANGED)
    status, _, err = repair(given, made, "--strength", 0)
    assert status == 0, err
    result = read(made, cv2.IMREAD_UNCHANGED)
    assert result.dtype == depth and result.shape == (40, 56, channels)
    np.testing.assert_array_equal(result, picture)


def test_a_blurred_jpeg_becomes_a_changed_png(tmp_path, repair):
    picture = np.random.default_rng(1).integers(0, 255, (40, 56, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "blurred.jpg"), cv2.GaussianBlur(picture, (0, 0), 2))
    status, out, err = repair(tmp_path / "blurred.jpg", tmp_path / "clear.png")
    assert (status, out) == (0, ""), err
    given, made = read(tmp_path / "blurred.jpg"), read(tmp_path / "clear.png")
    assert given.shape == made.shape and 0 < np.abs(given.astype(int) - made).mean() < 60


def test_alpha_passes_a_repair_and_a_grey_picture_stays_grey(tmp_path, repair):
    picture = np.random.default_rng(1).integers(0, 255, (40, 56, 4), np.uint8)
    cv2.imwrite(str(tmp_path / "in.png"), picture)
    cv2.imwrite(str(tmp_path / "grey.png"), picture[..., 0])
    assert repair(tmp_path / "in.png", tmp_path / "out.png")[0] == 0
    assert repair(tmp_path / "grey.png", tmp_path / "grey2.png")[0] == 0
    made = read(tmp_path / "out.png", cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(made[..., 3], picture[..., 3])
    assert np.any(made[..., :3] != picture[..., :3])
    assert read(tmp_path / "grey2.png", cv2.IMREAD_UNCHANGED).shape == (40, 56)


def test_what_jpeg_cannot_hold_is_said(tmp_path, repair):
    cv2.imwrite(str(tmp_path / "in.png"), np.full((20, 30, 4), 40000, np.uint16))
    status, _, err = repair(tmp_path / "in.png", tmp_path / "out.jpg", "--strength", 0)
    assert status == 0 and "8 bits" in err and "transparency" in err
    made = read(tmp_path / "out.jpg")
    assert made.shape == (20, 30, 3) and abs(int(made.mean()) - 40000 / 257) < 2


def test_the_orientation_of_a_photograph_is_kept(tmp_path, repair):
    exif = b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + struct.pack("<HHII", 0x0112, 3, 1, 6) + struct.pack("<I", 0)
    _, data = cv2.imencodeWithMetadata(
        ".jpg", np.zeros((20, 40, 3), np.uint8), [cv2.IMAGE_METADATA_EXIF], [np.frombuffer(exif, np.uint8)]
    )
    (tmp_path / "in.jpg").write_bytes(data.tobytes())
    assert read(tmp_path / "in.jpg").shape == (40, 20, 3)  # OpenCV turns it
    for made in (tmp_path / "out.jpg", tmp_path / "out.png"):
        status, _, err = repair(tmp_path / "in.jpg", made)
        assert status == 0, err
        assert read(made, cv2.IMREAD_UNCHANGED).shape == (20, 40, 3)
        assert read(made).shape == (40, 20, 3)
