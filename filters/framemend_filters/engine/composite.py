"""Composite colour that a simple receiver took apart with a notch (rainbows on fine detail, crawling dots), put together and taken apart anew.

Light and colour share one signal, S = Y + U sin(a) + V cos(a), whose subcarrier a turns by a known part of a cycle from line to line
(ITU-R BT.1700). What a notch takes for colour holds the detail that light lacks, and what is left in light around the subcarrier is made of the
same S: so both agree on where in its cycle each line began, and go together once colour is put back onto that carrier. Of two
lines whose carriers are opposite, half the sum is light and half the difference is colour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.analogue import STANDARDS, Plane, Standard, light_and_colour, picture_of

Lines = NDArray[np.intp]
Cycles = NDArray[np.float64]
Common = tuple[NDArray[np.complex128], NDArray[np.complex128]]


class System(NamedTuple):
    """rasters: cycles of the subcarrier a sample, where a line has 720 samples (ITU-R BT.601) or square ones.

    share: what light and colour of a decoder have of the signal together, at every STEP cycles a sample of the first raster, 1 beyond;
    ratio: how much more of it is in colour than in light, `told_at` so many cycles. Of vapoursynth-composite's, on data/train; what others
    leave is not made even.
    """

    standard: Standard
    rasters: tuple[float, float]
    share: tuple[float, ...]
    ratio: float
    told_at: float


PAL = System(
    standard=STANDARDS["pal"],
    rasters=(4.43361875 / 13.5, 4.43361875 / 14.75),
    share=(1, 0.99, 0.98, 0.99, 1.06, 1.19, 1.35, 1.48, 1.54, 1.48, 1.36, 1.25, 1.15, 1.07, 1.01),
    ratio=1.87,
    told_at=0.16,
)
NTSC = System(
    standard=STANDARDS["ntsc"],
    rasters=(3.579545 / 13.5, 3.579545 / 12.272727),
    share=(1, 0.99, 0.98, 1.03, 1.16, 1.31, 1.37, 1.33, 1.24, 1.16, 1.08, 1.02),
    ratio=1.33,
    told_at=0.12,
)
STEP = 0.02
SAME, OTHER = 0.15, 0.3
"""How far off, as a share of it, the ratio of such a decoder is at most, and that of another one at least."""
LEAST, LARGEST = (64, 240), (576, 768)
"""Lines and columns of frames that may be such rasters, or parts of them, and say enough."""
PROBE = 128
"""Lines that are looked at first."""
PROBABLE, COHERENT = 0.18, 0.25
"""Agreement of the lines on where the carrier begins, 0..1, from which on it is looked for in the whole picture, and there is one: in pieces of
272x336 of data/val and data/test it is 0.89 and more with PAL and NTSC, 0.36 to 0.83 with the tape of `framemend evaluate`, 0.18 at most without."""
STEADY = 0.8
"""How much of what single frames agree they agree together, at least, where the carrier runs on from frame to frame."""
STEPS = 0.0, 0.25, 0.5, 0.75
"""Cycles that it may turn by from frame to frame."""
OPPOSITE = 0.1
"""Cycles that the carriers of opposite lines may be off half a cycle."""
DISTANCES = 1, 2, 4
"""Lines from one to an opposite one that are looked at: the next of the other field, and of its own."""
NEXT = 0.25
"""How much the next opposite lines count, beside the nearest (chosen on data/val)."""
REACH = 24
"""Samples that filters along a line reach to each side."""
RING, COLOUR, TOLD = (0.03, 0.08), 0.08, 0.02
"""Cycles a sample: standard deviations of the bands around the carrier between which light is looked at: nearer nothing is left of it, further away there is
no colour; where colour ends; standard deviation of the band that a decoder is told by."""


class Around(NamedTuple):
    """Numbers of a line above and of one below each line, h."""

    above: Lines
    below: Lines

    def replaced(self, where: NDArray[np.bool_], by: Around) -> Around:
        """These, and others where it says so."""
        return Around(np.where(where, by.above, self.above), np.where(where, by.below, self.below))

    def mean(self, plane: Plane) -> Plane:
        """Mean of both lines, h w."""
        return (plane[self.above] + plane[self.below]) / np.float32(2)


class Carrier(NamedTuple):
    """A subcarrier: cycles a sample; where in its cycle it is at the first sample of each line, h, and V's sign there, h; equaliser:
    the filter along lines that makes the signal even, if any."""

    cycles: float
    starts: Cycles
    sign: Plane
    equaliser: Plane | None

    def wave(self, width: int) -> tuple[Plane, Plane]:
        """What U and V are multiplied by, h w each."""
        turns = (self.starts[:, None] + self.cycles * np.arange(width)) % 1 * 2 * np.pi
        return np.sin(turns).astype(np.float32), np.cos(turns).astype(np.float32) * self.sign[:, None]

    def opposite(self) -> tuple[Around, Around]:
        """Of each line the nearest ones above and below whose carrier is opposite and whose V has the same sign, and the next ones of
        that kind; one twice where there is no other, the line itself where there is none."""
        lines = np.arange(len(self.starts))
        nearest, next_ = Around(lines, lines), Around(lines, lines)
        found = np.zeros(len(lines), int)
        for distance in DISTANCES:
            above, below = self._opposite(-distance), self._opposite(distance)
            here = Around(np.where(above == lines, below, above), np.where(below == lines, above, below))
            fits = here.above != lines
            nearest, next_ = nearest.replaced(fits & (found == 0), here), next_.replaced(fits & (found == 1), here)
            found += fits
        return nearest, next_.replaced(found == 1, nearest)

    def _opposite(self, step: int) -> Lines:
        """Of each line the one that many below it, if it is opposite, else itself."""
        lines = np.arange(len(self.starts))
        other = np.clip(lines + step, 0, len(lines) - 1)
        off = np.abs((self.starts[other] - self.starts) % 1 - 0.5)
        return np.where((off < OPPOSITE) & (self.sign[other] == self.sign), other, lines)


def carriers(written: Sequence[int], frames: Mapping[int, NDArray[np.floating]]) -> dict[int, Carrier]:
    """The carrier of each of the frames of a shot, H W 3, RGB, 0..1, by number; nothing where there was none. written: those to judge by."""
    middle = frames[written[len(written) // 2]]
    height, width = middle.shape[:2]
    if not (LEAST[0] <= height <= LARGEST[0] and LEAST[1] <= width <= LARGEST[1]):
        return {}
    first = max(0, (height - PROBE) // 4 * 2)
    if _best(middle[first : first + PROBE])[1] < PROBABLE:
        return {}
    structure, _ = _best(middle)
    lines = {t: _lines(light_and_colour(frame), structure.cycles) for t, frame in frames.items()}
    if np.mean([structure.agreement(lines[t]) for t in written]) < COHERENT:
        return {}
    starts, signs = _in_time(structure, lines)
    found = {
        t: Carrier(structure.cycles, structure.turns + starts[t], structure.sign * np.float32(signs[t]), None)
        for t in frames
    }
    equaliser = _equaliser(structure, [(frames[t], found[t]) for t in written])
    return {t: carrier._replace(equaliser=equaliser) for t, carrier in found.items()}


def decoded(picture: NDArray[np.floating], carrier: Carrier) -> NDArray[np.floating]:
    """A picture H W 3, RGB, 0..1, its light and colour taken apart anew; of the same type."""
    light, u, v = light_and_colour(picture)
    by_u, by_v = carrier.wave(picture.shape[1])
    nearest, next_ = carrier.opposite()
    signal = light + u * by_u + v * by_v
    if carrier.equaliser is not None:
        signal = _along(signal, carrier.equaliser)

    def colour(wave: Plane) -> Plane:
        shifted = signal * wave
        others = np.float32(1 - NEXT) * nearest.mean(shifted) + np.float32(NEXT) * next_.mean(shifted)
        return _along(shifted + others, _COLOUR)

    u, v = colour(by_u), colour(by_v)
    light = np.asarray(signal - u * by_u - v * by_v, np.float32)
    return np.clip(picture_of(light, u, v), 0, 1).astype(picture.dtype, copy=False)


class _Structure(NamedTuple):
    """How lines follow each other: cycles from the first line to each, h, and V's sign, but for that of the frame."""

    system: System
    cycles: float
    turns: Cycles
    sign: Plane

    def sums(self, lines: Common) -> list[complex]:
        """`lines` (see `_lines`) laid onto each other, for both signs of V."""
        return [complex(turned.sum()) for turned in self._turned(lines)]

    def agreement(self, lines: Common) -> float:
        """How far they agree, 0..1, for the sign that they agree on more."""
        return max(float(np.abs(turned.sum()) / (np.abs(turned).sum() + 1e-9)) for turned in self._turned(lines))

    def _turned(self, lines: Common) -> list[NDArray[np.complex128]]:
        by_u, by_v = lines
        back = np.exp(-2j * np.pi * self.turns)
        return [(sign * self.sign * by_v + 1j * by_u) * back for sign in (1, -1)]


