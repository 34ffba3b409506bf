"""--smart: what holds no frame to repair is copied, packet by packet, and the file plays through."""

from __future__ import annotations

import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

from framemend.frames import views
from framemend.nals import AvcRecord, first_golomb, from_annex_b, from_lengths, with_lengths

GOP = 8
X264 = {"crf": "18", "g": str(GOP), "sc_threshold": "0", "bf": "2"}
X265 = {"crf": "18", "x265-params": f"log-level=error:keyint={GOP}:min-keyint={GOP}:open-gop=0:scenecut=0:bframes=2"}
REPEATED = {**X265, "x265-params": X265["x265-params"] + ":repeat-headers=1"}
CASES = {
    "mjpeg-avi": ("mjpeg", ".avi", "yuvj420p", {}, (64, 48), 1),
    "ffv1-mkv": ("ffv1", ".mkv", "yuv422p10le", {"level": "3", "g": "1", "slicecrc": "1"}, (64, 48), 1),
    "prores-mov": ("prores_ks", ".mov", "yuv422p10le", {"profile": "hq"}, (64, 48), 1),
    "dnxhr-mov": ("dnxhd", ".mov", "yuv422p", {"profile": "dnxhr_hq"}, (256, 128), 1),
    "h264-mp4": ("libx264", ".mp4", "yuv420p", X264, (64, 48), GOP),
    "h264-mkv": ("libx264", ".mkv", "yuv420p", X264, (64, 48), GOP),
    "hevc-mp4": ("libx265", ".mp4", "yuv420p", REPEATED, (64, 48), GOP),
}


def video_packets(path: Path) -> dict[int, tuple[bytes, int | None]]:
    """Bytes and decoding time of every packet of the video, by time."""
    import av

    with av.open(str(path)) as container:
        return {
            p.pts: (bytes(p), p.dts)
            for p in container.demux(container.streams.video[0])
            if p.size and p.pts is not None
        }


def complaints(path: Path) -> str:
    """What ffmpeg says while it decodes the file."""
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "warning", "-i", str(path), "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True).stderr


@pytest.mark.parametrize("case", CASES)
def test_only_groups_with_repaired_frames_are_encoded_again(case, tmp_path, write_clip, decode, packets, repair):
    codec, suffix, pix_fmt, options, size, length = CASES[case]
    given, made = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    write_clip(given, codec=codec, pix_fmt=pix_fmt, options=options, size=size, frames=3 * GOP, sound=suffix != ".avi")
    rect = f"16,12,16,16@{GOP + 2}-{GOP + 3}"
    status, _, err = repair(given, made, "--rect", rect, "--no-grain", "--smart", "--quiet")
    assert (status, err) == (0, "")
    changed = set(range(GOP, 2 * GOP)) if length == GOP else {GOP + 2, GOP + 3}
    before, after = video_packets(given), video_packets(made)
    assert sorted(after) == sorted(before) and len(before) == 3 * GOP
    for index, pts in enumerate(sorted(before)):
        assert (after[pts] == before[pts]) == (index not in changed), index
    assert complaints(made) == ""
    clips = decode(given), decode(made)
    for index, (old, new) in enumerate(zip(*clips, strict=True)):
        same = all(np.array_equal(a, b) for a, b in zip(views(old), views(new), strict=True))
        assert same == (index not in changed), index
        assert np.mean((old.to_ndarray(format="gray").astype(float) - new.to_ndarray(format="gray")) ** 2) < 150
    if suffix != ".avi":
        assert packets(made, "audio") == packets(given, "audio")


@pytest.mark.parametrize(
    ("codec", "options", "suffix", "arguments", "reason"),
    [
        ("libx265", X265, ".mp4", [], "do not bring their parameter sets"),
        ("libx264", {**X264, "x264-params": "open-gop=1:bframes=3"}, ".mp4", [], "open"),
        ("libx264", X264, ".mkv", [], "packs video differently"),
        ("libx264", X264, ".mp4", ["--codec", "libx264"], "--codec"),
        ("mpeg4", {"g": "8"}, ".mp4", [], "mpeg4"),
    ],
)
def test_where_nothing_can_be_copied_one_line_says_why(
    codec, options, suffix, arguments, reason, tmp_path, write_clip, decode, repair
):
    given = write_clip(tmp_path / "in.mp4", codec=codec, options=options, frames=3 * GOP)
    status, _, err = repair(given, tmp_path / f"out{suffix}", "--rect", "16,12,16,16@9-9", "--smart", *arguments)
    assert status == 0 and len(decode(tmp_path / f"out{suffix}")) == 3 * GOP
    (line,) = [line for line in err.splitlines() if "--smart" in line]
    assert reason in line and "the whole video is encoded" in line


def test_frames_that_nobody_needs_are_not_decoded(tmp_path, write_clip, repair, monkeypatch):
    from framemend.archive import smart

    given = write_clip(tmp_path / "in.mkv", options={"level": "3", "g": "1"}, frames=80)
    decoded = []
    prepared = smart.SmartSource._prepared
    monkeypatch.setattr(
        smart.SmartSource,
        "_prepared",
        lambda self, frame, number: decoded.append(number) or prepared(self, frame, number),
    )
    status, _, err = repair(given, tmp_path / "out.mkv", "--frames", "40-41", "--smart")
    assert status == 0 and "78 of 80 frames are copied" in err, err
    assert 30 < min(decoded) < 40 and 41 < max(decoded) < 55 and len(decoded) < 25


