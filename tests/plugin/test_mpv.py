"""Debian's mpv plays what comes out of the pipe, with sound; the script for mpv's own filter runs in vspipe."""

from __future__ import annotations

import io
import shlex
import shutil
import subprocess
import wave
from pathlib import Path

import cv2
import numpy as np
import pytest
from shell import standard_streams
from vspipes import run_vspipe

from framemend.cli import main

ROOT = Path(__file__).parents[2]
FRAMES = 8


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "how"),
    [
        ("-f yuv4mpegpipe -strict -1", "--lookahead 0"),
        ("-c:v rawvideo -c:a pcm_s16le -f nut", "-f nut"),
    ],
    ids=["y4m", "nut with sound"],
)
def test_mpv_shows_every_frame_of_the_pipe(given, how, tmp_path, write_clip, tiny_model):
    mpv = shutil.which("mpv")
    if mpv is None:
        pytest.skip("mpv is not installed (Debian: mpv)")
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="writes the pipe")
    clip = write_clip(tmp_path / "clip.mkv", frames=FRAMES, sound=True)
    ffmpeg = shlex.quote(imageio_ffmpeg.get_ffmpeg_exe())
    shown, heard = tmp_path / "shown", tmp_path / "heard.wav"
    outputs = f"--vo=image --vo-image-format=png --vo-image-outdir={shown} --ao=pcm --ao-pcm-file={heard}"
    play = f"{mpv} --no-config --no-terminal --untimed --framedrop=no {outputs}"
    source = shlex.split(f"{ffmpeg} -nostdin -v error -i {clip} {given} -")
    watch = ["bash", "-o", "pipefail", "-c", f"tee made | {play} -"]
    with (
        subprocess.Popen(source, stdout=subprocess.PIPE) as producer,
        subprocess.Popen(watch, stdin=subprocess.PIPE, cwd=tmp_path) as player,
    ):
        assert isinstance(producer.stdout, io.BufferedReader) and isinstance(player.stdin, io.BufferedWriter)
        with standard_streams(producer.stdout, player.stdin):
            assert main(["pipe", "--quiet", "--model", tiny_model, "--device", "cpu", *how.split()]) == 0
        assert producer.wait(60) == player.wait(300) == 0
    expand = f"{ffmpeg} -nostdin -v error -i made -pix_fmt bgr24 -f rawvideo -"
    raw = subprocess.run(shlex.split(expand), cwd=tmp_path, capture_output=True, check=True).stdout
    wanted = np.frombuffer(raw, np.uint8).reshape(FRAMES, 48, 64, 3).astype(float)
    pictures = [np.asarray(cv2.imread(str(p)), float) for p in sorted(shown.iterdir())]
    assert len(pictures) == FRAMES
    for picture, made in zip(pictures, wanted, strict=True):
        assert np.mean(np.abs(picture - made)) < 4  # two converters of chroma
    if "nut" in how:
        with wave.open(str(heard)) as sound:
            assert sound.getnframes() / sound.getframerate() == pytest.approx(FRAMES / 25, abs=0.03)


def test_the_script_for_mpvs_filter_runs_in_vspipe(tmp_path, tiny_model):
    script = tmp_path / "as-mpv.vpy"
    recipe = (ROOT / "examples" / "mpv.vpy").read_text().replace("strength=0.8", f"strength=0.8, model={tiny_model!r}")
    endless = "length=(2**31 - 1) // 16"  # what mpv says of a clip whose length it does not know
    script.write_text(
        "import vapoursynth as vs\n"
        f"video_in = vs.core.std.BlankClip(format=vs.YUV420P8, width=64, height=48, color=[90, 120, 140], {endless})\n"
        f"exec({recipe!r})\n"
    )
    data = run_vspipe(script, "-c", "y4m", "-e", str(FRAMES - 1), home=tmp_path)
    assert data.count(b"FRAME\n") == FRAMES
