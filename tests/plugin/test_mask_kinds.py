"""Masks as people have them: shapes in JSON and SVG, colours, alpha, removelogo bitmaps, keys, scans, tracked masks."""

from __future__ import annotations

import argparse
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from framemend.masks import open_masks
from framemend_filters.errors import InputError, SettingError

SIZE = (32, 24)
AREA = (slice(4, 12), slice(8, 20))


def opened(mask: Path | None = None, rects: tuple[str, ...] = (), **options: Any) -> Any:
    known = {n: options.pop(n) for n in ("num_frames", "rate", "pictures") if n in options}
    return open_masks(argparse.Namespace(mask=mask and str(mask), rect=list(rects), **options), *SIZE, **known)


def area(value: int = 255) -> np.ndarray:
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[AREA] = value
    return mask


def test_shapes_in_json_have_their_frames(tmp_path: Path) -> None:
    shapes = [
        {"polygon": [[8, 4], [20, 4], [20, 12], [8, 12]], "from": 2, "to": "0.2s"},
        {"rect": [0, 0, 3, 3], "from": 5},
        {"circle": [24, 16, 4]},
    ]
    (tmp_path / "shapes.json").write_text(json.dumps(shapes))
    source = opened(tmp_path / "shapes.json")
    by_frame = {i: source.mask_for(i, Fraction(i, 25)) for i in range(8)}
    assert [i for i, m in by_frame.items() if m[8, 12]] == [2, 3, 4, 5]
    assert [i for i, m in by_frame.items() if m[1, 1]] == [5, 6, 7]
    assert all(m[16, 24] and not m[16, 29] for m in by_frame.values())
    inside = np.zeros(SIZE[::-1], bool)
    inside[AREA] = True
    drawn = by_frame[2][:13, :21] > 0
    assert (drawn[5:11, 9:19]).all() and np.count_nonzero(drawn != inside[:13, :21]) <= 40


def test_shapes_in_svg_are_scaled_to_the_picture(tmp_path: Path) -> None:
    (tmp_path / "shapes.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 240">'
        '<g><rect x="80" y="40" width="120" height="80" data-to="3"/></g>'
        '<polygon points="240,120 300,120 300,200"/></svg>'
    )
    source = opened(tmp_path / "shapes.svg")
    assert source.mask_for(0)[8, 12] and source.mask_for(0)[14, 28]
    assert not source.mask_for(4)[8, 12] and source.mask_for(4)[14, 28]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "{", "not a list of shapes"),
        ("a.json", '[{"star": 5}]', "a shape is a polygon, rect, circle or ellipse, not star"),
        ("a.json", "[]", "no rect, polygon"),
        ("a.json", '[{"polygon": [[1, 2], [3, 4]]}]', "3 corners or more, not 2"),
        ("a.svg", '<svg><path d="M0 0L4 4"/></svg>', "<path> is not read"),
        ("a.svg", '<svg><rect width="4" height="4" transform="scale(2)"/></svg>', "transform"),
        ("a.svg", "<svg>", "not a list of shapes"),
    ],
)
def test_what_is_no_shape_is_said(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=said):
        opened(tmp_path / name)


def test_a_mask_drawn_on_a_transparent_ground_counts_by_its_alpha(tmp_path: Path) -> None:
    picture = np.dstack([*[area(30)] * 2, area(200), area(180)])
    cv2.imwrite(str(tmp_path / "m.png"), picture)
    np.testing.assert_array_equal(opened(tmp_path / "m.png").mask_for(0), area(180))


def test_one_colour_of_a_picture_is_the_mask(tmp_path: Path) -> None:
    picture = np.full((*SIZE[::-1], 3), 240, np.uint8)
    picture[AREA] = (10, 20, 250)
    cv2.imwrite(str(tmp_path / "m.png"), picture)
    np.testing.assert_array_equal(opened(tmp_path / "m.png", mask_colour="#FF1010").mask_for(0), area())
    with pytest.raises(SettingError, match="red is not a colour; write it as RRGGBB"):
        opened(tmp_path / "m.png", mask_colour="red")


def test_a_removelogo_bitmap_is_read_with_a_threshold_of_one(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "logo.pgm"), area(3))
    np.testing.assert_array_equal(opened(tmp_path / "logo.pgm", mask_threshold=1).mask_for(0), area())
    with pytest.raises(SettingError, match="--mask-threshold is 0; it goes from 1 to 255"):
        opened(tmp_path / "logo.pgm", mask_threshold=0)


def test_growing_and_feathering() -> None:
    rect = ("8,4,12,8",)
    grown = opened(rects=rect, grow=2).mask_for(0)
    assert grown[8, 6] == 255 and grown[8, 5] == 0
    shrunk = opened(rects=rect, grow=-2).mask_for(0)
    assert shrunk[8, 10] == 255 and shrunk[8, 9] == 0
    soft = opened(rects=rect, feather=3).mask_for(0)
    np.testing.assert_array_equal(soft[AREA], 255)
    assert 255 > soft[8, 7] > soft[8, 6] > soft[8, 5] > soft[8, 4] == 0
    with pytest.raises(SettingError, match="--feather is -1"):
        opened(rects=rect, feather=-1)


