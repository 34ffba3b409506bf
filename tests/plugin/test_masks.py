"""--mask and --rect: what they mean, frame by frame, and what is refused."""

from __future__ import annotations

import argparse
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest

from framemend.masks import Rect, open_masks, parse_rect
from framemend_filters.errors import InputError, InputNotFound, SettingError

SIZE = (32, 24)


def opened(mask=None, rects=(), num_frames=None) -> Any:
    return open_masks(argparse.Namespace(mask=mask and str(mask), rect=list(rects)), *SIZE, num_frames=num_frames)


def square(left: int, value: int = 255) -> np.ndarray:
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[4:12, left : left + 6] = value
    return mask


def write(path, mask):
    assert cv2.imwrite(str(path), mask)
    return path


@pytest.mark.parametrize(
    ("text", "rect"),
    [
        ("1,2,3,4", Rect(1, 2, 3, 4)),
        ("1,2,3,4@10-20", Rect(1, 2, 3, 4, 10, 20)),
        ("1,2,3,4@-20", Rect(1, 2, 3, 4, None, 20)),
        ("1,2,3,4@10-", Rect(1, 2, 3, 4, 10, None)),
        ("1,2,3,4@12.5s-00:01:02.5", Rect(1, 2, 3, 4, Fraction(25, 2), Fraction(125, 2))),
        ("1,2,3,4@1:02:03-", Rect(1, 2, 3, 4, Fraction(3723), None)),
    ],
)
def test_rectangles_are_read(text, rect):
    assert parse_rect(text) == rect


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "1,2,0,4", "-1,2,3,4", "a,b,c,d", "1,2,3,4@", "1,2,3,4@5",
                                  "1,2,3,4@9-5", "1,2,3,4@1.5-", "1,2,3,4@x-y", "1,2,3,4@3s-1s"])  # fmt: skip
def test_what_is_no_rectangle_is_refused_by_name(text):
    with pytest.raises(SettingError, match="--rect"):
        parse_rect(text)


def test_both_ends_of_a_rectangle_are_included():
    source = opened(rects=["8,4,6,8@3-5", "20,4,6,8@0.2s-0.24s"])
    by_frame = {i: source.mask_for(i, i * Fraction(1, 25)) for i in range(9)}
    assert {i for i, mask in by_frame.items() if mask is None} == {0, 1, 2, 7, 8}
    np.testing.assert_array_equal(by_frame[3], square(8))
    np.testing.assert_array_equal(by_frame[5], np.maximum(square(8), square(20)))
    np.testing.assert_array_equal(source.mask_for(6, 0.24), square(20))


def test_a_rectangle_in_time_needs_times():
    with pytest.raises(SettingError, match="times"):
        opened(rects=["1,1,2,2@1s-"]).mask_for(0, None)


@pytest.mark.parametrize("rect", ["0,0,33,1", "31,0,2,1", "0,23,1,2", "40,0,1,1"])
def test_a_rectangle_outside_the_picture_is_refused(rect):
    with pytest.raises(SettingError, match=f"{rect}.*32x24"):
        opened(rects=[rect])


def test_no_mask_and_no_rectangle_is_none():
    assert opened() is None


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
def test_one_picture_masks_every_frame(suffix, tmp_path):
    source = opened(write(tmp_path / f"m{suffix}", square(8)))
    for index in (0, 5, 1000):
        mask = source.mask_for(index)
        assert mask.dtype == np.uint8 and abs(mask.astype(int) - square(8)).mean() < 3
    assert source.mask_for(0)[20, 30] == 0  # black stays black, in JPEG too


def test_soft_edges_and_colours_are_taken_as_grey(tmp_path):
    np.testing.assert_array_equal(opened(write(tmp_path / "grey.png", square(8, 100))).mask_for(0), square(8, 100))
    colour = np.dstack([square(8)] * 3)
    np.testing.assert_array_equal(opened(write(tmp_path / "colour.png", colour)).mask_for(0), square(8))
    deep = square(8).astype(np.uint16) * 257
    np.testing.assert_array_equal(opened(write(tmp_path / "deep.png", deep)).mask_for(0), square(8))


@pytest.mark.parametrize("pattern", ["", "/m%d.png", "/m*.png"])
def test_sequences_are_in_natural_order(pattern, tmp_path):
    for i in range(12):
        write(tmp_path / f"m{i}.png", square(i))
    source = opened(f"{tmp_path}{pattern}", num_frames=12)
    for i in range(12):
        np.testing.assert_array_equal(source.mask_for(i), square(i))


def test_a_mask_video_is_followed_frame_by_frame(tmp_path):
    import av

    with av.open(str(tmp_path / "m.mkv"), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.codec_context.width, stream.codec_context.height, stream.codec_context.pix_fmt = *SIZE, "gray"
        for i in range(5):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(square(2 * i), format="gray")))
        output.mux(stream.encode(None))
    source = opened(tmp_path / "m.mkv")
    np.testing.assert_array_equal(source.mask_for(0), square(0))
    np.testing.assert_array_equal(source.mask_for(0), square(0))
    np.testing.assert_array_equal(source.mask_for(3), square(6))
    with pytest.raises(SettingError, match="has 5 frames but the clip has at least 6"):
        source.mask_for(5)


def test_masks_that_are_too_few_are_refused_at_once_with_both_counts(tmp_path):
    for i in range(3):
        write(tmp_path / f"m{i}.png", square(i))
    with pytest.raises(SettingError, match="3 frames but the clip has 7"):
        opened(tmp_path, num_frames=7)
    source = opened(tmp_path)  # a stream: nobody knows yet
    with pytest.raises(SettingError, match="3 frames but the clip has at least 4"):
        source.mask_for(3)


def test_a_mask_of_another_size_is_refused_at_once_with_both_sizes(tmp_path):
    with pytest.raises(SettingError, match="mask is 30x20 but the picture is 32x24"):
        opened(write(tmp_path / "m.png", np.zeros((20, 30), np.uint8)))


def test_masks_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(InputNotFound, match="nowhere"):
        opened(tmp_path / "nowhere.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="broken"):
        opened(tmp_path / "broken.png")
    (tmp_path / "text.mkv").write_bytes(b"no video")
    with pytest.raises(InputError, match=r"text\.mkv"):
        opened(tmp_path / "text.mkv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputNotFound, match="empty"):
        opened(tmp_path / "empty")


def test_an_empty_mask_generates_nothing(tmp_path):
    assert opened(write(tmp_path / "m.png", np.zeros(SIZE[::-1], np.uint8))).mask_for(0) is None
