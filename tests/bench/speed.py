"""How fast framemend is, as ratios that were measured in one run on one machine: against its own network, against the
machine, against hand-made denoisers; how time and memory grow.

    make bench-speed        (PYTHONPATH=plugin:filters python tests/bench/speed.py)

prints the tables and writes them to examples/speed.md. It wants a machine that does nothing else. --quick goes through all
of it on tiny pictures, to see that it works: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import peers
import vapoursynth as vs
from patterns import SIGMA, pattern, size_of, vapoursynth_clip, write_clip

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is measured."""

    sizes: tuple[tuple[int, int], ...] = ((640, 360), (1280, 720), (1920, 1080))
    few: int = 10
    """Frames of the shorter of two runs; the difference of both is what counts, so that starting up does not."""
    many: int = 40
    memory_sizes: tuple[tuple[int, int], ...] = ((1920, 1080), (3840, 2160))
    memory_frames: tuple[int, int] = (20, 100)
    long_frames: int = 5000
    """Frames of a long run, at the size of `long_size`, to see that memory does not grow."""
    long_size: tuple[int, int] = (96, 64)
    matrix: int = 4096
    """Edge of the matrices whose product shows the machine's peak."""
    repeats: int = 5


QUICK = Plan(
    sizes=((64, 48), (96, 64)), few=5, many=10, memory_sizes=((96, 64),), memory_frames=(5, 10), long_frames=20,
    long_size=(64, 48), matrix=256, repeats=1,
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny pictures and few frames: does it run at all?")
    parser.add_argument("--model", default="fast", help="shipped weights or a folder (default: fast)")
    parser.add_argument("--output", type=Path, default=ROOT / "examples" / "speed.md", help="page to write")
    args = parser.parse_args()
    plan = QUICK if args.quick else Plan()
    with TemporaryDirectory() as folder:
        parts = [part for part in _page(plan, args.model, Path(folder))]
    args.output.write_text("\n\n".join(parts) + "\n")
    return 0


def _page(plan: Plan, model: str, folder: Path) -> Iterator[str]:
    """The parts of the page, each printed as soon as it is known."""
    title = f"# Speed\n\nMeasured by `make bench-speed` in one run, on one machine. Weights: `{model}`."
    for part in (title, _machine(), *_sections(plan, model, folder)):
        text = part if isinstance(part, str) else part()
        print(text, end="\n\n", flush=True)
        yield text


def _sections(plan: Plan, model: str, folder: Path) -> Iterator[Callable[[], str]]:
    yield lambda: network_section(plan, model)
    yield lambda: ways_section(plan, model, folder)
    yield lambda: peers_section(plan, model, folder)
    yield lambda: growth_section(plan, model)
    yield lambda: memory_section(plan, model)


# The network alone ----------------------------------------------------------------------------------------------------


def network_section(plan: Plan, model: str) -> str:
    """FLOP/s of the forward, against this machine's product of matrices."""
    import torch

    from framemend_filters.engine import RepairSettings
    from framemend_filters.engine.devices import pick_device, pick_precision

    size = plan.sizes[0]
    device = pick_device("auto")
    flop = network_flop(model, size)
    rows: list[Sequence[str]] = []
    for precision in dict.fromkeys(("fp32", _name(pick_precision("auto", device)))):
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        peak = _matrix_peak(plan, device, dtype)
        rate = flop / forward_seconds(plan, RepairSettings(model=model, precision=precision), size)
        rows.append((precision, f"{rate / 1e9:.0f}", f"{peak / 1e9:.0f}", f"{rate / peak:.2f}"))
    head = ("precision", "GFLOP/s", "product of matrices, GFLOP/s", "share (goal: 0.5)")
    return f"## The network alone\n\n{flop / 1e9:.1f} GFLOP a frame of {_size(size)}.\n\n" + _table(head, rows)


def network_flop(model: str, size: tuple[int, int]) -> float:
    """Floating-point operations of the network for one frame, multiply and add counted as two."""
    from torch.utils.flop_counter import FlopCounterMode

    from framemend_filters.model import load_model

    network, inputs = load_model(model), window_inputs(model, size)
    with FlopCounterMode(display=False) as counter:
        network(**inputs, return_dict=False)
    return counter.get_total_flops() / inputs["frames"].shape[1]


def forward_seconds(plan: Plan, settings: Any, size: tuple[int, int]) -> float:
    """Seconds that the bare forward takes for a frame: the least of some runs."""
    import torch

    from framemend_filters.engine.backends import open_network

    network, device = open_network(settings)
    inputs = {name: value.to(device) for name, value in window_inputs(settings.model, size).items()}
    times: list[float] = []
    with torch.inference_mode():
        for _ in range(plan.repeats + 1):
            start = time.perf_counter()
            network(**inputs)[0].cpu()
            times.append(time.perf_counter() - start)
    return min(times[1:]) / inputs["frames"].shape[1]


def window_inputs(model: str, size: tuple[int, int]) -> dict[str, Any]:
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
        "noise": torch.tensor([SIGMA / 255]),
    }


