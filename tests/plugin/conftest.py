"""Tiny clips made at run time by PyAV and ffmpeg, and the command line in this process."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

WIDTH, HEIGHT, FRAMES = 64, 48, 12
RATE = 16000
"""Sound samples a second."""


@pytest.fixture
def framemend(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command line: exit status, stdout and stderr."""
    from framemend.cli import main

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture
def repair(framemend, tiny_model) -> Callable[..., tuple[int, str, str]]:
    """`framemend repair` with the tiny model on the CPU."""
    return lambda *arguments: framemend("repair", "--model", tiny_model, "--device", "cpu", *arguments)


@pytest.fixture(scope="session")
def ffmpeg() -> Callable[..., None]:
    """A real ffmpeg: `ffmpeg("-i", path, ...)`; fails the test when ffmpeg does."""
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    binary = imageio_ffmpeg.get_ffmpeg_exe()

    def run(*arguments: object) -> None:
        command = [binary, "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True)

    return run


def moving_picture(index: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.float32]:
    """Frame `index` of a slowly moving coloured pattern with a little noise: H W 3, 0..1."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x = x + 1.5 * index
    waves = [0.5 + 0.3 * np.sin(x / 5 + phase) * np.cos(y / (6 + phase)) for phase in range(3)]
    noise = np.random.default_rng(index).normal(0, 0.03, (height, width, 3))
    return np.clip(np.stack(waves, -1) + noise, 0, 1).astype(np.float32)


@pytest.fixture(scope="session")
def write_clip() -> Callable[..., Path]:
    """Write a small clip with PyAV: `write_clip(path, codec="ffv1", pix_fmt="yuv420p", ...)`."""
    return _write_clip


def _write_clip(
    path: Path,
    *,
    codec: str = "ffv1",
    pix_fmt: str = "yuv420p",
    size: tuple[int, int] = (WIDTH, HEIGHT),
    frames: int = FRAMES,
    rate: int = 25,
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    options: dict[str, str] | None = None,
    sound: bool = False,
    tags: dict[str, int] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    import av

    (width, height), time_base = size, time_base or Fraction(1, rate)
    with av.open(str(path), "w", container_options=container_options or {}) as output:
        stream: Any = output.add_stream(codec, rate=rate, options=options or {})
        context = stream.codec_context
        context.width, context.height, context.pix_fmt, context.time_base = width, height, pix_fmt, time_base
        stream.time_base = time_base
        for name, value in (tags or {}).items():
            setattr(context, name, value)
        audio: Any = output.add_stream("mp2" if path.suffix == ".avi" else "aac", rate=RATE) if sound else None
        if audio is not None:
            audio.codec_context.layout = "mono"
        for i in range(frames):
            rgb = (moving_picture(i, width, height) * 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pix_fmt)
            for name, value in (tags or {}).items():
                if hasattr(frame, name):
                    setattr(frame, name, value)
            frame.pts, frame.time_base = (pts[i] if pts else i), time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if audio is not None:
            wave = (np.sin(np.arange(RATE * frames // rate) / 9) * 8000).astype(np.int16)[None]
            heard = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
            heard.sample_rate, heard.pts = RATE, 0
            for part in (heard, None):
                output.mux(audio.encode(part))
    return path


@pytest.fixture(scope="session")
def decode() -> Callable[[Path], list]:
    """All frames of a file's first video stream, as PyAV gives them."""

    def run(path: Path) -> list:
        import av

        with av.open(str(path)) as container:
            return list(container.decode(container.streams.video[0]))

    return run


@pytest.fixture(scope="session")
def packets() -> Callable[..., list[tuple[Fraction, bytes]]]:
    """Time in seconds and bytes of every packet of the first stream of a kind: `packets(path, "audio")`."""

    def run(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
        import av

        with av.open(str(path)) as container:
            stream: Any = next(s for s in container.streams if s.type == kind)
            base = Fraction(stream.time_base.numerator, stream.time_base.denominator)
            return [(p.pts * base, bytes(p)) for p in container.demux(stream) if p.size]

    return run


@pytest.fixture(scope="session")
def write_frames() -> Callable[..., Path]:
    """Write given RGB frames, H W 3 uint8 each, without loss: `write_frames(path, frames, rate=25)`."""

    def run(path: Path, frames: Sequence[NDArray[np.uint8]], rate: int = 25) -> Path:
        import av

        with av.open(str(path), "w") as output:
            stream: Any = output.add_stream("ffv1", rate=rate)
            stream.codec_context.height, stream.codec_context.width = frames[0].shape[:2]
            stream.codec_context.pix_fmt = "bgr0"
            for frame in frames:
                output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="bgr0")))
            output.mux(stream.encode(None))
        return path

    return run


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A real headless Chromium, driven by playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install 'framemend[test]' brings playwright")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium; Debian's package chromium has it")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def screenshots(request: pytest.FixtureRequest) -> Path:
    """Where pictures of pages are kept for people to look at, and CI to keep: $FRAMEMEND_SCREENSHOTS, else nowhere lasting."""
    kept = os.environ.get("FRAMEMEND_SCREENSHOTS")
    folder = Path(kept) if kept else Path(request.getfixturevalue("tmp_path")) / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
