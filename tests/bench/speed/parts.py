"""The parts of the measurement, each on its own: what it finds is plain data, for JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from bench import peers
from bench.patterns import write_clip
from bench.speed.measure import (
    Clock,
    Cost,
    forward_cost,
    framemend_run,
    matrix_peak,
    node_cost,
    pipe_run,
    program_cost,
    slope,
    window_inputs,
)
from bench.speed.plan import Plan, Size
from framemend_filters.errors import SettingError

BACKENDS = ("torch", "onnxruntime", "openvino")
Part = Callable[[Plan, str, Path], Any]
"""Plan, model, and a folder for files that may be dropped, to data."""


def parts(plan: Plan) -> dict[str, Part]:
    """All parts of a plan by name, in the order of the page."""
    sized = {f"peers-{name_of(size)}": partial(_peers, size) for size in plan.sizes}
    memory = {f"memory-{name_of(size)}": partial(_memory, size) for size in plan.memory}
    return {"network": _network, "ways": _ways, **sized, "length": _length, **memory}


def name_of(size: Size) -> str:
    """A size for people."""
    return f"{size[0]}x{size[1]}"


def _network(plan: Plan, model: str, folder: Path) -> Any:
    """FLOP/s of the forward in each runtime, beside this machine's product of matrices."""
    import torch

    from framemend_filters.engine import RepairSettings
    from framemend_filters.engine.backends import check_installed
    from framemend_filters.engine.devices import pick_device, pick_precision

    size, device = plan.sizes[0], pick_device("auto")
    flop = network_flop(model, size)
    names = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}
    rows: list[dict[str, Any]] = []
    for dtype in dict.fromkeys((torch.float32, pick_precision("auto", device))):
        wall, processor = matrix_peak(plan, device, dtype)
        for backend in BACKENDS:
            row: dict[str, Any] = {"runtime": backend, "precision": names[dtype]}
            try:
                check_installed(backend)
                settings = RepairSettings(model=model, backend=backend, precision=names[dtype])
                cost = forward_cost(plan, settings, size)
                row |= {"cost": asdict(cost), "flops": flop / cost.wall, "share": flop / cost.processor / processor}
            except SettingError as error:
                row["missing"] = str(error)
            rows.append(row | {"peak": wall})
    return {"size": size, "flop": flop, "rows": rows}


def network_flop(model: str, size: Size) -> float:
    """Floating-point operations of the network for one frame, multiply and add counted as two."""
    from torch.utils.flop_counter import FlopCounterMode

    from framemend_filters.model import load_model

    network, inputs = load_model(model), window_inputs(model, size)
    with FlopCounterMode(display=False) as counter:
        network(**inputs)
    return counter.get_total_flops() / inputs["frames"].shape[1]


def _ways(plan: Plan, model: str, folder: Path) -> Any:
    """A frame through node, pipe and file, beside the bare forward."""
    from framemend_filters.engine import RepairSettings

    size = plan.sizes[0]
    clips = {frames: write_clip(folder / f"{frames}.mkv", size, frames) for frames in (plan.few, plan.many)}

    def file(frames: int) -> Cost:
        out = folder / f"out{frames}.mkv"
        return framemend_run(["repair", str(clips[frames]), str(out), "--model", model, "--quiet"], folder).cost

    costs = {
        "bare forward": forward_cost(plan, RepairSettings(model=model), size),
        "node": node_cost(size, _repair(model), few=plan.node[0], many=plan.node[1]),
        "pipe": slope(plan, lambda frames: pipe_run(size, frames, folder, "--model", model).cost),
        "file": slope(plan, file),
    }
    return {"size": size, "costs": {name: asdict(cost) for name, cost in costs.items()}}


def _peers(size: Size, plan: Plan, model: str, folder: Path) -> Any:
    """A frame of framemend and of hand-made denoisers at one size."""
    few, many = plan.peers
    costs = {"framemend": node_cost(size, _repair(model), few=plan.node[0], many=plan.node[1])}
    for name, (run, _) in peers.vapoursynth_peers().items():
        costs[name] = node_cost(size, run, few=few, many=many, rgb=True)
    clip = write_clip(folder / f"{size[0]}.mkv", size, many)
    for name, filters in peers.FFMPEG.items():
        runs = [program_cost(partial(peers.ffmpeg_seconds, clip, filters, frames)) for frames in (few, many)]
        costs[name] = (runs[1] - runs[0]) / (many - few)
    return {"size": size, "costs": {name: asdict(cost) for name, cost in costs.items()}}


def _length(plan: Plan, model: str, folder: Path) -> Any:
    """Time for the first frames of a clip, and for more of them."""
    from bench.patterns import vapoursynth_clip

    size = plan.sizes[0]
    marks: dict[int, Any] = {}
    clip = vapoursynth_clip(size, plan.lengths[-1])
    clock = Clock()
    for n, _ in enumerate(_repair(model)(clip).frames(close=True), 1):
        if n in plan.lengths:
            marks[n] = asdict(clock.cost)
    return {"size": size, "marks": marks}


def _memory(size: Size, plan: Plan, model: str, folder: Path) -> Any:
    """Peak memory of `framemend pipe` in bytes, Python and libraries included, by the number of frames."""
    peaks = {frames: pipe_run(size, frames, folder, "--model", model).peak for frames in plan.memory[size]}
    return {"size": size, "peaks": peaks}


def _repair(model: str) -> peers.Filter:
    import framemend

    return lambda clip: framemend.repair(clip, model=model)
