"""Draws the defects of film and tape that hide the picture, each with the mask of what it hides.

Every function takes frames T H W 3 uint8, a numpy Generator and a severity from 0 (nothing to see) to 1 (severe), and
returns (damaged frames, masks T H W uint8, 255 where the defect covers the picture, 0 elsewhere). Outside the mask the
frames are unchanged, bit by bit. The same generator state gives the same defects; sizes follow the height, so that a
defect looks alike at 240 and at 1080 lines.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
Masks = NDArray[np.uint8]

MACROBLOCK = 16
"""Edge of a macroblock, in samples."""


def scratches(frames: Frames, rng: np.random.Generator, severity: float) -> tuple[Frames, Masks]:
    """Near-vertical lines that run with the film: each stays for some frames, sways, and comes and goes along its length."""
    count, height, width = frames.shape[:3]
    out, masks = frames.copy(), np.zeros(frames.shape[:3], np.uint8)
    rows = np.arange(height)
    for _ in range(_number(rng, 5 * severity, severity)):
        place, lean = rng.uniform(0, width), rng.normal(0, 0.015)
        sway = np.cumsum(rng.normal(0, 0.3 + height / 1000, count))
        thickness = max(1.0, rng.gamma(2.0, 0.5) * height / 270)
        length = int(rng.integers(max(1, count // 4), 2 * count + 1))
        start = int(rng.integers(1 - length, count))
        tone, opacity = _tone(rng), float(np.clip(rng.uniform(0.3, 0.8) + 0.4 * severity, 0, 1))
        whole = rng.random() < 0.5
        for t in range(max(0, start), min(count, start + length)):
            centre = place + sway[t] + lean * (rows - height / 2) + rng.normal(0, 0.15)
            top, bottom = (0, height) if whole else np.sort(rng.integers(0, height + 1, 2))
            across = np.abs(np.arange(width)[None, :] - centre[:, None])
            line = (across <= thickness / 2) & (rows[:, None] >= top) & (rows[:, None] < bottom)
            _cover(out[t], masks[t], line, tone, opacity)
    return out, masks


def dust(frames: Frames, rng: np.random.Generator, severity: float) -> tuple[Frames, Masks]:
    """Specks, blobs and hairs, each on one frame alone, as dirt on film is."""
    count, height, width = frames.shape[:3]
    out, masks = frames.copy(), np.zeros(frames.shape[:3], np.uint8)
    unit = min(height, width) / 100
    for t in range(count):
        for _ in range(_number(rng, 10 * severity, 0)):
            blob = np.zeros((height, width), np.uint8)
            x, y = rng.uniform(0, width), rng.uniform(0, height)
            if rng.random() < 0.12:
                steps = (
                    np.cumsum(rng.normal(0, 1.6 * unit, (8, 2)), 0)
                    + rng.normal(0, 1.0 * unit, 2) * np.arange(8)[:, None]
                )
                points = np.rint(steps + (x, y)).astype(np.int32)
                cv2.polylines(blob, [points], False, 255, max(1, round(0.4 * unit)))
            else:
                radius = unit * rng.gamma(1.5, 0.5 + 0.7 * severity) + 0.5
                angles = np.arange(12) * (2 * np.pi / 12)
                reach = radius * rng.uniform(0.6, 1.3, 12)
                stretch = rng.uniform(0.5, 1.0)
                points = np.stack([x + reach * np.cos(angles), y + stretch * reach * np.sin(angles)], 1)
                cv2.fillPoly(blob, [np.rint(points).astype(np.int32)], 255)
            _cover(out[t], masks[t], blob > 0, _tone(rng), float(rng.uniform(0.75, 1.0)))
    return out, masks


def dropouts(frames: Frames, rng: np.random.Generator, severity: float) -> tuple[Frames, Masks]:
    """Streaks of tape: parts of a few neighbouring lines, on one frame alone, white, black or full of snow."""
    count, height, width = frames.shape[:3]
    out, masks = frames.copy(), np.zeros(frames.shape[:3], np.uint8)
    for t in range(count):
        for _ in range(_number(rng, 5 * severity, 0)):
            lines = int(rng.integers(1, max(2, round(height / 120)) + 1))
            top, left = int(rng.integers(0, max(1, height - lines + 1))), int(rng.integers(-width // 4, width))
            right = left + max(3, int(rng.gamma(1.5, 0.08 + 0.25 * severity) * width))
            where = (slice(top, top + lines), slice(max(0, left), min(width, right)))
            piece = out[t][where]
            if rng.random() < 0.4:
                piece[:] = rng.integers(0, 256, (*piece.shape[:2], 1), np.uint8)
            else:
                fade = np.linspace(1.0, rng.uniform(0.0, 1.0), piece.shape[1], dtype=np.float32)[None, :, None]
                piece[:] = np.rint(piece + (float(_tone(rng)) - piece) * fade)
            masks[t][where] = 255
    return out, masks


def blocks(frames: Frames, rng: np.random.Generator, severity: float) -> tuple[Frames, Masks]:
    """Macroblocks that a decoder lost: runs along a row of the grid, often to the end of it, filled with a flat colour, with
    what stands elsewhere, with a smear of the block above, or left in coarse squares; some stay for a few frames."""
    count, height, width = frames.shape[:3]
    out, masks = frames.copy(), np.zeros(frames.shape[:3], np.uint8)
    rows, columns = max(1, height // MACROBLOCK), max(1, width // MACROBLOCK)
    for _ in range(_number(rng, 0.8 * count * severity, severity)):
        first, lasts = int(rng.integers(0, count)), 1 if rng.random() < 0.7 else int(rng.integers(2, 6))
        row, column = int(rng.integers(0, rows)), int(rng.integers(0, columns))
        run = columns - column if rng.random() < 0.2 else int(rng.integers(1, max(2, columns // 4) + 1))
        high = 1 if rng.random() < 0.8 else 2
        where = (
            slice(MACROBLOCK * row, MACROBLOCK * (row + high)),
            slice(MACROBLOCK * column, MACROBLOCK * (column + run)),
        )
        filling = _block_filling(frames[first], where, rng)
        for t in range(first, min(count, first + lasts)):
            out[t][where] = filling
            masks[t][where] = 255
    return out, masks


def _block_filling(frame: Frames, where: tuple[slice, slice], rng: np.random.Generator) -> Frames:
    """What a decoder shows in place of lost blocks of `frame`."""
    piece = frame[where]
    height, width = piece.shape[:2]
    chance = rng.random()
    if chance < 0.3:
        flat = (128, 128, 128) if rng.random() < 0.6 else (int(rng.integers(0, 60)), int(rng.integers(90, 180)), 0)
        return np.broadcast_to(np.asarray(flat, np.uint8), piece.shape)
    if chance < 0.6:
        top, left = int(rng.integers(0, frame.shape[0] - height + 1)), int(rng.integers(0, frame.shape[1] - width + 1))
        return frame[top : top + height, left : left + width]
    if chance < 0.75:
        line = frame[max(0, where[0].start - 1), where[1]]
        return np.broadcast_to(line, piece.shape)
    size = (max(1, width // 8), max(1, height // 8))
    coarse = cv2.resize(piece, size, interpolation=cv2.INTER_AREA).astype(np.int16) + rng.integers(-60, 61, 3)
    filled = np.clip(coarse, 0, 255).astype(np.uint8).reshape(size[1], size[0], 3)
    return np.asarray(cv2.resize(filled, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8).reshape(
        piece.shape
    )


def logo(frames: Frames, rng: np.random.Generator, severity: float) -> tuple[Frames, Masks]:
    """A mark that stands still in a corner, see-through at low severity and solid at high: letters, a disc or a frame."""
    height, width = frames.shape[1:3]
    shape = np.zeros((height, width), np.uint8)
    if severity <= 0:
        return frames.copy(), np.zeros(frames.shape[:3], np.uint8)
    edge = min(height, width)
    size = edge * rng.uniform(0.08, 0.12 + 0.18 * severity)
    x = rng.uniform(0.04, 0.2) * width if rng.random() < 0.5 else width - rng.uniform(0.04, 0.2) * width - 1.6 * size
    y = rng.uniform(0.04, 0.2) * height if rng.random() < 0.5 else height - rng.uniform(0.04, 0.2) * height - size
    kind = rng.integers(0, 3)
    weight = max(1, round(size / 9))
    if kind == 0:
        letters = "".join(rng.choice(list("ABCDEFGHKLMNPRSTVXYZ0123456789"), int(rng.integers(2, 5))))
        scale = size / 22
        cv2.putText(shape, letters, (int(x), int(y + size)), cv2.FONT_HERSHEY_DUPLEX, scale, 255, weight)
    elif kind == 1:
        cv2.circle(shape, (int(x + size / 2), int(y + size / 2)), max(2, int(size / 2)), 255, weight)
        cv2.circle(shape, (int(x + size / 2), int(y + size / 2)), max(1, int(size / 5)), 255, -1)
    else:
        cv2.rectangle(shape, (int(x), int(y)), (int(x + 1.4 * size), int(y + size)), 255, -1)
    if not shape.any():
        shape[height // 8 : height // 4, width // 8 : width // 4] = 255
    out, masks = frames.copy(), np.zeros(frames.shape[:3], np.uint8)
    colour = rng.integers(0, 256, 3) if rng.random() < 0.3 else np.full(3, _tone(rng))
    opacity = float(np.clip(rng.uniform(0.2, 0.6) + 0.8 * severity, 0, 1))
    for t in range(len(frames)):
        _cover(out[t], masks[t], shape > 0, colour, opacity)
    return out, masks


def lost_frames(frames: Frames, rng: np.random.Generator, severity: float) -> tuple[Frames, Masks]:
    """Whole frames lost (black, mask 255 all over): at severity 1 one in four on average, never the first, and
    one at least if severity is above 0 and there is more than one frame."""
    count = len(frames)
    out, masks = frames.copy(), np.zeros(frames.shape[:3], np.uint8)
    wanted = min(count - 1, max(1, int(rng.binomial(count, 0.25 * severity)))) if severity > 0 else 0
    lost = 1 + rng.permutation(count - 1)[:wanted] if wanted > 0 else np.zeros(0, int)
    out[lost], masks[lost] = 0, 255
    return out, masks


def _number(rng: np.random.Generator, mean: float, least: float) -> int:
    return max(int(rng.poisson(mean)), 1 if least > 0 else 0)


def _tone(rng: np.random.Generator) -> int:
    """Nearly white or nearly black."""
    return int(rng.integers(190, 256) if rng.random() < 0.6 else rng.integers(0, 50))


def _cover(frame: Frames, mask: Masks, where: NDArray[np.bool_], tone: int | NDArray[np.int_], opacity: float) -> None:
    """Lay `tone` over `frame` where told, in place, and mark it in `mask`."""
    if not where.any():
        return
    frame[where] = np.rint(frame[where] * (1 - opacity) + np.asarray(tone) * opacity).astype(np.uint8)
    mask[where] = 255
