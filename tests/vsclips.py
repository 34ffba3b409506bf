"""Small clips for tests of the VapourSynth filter, and the frames that the engine makes of them when called directly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from framemend.planes import add_residual, to_rgb
from framemend.vsframes import plane_format, planes_of
from framemend_filters.engine import Repairer, RepairSettings

WIDTH, HEIGHT = 64, 48
HOLE = (slice(8, 32), slice(16, 44))  # rows, columns
SECONDS = 600  # a request that takes longer hangs

core: Any = vs.core
Frames = list[list[NDArray[Any]]]


def by_hand(
    clip: vs.VideoNode,
    model: Path,
    masks: dict[int, NDArray[np.uint8]] | None = None,
    *,
    cuts: frozenset[int] | None = None,
    strengths: dict[int, NDArray[np.float32]] | None = None,
    **settings: Any,
) -> Frames:
    """The whole clip through one Repairer, chunk by chunk, with no VapourSynth in between."""
    chosen = RepairSettings(model=str(model), device="cpu", **settings)
    repairer = Repairer(chosen, masked=masks is not None).fitted(clip.height, clip.width)
    frames = list(clip.frames())
    rgb = {i: to_rgb(planes_of(frame), plane_format(frame)) for i, frame in enumerate(frames)}
    repairs = [
        made
        for chunk in range(-(-len(frames) // repairer.chunk_frames))
        for made in repairer.repair_chunk(chunk, rgb, masks, num_frames=len(frames), cuts=cuts, strengths=strengths)
    ]
    return [
        add_residual(planes_of(frame), plane_format(frame), made) for frame, made in zip(frames, repairs, strict=True)
    ]


def moving_clip(name: str, length: int) -> vs.VideoNode:
    """A slowly moving pattern with noise, in every plane, within the limited range."""
    form = core.get_video_format(vs.PresetVideoFormat[name])
    frames: Frames = []
    for index in range(length):
        rng = np.random.default_rng(index)
        planes: list[NDArray[Any]] = []
        for plane, (rows, columns) in enumerate(plane_shapes(form)):
            y, x = np.mgrid[:rows, :columns] * (HEIGHT / rows)
            wave = 0.5 + 0.25 * np.sin((x + 1.5 * index) / 5 + plane) * np.cos(y / (6 + plane))
            wave = wave + rng.normal(0, 0.03, wave.shape)
            if form.sample_type == vs.FLOAT:
                signed = form.color_family == vs.YUV and plane > 0
                planes.append((wave - 0.5 * signed).astype(dtype_of(form)))
            else:
                planes.append(np.rint(wave * (2**form.bits_per_sample - 1)).astype(dtype_of(form)))
        frames.append(planes)
    return painted(name, frames)


def hole_mask() -> NDArray[np.uint8]:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[HOLE] = 255
    return mask


def hole_clip(length: int) -> vs.VideoNode:
    return painted("GRAY8", [[hole_mask()]] * length)


def hole_of(plane: NDArray[Any]) -> NDArray[np.bool_]:
    """Which samples of a plane cover a sample of the hole."""
    down, across = HEIGHT // plane.shape[0], WIDTH // plane.shape[1]
    return hole_mask().reshape(plane.shape[0], down, plane.shape[1], across).any((1, 3))


def painted(name: str, frames: Frames) -> vs.VideoNode:
    """A clip that shows the given planes."""
    height, width = frames[0][0].shape
    blank = core.std.BlankClip(width=width, height=height, format=vs.PresetVideoFormat[name], length=len(frames))

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for target, plane in zip(planes_of(frame), frames[n], strict=True):
            np.copyto(target, plane, casting="no")
        return frame

    return core.std.ModifyFrame(blank, blank, paint)


def plane_shapes(form: vs.VideoFormat) -> list[tuple[int, int]]:
    chroma = (HEIGHT >> form.subsampling_h, WIDTH >> form.subsampling_w)
    return [(HEIGHT, WIDTH), chroma, chroma][: form.num_planes]


def dtype_of(form: vs.VideoFormat) -> type[np.generic]:
    if form.sample_type == vs.FLOAT:
        return np.float16 if form.bits_per_sample == 16 else np.float32
    return np.uint8 if form.bits_per_sample == 8 else np.uint16


def pictures(clip: vs.VideoNode) -> Frames:
    return [arrays(frame) for frame in clip.frames()]


def arrays(frame: vs.VideoFrame) -> list[NDArray[Any]]:
    return [plane.copy() for plane in planes_of(frame)]


def differ(a: list[NDArray[Any]], b: list[NDArray[Any]]) -> bool:
    return any((x != y).any() for x, y in zip(a, b, strict=True))


def assert_equal(found: Frames, wanted: Frames) -> None:
    assert len(found) == len(wanted)
    for made, right in zip(found, wanted, strict=True):
        for a, b in zip(made, right, strict=True):
            np.testing.assert_array_equal(a, b)
