"""How many frames a pipe holds back: `PYTHONPATH=plugin:filters python tests/bench/latency.py [OPTION...]`, those of `framemend pipe`

Small frames go into `framemend pipe` with the shipped model one at a time, the next one when nothing has come out for
`PATIENCE` seconds; what is printed is how far the output lies behind, in frames, from the first that came out on, while the
input is open.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys

import numpy as np

WIDTH, HEIGHT, FRAMES = 64, 48, 40
PATIENCE = 4.0
SIZE = 6 + WIDTH * HEIGHT * 3 // 2


def main() -> int:
    options = sys.argv[1:]
    command = [sys.executable, "-m", "framemend", "pipe", "--quiet", *options]
    rng, came, header, behind = np.random.default_rng(1), 0, f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F25:1 C420jpeg\n", []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdin and running.stdout
        for number in range(1, FRAMES + 1):
            if number == 1:
                running.stdin.write(header.encode())
            running.stdin.write(b"FRAME\n" + rng.integers(16, 235, SIZE - 6, np.uint8).tobytes())
            running.stdin.flush()
            while select.select([running.stdout], [], [], PATIENCE)[0]:
                came += len(os.read(running.stdout.fileno(), 1 << 20))
            if came > len(header):  # before that the model is being loaded
                behind.append(number - (came - len(header)) // SIZE)
        running.stdin.close()
        running.stdout.read()
    print(f"{' '.join(options) or 'default'}: at most {max(behind)} frames behind ({min(behind)} to {max(behind)})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
