"""What a method is: a name, the tasks it is for, the settings that are tried, and a function from a shot to frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.quality.shots import Shot
from framemend.clips import Frames

STEPS = (0.5, 0.7, 1.0, 1.4, 2.0)
"""Strengths tried of every denoiser, times what its own documentation or measurement says for the error of the task."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """`run` takes a shot and one of the settings to frames T H W 3 uint8, in one thread.

    settings: the settings tried on data/val, given the level of the task: the standard deviation of what is wrong with its
    clips there, in codes; a method with nothing to set has one. says: a setting in words, for the table.
    prepare: done before the clock starts: what a program does once, such as loading weights.
    missing: None, or one line that says why the method cannot be run here.
    """

    name: str
    tasks: tuple[str, ...]
    run: Callable[[Shot, float], Frames]
    settings: Callable[[float], tuple[float, ...]] = lambda level: (0.0,)
    extends: bool = False
    most: float = float("inf")
    says: Callable[[float], str] = lambda setting: ""
    prepare: Callable[[Shot], object] = lambda shot: None
    missing: Callable[[], str | None] = lambda: None


def strengths(unit: Callable[[float], float]) -> Callable[[float], tuple[float, ...]]:
    """Settings at STEPS around `unit` of the level, rounded to three digits."""
    return lambda level: tuple(float(f"{unit(level * step):.3g}") for step in STEPS)


def choices(*values: float) -> Callable[[float], tuple[float, ...]]:
    """The same settings at every level."""
    return lambda level: values
