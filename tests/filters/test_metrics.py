"""PSNR and SSIM against values worked out by hand or straight from the definition."""

from __future__ import annotations

import numpy as np
import pytest

from framemend_filters.errors import SettingError
from framemend_filters.metrics import PSNR_LIMIT, mean_squared_error, psnr, ssim, ssim_map


def _picture(seed: int, height: int = 24, width: int = 31) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(("difference", "decibels"), [(1, 48.1308), (10, 28.1308), (255, 0.0)])
def test_psnr_of_a_constant_difference(difference: int, decibels: float) -> None:
    black = np.zeros((8, 8, 3), np.uint8)
    assert psnr(black + np.uint8(difference), black) == pytest.approx(decibels, abs=1e-4)


def test_equal_pictures_have_the_limit() -> None:
    assert psnr(_picture(0), _picture(0)) == PSNR_LIMIT


def test_float_pictures_count_from_0_to_1() -> None:
    a, b = _picture(0), _picture(1)
    floats = a.astype(np.float32) / 255, b.astype(np.float64) / 255
    assert psnr(*floats) == pytest.approx(psnr(a, b), abs=1e-4)
    assert ssim(*floats) == pytest.approx(ssim(a, b), abs=1e-5)


def test_a_mask_leaves_out_what_is_outside() -> None:
    clean, given = _picture(0), _picture(0)
    mask = np.zeros(clean.shape[:2], np.uint8)
    mask[4:20, 5:25] = 255
    given[mask == 0] = 255 - given[mask == 0]
    given[10, 10] ^= 16
    assert mean_squared_error(given, clean, mask) == pytest.approx(256 / (16 * 20))
    assert psnr(given, clean) < 10


def test_an_empty_mask_gives_no_figure() -> None:
    empty = np.zeros((24, 31), np.uint8)
    assert np.isnan(psnr(_picture(0), _picture(1), empty))
    assert np.isnan(ssim(_picture(0), _picture(1), empty))


@pytest.mark.parametrize(("a", "b"), [(100, 110), (0, 255), (7, 7)])
def test_ssim_of_constant_pictures(a: int, b: int) -> None:
    c1 = (0.01 * 255) ** 2
    expected = (2 * a * b + c1) / (a * a + b * b + c1)
    assert ssim(np.full((20, 20, 3), a, np.uint8), np.full((20, 20, 3), b, np.uint8)) == pytest.approx(
        expected, abs=1e-5
    )


def test_ssim_is_that_of_the_paper_at_every_place() -> None:
    a, b = (
        _picture(2),
        np.clip(_picture(2).astype(int) + np.random.default_rng(3).integers(-40, 41, (24, 31, 3)), 0, 255),
    )
    b = b.astype(np.uint8)
    similar = ssim_map(a, b)
    assert similar.shape == (14, 21, 3)
    line = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    weights = np.outer(line, line) / line.sum() ** 2
    for y, x, channel in [(0, 0, 0), (6, 10, 1), (13, 20, 2)]:
        p, q = (picture[y : y + 11, x : x + 11, channel].astype(float) for picture in (a, b))
        mp, mq = (weights * p).sum(), (weights * q).sum()
        vp, vq = (weights * (p - mp) ** 2).sum(), (weights * (q - mq) ** 2).sum()
        cov = (weights * (p - mp) * (q - mq)).sum()
        c1, c2 = 6.5025, 58.5225
        expected = (2 * mp * mq + c1) * (2 * cov + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2))
        assert similar[y, x, channel] == pytest.approx(expected, abs=1e-4)


def test_masked_ssim_averages_the_places_inside() -> None:
    a, b = _picture(2), _picture(4)
    mask = np.zeros((24, 31), np.uint8)
    mask[8:12, 9:15] = 255
    assert ssim(a, b, mask) == pytest.approx(float(ssim_map(a, b)[3:7, 4:10].mean()), abs=1e-6)


def test_wrong_shapes_and_kinds_are_told() -> None:
    with pytest.raises(SettingError, match="differ in shape"):
        psnr(_picture(0), _picture(0, width=30))
    with pytest.raises(SettingError, match="int32"):
        psnr(_picture(0).astype(np.int32), _picture(0))
    with pytest.raises(SettingError, match="11x11"):
        ssim(_picture(0, height=10), _picture(0, height=10))
    with pytest.raises(SettingError, match="mask"):
        psnr(_picture(0), _picture(1), np.ones((3, 3), np.uint8))
