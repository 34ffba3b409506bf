"""A moving pattern with noise, as arrays, as a VapourSynth clip, as a file, and as a YUV4MPEG2 stream:

python tests/bench/patterns.py WIDTH HEIGHT FRAMES | framemend pipe > repaired.y4m
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import vapoursynth as vs

PATTERN_FRAMES = 16
"""Frames of the moving pattern, which is played to and fro."""
SIGMA = 10
"""Of the noise on it, of 255."""


def pattern(size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """Frames of a moving pattern with noise, H W 3."""
    width, height = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    made = np.random.default_rng(0)
    frames: list[NDArray[np.uint8]] = []
    for i in range(PATTERN_FRAMES):
        waves = [128 + 60 * np.sin((x + 1.5 * i) / (9 + c)) * np.cos((y + i) / (7 + 3 * c)) for c in range(3)]
        picture = np.stack(waves, -1) + made.normal(0, SIGMA, (height, width, 3)).astype(np.float32)
        frames.append(np.clip(picture, 0, 255).astype(np.uint8))
    return frames


def vapoursynth_clip(size: tuple[int, int], length: int) -> vs.VideoNode:
    """The pattern as YUV420P8, kept in memory so that it costs nothing to read."""
    import vapoursynth as vs

    core: Any = vs.core
    pictures = pattern(size)
    blank = core.std.BlankClip(width=size[0], height=size[1], format=vs.RGB24, length=PATTERN_FRAMES)

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for plane in range(3):
            np.asarray(frame[plane])[...] = pictures[n][..., plane]
        return frame

    clip = core.resize.Bilinear(core.std.ModifyFrame(blank, blank, paint), format=vs.YUV420P8, matrix_s="709")
    core.std.SetVideoCache(clip, mode=1, fixedsize=1, maxsize=PATTERN_FRAMES)
    for _ in clip.frames():
        pass
    return core.std.Loop(clip + core.std.Reverse(clip)[1:-1], -(-length // (2 * PATTERN_FRAMES - 2)))[:length]


def write_clip(path: Path, size: tuple[int, int], frames: int) -> Path:
    """The pattern as a lossless file."""
    import av

    pictures = [av.VideoFrame.from_ndarray(p, format="rgb24").reformat(format="yuv420p") for p in pattern(size)]
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for i in range(frames):
            frame = pictures[i % PATTERN_FRAMES]
            frame.pts = i
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def size_of(path: Path) -> tuple[int, int]:
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.width, stream.height


def main() -> int:
    width, height, frames = map(int, sys.argv[1:])
    out = sys.stdout.buffer
    out.write(f"YUV4MPEG2 W{width} H{height} F25:1 Ip C444\n".encode())
    planes = [np.ascontiguousarray(picture.transpose(2, 0, 1)).tobytes() for picture in pattern((width, height))]
    for i in range(frames):
        out.write(b"FRAME\n" + planes[i % PATTERN_FRAMES])
    return 0


if __name__ == "__main__":
    sys.exit(main())