def test_parameter_sets_are_joined_under_an_id_of_their_own():
    sps, pps = b"\x67\x64\x00\x1e\xac\xd9", b"\x68\xeb\xe3\xcb"  # ids 0: both numbers begin with a set bit
    record = AvcRecord(b"\x01\x64\x00\x1e\xff\xe1\x00\x06" + sps + b"\x01\x00\x04" + pps + b"\xfd\xf8\xf8\x00")
    assert record.free_id() == 1 and record.length_size == 4
    other = [b"\x67\x64\x00\x1e\x4c\xd9", b"\x68\x4b\xe3\xcb"]
    joined = AvcRecord(record.joined(other))
    assert joined.sps == [sps, other[0]] and joined.pps == [pps, other[1]] and joined.free_id() == 2
    units = [b"\x65abc", b"\x06de"]
    assert from_lengths(with_lengths(units, 4), 4) == units
    assert from_annex_b(b"\x00\x00\x00\x01" + units[0] + b"\x00\x00\x01" + units[1]) == units
    assert [first_golomb(bytes([b])) for b in (0b1000_0000, 0b0100_0000, 0b0110_0000, 0b0010_0000)] == [0, 1, 2, 3]


@pytest.mark.parametrize("codec", ["ffv1", "libx264"])
def test_a_report_of_groups_far_apart_is_verified(codec, tmp_path, write_clip, repair, framemend, monkeypatch):
    """Between them no segment is made at all, and nothing but their packets goes by."""
    from framemend.archive.chunks import ChunkRepairer

    made = []
    repaired = ChunkRepairer.repair
    noted = lambda self, chunks: repaired(self, (chunk for chunk in chunks if not made.append(chunk)))
    monkeypatch.setattr(ChunkRepairer, "repair", noted)
    options = {"level": "3", "g": "1"} if codec == "ffv1" else X264
    given = write_clip(tmp_path / "in.mkv", codec=codec, options=options, frames=120, sound=True)
    output, report = tmp_path / "out.mkv", tmp_path / "report.json"
    where = ["--rect", "16,12,16,16@10-11", "--rect", "16,12,16,16@90-91", "--no-grain", "--segment", 6]
    status, _, err = repair(given, output, *where, "--smart", "--report", report, "--quiet")
    assert (status, err) == (0, "")
    before, after = video_packets(given), video_packets(output)
    changed = [index for index, pts in enumerate(sorted(before)) if before[pts] != after.get(pts)]
    assert changed == ([10, 11, 90, 91] if codec == "ffv1" else [*range(8, 16), *range(88, 96)])
    assert len(made) * 3 < 50  # chunks of three frames
    status, out, err = framemend("verify", given, output, report)
    assert (status, err) == (0, "") and "4 of 120 frames" in out


def test_processes_make_only_the_segments_that_are_encoded_again(tmp_path, write_clip, repair, monkeypatch):
    from framemend.archive.workers import LocalCrew

    given = write_clip(tmp_path / "in.mkv", options={"level": "3", "g": "1"}, frames=90)
    asked = []
    start = LocalCrew._start
    monkeypatch.setattr(
        LocalCrew, "_start", lambda self, place, number: asked.append(number) or start(self, place, number)
    )
    common = ["--rect", "16,12,16,16@10-11", "--rect", "16,12,16,16@70-71", "--no-grain", "--smart", "--segment", 6]
    assert repair(given, tmp_path / "one.mkv", *common, "--quiet", "--threads", 1)[0] == 0
    status, _, err = repair(given, tmp_path / "two.mkv", *common, "--quiet", "--workers", 1)
    assert (status, err) == (0, "") and asked == [1, 11]
    assert video_packets(tmp_path / "one.mkv") == video_packets(tmp_path / "two.mkv")


def test_a_group_that_does_not_decode_is_one_line(tmp_path, write_clip, repair):
    given = write_clip(tmp_path / "in.mkv", options={"level": "3", "g": "1", "slicecrc": "1"}, frames=6)
    data = bytearray(given.read_bytes())
    with av.open(str(given)) as container:
        packet = [bytes(p) for p in container.demux(video=0) if p.size][3]
    given.write_bytes(data.replace(packet, b"\xff" * len(packet)))
    status, _, err = repair(given, tmp_path / "out.mkv", "--frames", "3-3", "--smart", "--quiet")
    assert status == 1 and err.count("\n") == 1 and "from frame 3 on); run without --smart" in err, err
    assert [p.name for p in tmp_path.iterdir()] == ["in.mkv"]


@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
def test_what_the_head_says_of_the_video_stays(suffix, tmp_path, ffmpeg, repair):
    """Timecode, shape of samples and rotation."""
    flat, given, made = tmp_path / f"flat{suffix}", tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    picture = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.4,setsar=4/3"]
    ffmpeg(*picture, "-c:v", "prores_ks", "-timecode", "10:00:00:12", flat)
    ffmpeg("-display_rotation", 90, "-i", flat, "-c", "copy", "-timecode", "10:00:00:12", given)
    status, _, err = repair(given, made, "--frames", "3-3", "--smart", "--quiet")
    assert (status, err) == (0, "")

    def head(path: Path) -> tuple:
        with av.open(str(path)) as container:
            video = container.streams.video[0]
            everything = [container.metadata, *(s.metadata for s in container.streams)]
            timecodes = {value for tags in everything for key, value in tags.items() if key.lower() == "timecode"}
            first = next(container.decode(video))
            return timecodes, video.sample_aspect_ratio, video.average_rate, first.rotation

    before = head(given)
    assert before[0] == {"10:00:00:12"} and before[3] and head(made) == before
