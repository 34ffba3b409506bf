"""Samples to RGB as zimg converts them, and residuals back into samples without harm to anything else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import vapoursynth as vs

from framemend.planes import CHROMA_LOCATIONS, PlaneFormat, add_residual, default_matrix, to_rgb
from framemend_filters.engine import FrameRepair
from framemend_filters.errors import InputError, SettingError

SAMPLINGS = {"420": (1, 1), "422": (1, 0), "444": (0, 0), "411": (2, 0), "410": (2, 2), "440": (0, 1)}
DEPTHS: dict[str, tuple[int, Any]] = {
    "8": (8, "integer"),
    "10": (10, "integer"),
    "16": (16, "integer"),
    "half": (16, "float"),
    "float": (32, "float"),
}
ZIMG_MATRIX = {"bt709": 1, "fcc": 4, "bt601": 6, "smpte240m": 7, "ycgco": 8, "bt2020ncl": 9}
WIDTH, HEIGHT = 64, 48
core: Any = vs.core


def make_format(family: Any = "yuv", depth="8", sampling="444", **settings) -> PlaneFormat:
    bits, sample = DEPTHS[depth]
    across, down = SAMPLINGS[sampling]
    return PlaneFormat(family=family, bits=bits, sample=sample, subsampling_w=across, subsampling_h=down, **settings)


def make_planes(fmt: PlaneFormat, height=HEIGHT, width=WIDTH, seed=0, low=0.0, high=1.0) -> list[np.ndarray]:
    """Noise over the range from low to high, as shares of all codes."""
    rng = np.random.default_rng(seed)
    planes = []
    for index, shape in enumerate(fmt.plane_shapes(height, width)):
        share = low + (high - low) * rng.random(shape)
        if fmt.sample == "float":
            dtype = np.float16 if fmt.bits == 16 else np.float32
            planes.append((share - (0.5 if index and fmt.family == "yuv" else 0)).astype(dtype))
        else:
            planes.append((share * (2**fmt.bits - 1)).astype(np.uint8 if fmt.bits == 8 else np.uint16))
    return planes


def repair(residual, touched=None) -> FrameRepair:
    return FrameRepair(np.asarray(residual, np.float32), touched, None, 0.0)


def zimg_rgb(planes: list[np.ndarray], fmt: PlaneFormat) -> np.ndarray:
    """The same frame through core.resize.Bilinear."""
    families = {"gray": vs.GRAY, "yuv": vs.YUV, "rgb": vs.RGB}
    kind = vs.FLOAT if fmt.sample == "float" else vs.INTEGER
    across, down = (fmt.subsampling_w, fmt.subsampling_h) if fmt.family == "yuv" else (0, 0)
    video = vs.core.query_video_format(families[fmt.family], kind, fmt.bits, across, down)
    height, width = planes[0].shape
    blank = core.std.BlankClip(format=video.id, width=width, height=height, length=1)

    def fill(n, f):
        filled = f.copy()
        for index, plane in enumerate(planes):
            np.asarray(filled[index])[...] = plane
        return filled

    settings = {"range_in": int(bool(fmt.full_range))}
    if fmt.family != "rgb":
        settings |= {"matrix_in": ZIMG_MATRIX[fmt.matrix]}
    if fmt.family == "yuv":
        settings |= {"chromaloc_in": list(CHROMA_LOCATIONS).index(fmt.chroma_location)}
    clip = core.std.ModifyFrame(blank, blank, fill).resize.Bilinear(format=vs.RGBS, **settings)
    with clip.get_frame(0) as frame:
        return np.stack([np.asarray(frame[p]) for p in range(3)], -1)


def codes_from_zimg(fmt: PlaneFormat) -> float:
    """Greatest difference from zimg, in codes of 10 bits."""
    planes = make_planes(fmt)
    rgb = to_rgb(planes, fmt)
    assert rgb.shape == (HEIGHT, WIDTH, 3) and rgb.dtype == np.float32
    return float(np.abs(rgb - zimg_rgb(planes, fmt)).max()) * 1023


@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_yuv_agrees_with_zimg(sampling, depth, full_range):
    assert codes_from_zimg(make_format("yuv", depth, sampling, full_range=full_range)) < 0.05


@pytest.mark.parametrize("location", CHROMA_LOCATIONS)
@pytest.mark.parametrize("sampling", ["420", "422", "440", "411", "410"])
def test_chroma_location_agrees_with_zimg(sampling, location):
    assert codes_from_zimg(make_format("yuv", "10", sampling, chroma_location=location)) < 0.05


@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", ZIMG_MATRIX)
def test_matrix_agrees_with_zimg(matrix, full_range):
    assert codes_from_zimg(make_format("yuv", "8", "420", matrix=matrix, full_range=full_range)) < 0.05


@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("family", ["gray", "rgb"])
def test_gray_and_rgb_agree_with_zimg(family, depth, full_range):
    assert codes_from_zimg(make_format(family, depth, full_range=full_range)) < 0.05


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (33, 47), (18, 17), (1, 1), (1, 5), (3, 2)], ids=str)
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(("family", "sampling"), [("gray", "444"), ("rgb", "444"), *(("yuv", s) for s in SAMPLINGS)])
def test_zero_residual_is_bit_exact(family, sampling, depth, size):
    fmt = make_format(family, depth, sampling)
    planes = make_planes(fmt, *size)
    given = [p.copy() for p in planes]
    assert to_rgb(planes, fmt).shape == (*size, 3)
    for touched in (None, np.ones(size, bool)):
        result = add_residual(planes, fmt, repair(np.zeros((*size, 3)), touched))
        for before, source, after in zip(given, planes, result, strict=True):
            np.testing.assert_array_equal(after, before)
            assert after.dtype == before.dtype and after is not source


@pytest.mark.parametrize("location", CHROMA_LOCATIONS)
@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (39, 51), (202, 258), (203, 259)], ids=str)
def test_residual_that_turns_one_frame_into_another_does_so(size, sampling, location):
    """Even for noise, the finest detail chroma can hold: what is up-sampled comes down as it was, up to the edge."""
    fmt = make_format("yuv", "8", sampling, chroma_location=location)
    before, wanted = (make_planes(fmt, *size, seed=s, low=0.2, high=0.8) for s in (1, 2))
    result = add_residual(before, fmt, repair(to_rgb(wanted, fmt) - to_rgb(before, fmt)))
    np.testing.assert_array_equal(result[0], wanted[0])
    for got, want in zip(result[1:], wanted[1:], strict=True):
        assert np.abs(got.astype(int) - want).max() <= 1


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize(
    ("family", "matrix"), [("rgb", "bt709"), ("gray", "bt601"), *(("yuv", m) for m in ZIMG_MATRIX)]
)
def test_residual_arrives_at_its_size_without_subsampling(family, matrix, full_range, depth):
    fmt = make_format(family, depth, matrix=matrix, full_range=full_range)
    before, wanted = (make_planes(fmt, seed=s, low=0.2, high=0.8) for s in (1, 2))
    result = add_residual(before, fmt, repair(to_rgb(wanted, fmt) - to_rgb(before, fmt)))
    # One step of rounding; in 16 bits float32 itself is coarser than a code, and half has 11 bits.
    tolerance = {"float": 1e-6, "half": 5e-4, "16": 1}.get(depth, 0)
    for got, want in zip(result, wanted, strict=True):
        np.testing.assert_allclose(got.astype(np.float64), want.astype(np.float64), rtol=0, atol=tolerance)


@pytest.mark.parametrize("location", CHROMA_LOCATIONS)
@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (33, 47)], ids=str)
def test_outside_touched_nothing_changes(size, sampling, location):
    fmt = make_format("yuv", "10", sampling, chroma_location=location)
    planes = make_planes(fmt, *size, low=0.2, high=0.8)
    touched = np.zeros(size, bool)
    touched[9:22, 13:30] = True
    touched[-1, -1] = True
    result = add_residual(planes, fmt, repair(np.full((*size, 3), [0.2, 0.1, -0.1]), touched))
    np.testing.assert_array_equal(result[0] != planes[0], touched)
    blocks = np.zeros(planes[1].shape, bool)
    across, down = SAMPLINGS[sampling]
    for y, x in np.argwhere(touched):
        blocks[y >> down, x >> across] = True
    for got, given in zip(result[1:], planes[1:], strict=True):
        np.testing.assert_array_equal(got != given, blocks)


def test_flat_residual_is_flat_in_chroma():
    fmt = make_format("yuv", "16", "420")
    planes = [np.full(s, 30000, np.uint16) for s in fmt.plane_shapes(31, 45)]
    _, u, v = add_residual(planes, fmt, repair(np.full((31, 45, 3), [0.1, 0.0, 0.0])))
    assert np.ptp(u) <= 1 and np.ptp(v) <= 1
    assert abs(int(v[5, 5]) - 30000 - 0.05 / (1 - 0.2126) * (1 - 0.2126) * 224 * 256) <= 1


def test_gray_takes_luma_weights():
    fmt = make_format("gray", "8", matrix="bt601", full_range=True)
    plane = np.full((16, 16), 100, np.uint8)
    for channel, weight in enumerate((0.299, 0.587, 0.114)):
        residual = np.zeros((16, 16, 3))
        residual[..., channel] = 0.4
        (result,) = add_residual([plane], fmt, repair(residual))
        assert (result == 100 + round(0.4 * 255 * weight)).all()


def test_integers_are_kept_to_storage_not_to_nominal_range():
    fmt = make_format("gray", "10")
    plane = np.full((4, 4), 900, np.uint16)
    (up,) = add_residual([plane], fmt, repair(np.full((4, 4, 3), 0.1)))
    assert (up == 900 + round(0.1 * 219 * 4)).all()  # above white (940), still a legal code
    (top,) = add_residual([plane], fmt, repair(np.full((4, 4, 3), 2.0)))
    (bottom,) = add_residual([plane], fmt, repair(np.full((4, 4, 3), -2.0)))
    assert (top == 1023).all() and (bottom == 0).all()


def test_samples_beyond_the_depth_are_left_alone_where_nothing_changes():
    fmt = make_format("gray", "10")
    plane = np.array([[5000, 5000], [100, 100]], np.uint16)
    residual = np.zeros((2, 2, 3))
    residual[:, 1] = 0.1
    (result,) = add_residual([plane], fmt, repair(residual))
    np.testing.assert_array_equal(result, [[5000, 1023], [100, 188]])


def test_floats_are_not_clipped():
    fmt = make_format("rgb", "float")
    planes = [np.full((4, 4), 0.9, np.float32)] * 3
    assert np.allclose(add_residual(planes, fmt, repair(np.full((4, 4, 3), 0.5)))[0], 1.4)


def test_strided_views_are_taken_as_they_are():
    fmt = make_format("yuv", "8", "420")
    planes = make_planes(fmt)
    padded = [np.pad(p, ((0, 0), (0, 24)))[:, : p.shape[1]] for p in planes]
    residual = np.random.default_rng(3).normal(0, 0.1, (HEIGHT, WIDTH, 3))
    np.testing.assert_array_equal(to_rgb(padded, fmt), to_rgb(planes, fmt))
    for a, b in zip(
        add_residual(padded, fmt, repair(residual)), add_residual(planes, fmt, repair(residual)), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_range_is_limited_unless_said_and_full_for_rgb():
    assert make_format("yuv").full_range is False
    assert make_format("gray").full_range is False
    assert make_format("rgb").full_range is True
    assert make_format("rgb", full_range=False).full_range is False


@pytest.mark.parametrize(
    ("size", "matrix"), [((720, 576), "bt601"), ((1024, 576), "bt601"), ((1280, 720), "bt709"), ((640, 577), "bt709")]
)
def test_default_matrix_goes_by_size(size, matrix):
    assert default_matrix(*size) == matrix


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"matrix": "bt2020cl"}, "matrix is 'bt2020cl'"),
        ({"chroma_location": "middle"}, "chroma location is 'middle'"),
        ({"bits": 7}, "8 to 16"),
        ({"bits": 10, "sample": "float"}, "16 or 32"),
        ({"family": "cmyk"}, "'cmyk'"),
    ],
)
def test_unknown_formats_are_refused(settings, words):
    with pytest.raises(SettingError, match=words):
        PlaneFormat(**({"family": "yuv", "bits": 8} | settings))


def test_planes_that_do_not_fit_are_refused():
    fmt = make_format("yuv", "8", "420")
    planes = make_planes(fmt)
    with pytest.raises(InputError, match="expected"):
        to_rgb(planes[:1] * 3, fmt)
    with pytest.raises(InputError, match="residual"):
        add_residual(planes, fmt, repair(np.zeros((8, 8, 3))))
