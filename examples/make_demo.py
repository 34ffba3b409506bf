"""Renders the clip that `make demo` repairs: a drawn street seen from a moving tram, clean and damaged.

    python examples/make_demo.py

writes examples/demo/clean.mp4 and examples/demo/damaged.mp4, 384x216, 24 frames a second, two seconds, with sound. All of
it is drawn here from seeded random numbers, so the clip belongs to nobody else and can be shipped. The damage: grain,
two scratches, H.264 at a low rate, and a solid box that stands still, as a logo or a burned-in clock does.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

Picture = NDArray[np.float32]
"""H W 3 or H W 4 (with alpha), RGB, 0..1."""

WIDTH, HEIGHT, FPS, FRAMES = 384, 216, 24, 48
SCALE = 2
"""Everything is drawn this much larger and then averaged down, which smooths edges and makes motion finer than a sample."""
BOX = (232, 60, 60, 44)
"""X, Y, W, H of the box that covers the picture, in samples."""
SCRATCHES = ((68, 0, 6, HEIGHT), (299, 0, 6, HEIGHT))
"""Strips that the two scratches sway in."""
GRAIN, CRF = 14.0, 24
"""Standard deviation of the grain, codes of 255; rate of the damaged clip."""
FOLDER = Path(__file__).parent / "demo"


def clouds(rng: np.random.Generator, height: int, width: int, coarsest: int, fall: float = 0.55) -> Picture:
    """Fractal noise, 0..1: random grids from `coarsest` samples apart down to 2, each `fall` as strong as the last."""
    total, weight, step = np.zeros((height, width), np.float32), 1.0, coarsest
    while step >= 2:
        grid = rng.random((height // step + 3, width // step + 3), np.float32)
        total += weight * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        weight, step = weight * fall, step // 2
    low, high = np.quantile(total, [0.01, 0.99])
    return np.clip((total - low) / (high - low), 0, 1).astype(np.float32)


def shade(red: float, green: float, blue: float) -> Picture:
    """A colour."""
    return np.array([red, green, blue], np.float32)


def layer(height: int, width: int) -> Picture:
    """An empty layer with alpha."""
    return np.zeros((height, width, 4), np.float32)


def sky(rng: np.random.Generator, height: int, width: int) -> Picture:
    fade = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    blue = shade(0.32, 0.52, 0.80) * (1 - fade) + shade(0.93, 0.80, 0.66) * fade
    white = clouds(rng, height, width, 128)[..., None] ** 2
    light = blue * (1 - 0.8 * white) + 0.8 * white * shade(1, 0.97, 0.92)
    return np.concatenate([light, np.ones_like(white)], 2).astype(np.float32)


def hills(rng: np.random.Generator, height: int, width: int) -> Picture:
    out = layer(height, width)
    ridge = height * (0.22 + 0.28 * clouds(rng, 1, width, 256)[0])
    wood = clouds(rng, height, width, 32, 0.8)[..., None]
    out[..., :3] = shade(0.16, 0.27, 0.22) + wood * shade(0.22, 0.28, 0.16)
    out[..., 3] = np.clip(np.arange(height)[:, None] - ridge[None, :], 0, 1)
    return out


def houses(rng: np.random.Generator, height: int, width: int) -> Picture:
    out = layer(height, width)
    left, base = 0, int(height * 0.80)
    words = itertools.cycle(["CAFE", "CINEMA", "BOOKS", "MUSIC", "BREAD", "RADIO"])
    bricks = clouds(rng, height, width, 8, 0.9)[..., None]
    while left < width:
        wide, tall = int(rng.integers(110, 190)), int(rng.integers(int(height * 0.34), int(height * 0.58)))
        wall = rng.uniform([0.45, 0.28, 0.22], [0.85, 0.66, 0.50]).astype(np.float32)
        here = (slice(base - tall, base), slice(left, min(width, left + wide)))
        out[here] = np.concatenate([wall * (0.72 + 0.45 * bricks[here]), np.ones_like(bricks[here])], 2)
        out[base - tall : base : 7, here[1], :3] *= 0.82
        for y in range(base - tall + 18, base - 40, 44):
            for x in range(left + 14, left + wide - 30, 36):
                glass = shade(0.16, 0.20, 0.28) if rng.random() < 0.7 else shade(0.98, 0.85, 0.48)
                cv2.rectangle(out, (x, y), (x + 18, y + 26), (0.95, 0.93, 0.88, 1), -1)
                cv2.rectangle(out, (x + 2, y + 2), (x + 16, y + 24), (*glass.tolist(), 1), -1)
                cv2.line(out, (x + 9, y), (x + 9, y + 26), (0.95, 0.93, 0.88, 1), 1)
        word = next(words)
        cv2.rectangle(out, (left + 8, base - 34), (left + wide - 12, base - 10), (0.12, 0.20, 0.26, 1), -1)
        letters = np.zeros((height, width), np.uint8)
        cv2.putText(letters, word, (left + 14, base - 15), cv2.FONT_HERSHEY_DUPLEX, 0.65, 255, 1, cv2.LINE_AA)
        out = out + (letters[..., None] / np.float32(255)) * (np.array([0.96, 0.88, 0.62, 1], np.float32) - out)
        left += wide + int(rng.integers(0, 14))
    return np.clip(out, 0, 1).astype(np.float32)


def street(rng: np.random.Generator, height: int, width: int) -> Picture:
    out = layer(height, width)
    top = int(height * 0.79)
    stones = clouds(rng, height, width, 16, 0.85)[..., None]
    out[top:, :, :3] = (shade(0.30, 0.29, 0.31) + 0.30 * stones)[top:]
    out[top:, :, 3] = 1
    out[top : top + 6, :, :3] = 0.72
    for x in range(0, width, 120):
        cv2.rectangle(out, (x, int(height * 0.90)), (x + 64, int(height * 0.915)), (0.90, 0.88, 0.80, 1), -1)
    return out


def balloon(rng: np.random.Generator) -> Picture:
    """A striped balloon with its basket, 2 x 60 samples high."""
    out = layer(150, 110)
    cv2.ellipse(out, (55, 52), (46, 50), 0, 0, 360, (0.85, 0.20, 0.18, 1), -1, cv2.LINE_AA)
    for half, colour in ((34, (0.97, 0.87, 0.55, 1)), (21, (0.85, 0.20, 0.18, 1)), (8, (0.97, 0.87, 0.55, 1))):
        cv2.ellipse(out, (55, 52), (half, 50), 0, 0, 360, colour, -1, cv2.LINE_AA)
    for x in (40, 70):
        cv2.line(out, (x, 98), (55 + (x - 55) // 2, 126), (0.25, 0.18, 0.12, 1), 1, cv2.LINE_AA)
    cv2.rectangle(out, (46, 126), (64, 142), (0.45, 0.30, 0.16, 1), -1)
    out[..., :3] *= 0.85 + 0.3 * clouds(rng, 150, 110, 8, 0.8)[..., None]
    return np.clip(out, 0, 1).astype(np.float32)


def lay(under: Picture, over: Picture, x: float, y: float = 0.0) -> Picture:
    """`over` with its corner at x, y (fractions of a sample count) on `under`."""
    move = np.array([[1, 0, x], [0, 1, y]], np.float32)
    size = (under.shape[1], under.shape[0])
    colour = over[..., :3] * over[..., 3:]
    moved = cv2.warpAffine(np.dstack([colour, over[..., 3]]), move, size, flags=cv2.INTER_LINEAR)
    return under * (1 - moved[..., 3:]) + moved[..., :3]


def render() -> Iterator[NDArray[np.uint8]]:
    """The clean frames, H W 3 uint8 RGB."""
    rng = np.random.default_rng(1895)
    height, width = HEIGHT * SCALE, WIDTH * SCALE
    parts = [
        (draw(rng, height, width + 500), speed)
        for draw, speed in ((sky, 0.5), (hills, 1.3), (houses, 4.4), (street, 8.0))
    ]
    flying = balloon(rng)
    for t in range(FRAMES):
        frame = np.zeros((height, width, 3), np.float32)
        for number, (part, speed) in enumerate(parts):
            frame = lay(frame, part, -speed * t, 1.5 * np.sin(t / 7) if number > 1 else 0.0)
            if number == 1:
                frame = lay(frame, flying, 90 + 5.5 * t, 24 + 14 * np.sin(t / 9))
        small = cv2.resize(frame, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        yield np.clip(np.rint(small * 255), 0, 255).astype(np.uint8)


def spoil(frames: list[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """Grain, scratches and the box; the codec does the rest."""
    rng = np.random.default_rng(1897)
    x, y, w, h = BOX
    for frame in frames:
        common, own = rng.standard_normal((HEIGHT, WIDTH, 1), np.float32), rng.standard_normal(frame.shape, np.float32)
        out = np.clip(frame + GRAIN * (0.8 * common + 0.6 * own), 0, 255)
        for (left, _, wide, _), tone in zip(SCRATCHES, (235, 30), strict=True):
            place = int(np.clip(round(left + wide / 2 + rng.normal(0, 0.7)), left + 1, left + wide - 2))
            out[:, place] = 0.35 * out[:, place] + 0.65 * tone
        out[y : y + h, x : x + w] = (24, 24, 28)
        yield np.rint(out).astype(np.uint8)


def tune(rate: int = 44100) -> NDArray[np.float32]:
    """Two seconds of a plucked tune, 1 x samples, -1..1."""
    time = np.arange(rate * FRAMES // FPS) / rate
    sound = np.zeros_like(time)
    for beat, note in enumerate([0, 4, 7, 12, 7, 4, 2, 0]):
        since = time - beat * 0.25
        sound += np.where(
            since >= 0, np.sin(2 * np.pi * 262 * 2 ** (note / 12) * since) * np.exp(-5 * np.abs(since)), 0
        )
    return (0.35 * sound / np.abs(sound).max()).astype(np.float32)[None]


def write(path: Path, frames: list[NDArray[np.uint8]], crf: int, preset: str) -> None:
    """H.264, 4:2:0, BT.709 limited and tagged so, with AAC sound."""
    exact = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=FPS, options={"crf": str(crf), "preset": preset})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        context = video.codec_context
        context.thread_count = 1
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries = context.color_trc = 1
        sound = container.add_stream("aac", rate=44100, layout="mono", options={"b": "64k"})
        for index, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.MPEG,
                interpolation=int(exact),
            )
            picture.pts, picture.time_base = index, Fraction(1, FPS)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        samples = tune()
        for start in range(0, samples.shape[1], 1024):
            piece = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[:, start : start + 1024]), "fltp", "mono")
            piece.sample_rate, piece.pts, piece.time_base = 44100, start, Fraction(1, 44100)
            container.mux(sound.encode(piece))
        container.mux(sound.encode(None))


def main() -> None:
    """Write both clips and say how large they are."""
    FOLDER.mkdir(exist_ok=True)
    frames = list(render())
    write(FOLDER / "clean.mp4", frames, 14, "slow")
    write(FOLDER / "damaged.mp4", list(spoil(frames)), CRF, "slow")
    for path in sorted(FOLDER.glob("*.mp4")):
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