def _structures(system: System, cycles: float, height: int) -> Iterator[_Structure]:
    """Of two fields in either order, and of one."""
    standard, rows = system.standard, np.arange(height)
    fields = standard.between_fields, standard.between_fields - standard.lines
    for lines in (rows, *(rows // 2 + rows % 2 * offset for offset in fields)):
        sign = 1 - 2 * (lines % 2) if standard.switched else np.ones(height)
        yield _Structure(system, cycles, np.asarray(standard.by_line * lines % 1, np.float64), sign.astype(np.float32))


def _lines(planes: Sequence[Plane], cycles: float) -> Common:
    """What light around a carrier has in common with U and with V, complex, h each: its angle is where the carrier begins."""
    light, u, v = planes
    turned = np.exp(-2j * np.pi * cycles * np.arange(light.shape[1]))
    real, imaginary = (_along(light * part.astype(np.float32), _RING) for part in (turned.real, turned.imag))
    by_u, by_v = ((real * c).sum(1) + np.complex128(1j) * (imaginary * c).sum(1) for c in (u, v))
    return by_u, by_v


def _best(picture: NDArray[np.floating]) -> tuple[_Structure, float]:
    """The structure that the lines of a picture agree most on, and how far they do, 0..1."""
    planes = light_and_colour(picture)
    told: list[tuple[_Structure, float]] = []
    for system in (PAL, NTSC):
        for cycles in system.rasters:
            lines = _lines(planes, cycles)
            told += [(s, s.agreement(lines)) for s in _structures(system, cycles, len(planes[0]))]
    return max(told, key=lambda one: one[1])


def _in_time(structure: _Structure, lines: Mapping[int, Common]) -> tuple[dict[int, float], dict[int, int]]:
    """Where the carrier of each frame begins, cycles, and the sign of its V: by all frames together where it runs on, else by each."""
    sums = {t: structure.sums(both) for t, both in lines.items()}
    own = {t: max((0, 1), key=lambda place: abs(both[place])) for t, both in sums.items()}
    ways = {
        (step, flips, first): sum(
            both[(first + flips * t) % 2] * np.exp(-2j * np.pi * step * t) for t, both in sums.items()
        )
        for step, flips, first in product(STEPS, (0, 1), (0, 1))
    }
    (step, flips, first), together = max(ways.items(), key=lambda way: abs(way[1]))
    if abs(together) < STEADY * sum(abs(both[own[t]]) for t, both in sums.items()):
        starts = {t: float(np.angle(both[own[t]])) / (2 * np.pi) for t, both in sums.items()}
        return starts, {t: 1 - 2 * place for t, place in own.items()}
    start = float(np.angle(together)) / (2 * np.pi)
    return {t: start + step * t for t in sums}, {t: 1 - 2 * ((first + flips * t) % 2) for t in sums}


def _equaliser(structure: _Structure, known: Sequence[tuple[NDArray[np.floating], Carrier]]) -> Plane | None:
    """See `Carrier`, by what frames with their carriers say of the decoder."""
    system = structure.system
    scale = structure.cycles / system.rasters[0]
    there = _kernel(np.exp(-np.square((_CYCLES - system.told_at * scale) / TOLD) / 2))
    common = power = 0.0
    for picture, carrier in known:
        light, u, v = light_and_colour(picture)
        waves = carrier.wave(picture.shape[1])
        colour, light = _along(u * waves[0] + v * waves[1], there), _along(light, there)
        common, power = common + float((colour * light).sum()), power + float(np.square(light).sum())
    off = abs(common / max(power, 1e-9) / system.ratio - 1)
    alike = float(np.clip((OTHER - off) / (OTHER - SAME), 0, 1))
    share = np.interp(_CYCLES, np.arange(len(system.share) + 1) * STEP * scale, (*system.share, 1))
    return _kernel(share**-alike) if alike else None


def _along(plane: NDArray[np.floating], kernel: Plane) -> Plane:
    filtered = cv2.filter2D(np.asarray(plane, np.float32), -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(filtered, np.float32)


def _kernel(response: NDArray[np.floating]) -> Plane:
    """The filter along a line with this response at _CYCLES, 1 x (2 * REACH + 1)."""
    taps = np.fft.fftshift(np.fft.irfft(response))
    middle = len(taps) // 2
    return (taps[middle - REACH : middle + REACH + 1] * np.hanning(2 * REACH + 3)[1:-1])[None].astype(np.float32)


_CYCLES = np.linspace(0, 0.5, 129)
_RING = _kernel(np.exp(-np.square(_CYCLES / RING[1]) / 2) - np.exp(-np.square(_CYCLES / RING[0]) / 2))
_COLOUR = _kernel(np.clip(1.25 - _CYCLES / COLOUR, 0, 0.5) * 2)
