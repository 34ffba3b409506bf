"""The page that the measured parts make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.speed.parts import name_of

GOAL_WAYS, GOAL_FLOPS = 0.9, 0.5


def page(found: Mapping[str, Any]) -> str:
    """Markdown of parts by name, each as `__main__` keeps it: `data`, and how it was measured."""
    sized = {name: part["data"] for name, part in found.items() if name.startswith("peers-")}
    sections = [_head(found)]
    if "network" in found:
        sections.append(_network(found["network"]["data"]))
    if "ways" in found:
        sections.append(_ways(found["ways"]["data"]))
    if sized:
        sections += [_peers(list(sized.values())), _growth(list(sized.values()))]
    if "length" in found:
        sections.append(_length(found["length"]["data"]))
    memory = [part["data"] for name, part in found.items() if name.startswith("memory-")]
    if memory:
        sections.append(_memory(memory))
    return "\n\n".join([*sections, _conditions(found)]) + "\n"


def _head(found: Mapping[str, Any]) -> str:
    first = next(iter(found.values()))
    return (
        f"# Speed\n\nMeasured by `make bench-speed`, part by part, on one machine: {first['machine']}. Weights: "
        f"`{first['model']}`. Processor seconds are those of all threads together; they hardly change when other work "
        "runs beside, which seconds by the wall do."
    )


def _network(data: Any) -> str:
    rows: list[Sequence[str]] = []
    for row in data["rows"]:
        named = (row["runtime"], row["precision"])
        if "missing" in row:
            rows.append((*named, "-", "-", f"- ({row['missing']})"))
            continue
        rows.append((*named, _s(row["cost"]["processor"]), f"{row['flops'] / 1e9:.0f}", f"{row['share']:.2f}"))
    head = ("runtime", "precision", "processor s a frame", "GFLOP/s", f"share of a matrix product (goal: {GOAL_FLOPS})")
    text = f"{data['flop'] / 1e9:.1f} GFLOP a frame of {name_of(data['size'])}; the share is by processor time."
    return f"## The network alone\n\n{text}\n\n" + _table(head, rows)


def _ways(data: Any) -> str:
    bare = data["costs"]["bare forward"]
    rows = [
        (name, *_cost(cost), f"{bare['processor'] / cost['processor']:.2f}", f"{bare['wall'] / cost['wall']:.2f}")
        for name, cost in data["costs"].items()
    ]
    head = ("way", "s a frame", "processor s", f"share by processor (goal: {GOAL_WAYS})", "share by the wall")
    return f"## Ways in\n\nAt {name_of(data['size'])}.\n\n" + _table(head, rows)


def _peers(sizes: Sequence[Any]) -> str:
    names = dict.fromkeys(name for size in sizes for name in size["costs"])
    rows: list[Sequence[str]] = []
    for name in names:
        row = [name]
        for size in sizes:
            cost, ours = size["costs"].get(name), size["costs"]["framemend"]
            row.append(
                "-" if cost is None else f"{cost['processor']:.3f} ({cost['processor'] / ours['processor']:.2f})"
            )
        rows.append(row)
    text = "Processor seconds a frame; in brackets how many times as fast framemend is."
    head = ("filter", *(name_of(size["size"]) for size in sizes))
    return f"## Beside hand-made denoisers\n\n{text}\n\n" + _table(head, rows)


def _growth(sizes: Sequence[Any]) -> str:
    rows: list[Sequence[str]] = []
    for size in sizes:
        cost = size["costs"]["framemend"]
        rows.append(
            (
                name_of(size["size"]),
                *_cost(cost),
                f"{1e9 * cost['processor'] / (size['size'][0] * size['size'][1]):.0f}",
            )
        )
    return "## Growth\n\n" + _table(("size", "s a frame", "processor s", "processor ns a sample (even: linear)"), rows)


def _length(data: Any) -> str:
    rows = [(n, *_cost({k: v / int(n) for k, v in mark.items()})) for n, mark in data["marks"].items()]
    return _table(("frames", "s a frame (even: linear)", "processor s"), rows)


def _memory(sizes: Sequence[Any]) -> str:
    rows = [
        (name_of(size["size"]), frames, f"{peak / 2**30:.2f}")
        for size in sizes
        for frames, peak in size["peaks"].items()
    ]
    text = "Of `framemend pipe`, Python and libraries included (goal: under 2 GiB at 1920x1080, and flat)."
    return f"## Memory\n\n{text}\n\n" + _table(("size", "frames", "peak GiB"), rows)


def _conditions(found: Mapping[str, Any]) -> str:
    rows = [
        (name, part["plan"], part["when"], f"{part['load'][0]:.1f}, {part['load'][1]:.1f}", part["beside"] or "nothing")
        for name, part in found.items()
    ]
    return "## When and beside what\n\n" + _table(("part", "plan", "when", "load before, after", "beside"), rows)


def _cost(cost: Mapping[str, float]) -> tuple[str, str]:
    return _s(cost["wall"]), _s(cost["processor"])


def _s(seconds: float) -> str:
    return f"{seconds:.3f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
