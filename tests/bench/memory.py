"""How far the memory that --memory announces is what is then used.

    PYTHONPATH=plugin:filters:tests python -m bench.memory [WIDTHxHEIGHT:BUDGET[:masked] ...]

repairs the first frames of a moving pattern through `framemend pipe`, each case in a process of its own, and prints what
was said before, what was used at the peak, and the ratio. The constants of filters/framemend_filters/engine/memory.py were
fitted to these.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.speed.measure import pipe_run
from framemend_filters.engine import Repairer, RepairSettings

CASES = (
    "640x360:1200M", "640x360:4G", "640x360:1400M:masked", "1280x720:1500M", "1280x720:2G", "1280x720:3G",
    "1280x720:2G:masked", "1920x1080:2G", "1920x1080:3G", "1920x1080:2500M:masked",
)  # fmt: skip
FRAMES = {False: 18, True: 42}
"""More than a window takes, without and with masks."""


def main() -> int:
    print("| frames | budget | tile | at once | on both sides | said | used | used / said |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for case in sys.argv[1:] or CASES:
        size_text, budget, *words = case.split(":")
        width, height = map(int, size_text.split("x"))
        masked = bool(words)
        fit = Repairer(RepairSettings(memory=budget), masked=masked).fitted(height, width).fit
        assert fit is not None
        options = ["--memory", budget]
        if masked:
            options += ["--rect", f"{width // 4},{height // 4},{width // 4},{height // 4}"]
        with TemporaryDirectory() as folder:
            used = pipe_run((width, height), FRAMES[masked], Path(folder), *options, until=width * height).peak
        print(
            f"| {size_text}{', masks' if masked else ''} | {budget} | {fit.tile or 'whole'} | {fit.chunk} | {fit.reach} | "
            f"{fit.peak / 2**30:.2f} GiB | {used / 2**30:.2f} GiB | {used / fit.peak:.2f} |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
