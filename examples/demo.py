"""What `make demo` runs: repairs examples/demo/damaged.mp4 with the command line, and shows before and after.

    python examples/demo.py [FOLDER]

writes FOLDER/repaired.mp4 and FOLDER/before-after.png (FOLDER is demo/ beside examples/ if not given) and prints what was
gained against the clean clip, measured here and now.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend.cli import main as framemend
from framemend.clips import read_clip
from framemend_filters.metrics import psnr

HERE = Path(__file__).resolve().parent
COVERED = ("232,60,60,44", "68,0,6,216", "299,0,6,216")
"""The box and the two scratches, as X,Y,W,H."""
SHOWN = 21
"""Number of the frame in the picture."""


def main(folder: Path) -> int:
    """Repair, measure, draw; the exit status of the repair."""
    folder.mkdir(parents=True, exist_ok=True)
    damaged, repaired, picture = HERE / "demo" / "damaged.mp4", folder / "repaired.mp4", folder / "before-after.png"
    repaired.unlink(missing_ok=True)
    command = ["repair", str(damaged), str(repaired), "--strength", "1"]
    for rectangle in COVERED:
        command += ["--rect", rectangle]
    line = ["framemend", *(str(shown(Path(a))) if "/" in a else a for a in command)]
    print(" ".join(line), flush=True)
    start = time.perf_counter()
    status = framemend(command)
    if status:
        return status
    seconds = time.perf_counter() - start
    clean, before, after = (read_clip(path).frames for path in (HERE / "demo" / "clean.mp4", damaged, repaired))
    covered = covered_mask(clean.shape[1:3])
    print(f"\nrepaired {len(after)} frames in {seconds:.0f} s")
    for name, mask in (("whole picture", None), ("box and scratches", covered), ("all the rest", ~covered)):
        values = [mean_psnr(frames, clean, mask) for frames in (before, after)]
        print(f"  {name:18} {values[0]:6.2f} dB -> {values[1]:6.2f} dB   gain {values[1] - values[0]:+.2f} dB")
    panels = [label(f[SHOWN], name) for f, name in ((before, "damaged"), (after, "repaired"), (clean, "clean"))]
    cv2.imwrite(str(picture), np.hstack(panels)[..., ::-1])
    print(f"repaired clip: {shown(repaired)}\nbefore and after: {shown(picture)}")
    return 0


def mean_psnr(frames: NDArray[np.uint8], clean: NDArray[np.uint8], mask: NDArray[np.bool_] | None) -> float:
    """Mean over the frames of the PSNR against the clean ones, dB."""
    return float(np.mean([psnr(f, c, mask) for f, c in zip(frames, clean, strict=True)]))


def covered_mask(size: tuple[int, ...]) -> NDArray[np.bool_]:
    """True where the picture was covered, H W."""
    mask = np.zeros(size, np.bool_)
    for rectangle in COVERED:
        x, y, w, h = map(int, rectangle.split(","))
        mask[y : y + h, x : x + w] = True
    return mask


def label(frame: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """The frame with its name above it."""
    strip = np.full((26, frame.shape[1], 3), 255, np.uint8)
    cv2.putText(strip, text, (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([strip, frame])


def shown(path: Path) -> Path:
    """The path as short as it can be from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "demo"))
