"""Does memory stay flat? Repairs many small frames through a file and through a pipe, and watches the process.

    PYTHONPATH=plugin:filters python tests/bench/soak.py --frames 20000 --model MODEL

prints the resident memory after a quarter of the work and at its end. tests/bench/test_soak.py runs a short one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WIDTH, HEIGHT = 64, 48
POLL_SECONDS = 0.1
COMMAND = [sys.executable, "-m", "framemend"]


@dataclass(frozen=True)
class Flatness:
    """Resident memory of one run, in bytes: after a quarter of its frames, and the most after that."""

    frames: int
    early: int
    late: int

    @property
    def growth(self) -> float:
        """Share by which memory grew."""
        return self.late / self.early - 1

    def __str__(self) -> str:
        return f"{self.frames} frames: {self.early / 1e6:.1f} MB after a quarter, {self.late / 1e6:.1f} MB at most after that ({100 * self.growth:+.1f} %)"


def soak_pipe(frames: int, arguments: list[str]) -> Flatness:
    """Feed y4m to `framemend pipe` and read it back; memory is read when a quarter of the frames is out, and on."""
    process = subprocess.Popen([*COMMAND, "pipe", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    source, sink = process.stdin, process.stdout

    def feed() -> None:
        source.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F25:1 Ip C420jpeg\n".encode())
        for index in range(frames):
            source.write(b"FRAME\n" + _frame(index))
        source.close()

    feeder = threading.Thread(target=feed)
    feeder.start()
    sink.readline()
    early = late = 0
    for index in range(frames):
        if len(sink.read(6 + WIDTH * HEIGHT * 3 // 2)) < 6 + WIDTH * HEIGHT * 3 // 2:
            raise RuntimeError(f"the pipe ended at frame {index}")
        if index == frames // 4:
            early = resident(process.pid)
        elif index > frames // 4 and index % 50 == 0:
            late = max(late, resident(process.pid))
    feeder.join()
    sink.close()
    if process.wait() != 0:
        raise RuntimeError(f"framemend pipe ended with {process.returncode}")
    return Flatness(frames, early, late)


def soak_file(frames: int, arguments: list[str], folder: Path) -> Flatness:
    """`framemend repair` on a file; how far it is, is read from the segments that it has finished."""
    from framemend.archive.store import store_folder

    given, made = folder / "in.mkv", folder / "out.mkv"
    write_clip(given, frames)
    kept = store_folder(made)
    process = subprocess.Popen([*COMMAND, "repair", str(given), str(made), "--quiet", "--resume", *arguments])
    early = late = 0
    while process.poll() is None:
        finished = 60 * sum(1 for _ in kept.glob("segment-*.zip"))
        if finished >= frames // 4:
            now = resident(process.pid)
            early = early or now
            late = max(late, now)
        time.sleep(POLL_SECONDS)
    if process.returncode != 0:
        raise RuntimeError(f"framemend repair ended with {process.returncode}")
    return Flatness(frames, early, late)


def resident(pid: int) -> int:
    """Resident memory of a process in bytes; 0 once it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def write_clip(path: Path, frames: int) -> None:
    """A lossless clip of noise and a moving ramp."""
    import av
    from av import VideoFrame

    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(frames):
            samples = np.frombuffer(_frame(index), np.uint8).reshape(HEIGHT * 3 // 2, WIDTH)
            output.mux(stream.encode(VideoFrame.from_ndarray(samples, format="yuv420p")))
        output.mux(stream.encode(None))


def _frame(index: int) -> bytes:
    rng = np.random.default_rng(index % 97)
    ramp = (np.arange(WIDTH) * 2 + index) % 160 + 32
    luma = np.clip(ramp + rng.normal(0, 6, (HEIGHT, WIDTH)), 16, 235).astype(np.uint8)
    return luma.tobytes() + bytes([128]) * (WIDTH * HEIGHT // 2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--frames", type=int, default=20000)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--only", choices=("file", "pipe"))
    args = parser.parse_args()
    options = ["--model", args.model, "--device", "cpu"]
    if args.only != "file":
        print("pipe,", soak_pipe(args.frames, [*options, "--quiet"]), flush=True)
    if args.only != "pipe":
        with tempfile.TemporaryDirectory(prefix="framemend-soak-") as folder:
            print("file,", soak_file(args.frames, options, Path(folder)), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
