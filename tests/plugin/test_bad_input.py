"""Bad input: one clear line, the right exit status, nothing left behind."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def refused(tmp_path, repair):
    """Run `framemend repair`, check that it says one line and leaves no new file, and return (status, line)."""

    def run(*arguments, folder: Path = tmp_path):
        before = sorted(folder.rglob("*"))
        status, out, err = repair(*arguments)
        assert out == "" and status in (1, 2)
        assert err.count("\n") == 1 and err.startswith("framemend: "), err
        assert sorted(folder.rglob("*")) == before
        return status, err

    return run


@pytest.fixture
def clip(tmp_path, write_clip) -> Path:
    return write_clip(tmp_path / "in.mkv")


def test_no_such_file(tmp_path, refused):
    status, err = refused(tmp_path / "none.mp4", tmp_path / "out.mp4")
    assert status == 1 and "no such file" in err and "none.mp4" in err
    assert refused(tmp_path / "none.png", tmp_path / "out.png")[0] == 1


@pytest.mark.parametrize("content", [b"", b"just text", bytes(range(256)) * 40])
def test_not_a_video(content, tmp_path, refused):
    (tmp_path / "in.mp4").write_bytes(content)
    status, err = refused(tmp_path / "in.mp4", tmp_path / "out.mp4")
    assert status == 1 and "in.mp4" in err and "not a video" in err


def test_not_a_picture(tmp_path, refused):
    (tmp_path / "in.png").write_bytes(b"no")
    status, err = refused(tmp_path / "in.png", tmp_path / "out.png")
    assert status == 1 and "not a picture" in err


def test_no_video_stream(tmp_path, write_clip, ffmpeg, refused):
    ffmpeg("-i", write_clip(tmp_path / "both.mkv", sound=True), "-vn", "-c", "copy", tmp_path / "in.mka")
    status, err = refused(tmp_path / "in.mka", tmp_path / "out.mkv")
    assert status == 1 and "no video stream" in err and "audio" in err


def test_a_folder_as_input_or_output(tmp_path, clip, refused):
    assert refused(tmp_path, tmp_path / "out.mkv")[0] == 1
    status, err = refused(clip, tmp_path)
    assert status == 1 and "folder" in err


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".ts"])
def test_a_truncated_file_is_repaired_as_far_as_it_decodes(suffix, tmp_path, write_clip, decode, repair):
    options = {"preset": "ultrafast", "crf": "10"}
    front = {"movflags": "faststart"} if suffix == ".mp4" else {}
    whole = write_clip(
        tmp_path / f"whole{suffix}", codec="libx264", frames=40, options=options, container_options=front
    )
    cut = tmp_path / f"cut{suffix}"
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) * 6 // 10])
    status, out, err = repair(cut, tmp_path / f"out{suffix}", "--strength", 0)
    assert (status, out) == (0, ""), err
    kept = len(decode(tmp_path / f"out{suffix}"))
    assert 15 < kept < 32
    if suffix != ".ts":  # a transport stream does not say how long it is
        (warning,) = [line for line in err.splitlines() if "warning" in line]
        assert f"{40 - kept} frames lost" in warning and f"{kept} frames were repaired" in warning


def test_packets_that_do_not_decode_are_counted(tmp_path, write_clip, decode, repair):
    import av

    given = write_clip(tmp_path / "in.mov", codec="png", pix_fmt="rgb24")
    with av.open(str(given)) as container:
        sixth = [bytes(p) for p in container.demux(video=0) if p.size][5]
    given.write_bytes(given.read_bytes().replace(sixth, bytes(len(sixth))))
    status, _, err = repair(given, tmp_path / "out.mkv", "--strength", 0)
    assert (
        status == 0
        and "1 frame lost, packets that could not be decoded: 1;" in err
        and "11 frames were repaired" in err
    )
    assert len(decode(tmp_path / "out.mkv")) == 11


def test_interlaced_video_is_refused_with_the_command_that_helps(tmp_path, write_clip, ffmpeg, refused):
    plain = write_clip(tmp_path / "plain.mkv")
    ffmpeg("-i", plain, "-vf", "tinterlace=interleave_top,fieldorder=tff", "-flags", "+ildct+ilme", "-c:v", "mpeg2video",
           tmp_path / "in.mkv")  # fmt: skip
    status, err = refused(tmp_path / "in.mkv", tmp_path / "out.mkv")
    assert status == 1 and "interlaced" in err and "ffmpeg -i" in err and "bwdif" in err


def test_masks_that_do_not_fit(tmp_path, clip, refused):
    cv2.imwrite(str(tmp_path / "small.png"), np.zeros((20, 30), np.uint8))
    status, err = refused(clip, tmp_path / "out.mkv", "--mask", tmp_path / "small.png")
    assert status == 2 and "30x20" in err and "64x48" in err
    folder = tmp_path / "masks"
    folder.mkdir()
    for i in range(5):
        cv2.imwrite(str(folder / f"{i}.png"), np.full((48, 64), 255, np.uint8))
    status, err = refused(clip, tmp_path / "out.mkv", "--mask", folder)
    assert status == 2 and "5 frames" in err
    status, err = refused(clip, tmp_path / "out.mkv", "--rect", "60,0,10,10")
    assert status == 2 and "64x48" in err
    assert refused(clip, tmp_path / "out.mkv", "--mask", tmp_path / "none.png")[0] == 1


def test_a_known_length_is_compared_with_the_masks_before_the_work(tmp_path, write_clip, refused):
    given = write_clip(tmp_path / "in.mp4", codec="libx264")
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks" / "0.png"), np.full((48, 64), 255, np.uint8))
    status, err = refused(given, tmp_path / "out.mp4", "--mask", tmp_path / "masks")
    assert status == 2 and "has 1 frames but the clip has 12" in err


def test_models_that_cannot_be_used(tmp_path, clip, refused, tiny_model):
    status, err = refused(clip, tmp_path / "out.mkv", "--model", "nonesuch")
    assert status == 2 and "nonesuch" in err
    fake = tmp_path / "fake"
    fake.mkdir()
    (fake / "config.json").write_text(Path(tiny_model, "config.json").read_text())
    (fake / "pytorch_model.bin").write_bytes(b"\x80\x04pickle")
    status, err = refused(clip, tmp_path / "out.mkv", "--model", fake)
    assert status == 2 and "safetensors" in err
    (fake / "model.safetensors").write_bytes(b"\x80\x04pickle" * 20)
    status, err = refused(clip, tmp_path / "out.mkv", "--model", fake)
    assert status == 2 and str(fake) in err


def test_the_output_may_not_be_the_input(tmp_path, clip, refused, monkeypatch):
    content = clip.read_bytes()
    (tmp_path / "link.mkv").symlink_to(clip)
    os.link(clip, tmp_path / "hard.mkv")
    monkeypatch.chdir(tmp_path)
    for output in (clip, tmp_path / "link.mkv", tmp_path / "hard.mkv", "in.mkv", "./../" + tmp_path.name + "/in.mkv"):
        status, err = refused(clip, output, "--overwrite")
        assert status == 2 and "input itself" in err
    assert clip.read_bytes() == content


def test_folders_that_cannot_be_written(tmp_path, clip, refused):
    status, err = refused(clip, tmp_path / "none" / "out.mkv")
    assert status == 1 and "no such folder" in err
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    if os.access(locked, os.W_OK):
        pytest.skip("this user may write everywhere")
    status, err = refused(clip, locked / "out.mkv")
    assert status == 1 and "cannot write" in err


def test_kinds_of_output_that_do_not_exist_or_do_not_fit(tmp_path, clip, refused):
    status, err = refused(clip, tmp_path / "out.xyz")
    assert status == 2 and "out.xyz" in err
    assert refused(clip, tmp_path / "out.png")[0] == 2
    status, err = refused(clip, tmp_path / "out.webm", "--codec", "libx264")
    assert status == 2 and "webm" in err
    status, err = refused(clip, tmp_path / "out.mkv", "--codec", "nonesuch")
    assert status == 2 and "nonesuch" in err
    status, err = refused(clip, tmp_path / "out.mkv", "--codec", "ffv1", "--crf", "3")
    assert status == 2 and "--crf" in err
    assert refused(clip, tmp_path / "out.mkv", "--codec", "libx264", "--preset", "nonesuch")[0] == 1


def test_an_encoder_that_refuses_the_size_is_named(tmp_path, write_clip, refused):
    odd = write_clip(tmp_path / "odd.mkv", size=(37, 29), pix_fmt="yuv422p")
    status, err = refused(odd, tmp_path / "out.mov", "--codec", "dnxhd")
    assert status == 1 and "37x29" in err


def test_frames_too_small_to_repair(tmp_path, write_clip, refused):
    status, err = refused(write_clip(tmp_path / "in.mkv", size=(12, 12)), tmp_path / "out.mkv")
    assert status in (1, 2) and "12x12" in err


def test_an_error_in_mid_work_leaves_nothing(tmp_path, clip, refused, monkeypatch):
    from framemend.remux import VideoTarget

    write = VideoTarget.write

    def failing(self, frame, pts, duration):
        if self.sent == 5:
            from framemend_filters.errors import OutputError

            raise OutputError("cannot write: No space left on device")
        write(self, frame, pts, duration)

    monkeypatch.setattr(VideoTarget, "write", failing)
    status, err = refused(clip, tmp_path / "out.mkv", "--quiet")
    assert status == 1 and "No space left" in err


def test_a_full_disk_is_said(tmp_path, clip, refused, monkeypatch):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    from contextlib import contextmanager

    @contextmanager
    def full(path):
        link = path.with_name("full.mkv")
        link.symlink_to("/dev/full")
        try:
            yield link
        finally:
            link.unlink()

    monkeypatch.setattr("framemend.finished.finished_file", full)
    status, err = refused(clip, tmp_path / "out.mkv", "--quiet")
    assert status == 1 and "No space left" in err
