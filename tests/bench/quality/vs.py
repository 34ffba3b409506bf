"""Denoisers of VapourSynth: V-BM3D, NLMeans, DFTTest2, MVTools; and composite video both ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.quality.method import Method, strengths
from bench.quality.shots import BLIND, BLURRED, NOISY
from framemend.clips import Frames

_LONG = (*NOISY, "lowlight", "film")
"""Tasks that the slowest are run on."""
MOST_WRONG = 0.01
"""Share of samples that a filter may leave without a number."""
PAL = 576, 720
"""Height and width of the raster."""


def methods() -> tuple[Method, ...]:
    """All of this file."""
    return (
        _method("V-BM3D fast", "bm3d", lambda c, s: _vbm3d(c, s, "fast", 1), lambda level: level, "sigma"),
        _method("V-BM3D lc", "bm3d", lambda c, s: _vbm3d(c, s, "lc", 3), lambda level: level, "sigma", tasks=_LONG),
        _method("NLMeans", "nlm_ispc", _nlmeans, lambda level: 0.9 * level, "h"),
        _method("DFTTest2", "dfttest2_cpu", _dfttest, lambda level: 3 * level**2, "sigma"),
        _method("Degrain3", "mv", _degrain, lambda level: 120 * level, "thsad"),
        Method(
            name="composite.Restore",
            tasks=("pal",),
            run=lambda shot, setting: _restored_pal(shot.given),
            missing=lambda: _missing("composite"),
        ),
    )


def composite_pal(frames: Frames) -> Frames | None:
    """T H W 3 uint8, at most 720x576, through a PAL encoder and a notch decoder, sample by sample (as a part of the raster,
    not enlarged to it); None without vapoursynth-composite."""
    if _missing("composite") is not None:
        return None
    core = _vs()[1]
    signal = core.composite.Encode(_raster(frames), standard="pal")
    return _from_raster(core.composite.Decode(signal, standard="pal", dimensions=1), frames)


def _restored_pal(frames: Frames) -> Frames:
    return _from_raster(_vs()[1].composite.Restore(_raster(frames), standard="pal"), frames)


def _raster(frames: Frames) -> Any:
    """The frames in the middle of a PAL raster, mirrored over the rest of it, as YUV: at its sides the signal is blanked."""
    vs, core = _vs()
    rows, columns = _middle(frames)
    around = (rows.start, PAL[0] - rows.stop), (columns.start, PAL[1] - columns.stop)
    full = np.pad(frames, ((0, 0), *around, (0, 0)), mode="symmetric")
    return core.resize.Bicubic(_node(full), format=vs.YUV444P16, matrix=5)


def _from_raster(clip: Any, frames: Frames) -> Frames:
    vs, core = _vs()
    return _frames(core.resize.Bicubic(clip, format=vs.RGBS, matrix_in=5))[:, *_middle(frames)]


def _middle(frames: Frames) -> tuple[slice, slice]:
    """Rows and columns of the raster that the frames lie at; at an even row, so that fields stay what they are."""
    height, width = frames.shape[1:3]
    top, left = (PAL[0] - height) // 4 * 2, (PAL[1] - width) // 2
    return slice(top, top + height), slice(left, left + width)


def _method(
    name: str,
    plugin: str,
    node: Callable[[Any, float], Any],
    unit: Callable[[float], float],
    word: str,
    tasks: tuple[str, ...] = BLIND,
) -> Method:
    return Method(
        name=name,
        tasks=tuple(t for t in tasks if t not in BLURRED),
        run=lambda shot, setting: _frames(node(_node(shot.given), setting), shot.given),
        settings=strengths(unit),
        extends=True,
        says=lambda setting: f"{word} {setting:g}",
        missing=lambda: _missing(plugin),
    )


def _vbm3d(clip: Any, sigma: float, profile: str, radius: int) -> Any:
    core = _vs()[1]
    common = {"profile": profile, "sigma": [sigma] * 3, "radius": radius, "matrix": 100}
    opponent = core.bm3d.RGB2OPP(clip, sample=1)
    basic = core.bm3d.VAggregate(core.bm3d.VBasic(opponent, **common), radius=radius, sample=1)
    final = core.bm3d.VAggregate(core.bm3d.VFinal(opponent, basic, **common), radius=radius, sample=1)
    return core.bm3d.OPP2RGB(final, sample=1)


def _nlmeans(clip: Any, h: float) -> Any:
    vs, core = _vs()
    yuv = core.resize.Bicubic(clip, format=vs.YUV444PS, matrix=1)
    return core.resize.Bicubic(
        core.nlm_ispc.NLMeans(yuv, d=2, a=3, s=3, h=h, channels="YUV"), format=vs.RGBS, matrix_in=1
    )


def _dfttest(clip: Any, sigma: float) -> Any:
    from dfttest2 import Backend, DFTTest  # pyright: ignore[reportMissingImports]  # an extra

    return DFTTest(clip, sigma=sigma, tbsize=5, backend=Backend.CPU())


def _degrain(clip: Any, thsad: float) -> Any:
    vs, core = _vs()
    yuv = core.resize.Bicubic(clip, format=vs.YUV444P16, matrix=1)
    pyramid = core.mv.Super(yuv, pel=2, sharp=1)
    vectors = [
        core.mv.Analyse(pyramid, isb=back, delta=delta, blksize=8, overlap=4, search=5)
        for delta in (1, 2, 3)
        for back in (True, False)
    ]
    smooth = core.mv.Degrain3(yuv, pyramid, *vectors, thsad=int(thsad), thsadc=int(thsad), thscd1=16_000)
    return core.resize.Bicubic(smooth, format=vs.RGBS, matrix_in=1)


def _node(frames: Frames) -> Any:
    """A float RGB clip that reads from an array."""
    vs, core = _vs()
    count, height, width = frames.shape[:3]
    blank = core.std.BlankClip(width=width, height=height, format=vs.RGBS, length=count, keep=True)

    def fill(n: int, f: Any) -> Any:
        out = f.copy()
        for plane in range(3):
            np.asarray(out[plane])[:] = frames[n, ..., plane].astype(np.float32) / 255
        return out

    return core.std.ModifyFrame(blank, blank, fill)


def _frames(clip: Any, given: Frames | None = None) -> Frames:
    """All frames of a float RGB clip, T H W 3 uint8. NLMeans divides nothing by nothing where no patch is like another: such
    samples are taken from `given`, if they are few; ArithmeticError if not."""
    values = np.stack([np.stack([np.asarray(f[plane]) for plane in range(3)], -1) for f in clip.frames()])
    wrong = np.isnan(values)
    if wrong.mean() > MOST_WRONG or (given is None and wrong.any()):
        raise ArithmeticError(f"the filter gave no number for {wrong.mean():.1%} of the samples")
    if given is not None and wrong.any():
        values = np.where(wrong, given.astype(np.float32) / 255, values)
    return np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)


def _vs() -> tuple[Any, Any]:
    import vapoursynth as vs

    vs.core.num_threads = 1
    return vs, vs.core


def _missing(plugin: str) -> str | None:
    try:
        core = _vs()[1]
    except ImportError:
        return "vapoursynth is not installed"
    return None if hasattr(core, plugin) else f"VapourSynth has no plugin {plugin}: pip install 'framemend[bench]'"
