"""framemend_filters knows no host: importing any module of it loads neither framemend nor what reads media."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys

import framemend_filters

HOSTS = {"av", "framemend", "vapoursynth"}
MODULES = sorted(
    module.name for module in pkgutil.walk_packages(framemend_filters.__path__, prefix="framemend_filters.")
)


def test_no_module_of_the_filters_loads_a_host() -> None:
    """All in one fresh process (torch takes seconds to load), naming each module after which a host is there."""
    assert {"framemend_filters.engine.repairer", "framemend_filters.model.network"} <= set(MODULES)
    code = f"""
import importlib, sys
known = set()
for name in {MODULES!r}:
    importlib.import_module(name)
    for host in {HOSTS!r} & set(sys.modules) - known:
        known.add(host)
        print(name, "loads", host)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
