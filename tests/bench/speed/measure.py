"""Clocks: wall time, processor time and peak memory of filters in this process and of programs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import vapoursynth as vs

from bench.patterns import SIGMA, pattern, vapoursynth_clip
from bench.peers import Filter, core
from bench.speed.plan import Plan, Size
from framemend_filters.levels import Levels

PATTERNS = Path(__file__).parents[1] / "patterns.py"
_MEASURED = """
import resource, sys
from framemend.cli import main
status = main(sys.argv[2:])
usage = resource.getrusage(resource.RUSAGE_SELF)
peak = [int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")]
with open(sys.argv[1], "w") as file:
    print(usage.ru_utime + usage.ru_stime, *peak, file=file)
sys.exit(status)
"""  # the kernel's own ru_maxrss is no use: it begins with the memory of whoever started the process


@dataclass(frozen=True)
class Cost:
    """Of a frame, or of a run: seconds by the clock on the wall, and of all processors together."""

    wall: float
    processor: float

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.wall - other.wall, self.processor - other.processor)

    def __truediv__(self, frames: float) -> Cost:
        return Cost(self.wall / frames, self.processor / frames)


@dataclass(frozen=True)
class Run:
    """Of a whole run of a program: its cost, and its peak memory in bytes."""

    cost: Cost
    peak: int


class Clock:
    """Time since it was made, of this process and its threads."""

    def __init__(self) -> None:
        self._wall, self._processor = time.perf_counter(), time.process_time()

    @property
    def cost(self) -> Cost:
        return Cost(time.perf_counter() - self._wall, time.process_time() - self._processor)


def node_cost(size: Size, run: Filter, *, few: int, many: int, rgb: bool = False) -> Cost:
    """Of a frame of a VapourSynth filter, from whole runs over few and over many frames: requests run ahead, so that a clock
    started in between would miss work."""

    def whole(frames: int, size: Size = size) -> Cost:
        clip = vapoursynth_clip(size, frames)
        clip = run(core.resize.Bilinear(clip, format=vs.RGBS, matrix_in_s="709") if rgb else clip)
        clock = Clock()
        for _ in clip.frames(close=True):
            pass
        return clock.cost

    whole(few, (64, 48))  # what is loaded once
    return (whole(many) - whole(few)) / (many - few)


def forward_cost(plan: Plan, settings: Any, size: Size) -> Cost:
    """Of a frame of the bare network: the least of some runs."""
    import torch

    from framemend_filters.engine.backends import open_network

    network, device = open_network(settings)
    inputs = {name: value.to(device) for name, value in window_inputs(settings.model, size).items()}
    costs: list[Cost] = []
    with torch.inference_mode():
        for _ in range(plan.repeats + 1):
            clock = Clock()
            network(**inputs)[0].cpu()
            costs.append(clock.cost / inputs["frames"].shape[1])
    return min(costs[1:], key=lambda cost: cost.processor)


def matrix_peak(plan: Plan, device: str, dtype: Any) -> tuple[float, float]:
    """FLOP/s of this machine's best product of two square matrices, by the wall and by a processor second."""
    import torch

    a = torch.rand(plan.matrix, plan.matrix, device=device).to(dtype)
    costs: list[Cost] = []
    for _ in range(plan.repeats + 1):
        clock = Clock()
        (a @ a)[0, 0].item()
        costs.append(clock.cost)
    best = min(costs[1:], key=lambda cost: cost.processor)
    return 2 * plan.matrix**3 / best.wall, 2 * plan.matrix**3 / best.processor


def window_inputs(model: str, size: Size) -> dict[str, Any]:
    """What the network is given for a whole window of the pattern: the shapes count, not the values."""
    import torch

    from framemend_filters.weights import model_window

    window = model_window(model)
    T, N, (W, H) = window["frames"], 2 * window["neighbours"], size
    frames = torch.from_numpy(np.stack(pattern(size)[:T])).permute(0, 3, 1, 2)[None].float() / 255
    ones = torch.ones(1, T, H, W)
    return {
        "frames": frames,
        "masks": 0 * ones,
        "certainty": ones,
        "neighbours": frames[:, :, None].expand(1, T, N, 3, H, W).contiguous(),
        "validity": torch.ones(1, T, N, H, W),
        "mean": frames,
        "count": 6 * ones,
        "base": frames,
        "levels": torch.from_numpy(Levels(noise=SIGMA / 255, grain=SIGMA / 255).array())[None],
    }


def framemend_run(
    arguments: Sequence[str], folder: Path, stdin: IO[bytes] | None = None, *, until: int | None = None
) -> Run:
    """One run of the command line in a process of its own. What it writes to stdout is dropped; until: its reader goes
    away after so many bytes."""
    report = folder / "usage"
    command = [sys.executable, "-c", _MEASURED, str(report), *arguments]
    start = time.perf_counter()
    with subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, env=_environment()) as process:
        assert process.stdout is not None
        left = sys.maxsize if until is None else until
        while left > 0 and (read := process.stdout.read(min(left, 1 << 20))):
            left -= len(read)
        process.stdout.close()
    if process.returncode:
        raise SystemExit(f"framemend {' '.join(arguments)} failed")
    wall = time.perf_counter() - start
    processor, peak = report.read_text().split()
    return Run(Cost(wall, float(processor)), int(peak))


def pipe_run(size: Size, frames: int, folder: Path, *options: str, until: int | None = None) -> Run:
    """`framemend pipe` over the pattern, fed by a process of its own; until: as for `framemend_run`."""
    feeder = [sys.executable, str(PATTERNS), str(size[0]), str(size[1]), str(frames)]
    with ExitStack() as stack:
        feed = stack.enter_context(subprocess.Popen(feeder, stdout=subprocess.PIPE, env=_environment()))
        assert feed.stdout is not None
        run = framemend_run(["pipe", "--quiet", *options], folder, feed.stdout, until=until)
        feed.stdout.close()  # frames that nobody reads any more
        feed.terminate()
        return run


def program_cost(run: Callable[[], float]) -> Cost:
    """Of a run that starts programs and gives its seconds by the wall."""
    before = os.times()
    wall = run()
    after = os.times()
    return Cost(
        wall,
        after.children_user + after.children_system - before.children_user - before.children_system,
    )


def slope(plan: Plan, cost: Callable[[int], Cost]) -> Cost:
    """Of a frame, from runs of few and of many frames."""
    few, many = cost(plan.few), cost(plan.many)
    return (many - few) / (plan.many - plan.few)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