def test_keys_look_at_the_picture() -> None:
    picture = np.full((*SIZE[::-1], 3), 0.5, np.float32)
    picture[AREA] = (1.0, 0.88, 0.05)
    np.testing.assert_array_equal(opened(key=["FFE000~30"]).mask_for(0, 0, picture), area())
    np.testing.assert_array_equal(opened(key=["180-255"]).mask_for(0, 0, picture), area())
    assert opened(key=["0-20"]).mask_for(0, 0, picture) is None
    with pytest.raises(SettingError, match="--key 300-2 is neither luma"):
        opened(key=["300-2"])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_dark_infrared_is_dust_whatever_the_film_base(dtype: Any) -> None:
    peak = np.iinfo(dtype).max
    base = np.tile(np.linspace(0.5, 0.95, SIZE[0]), (SIZE[1], 1)) * peak
    base[10:12, 8:11] *= 0.5
    base[4:6, 25:27] *= 0.6
    mask = opened(mask_from="alpha").mask_for(0, 0, None, base.astype(dtype))
    expected = np.zeros(SIZE[::-1], np.uint8)
    expected[10:12, 8:11] = expected[4:6, 25:27] = 255
    np.testing.assert_array_equal(mask, expected)
    with pytest.raises(SettingError, match="no alpha or infrared channel"):
        opened(mask_from="alpha").mask_for(0, 0, None, None)


def write_video(path: Path, rate: Fraction) -> Path:
    import av

    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("ffv1", rate=rate)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "gray"
        for _ in range(3):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(area(), format="gray")))
        output.mux(stream.encode(None))
    return path


def test_a_rounded_frame_rate_fits_and_another_does_not(tmp_path: Path) -> None:
    film = Fraction(24000, 1001)
    rounded = write_video(tmp_path / "m.mkv", Fraction(23976, 1000))
    np.testing.assert_array_equal(opened(rounded, rate=film).mask_for(0), area())
    with pytest.raises(SettingError, match="has 25.000 frames a second, the clip 23.976"):
        opened(write_video(tmp_path / "pal.mkv", Fraction(25)), rate=film)


def test_an_alpha_channel_of_a_scan_is_its_mask(tmp_path: Path, repair) -> None:
    rng = np.random.default_rng(1)
    picture = cv2.GaussianBlur(rng.integers(0, 65536, (48, 64, 4)).astype(np.uint16), (0, 0), 2)
    picture[..., 3] = 52000
    picture[20:24, 30:36] = (0, 0, 0, 20000)
    cv2.imwrite(str(tmp_path / "scan.tif"), picture)
    status, _, err = repair(tmp_path / "scan.tif", tmp_path / "out.tif", "--mask-from", "alpha")
    assert status == 0, err
    made = cv2.imread(str(tmp_path / "out.tif"), cv2.IMREAD_UNCHANGED)
    assert made is not None
    changed = (np.asarray(made) != picture).any(2)
    assert changed[20:24, 30:36].all() and np.count_nonzero(changed) == 24


def test_a_mask_is_tracked_through_a_file(tmp_path: Path, write_frames, repair, decode) -> None:
    from pictures import panning_clip

    frames = [np.rint(f * 255).astype(np.uint8) for f in panning_clip(6, 72, 96, speed=3)]
    clip = write_frames(tmp_path / "in.mkv", frames)
    arguments = ["--rect", "40,30,16,16", "--track", "2", "--show-mask"]
    status, _, err = repair(clip, tmp_path / "out.mkv", *arguments)
    assert status == 0, err
    made = [frame.to_ndarray(format="rgb24") for frame in decode(tmp_path / "out.mkv")]
    lefts = [int(np.flatnonzero((a != b).any(2).any(0))[0]) for a, b in zip(made, frames, strict=True)]
    assert lefts[2] == 40
    assert all(abs(left - (40 - 3 * (i - 2))) <= 2 for i, left in enumerate(lefts))
    status, _, err = repair(clip, tmp_path / "again.mkv", "--track", "2")
    assert status == 2 and "--track needs a mask" in err


def test_given_and_found_masks_are_joined(tmp_path: Path, write_frames, repair, decode) -> None:
    from pictures import panning_clip

    frames = [np.rint(f * 200).astype(np.uint8) for f in panning_clip(7, 72, 96, speed=2)]
    cv2.circle(frames[3], (50, 30), 3, (250, 250, 250), -1)
    clip = write_frames(tmp_path / "in.mkv", frames)
    status, _, err = repair(clip, tmp_path / "out.mkv", "--rect", "4,50,10,10", "--detect", "dust", "--show-mask")
    assert status == 0, err
    made = [frame.to_ndarray(format="rgb24") for frame in decode(tmp_path / "out.mkv")]
    changed = [(a != b).any(2) for a, b in zip(made, frames, strict=True)]
    assert all(c[50:60, 4:14].all() for c in changed)
    assert [bool(c[30, 50]) for c in changed] == [i == 3 for i in range(7)]
