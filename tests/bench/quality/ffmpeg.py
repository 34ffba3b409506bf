"""Filters of ffmpeg: nlmeans, bm3d, hqdn3d, deblock, unsharp, delogo, removelogo, minterpolate; and libvmaf."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from bench.quality.method import Method, choices, strengths
from bench.quality.shots import BLIND, BLURRED, CODED, NOISY, Shot
from framemend.clips import Frames

_NOT_BLUR = tuple(t for t in BLIND if t not in BLURRED)
_INTERPOLATIONS = (
    "mc_mode=obmc:me_mode=bilat",
    "mc_mode=aobmc:me_mode=bilat:vsbmc=1",
    "mc_mode=aobmc:me_mode=bidir:vsbmc=1",
    "mc_mode=aobmc:me_mode=bidir:vsbmc=1:mb_size=8:search_param=64",
)


def methods() -> tuple[Method, ...]:
    """All of this file."""
    return (
        _filter("ffmpeg nlmeans", _NOT_BLUR, "nlmeans=s={:g}:p=7:r=11", strengths(lambda x: 0.7 * x), most=30),
        _filter("ffmpeg bm3d", NOISY, "bm3d=sigma={:g}", strengths(lambda level: 4 * level)),
        _filter(
            "ffmpeg hqdn3d", _NOT_BLUR, "hqdn3d={0:g}:{0:g}:{0:g}:{0:g}", strengths(lambda x: 1.5 * x), "yuv444p10"
        ),
        _filter(
            "ffmpeg deblock",
            CODED,
            "deblock=filter=strong:block=8:alpha={0:g}:beta={0:g}:gamma={0:g}:delta={0:g}",
            choices(0.02, 0.04, 0.07, 0.1, 0.15, 0.25),
            "yuv444p",
        ),
        _filter(
            "ffmpeg unsharp", BLURRED, "unsharp=7:7:{0:g}:7:7:{0:g}", choices(0.4, 0.7, 1.0, 1.4, 2.0, 2.8), "yuv444p"
        ),
        Method(name="ffmpeg delogo", tasks=("box",), run=_delogo, missing=_missing),
        Method(name="ffmpeg removelogo", tasks=("box",), run=_removelogo, missing=_missing),
        Method(
            name="ffmpeg minterpolate",
            tasks=("lost",),
            run=_interpolated,
            settings=choices(*range(len(_INTERPOLATIONS))),
            says=lambda setting: _INTERPOLATIONS[int(setting)],
            missing=_missing,
        ),
    )


def vmaf(given: Frames, clean: Frames) -> float:
    """VMAF (model vmaf_v0.6.1) of T H W 3 uint8, mean over the frames."""
    with tempfile.TemporaryDirectory() as folder:
        for name, frames in (("given", given), ("clean", clean)):
            (Path(folder) / name).write_bytes(np.ascontiguousarray(frames).tobytes())
        source = [*_raw(clean.shape), "-i"]
        graph = "[0]format=yuv420p[a];[1]format=yuv420p[b];[a][b]libvmaf=log_path=v.json:log_fmt=json:n_threads=1"
        _run([*source, "given", *source, "clean", "-lavfi", graph, "-f", "null", "-"], folder=folder)
        return float(json.loads((Path(folder) / "v.json").read_text())["pooled_metrics"]["vmaf"]["mean"])


def _filter(
    name: str,
    tasks: tuple[str, ...],
    text: str,
    settings: Callable[[float], tuple[float, ...]],
    pixels: str = "gbrp",
    most: float = float("inf"),
) -> Method:
    return Method(
        name=name,
        tasks=tasks,
        run=lambda shot, setting: _filtered(shot.given, f"format={pixels},{text.format(setting)}"),
        settings=settings,
        extends=True,
        most=most,
        says=text.format,
        missing=_missing,
    )


def _delogo(shot: Shot, _setting: float) -> Frames:
    x, y, width, height = cv2.boundingRect(shot.masks[0])
    return _inside(shot, _filtered(shot.given, f"format=gbrp,delogo={x}:{y}:{width}:{height}"))


def _removelogo(shot: Shot, _setting: float) -> Frames:
    with tempfile.TemporaryDirectory() as folder:
        cv2.imwrite(f"{folder}/mask.pgm", shot.masks[0])
        return _inside(shot, _filtered(shot.given, "format=yuv420p,removelogo=mask.pgm", folder))


def _inside(shot: Shot, result: Frames) -> Frames:
    """Outside the hole the frames as they were: what the way through another pixel format changed is no fault."""
    return np.where(shot.masks[..., None] > 0, result, shot.given)


def _interpolated(shot: Shot, setting: float) -> Frames:
    """Each lost frame made from the two on both sides of it: at twice the rate the frame between them is the one looked for.
    The filter wants frames around, so that up to three on each side go in."""
    out = shot.given.copy()
    lost = shot.masks.all((1, 2))
    for t in np.flatnonzero(lost):
        before = [i for i in range(max(0, t - 3), t) if not lost[i]]
        after = [i for i in range(t + 1, min(len(out), t + 4)) if not lost[i]]
        if not before or not after:
            out[t] = shot.given[(before or after)[-1 if before else 0]]
            continue
        near = shot.given[[before[0]] * (4 - len(before)) + before + after + [after[-1]] * (4 - len(after))]
        made = _filtered(
            near, f"format=yuv444p,minterpolate=fps=50:mi_mode=mci:{_INTERPOLATIONS[int(setting)]}:scd=none"
        )
        ends = [_nearest(made, shot.given[i]) for i in (before[-1], after[0])]
        out[t] = made[(ends[0] + ends[1]) // 2]
    return out


def _nearest(made: Frames, frame: Frames) -> int:
    """Which of the frames made is the one given: the filter starts late and says not where."""
    return int(np.argmin([np.abs(m.astype(np.int16) - frame).mean() for m in made]))


def _filtered(frames: Frames, graph: str, folder: str | None = None) -> Frames:
    """T H W 3 uint8 through a filter graph at 25 frames a second."""
    done = _run(
        [*_raw(frames.shape), "-i", "-", "-vf", graph, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], frames, folder
    )
    return np.frombuffer(done, np.uint8).reshape(-1, *frames.shape[1:])


def _raw(shape: tuple[int, ...]) -> list[str]:
    return ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{shape[2]}x{shape[1]}", "-r", "25"]


def _run(arguments: list[str], frames: Frames | None = None, folder: str | None = None) -> bytes:
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-threads", "1", "-filter_threads", "1", *arguments]
    given = None if frames is None else np.ascontiguousarray(frames).tobytes()
    done = subprocess.run(command, input=given, capture_output=True, cwd=folder, check=False)
    if done.returncode:
        raise RuntimeError(f"ffmpeg said: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return done.stdout


def _missing() -> str | None:
    try:
        import imageio_ffmpeg  # noqa: F401
    except ImportError:
        return "imageio-ffmpeg is not installed: pip install 'framemend[bench]'"
    return None
