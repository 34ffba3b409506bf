"""Composite colour that was taken apart badly is put together and taken apart anew."""

import numpy as np
import pytest
from pictures import psnr, scene

from framemend_filters.analogue import StandardName
from framemend_filters.damage import lens, synthesis, tape
from framemend_filters.engine.align import Aligner
from framemend_filters.engine.composite import NTSC, PAL, carriers, decoded
from framemend_filters.engine.windows import Segment

FRAMES = 5
WRITTEN = range(1, 4)


def _clean(seed: int = 0) -> np.ndarray:
    return scene(seed, 160, 320, FRAMES)


def _received(clean: np.ndarray, standard: StandardName, raster: int, interlaced: bool) -> np.ndarray:
    """As a simple receiver leaves it: the carrier begins anywhere."""
    cycles = {"pal": PAL, "ntsc": NTSC}[standard].rasters[raster]
    rng = np.random.default_rng(8)
    return tape.composite(clean, 1 / cycles, standard, rng, smear=0.6, notch=0.6, interlaced=interlaced)


def _pictures(frames: np.ndarray) -> dict[int, np.ndarray]:
    return {i: f.astype(np.float32) / 255 for i, f in enumerate(frames)}


def _gain(given: np.ndarray, clean: np.ndarray) -> float:
    """dB by which the middle frame is nearer to the clean one once it is decoded anew."""
    pictures = _pictures(given)
    found = carriers(WRITTEN, pictures)
    assert sorted(found) == sorted(pictures)
    inner = slice(8, -8), slice(24, -24)
    before, after = (psnr(p[inner], clean[2][inner] / 255) for p in (pictures[2], decoded(pictures[2], found[2])))
    return after - before


@pytest.mark.parametrize("interlaced", [False, True], ids=["one field", "two fields"])
@pytest.mark.parametrize("raster", [0, 1], ids=["720 samples", "square samples"])
@pytest.mark.parametrize("standard", ["pal", "ntsc"])
def test_rainbows_and_dots_are_taken_back(standard: StandardName, raster: int, interlaced: bool) -> None:
    clean = _clean()
    assert _gain(_received(clean, standard, raster, interlaced), clean) > 1.5


def test_so_they_are_in_a_part_of_the_raster_that_begins_at_an_odd_line() -> None:
    clean = _clean()
    given = _received(clean, "pal", 0, interlaced=True)
    assert _gain(given[:, 1:, 5:], clean[:, 1:, 5:]) > 1.5


def test_and_where_frames_are_missing_in_between() -> None:
    clean = scene(0, 160, 320, 8)
    given = _received(clean, "pal", 0, interlaced=True)
    kept = [0, 1, 3, 4, 7]
    assert _gain(given[kept], clean[kept]) > 1.5


def test_and_under_noise() -> None:
    clean = _clean(1)
    given = synthesis.gaussian_noise(_received(clean, "pal", 0, True), 4, np.random.default_rng(0))
    assert _gain(given, clean) > 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda f: f,
        lambda f: synthesis.gaussian_noise(f, 20, np.random.default_rng(0)),
        lambda f: lens.gaussian_blur(f, 1.5),
        lambda f: tape.chroma_bleed(f, 4, 2),
    ],
    ids=["clean", "noise", "blur", "bled chroma"],
)
def test_pictures_that_never_were_composite_have_no_carrier(damage) -> None:
    for seed in range(3):
        assert not carriers(WRITTEN, _pictures(damage(_clean(seed))))


def test_pictures_larger_than_any_raster_and_too_small_ones_are_not_looked_at() -> None:
    given = _received(_clean(), "pal", 0, True)
    assert not carriers(WRITTEN, _pictures(given[:, :, :200]))
    assert not carriers(WRITTEN, _pictures(np.tile(given, (1, 1, 3, 1))))


def test_what_is_aligned_is_the_decoded_picture_unless_holes_alone_are_repaired() -> None:
    clean = _clean()
    given = _received(clean, "pal", 0, True)
    found = {}
    for holes_alone in (False, True):
        aligner = Aligner(
            Segment(WRITTEN, range(FRAMES)), _pictures(given), radius=4, neighbours=2, holes_alone=holes_alone
        )
        found[holes_alone] = aligner.part(*aligner.whole)
    right = clean[1:4] / 255
    assert psnr(found[False].frames, right) > psnr(given[1:4] / 255, right) + 1.5
    assert psnr(found[False].base, right) > psnr(given[1:4] / 255, right) + 1.5
    assert np.array_equal(found[True].frames, np.float32(given[1:4]) / np.float32(255))
