"""For all tests: one thread each (the frames are tiny), and a tiny model whose weights are random, so that it changes
every sample and whatever is left out shows."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, here and in the processes that tests start


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import cv2

    cv2.setNumThreads(1)


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_reaches_programs() -> None:
    """A shell starts what runs in the background with SIGINT ignored, and programs that tests start would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _main_module_is_a_file_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that training starts run the main module again; under pytest-xdist it may call itself "<string>"."""
    main = sys.modules["__main__"]
    if not Path(getattr(main, "__file__", None) or __file__).is_file():
        monkeypatch.delattr(main, "__file__")


@pytest.fixture(autouse=True)
def _scheduled_as_usual() -> Iterator[None]:
    """A test that left its process at real-time priority could hang the machine, in a test long after it."""
    yield
    if hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) != os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        pytest.fail("the test left this process at real-time priority")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a model of a few thousand weights, 3 frames a window, radius 3."""
    import torch

    from framemend_filters.model.pretrained import FramemendConfig, FramemendModel

    torch.manual_seed(1)
    config = FramemendConfig(frames=3, radius=3, neighbours=2, dims=[8, 12, 16], depth=2, heads=2, window=4)
    model = FramemendModel(config)
    torch.nn.init.normal_(model.head.weight, std=0.05)
    folder = Path(tmp_path_factory.mktemp("models")) / "tiny"
    model.save_pretrained(folder)
    return str(folder)
