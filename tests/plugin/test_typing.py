"""A script that uses framemend passes pyright's strict mode, and wrong calls do not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
from typing import assert_type

import vapoursynth as vs

import framemend
from framemend import FramemendError, RepairSettings


def script(clip: vs.VideoNode, mask: vs.VideoNode) -> vs.VideoNode:
    repaired = framemend.repair(clip, mask, strength=0.8, tile=256, memory="4G", backend="openvino", precision="bf16")
    assert_type(repaired, vs.VideoNode)
    assert_type(framemend.repair(clip, strength=mask, detect=["dust", "scratches"], memory=2 << 30), vs.VideoNode)
    assert_type(framemend.preview(clip, mask=mask, mode="mask"), vs.VideoNode)
    assert_type(framemend.detect(clip, "dust"), vs.VideoNode)
    assert_type(framemend.__version__, str)
    settings = RepairSettings(strength=0.5, lookahead=2)
    assert_type(settings.tile, int | None)
    try:
        repaired.set_output()
    except (vs.Error, FramemendError) as error:
        print(error)
    return repaired
"""
WRONG = """
import vapoursynth as vs

import framemend


def script(clip: vs.VideoNode) -> None:
    framemend.repair(clip, strength="much")
    framemend.repair(clip, clip, 0.5)
    framemend.repair(clip, precision="fp8")
    framemend.mend(clip)
    framemend.RepairSettings("fast")
"""


@pytest.mark.slow
def test_a_script_passes_strict_mode_and_wrong_calls_do_not(tmp_path: Path) -> None:
    pytest.importorskip("pyright", reason="pip install 'framemend[test]' brings pyright")
    (tmp_path / "right.py").write_text(SCRIPT)
    (tmp_path / "wrong.py").write_text(WRONG)
    settings = {
        "typeCheckingMode": "strict",
        "extraPaths": [str(ROOT / "plugin"), str(ROOT / "filters")],
        "reportMissingTypeStubs": False,  # VapourSynth's own types are beside its module, but not declared
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", "-p", tmp_path]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    assert report["summary"]["filesAnalyzed"] == 2
    found = [(Path(d["file"]).name, d["range"]["start"]["line"] + 1) for d in report["generalDiagnostics"]]
    assert not [d["message"] for d in report["generalDiagnostics"] if d["file"].endswith("right.py")]
    assert {line for name, line in found if name == "wrong.py"} == {8, 9, 10, 11, 12}
