"""`import framemend`: few names, and nothing heavy until one of them is used."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import framemend

HEAVY = ("torch", "transformers", "vapoursynth", "av", "cv2")


def test_exports_and_all_agree() -> None:
    assert framemend.__all__ == sorted(framemend.__all__)
    assert set(framemend.__all__) == {"FramemendError", "RepairSettings", "__version__", "detect", "preview", "repair"}
    for name in framemend.__all__:
        assert getattr(framemend, name) is not None
        assert name in dir(framemend)
    assert set(framemend._HOMES) == set(framemend.__all__) - {"__version__"}


def test_each_name_is_the_one_of_its_home() -> None:
    from framemend.detectnode import detect
    from framemend.node import repair
    from framemend_filters.engine import RepairSettings
    from framemend_filters.errors import FramemendError

    assert framemend.repair is repair
    assert framemend.detect is detect
    assert framemend.RepairSettings is RepairSettings
    assert framemend.FramemendError is FramemendError


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(
        AttributeError, match="no attribute 'mend'; it has FramemendError, RepairSettings, detect, preview, repair"
    ):
        framemend.mend  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]


def test_importing_framemend_loads_nothing_heavy() -> None:
    code = f"import sys, framemend; print([name for name in {HEAVY} if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
