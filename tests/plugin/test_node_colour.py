"""Colour from frame properties as zimg reads them, and high dynamic range and linear light that come back whole."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs
from numpy.typing import NDArray
from pictures import pattern
from vsclips import arrays, by_hand, core, moving_clip, painted, pictures

from framemend.node import repair
from framemend.planes import to_rgb
from framemend.vsframes import plane_format, planes_of

ONE_CODE = 1 / 1023
"""One code at 10 bits, full range."""
MATRICES = [{"_Matrix": m} for m in (1, 4, 5, 6, 7, 8, 9)] + [
    {"_Matrix": m, "_Primaries": p} for m in (12,) for p in (1, 9)
]
PQ, HLG, LINEAR = 16, 18, 8
PEAK = 0.92
"""Of the highlight in `bright_scene`: 4,900 nits in PQ."""


@pytest.mark.parametrize("name", ["YUV420P8", "YUV422P10", "YUV444P16", "YUV411P8", "YUV410P8", "YUV444PS"])
@pytest.mark.parametrize("props", MATRICES, ids=str)
def test_properties_mean_what_zimg_takes_them_for(name: str, props: dict[str, int]) -> None:
    for full, location in itertools.product((0, 1), range(6)):
        clip = core.std.SetFrameProps(moving_clip(name, 1), _Range=full, _ChromaLocation=location, **props)
        frame = clip.get_frame(0)
        wanted = np.stack(arrays(core.resize.Bilinear(clip, format=vs.RGBS).get_frame(0)), -1)
        assert np.abs(to_rgb(planes_of(frame), plane_format(frame)) - wanted).max() < ONE_CODE


def test_linear_light_is_coded_like_srgb_for_the_repair() -> None:
    clip = core.std.SetFrameProps(moving_clip("RGBS", 1), _Transfer=LINEAR)
    frame = clip.get_frame(0)
    wanted = core.resize.Bilinear(clip, format=vs.RGBS, transfer_in_s="linear", transfer_s="srgb").get_frame(0)
    rgb = to_rgb(planes_of(frame), plane_format(frame))
    assert np.abs(rgb - np.stack(arrays(wanted), -1)).max() < ONE_CODE


def test_linear_light_comes_back_linear(tiny_model: Path) -> None:
    coded = moving_clip("RGBS", 2)
    light = painted("RGBS", [[linear_of(plane) for plane in frame] for frame in pictures(coded)])
    light = core.std.SetFrameProps(light, _Transfer=LINEAR)
    repaired = pictures(repair(light, model=tiny_model, device="cpu"))
    for made, wanted in zip(repaired, by_hand(coded, tiny_model), strict=True):
        for a, b in zip(made, wanted, strict=True):
            np.testing.assert_allclose(a, linear_of(b), atol=ONE_CODE)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_hdr_is_repaired_and_keeps_its_peak(transfer: int) -> None:
    """With the weights that are shipped: noise falls, highlights stay where they were."""
    clean = bright_scene()
    rng = np.random.default_rng(3)
    noisy = [[p + np.rint(rng.normal(0, 10, p.shape)).astype(np.int16) for p in frame] for frame in clean]
    clip = painted("YUV420P10", [[np.clip(p, 0, 1023).astype(np.uint16) for p in frame] for frame in noisy])
    clip = core.std.SetFrameProps(clip, _Matrix=9, _Primaries=9, _Transfer=transfer, _Range=0)
    node = repair(clip, device="cpu", precision="fp32")
    assert node.get_frame(0).props["_Transfer"] == transfer
    for made, given, wanted in zip(pictures(node), pictures(clip), clean, strict=True):
        assert squared_error(made[0], wanted[0]) < 0.5 * squared_error(given[0], wanted[0])
        highlight = wanted[0] > wanted[0].max() - 4
        assert abs(made[0][highlight].mean() - wanted[0][highlight].mean()) < 4


def bright_scene() -> list[list[NDArray[np.int16]]]:
    """Planes of 5 frames of a dim scene, sharp all over, with a small highlight that moves over it, limited range, 10 bits."""
    y, x = np.mgrid[:48, :64].astype(np.float32)
    wall = 0.1 * (pattern(48, 72, lens=0).mean(2) - 0.5)
    frames: list[list[NDArray[np.int16]]] = []
    for i in range(5):
        dim = 0.3 + 0.12 * np.sin((x + i) / 9) * np.cos(y / 7) + wall[:, i : i + 64]
        spot = (np.hypot(x - 26 - i, y - 24) < 8).astype(np.float32)
        luma = dim + (PEAK - dim) * spot
        chroma = [np.full((24, 32), 512 + shift, np.int16) for shift in (-20, 15)]
        frames.append([np.rint(64 + 876 * luma).astype(np.int16), *chroma])
    return frames


def linear_of(coded: NDArray[np.float32]) -> NDArray[np.float32]:
    """sRGB to light (IEC 61966-2-1); samples here are positive."""
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4).astype(np.float32)


def squared_error(a: NDArray, b: NDArray) -> float:
    return float(np.mean((a.astype(np.float64) - b) ** 2))
