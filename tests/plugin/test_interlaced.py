"""Interlaced video: repaired field by field and left interlaced, or refused; never combed."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import panning_clip
from survival import make_interlaced

from framemend.fields import DetectingFieldRepairer, FieldRepairer
from framemend.frames import field_order, plane_format, views
from framemend.planes import PlaneFormat, add_residual, to_rgb
from framemend_filters.damage.detection import Plan
from framemend_filters.engine import Repairer, RepairSettings
from framemend_filters.engine.detecting import DetectingRepairer


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_fields_come_out_marked_as_they_were_and_bit_exact(order, tmp_path, ffmpeg, decode, repair):
    given, made = make_interlaced(tmp_path, "mkv", ffmpeg, order), tmp_path / "out.mkv"
    status, _, err = repair(given, made, "--fields", "--strength", 0, "--codec", "ffv1")
    assert status == 0, err
    before, after = decode(given), decode(made)
    assert (
        {field_order(f) for f in after} == {field_order(f) for f in before} == {{"tff": "top", "bff": "bottom"}[order]}
    )
    for old, new in zip(before, after, strict=True):
        for a, b in zip(views(old), views(new), strict=True):
            np.testing.assert_array_equal(a, b)


def test_each_field_is_repaired_as_if_it_were_a_clip(tmp_path, ffmpeg, decode, repair, tiny_model):
    given, made = make_interlaced(tmp_path, "mkv", ffmpeg, "tff"), tmp_path / "out.mkv"
    status, _, err = repair(given, made, "--fields", "--codec", "ffv1")
    assert status == 0, err
    fmt = plane_format(decode(given)[0])
    frames = [[v.copy() for v in views(f)] for f in decode(given)]
    settings = RepairSettings(model=tiny_model, device="cpu")
    results = [[v.copy() for v in views(f)] for f in decode(made)]
    for lines in (slice(0, None, 2), slice(1, None, 2)):
        field = [[p[lines] for p in planes] for planes in frames]
        repairs = Repairer(settings).repair_stream((to_rgb(planes, fmt), None) for planes in field)
        for planes, change, result in zip(field, repairs, results, strict=True):
            for wanted, plane in zip(add_residual(planes, fmt, change), result, strict=True):
                np.testing.assert_array_equal(plane[lines], wanted)


def test_an_encoder_without_fields_is_refused_and_one_with_them_is_chosen(tmp_path, ffmpeg, decode, repair):
    given = make_interlaced(tmp_path, "mkv", ffmpeg, "tff")
    status, _, err = repair(given, tmp_path / "no.mkv", "--fields", "--codec", "libx265")
    assert status == 2 and "libx265 does not mark interlaced video; libx264" in err
    made = tmp_path / "out.mp4"
    assert repair(given, made, "--fields", "--strength", 0)[0] == 0
    assert all(frame.interlaced_frame for frame in decode(made))


def test_without_the_option_it_is_refused_with_both_ways_out(tmp_path, ffmpeg, repair):
    given = make_interlaced(tmp_path, "mkv", ffmpeg, "tff")
    status, _, err = repair(given, tmp_path / "out.mkv")
    assert status == 1 and "--fields" in err and f"ffmpeg -i {given} -map 0 -vf bwdif" in err
    assert not (tmp_path / "out.mkv").exists()


def test_a_height_that_is_not_two_fields_is_said(tmp_path, write_clip, repair):
    given = write_clip(tmp_path / "in.mkv", size=(64, 50))
    status, _, err = repair(given, tmp_path / "out.mkv", "--fields")
    assert status == 1 and "50 lines high" in err and "multiple of 4" in err


def test_fields_keep_chroma_of_their_own(tiny_model):
    fmt = PlaneFormat(family="yuv", bits=8, subsampling_w=1, subsampling_h=1, scan="interlaced")
    luma, chroma = np.full((32, 32), 90, np.uint8), np.full((16, 16), 60, np.uint8)
    chroma[1::2] = 200  # the bottom field has another colour
    picture = to_rgb([luma, chroma, chroma], fmt)
    for lines in (slice(0, None, 2), slice(1, None, 2)):
        assert np.ptp(picture[lines], axis=(0, 1)).max() < 1e-5
    repairer = FieldRepairer(RepairSettings(model=tiny_model, device="cpu"))
    (change,) = repairer.repair_stream([(picture, None)])
    made = add_residual([luma, chroma, chroma], fmt, change)
    assert [p.shape for p in made] == [(32, 32), (16, 16), (16, 16)] and any(np.any(p != luma) for p in made[:1])


def test_damage_is_found_in_each_field_alone(tiny_model):
    frames = [np.repeat(f, 2, 0) for f in panning_clip(9, 64, 96, speed=2)]  # both fields show the same
    frames[4][60:68:2, 40:48] = 1.0  # a speck in the top one
    settings = RepairSettings(model=tiny_model, device="cpu")
    plan = Plan(kinds=("dust",))
    repairs = list(DetectingFieldRepairer(settings, plan).repair_stream((f, None) for f in frames))
    touched = [np.zeros((128, 96), bool) if r.touched is None else r.touched for r in repairs]
    assert touched[4][60:68:2, 40:48].all() and not touched[4][1::2].any()
    assert not any(t.any() for i, t in enumerate(touched) if i != 4)
    alone = list(DetectingRepairer(settings, plan).repair_stream((f[::2], None) for f in frames))
    np.testing.assert_array_equal(repairs[4].residual[::2], alone[4].residual)


def test_auto_looks_over_the_fields_of_an_interlaced_file(tmp_path, ffmpeg, decode, repair):
    given, made = make_interlaced(tmp_path, "mkv", ffmpeg, "tff"), tmp_path / "out.mkv"
    status, _, err = repair(given, made, "--fields", "--detect", "auto", "--codec", "ffv1")
    assert status == 0 and "detect auto: blocks, frames" in err
    for old, new in zip(decode(given), decode(made), strict=True):
        np.testing.assert_array_equal(views(old)[0], views(new)[0])
