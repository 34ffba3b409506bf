"""Jobs on a clip of Kdenlive's bin, from examples/kdenlive.md: the command lines that Kdenlive makes of them, run."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from frei0rhosts import installed_filter, needed_ffmpeg

from framemend.clips import read_clip

PAGE = (Path(__file__).parents[2] / "examples" / "kdenlive.md").read_text("utf-8")
FRAMES = 6


def recipe(start: str) -> str:
    """The indented line of the page that begins so."""
    found = re.search(rf"^    ({re.escape(start)}.*)$", PAGE, re.MULTILINE)
    assert found is not None
    return found[1]


def test_a_clip_job_is_a_command_of_framemend(
    framemend: Callable[..., tuple[int, str, str]], write_clip: Callable[..., Path], tiny_model: str, tmp_path: Path
) -> None:
    """Kdenlive from 23.04 on: spaces part the parameters, and what stands in braces is put in afterwards. A job has failed
    when its result is missing or empty."""
    clip, made = write_clip(tmp_path / "my clip.mkv", frames=FRAMES), tmp_path / "my clip-0001.mkv"
    given = {"{source}": str(clip), "{output}": str(made), "{param1}": "0.5"}
    words = [given.get(word, word) for word in recipe("repair {source}").split(" ")]
    status, out, told = framemend(*words, "--model", tiny_model, "--device", "cpu")
    assert (status, out, told) == (0, "", "")
    with av.open(str(made)) as container:
        assert sum(1 for _ in container.decode(video=0)) == FRAMES
    made.unlink()
    clip.write_bytes(b"no clip")
    status, _, told = framemend(*words)
    assert status != 0 and told.count("\n") == 1 and not made.exists()


@pytest.mark.slow
def test_a_transcode_preset_repairs_with_the_filter(
    write_clip: Callable[..., Path], tiny_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's Kdenlive, 22.12.3: this is the command that it was seen to start."""
    clip, made, plain = (tmp_path / name for name in ("clip.mov", "clip0001.mov", "plain.mov"))
    write_clip(clip, frames=FRAMES, codec="libx264", sound=True)
    monkeypatch.setenv("FREI0R_PATH", str(installed_filter(tmp_path, tiny_model)))
    preset = recipe("Framemend=").partition("=")[2].partition(";")[0]
    parameters, target = preset.rsplit(" ", 1)
    assert target == "%1.mov" and "-vf frei0r=framemend:1 " in parameters
    start = [needed_ffmpeg(), *f"-y -stats -i {clip} -v error -sn -dn -map 0".split(" ")]
    for words, path in ((parameters, made), (parameters.replace("-vf frei0r=framemend:1 ", ""), plain)):
        command = [*start, *words.split(" "), str(path)]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300
        )
        assert "framemend:" not in done.stderr
    with av.open(str(made)) as container:
        assert {stream.codec_context.name for stream in container.streams} == {"prores", "aac"}
    coded, repaired = (read_clip(path).frames.astype(int) for path in (plain, made))
    assert len(repaired) == len(coded) == FRAMES
    assert abs(repaired - coded).mean() > 1
