"""Damaged files by the thousand: `python tests/fuzzing.py --count 2000` (`make fuzz`).

Tiny real files in each container are mutated, every mutant by its own number, and `framemend repair` or `framemend pipe`
is run on each in a process of its own. Wanted: an exit status of 0, 1 or 2, a line for every fault, no traceback, nothing
on stdout, no time and memory without bound, and no output that looks finished but is not.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

LONGEST = 10
"""Seconds of work for one mutant; the clock may run longer on a busy machine, but not ten times."""
LARGEST = 6 << 30
"""Bytes of address space for one mutant, on top of what the process has when it starts; torch, where it is needed, takes three."""
FRAMES = 6
SEEDS = {
    "mp4": ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"],
    "mkv": ["-c:v", "ffv1", "-c:a", "aac"],
    "avi": ["-c:v", "mpeg4", "-c:a", "mp2"],
    "ts": ["-c:v", "mpeg2video", "-c:a", "mp2"],
    "mov": ["-c:v", "prores_ks", "-c:a", "pcm_s16le"],
    "webm": ["-c:v", "libvpx-vp9", "-cpu-used", "8", "-c:a", "libopus"],
    "y4m": ["-an", "-f", "yuv4mpegpipe"],
    "nut": ["-c:v", "rawvideo", "-c:a", "pcm_s16le", "-f", "nut"],
}
PIPES = ("y4m", "nut")
"""Kinds that go through `framemend pipe`."""
SIZES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
"""Numbers that break sums."""


def make_seeds(folder: Path, ffmpeg: str) -> dict[str, bytes]:
    """A file of six frames with sound in every container."""
    made = {}
    lavfi = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.24", "-f", "lavfi", "-i", "sine=d=0.24:r=48000"]
    for kind, options in SEEDS.items():
        path = folder / f"seed.{kind}"
        subprocess.run([ffmpeg, "-v", "error", "-y", *lavfi, *options, str(path)], check=True)
        made[kind] = path.read_bytes()
    return made


def mutant(data: bytes, number: int) -> bytes:
    """`data` with one to eight faults in it; the same for the same number."""
    rng = random.Random(number)
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5, 8))):
        rng.choice(FAULTS)(made, rng)
    return bytes(made)


def _place(made: bytearray, rng: random.Random) -> int:
    """Anywhere, but more often in the head, where the numbers are."""
    end = len(made) if rng.random() < 0.5 else min(len(made), 1024)
    return rng.randrange(max(1, end))


def _flip(made: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 4, 32))):
        if made:
            made[_place(made, rng)] ^= 1 << rng.randrange(8)


def _number(made: bytearray, rng: random.Random) -> None:
    length, place = rng.choice((1, 2, 4, 8)), _place(made, rng)
    value = (rng.choice(SIZES) & ((1 << 8 * length) - 1)).to_bytes(length, rng.choice(("big", "little")))
    made[place : place + length] = value


def _noise(made: bytearray, rng: random.Random) -> None:
    place = _place(made, rng)
    made[place : place + rng.choice((4, 64, 1000))] = rng.randbytes(rng.choice((4, 64, 1000)))


def _cut(made: bytearray, rng: random.Random) -> None:
    place = _place(made, rng)
    del made[place : place + rng.choice((1, 7, 188, 3000))]


def _repeat(made: bytearray, rng: random.Random) -> None:
    place = _place(made, rng)
    made[place:place] = made[place : place + rng.choice((4, 188, 3000))]


def _end(made: bytearray, rng: random.Random) -> None:
    del made[_place(made, rng) :]


FAULTS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip,
    _flip,
    _number,
    _number,
    _noise,
    _cut,
    _repeat,
    _end,
)


def run_mutant(kind: str, data: bytes, model: str, folder: Path) -> str:
    """What is wrong with how framemend takes this file; nothing where all is as it should be."""
    given, made, said = folder / f"mutant.{kind}", folder / f"made.{kind}", folder / "said"
    given.write_bytes(data)
    made.unlink(missing_ok=True)
    said.write_text("")
    before = set(folder.iterdir()) - {made}
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        os._exit(_work(kind, given, made, model, said))
    while (found := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() - start > 10 * LONGEST:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "hangs"
        time.sleep(0.002)
    if os.WIFSIGNALED(found[1]):
        return f"dies of {signal.Signals(os.WTERMSIG(found[1])).name}"
    return _verdict(kind, os.WEXITSTATUS(found[1]), said.read_text(), made, set(folder.iterdir()) - {made} - before)


def _work(kind: str, given: Path, made: Path, model: str, said: Path) -> int:
    """In the child: repair, within bounds; the exit status."""
    from framemend.cli import main

    resource.setrlimit(resource.RLIMIT_CPU, (LONGEST, LONGEST + 1))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + LARGEST, used + LARGEST))
    options = ["--model", model, "--strength", "0", "--quiet", "--device", "cpu"]
    with said.open("w") as words, contextlib.redirect_stderr(words):
        if kind in PIPES:
            with given.open("rb") as source, made.open("wb") as target:
                sys.stdin, sys.stdout = io.TextIOWrapper(source), io.TextIOWrapper(target)
                status = main(["pipe", "-f", kind, *options])
                sys.stdout.flush()
        else:
            with contextlib.redirect_stdout(words):
                status = main(
                    ["repair", str(given), str(made), *options, "--preset", "ultrafast"][
                        : None if kind == "mp4" else -2
                    ]
                )
    return status


def _verdict(kind: str, status: int, said: str, made: Path, left: set[Path]) -> str:
    lines = said.splitlines()
    if status not in (0, 1, 2):
        return f"ends with {status}: {said[-300:]}"
    if any(not line.startswith("framemend: ") for line in lines) or "unexpected" in said:
        return f"says {said[-400:]!r}"
    if status and not lines:
        return "fails without a word"
    if left:
        return f"leaves {sorted(p.name for p in left)}"
    if kind in PIPES:
        return _whole_frames(made) if kind == "y4m" else ""
    if status and made.exists():
        return "fails and leaves an output"
    return _finished(made) if status == 0 else ""


def _whole_frames(made: Path) -> str:
    from framemend.y4m import Reader
    from framemend_filters.errors import InputError

    if not made.stat().st_size:
        return ""
    try:
        with made.open("rb") as file:
            for _ in Reader(file):
                pass
    except InputError as error:
        return f"writes y4m that cannot be read: {error}"
    return ""


def _finished(made: Path) -> str:
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(made)) as container:
            frames = sum(1 for _ in container.decode(container.streams.video[0]))
    except (FFmpegError, OSError, IndexError) as error:
        return f"writes a file that cannot be read: {error}"
    return "" if frames else "writes a file without a frame"


def failures(count: int, model: str, ffmpeg: str, *, first: int = 0, watch: bool = False) -> Iterator[str]:
    """Run mutants `first` to `first + count - 1`; a line for each that is not taken as it should be."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seeds = make_seeds(folder, ffmpeg)
        kinds = list(seeds)
        for number in range(first, first + count):
            kind = kinds[number % len(kinds)]
            wrong = run_mutant(kind, mutant(seeds[kind], number), model, folder)
            if wrong:
                yield f"mutant {number} ({kind}) {wrong}"
            if watch and number % 100 == 99:
                print(f"{number + 1 - first} of {count}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Run framemend on damaged files.")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first mutant")
    parser.add_argument("--model", default="fast", help="only its configuration is read")
    arguments = parser.parse_args()
    import imageio_ffmpeg

    wrong = 0
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    for line in failures(arguments.count, arguments.model, ffmpeg, first=arguments.first, watch=True):
        print(line, flush=True)
        wrong += 1
    print(f"{arguments.count} mutants, {wrong} not taken as they should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
