"""Hand-made denoisers to measure beside: V-BM3D, NLMeans and DFTTest2 in VapourSynth, nlmeans and bm3d in ffmpeg."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import vapoursynth as vs

Filter = Callable[[vs.VideoNode], vs.VideoNode]

core: Any = vs.core
SIGMA = 10.0
"""Strength that the peers are set to, of 255; their speed hardly depends on it."""
FFMPEG = {"ffmpeg nlmeans": "nlmeans=s=4", "ffmpeg bm3d": "bm3d=sigma=10"}


def vapoursynth_peers() -> dict[str, tuple[Filter, str]]:
    """Name to a filter from RGBS to RGBS or YUV, and the package that it needs; those that are installed."""
    known: dict[str, tuple[str, Filter, str]] = {
        "V-BM3D `fast`": ("bm3d", lambda clip: _vbm3d(clip, "fast", 1), "vapoursynth-bm3d"),
        "V-BM3D `lc`": ("bm3d", lambda clip: _vbm3d(clip, "lc", 3), "vapoursynth-bm3d"),
        "NLMeans": ("nlm_ispc", _nlmeans, "vapoursynth-nlm-ispc"),
        "DFTTest2": ("dfttest2_cpu", _dfttest, "dfttest2, vapoursynth-dfttest2-cpu"),
    }
    return {name: (run, package) for name, (space, run, package) in known.items() if hasattr(core, space)}


def ffmpeg_seconds(clip: Path, filters: str, frames: int) -> float:
    """How long ffmpeg takes to decode and filter so many frames; filters may be empty."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-i", str(clip), "-frames:v", str(frames)]
    command += ["-vf", filters] if filters else []
    start = time.perf_counter()
    subprocess.run([*command, "-f", "null", "-"], check=True)
    return time.perf_counter() - start


def _vbm3d(clip: vs.VideoNode, profile: str, radius: int) -> vs.VideoNode:
    opponent = core.bm3d.RGB2OPP(clip, sample=1)
    settings = {"profile": profile, "radius": radius, "matrix": 100}
    basic = core.bm3d.VBasic(opponent, sigma=[SIGMA] * 3, **settings)
    basic = core.bm3d.VAggregate(basic, radius=radius, sample=1)
    final = core.bm3d.VFinal(opponent, basic, sigma=[SIGMA] * 3, **settings)
    return core.bm3d.OPP2RGB(core.bm3d.VAggregate(final, radius=radius, sample=1), sample=1)


def _nlmeans(clip: vs.VideoNode) -> vs.VideoNode:
    return core.nlm_ispc.NLMeans(clip, d=1, a=2, s=4, h=SIGMA / 2, channels="RGB")


def _dfttest(clip: vs.VideoNode) -> vs.VideoNode:
    from dfttest2 import Backend, DFTTest  # pyright: ignore[reportMissingImports]  # an extra

    return DFTTest(clip, sigma=SIGMA, tbsize=3, backend=Backend.CPU())