def _matrix_peak(plan: Plan, device: str, dtype: Any) -> float:
    """FLOP/s of this machine's best product of two square matrices."""
    import torch

    a = torch.rand(plan.matrix, plan.matrix, device=device).to(dtype)
    best = float("inf")
    for _ in range(plan.repeats + 1):
        start = time.perf_counter()
        (a @ a)[0, 0].item()
        best = min(best, time.perf_counter() - start)
    return 2 * plan.matrix**3 / best


# The ways in ----------------------------------------------------------------------------------------------------------


def ways_section(plan: Plan, model: str, folder: Path) -> str:
    """Frames a second of node, pipe and file against those of the bare forward."""
    from framemend_filters.engine import RepairSettings

    size = plan.sizes[0]
    bare = forward_seconds(plan, RepairSettings(model=model), size)
    clip = write_clip(folder / "ways.mkv", size, plan.many)
    ways = {
        "bare forward": bare,
        "node": node_seconds(plan, size, _repair(model)),
        "pipe": _slope(plan, lambda n: pipe_seconds(model, size, n)[0]),
        "file": _slope(plan, lambda n: _file_seconds(model, clip, folder / "out.mkv", n)),
    }
    rows = [(name, f"{1 / seconds:.2f}", f"{bare / seconds:.2f}") for name, seconds in ways.items()]
    return f"## Ways in\n\nAt {_size(size)}.\n\n" + _table(("way", "frames a second", "share (goal: 0.9)"), rows)


def node_seconds(plan: Plan, size: tuple[int, int], run: peers.Filter, *, rgb: bool = False) -> float:
    """Seconds a frame of a VapourSynth filter, once it runs."""
    clip = vapoursynth_clip(size, plan.few + plan.many)
    clip = peers.core.resize.Bilinear(clip, format=vs.RGBS, matrix_in_s="709") if rgb else clip
    frames = run(clip).frames(close=True)
    for _ in range(plan.few):
        next(frames)
    start = time.perf_counter()
    done = sum(1 for _ in frames)
    return (time.perf_counter() - start) / done


def pipe_seconds(model: str, size: tuple[int, int], frames: int) -> tuple[float, int]:
    """Seconds that `framemend pipe` takes for so many frames, and its peak memory in bytes."""
    command = [sys.executable, "-m", "framemend", "pipe", "--model", model, "--quiet"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    start = time.perf_counter()
    # As files, not through this process: one that waits for another's output and feeds it can come to a halt.
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("patterns.py")), str(size[0]), str(size[1]), str(frames)],
        env=environment,
        stdout=subprocess.PIPE,
    ) as feed:
        process = subprocess.Popen(command, env=environment, stdin=feed.stdout, stdout=subprocess.DEVNULL)
        assert feed.stdout is not None
        feed.stdout.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - start, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _file_seconds(model: str, clip: Path, out: Path, frames: int) -> float:
    from framemend.cli import main as framemend

    part = out.with_name(f"part{frames}.mkv")
    if not part.exists():
        write_clip(part, size_of(clip), frames)
    out.unlink(missing_ok=True)
    start = time.perf_counter()
    if framemend(["repair", str(part), str(out), "--model", model, "--quiet"]):
        raise SystemExit("framemend repair failed")
    return time.perf_counter() - start


