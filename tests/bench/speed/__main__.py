"""Measure speed and memory, in one go or part by part.

python -m bench.speed run      measure what has not been measured yet, each part into a JSON file
python -m bench.speed report   write examples/speed.md from what was measured
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.speed.parts import parts
from bench.speed.plan import PLANS
from bench.speed.report import page

ROOT = Path(__file__).parents[3]


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, then do it."""
    parser = argparse.ArgumentParser(
        prog="bench.speed", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=("run", "report"))
    parser.add_argument("--plan", choices=PLANS, default="full", help="how much is measured (default: full)")
    parser.add_argument("--part", nargs="+", metavar="NAME", help="some of the parts, measured again")
    parser.add_argument("--model", default="fast", help="shipped weights or a folder (default: fast)")
    parser.add_argument("--beside", default="", metavar="WORDS", help="what else ran meanwhile, for the page")
    parser.add_argument("--figures", type=Path, default=Path(__file__).with_name("figures"), help="folder of the JSON")
    parser.add_argument("--output", type=Path, default=ROOT / "examples" / "speed.md", help="page to write")
    args = parser.parse_args(arguments)
    known = parts(PLANS[args.plan])
    if unknown := set(args.part or ()) - set(known):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if args.what == "run":
        run(args)
        return 0
    files = {name: args.figures / f"{name}.json" for name in known}
    args.output.write_text(page({name: json.loads(path.read_text()) for name, path in files.items() if path.exists()}))
    return 0


def run(args: argparse.Namespace) -> None:
    """Measure the parts asked for, else those that have no file yet."""
    args.figures.mkdir(parents=True, exist_ok=True)
    for name, measure in parts(PLANS[args.plan]).items():
        path = args.figures / f"{name}.json"
        if name not in args.part if args.part else path.exists():
            continue
        print(f"{name} ...", end=" ", flush=True)
        began, before = time.time(), os.getloadavg()[0]
        with TemporaryDirectory() as folder:
            data = measure(PLANS[args.plan], args.model, Path(folder))
        kept = {
            "machine": machine(),
            "model": args.model,
            "plan": args.plan,
            "when": time.strftime("%Y-%m-%d %H:%M", time.gmtime(began)),
            "load": (before, os.getloadavg()[0]),
            "beside": args.beside,
            "data": data,
        }
        path.write_text(json.dumps(kept, indent=1) + "\n")
        print(f"{time.time() - began:.0f} s", flush=True)


def machine() -> str:
    """Processor, its cores, GPU, and the versions that matter."""
    import torch
    import vapoursynth as vs

    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else ():
        if line.startswith("model name"):
            name = line.partition(":")[2].strip()
            break
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    release = vs.core.core_version.release_major
    return f"{os.cpu_count()} cores of {name}{gpu}; torch {torch.__version__}, VapourSynth R{release}"


if __name__ == "__main__":
    sys.exit(main())
