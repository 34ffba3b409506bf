"""Figures for examples/archive.md, measured with the shipped model.

PYTHONPATH=plugin:filters python tests/bench/archive.py smart            three seconds of two hours, with --smart
PYTHONPATH=plugin:filters python tests/bench/archive.py kept CLIP...     room that finished segments take
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np

REPAIR = [sys.executable, "-m", "framemend", "repair", "--quiet"]
FFMPEG = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
HOURS, SECONDS = 2, 3
CODECS = {
    "H.264, a key frame every 2 s": ["-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-sc_threshold", "0"],
    "ProRes": ["-c:v", "prores_ks", "-pix_fmt", "yuv422p10le"],
}
NOISE = 10
"""Standard deviation in codes of 255."""
POLL_SECONDS = 0.05


def smart(folder: Path) -> None:
    """Repair three seconds in the middle of two hours of small frames; say the time and what became other packets."""
    for name, codec in CODECS.items():
        minute, given, made = folder / "minute.mov", folder / "given.mov", folder / "made.mov"
        picture = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=60", "-f", "lavfi", "-i", "sine=d=60:r=48000"]
        subprocess.run([*FFMPEG, *picture, *codec, "-c:a", "pcm_s16le", minute], check=True)
        subprocess.run([*FFMPEG, "-stream_loop", str(60 * HOURS - 1), "-i", minute, "-c", "copy", given], check=True)
        where = f"8,8,16,16@{1800 * HOURS}s-{1800 * HOURS + SECONDS - 0.04:g}s"
        start, before = time.monotonic(), os.times()
        subprocess.run([*REPAIR, "--overwrite", "--smart", "--rect", where, given, made], check=True)
        used = os.times()
        busy = used.children_user + used.children_system - before.children_user - before.children_system
        old, new = _video(given), _video(made)
        changed = sum(old[pts] != new.get(pts) for pts in old)
        print(
            f"{name}: {len(old)} frames, {changed} encoded again, {time.monotonic() - start:.0f} s, {busy:.0f} s of processor time"
        )


def _video(path: Path) -> dict[int, int]:
    """A hash of every packet of the video, by its time."""
    with av.open(str(path)) as container:
        return {
            p.pts: hash(bytes(p)) for p in container.demux(container.streams.video[0]) if p.size and p.pts is not None
        }


def kept(clips: list[Path], frames: int, folder: Path) -> None:
    """Blind repair of each clip, as it is and with noise: bytes that its segments take at most, beside ProRes 422 HQ of it."""
    from framemend.archive.store import store_folder

    for clip in clips:
        for noise in (0, NOISE):
            given, made, prores = folder / "given.mkv", folder / "made.mkv", folder / "made.mov"
            _write(clip, given, frames, noise)
            process = subprocess.Popen([*REPAIR, "--overwrite", "--resume", given, made])
            most = 0
            while process.poll() is None:
                most = max(most, sum(p.stat().st_size for p in store_folder(made).glob("segment-*.zip")))
                time.sleep(POLL_SECONDS)
            subprocess.run([*FFMPEG, "-i", made, "-c:v", "prores_ks", "-profile:v", "hq", prores], check=True)
            size, counted = prores.stat().st_size, len(_video(made))
            what = f"with noise {noise}" if noise else "as it is"
            print(
                f"{clip.stem} {what}: {counted} frames, {most / counted / 1e3:.0f} kB a frame, {most / size:.2f} of ProRes 422 HQ"
            )


def _write(clip: Path, path: Path, frames: int, noise: int) -> None:
    rng = np.random.default_rng(1)
    with av.open(str(clip)) as container, av.open(str(path), "w") as output:
        video = container.streams.video[0]
        stream = output.add_stream("ffv1", rate=25, width=video.width, height=video.height, pix_fmt="yuv420p")
        for number, frame in zip(range(frames), container.decode(video), strict=False):
            samples = frame.to_ndarray(format="yuv420p").astype(np.float32)
            noisy = np.clip(np.rint(samples + rng.normal(0, noise, samples.shape)), 0, 255).astype(np.uint8)
            new = av.VideoFrame.from_ndarray(noisy, format="yuv420p")
            new.pts = number
            output.mux(stream.encode(new))
        output.mux(stream.encode(None))


def main() -> int:
    parser = argparse.ArgumentParser(description="Figures for examples/archive.md.")
    parser.add_argument("what", choices=("smart", "kept"))
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--frames", type=int, default=60)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="framemend-archive-") as name:
        if args.what == "smart":
            smart(Path(name))
        else:
            kept(args.clips, args.frames, Path(name))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