def _slope(plan: Plan, seconds: Callable[[int], float]) -> float:
    """Seconds a frame, from runs of few and of many frames."""
    few, many = seconds(plan.few), seconds(plan.many)
    return (many - few) / (plan.many - plan.few)


# Peers, growth, memory ------------------------------------------------------------------------------------------------


def peers_section(plan: Plan, model: str, folder: Path) -> str:
    """Frames a second of framemend and of hand-made denoisers at each size."""
    found: dict[str, list[float]] = {}
    known = peers.vapoursynth_peers()
    for size in plan.sizes:
        found.setdefault("framemend, node", []).append(node_seconds(plan, size, _repair(model)))
        for name, (run, _) in known.items():
            found.setdefault(name, []).append(node_seconds(plan, size, run, rgb=True))
        clip = write_clip(folder / f"{size[0]}.mkv", size, plan.many)
        for name, filters in peers.FFMPEG.items():
            rate = _slope(plan, lambda n, c=clip, f=filters: peers.ffmpeg_seconds(c, f, n))
            found.setdefault(name, []).append(rate)
    ours = found["framemend, node"]
    rows = [
        (name, *(f"{1 / s:.2f} ({s / mine:.2f})" for s, mine in zip(seconds, ours, strict=True)))
        for name, seconds in found.items()
    ]
    head = ("filter", *map(_size, plan.sizes))
    note = "Frames a second; in brackets how many times as fast framemend is. All use every core they can."
    return f"## Beside hand-made denoisers\n\n{note}\n\n" + _table(head, rows)


def growth_section(plan: Plan, model: str) -> str:
    """Time against samples and against frames."""
    rows = []
    for size in plan.sizes:
        seconds = node_seconds(plan, size, _repair(model))
        rows.append((_size(size), f"{seconds:.3f}", f"{1e9 * seconds / (size[0] * size[1]):.0f}"))
    by_size = _table(("size", "seconds a frame", "ns a sample (even is linear)"), rows)
    clip = vapoursynth_clip(plan.sizes[0], 4 * plan.many)
    marks: list[tuple[str, str]] = []
    start = time.perf_counter()
    for n, _ in enumerate(_repair(model)(clip).frames(close=True), 1):
        if n in (plan.many, 2 * plan.many, 4 * plan.many):
            marks.append((str(n), f"{(time.perf_counter() - start) / n:.3f}"))
    return "## Growth\n\n" + by_size + "\n\n" + _table(("frames", "seconds a frame (even is linear)"), marks)


def memory_section(plan: Plan, model: str) -> str:
    """Peak memory of `framemend pipe`, everything included."""
    rows = []
    runs = [(size, frames) for size in plan.memory_sizes for frames in plan.memory_frames]
    runs += [(plan.long_size, frames) for frames in (plan.memory_frames[1], plan.long_frames)]
    for size, frames in runs:
        rows.append((_size(size), str(frames), f"{pipe_seconds(model, size, frames)[1] / 2**30:.2f}"))
    note = "Of `framemend pipe`, Python and libraries included (goal: under 2 GiB at 1920x1080, and flat)."
    return f"## Memory\n\n{note}\n\n" + _table(("size", "frames", "peak GiB"), rows)


# Text -----------------------------------------------------------------------------------------------------------------


def _repair(model: str) -> peers.Filter:
    import framemend

    return lambda clip: framemend.repair(clip, model=model)


def _machine() -> str:
    import torch

    name = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            name = line.partition(":")[2].strip()
            break
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    busy = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores of {name}{gpu}; torch {torch.__version__}, VapourSynth R{vs.core.core_version.release_major}; "
        f"load {busy:.1f} before it began."
    )


def _name(dtype: Any) -> str:
    return {"torch.float32": "fp32", "torch.bfloat16": "bf16", "torch.float16": "fp16"}[str(dtype)]


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


if __name__ == "__main__":
    sys.exit(main())
