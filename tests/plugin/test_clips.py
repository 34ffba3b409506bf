"""Clips come in with the colours they were tagged with, and codecs spoil them the same way each time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from framemend.clips import Codec, codec_round_trip, read_clip
from framemend_filters.errors import InputError, InputNotFound, SettingError
from framemend_filters.metrics import psnr

EXAMPLES = Path(__file__).parents[2] / "examples" / "demo"


def _smooth(frames: int = 5, height: int = 48, width: int = 64) -> np.ndarray:
    """A smooth coloured picture that moves: T H W 3 uint8."""
    t, y, x = np.mgrid[:frames, :height, :width].astype(np.float32)
    waves = [np.sin((x + 2 * t) / 9 + phase) * np.cos(y / (8 + phase)) for phase in range(3)]
    return np.rint(128 + 90 * np.stack(waves, -1)).astype(np.uint8)


def _detailed(frames: int = 5, height: int = 48, width: int = 64) -> np.ndarray:
    noise = np.random.default_rng(0).integers(-30, 31, (height, width, 1))
    return np.clip(_smooth(frames, height, width) + noise, 0, 255).astype(np.uint8)


def test_the_example_is_read_whole() -> None:
    clip = read_clip(EXAMPLES / "clean.mp4")
    assert clip.frames.shape == (48, 216, 384, 3) and clip.frames.dtype == np.uint8
    assert (clip.fps, clip.name) == (Fraction(24), "clean")


def test_reading_stops_where_told() -> None:
    assert np.array_equal(read_clip(EXAMPLES / "clean.mp4", 3).frames, read_clip(EXAMPLES / "clean.mp4").frames[:3])


@pytest.mark.parametrize(
    ("matrix", "full"), [("bt709", False), ("smpte170m", False), ("bt709", True), ("bt2020nc", False)]
)
def test_the_tagged_matrix_and_range_are_used(tmp_path: Path, ffmpeg, matrix: str, full: bool) -> None:
    """A flat colour, converted here by the formulas of the standards."""
    kr, kb = {"bt709": (0.2126, 0.0722), "smpte170m": (0.299, 0.114), "bt2020nc": (0.2627, 0.0593)}[matrix]
    y, u, v = 120, 90, 170
    raw = tmp_path / "flat.yuv"
    raw.write_bytes(bytes([y]) * 32 * 32 + bytes([u]) * 16 * 16 + bytes([v]) * 16 * 16)
    path = tmp_path / "flat.mkv"
    ffmpeg(
        *("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "32x32", "-i", raw, "-c:v", "ffv1"),
        *("-colorspace", matrix, "-color_range", "pc" if full else "tv"),
        *("-vf", f"setparams=colorspace={matrix}:range={'pc' if full else 'tv'}", path),
    )
    luma = y / 255 if full else (y - 16) / 219
    blue, red = ((c - 128) / (255 if full else 224) for c in (u, v))
    r, b = luma + 2 * (1 - kr) * red, luma + 2 * (1 - kb) * blue
    expected = 255 * np.array([r, (luma - kr * r - kb * b) / (1 - kr - kb), b])
    got = read_clip(path).frames[0, 16, 16]
    assert np.abs(got - expected).max() <= 1.5, f"{got} instead of {expected}"


def test_a_picture_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    import cv2

    picture = _detailed(1)[0]
    cv2.imwrite(str(tmp_path / "still.png"), picture[..., ::-1])
    clip = read_clip(tmp_path / "still.png")
    assert clip.frames.shape == (1, 48, 64, 3)
    assert np.array_equal(clip.frames[0], picture)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputNotFound, match=r"nowhere\.mp4"):
        read_clip(tmp_path / "nowhere.mp4")
    text = tmp_path / "letter.mp4"
    text.write_text("Dear reader, this is not a video.\n" * 50)
    with pytest.raises(InputError, match=r"letter\.mp4"):
        read_clip(text)


QUALITIES = [("h264", 20, 38), ("hevc", 20, 40), ("mpeg2", 3, 24), ("mpeg4", 3, 24), ("mjpeg", 3, 24)]


@pytest.mark.parametrize(("codec", "good", "bad"), QUALITIES)
def test_codecs_keep_the_shape_and_lose_more_at_bad_quality(codec, good: int, bad: int) -> None:
    clean = _detailed()
    fine, coarse = (codec_round_trip(clean, codec, quality) for quality in (good, bad))
    assert fine.shape == coarse.shape == clean.shape and fine.dtype == np.uint8
    assert 30 < psnr(fine, clean) < 60
    assert psnr(coarse, clean) < psnr(fine, clean) - 3


@pytest.mark.parametrize(("codec", "good", "bad"), QUALITIES)
def test_codecs_give_the_same_each_time(codec, good: int, bad: int) -> None:
    assert np.array_equal(codec_round_trip(_detailed(), codec, bad), codec_round_trip(_detailed(), codec, bad))


@pytest.mark.parametrize("codec", ["h264", "mpeg2", "mjpeg"])
@pytest.mark.parametrize("size", [(1, 33, 51), (2, 47, 64), (9, 16, 17)])
def test_odd_sizes_and_single_frames(codec, size: tuple[int, int, int]) -> None:
    clean = _smooth(*size)
    spoilt = codec_round_trip(clean, codec, 4 if codec != "h264" else 18)
    assert spoilt.shape == clean.shape
    assert psnr(spoilt, clean) > 33


def test_the_colour_conversion_alone_loses_only_rounding() -> None:
    """x264 at CRF 0 is lossless in 4:2:0 at 8 bit; a smooth picture then loses what rounding takes, and no mean moves."""
    t, y, x = np.mgrid[:5, :48, :64].astype(np.float32)
    waves = [np.sin((x + 2 * t) / 50 + phase) * np.cos(y / (40 + phase)) for phase in range(3)]
    clean = np.rint(128 + 90 * np.stack(waves, -1)).astype(np.uint8)
    back = codec_round_trip(clean, "h264", 0)
    assert psnr(back, clean) > 46
    assert np.abs((back.astype(float) - clean).mean((0, 1, 2))).max() < 0.15


def test_frames_come_back_in_order() -> None:
    flat = np.repeat(np.arange(20, 240, 20, dtype=np.uint8)[:, None, None, None], 3, -1)
    clean = np.broadcast_to(flat, (11, 32, 32, 3)).copy()
    cases: list[tuple[Codec, float]] = [("h264", 30), ("hevc", 30), ("mpeg2", 8)]
    for codec, quality in cases:
        means = codec_round_trip(clean, codec, quality).mean((1, 2, 3))
        assert np.abs(means - flat[:, 0, 0, 0]).max() < 4


@pytest.mark.parametrize("codec", ["theora"])
def test_an_unknown_codec_is_told(codec) -> None:
    with pytest.raises(SettingError, match="theora"):
        codec_round_trip(_smooth(), codec, 5)
