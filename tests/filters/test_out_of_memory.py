"""A GPU that runs out of memory is given smaller tiles, and the repair goes on."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
import torch
from pictures import panning_clip

from framemend_filters.engine import Repairer, RepairSettings, backends
from framemend_filters.errors import OutOfMemory


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    return panning_clip(4, 160, 224, noise=15)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The largest edge that the network's device has memory for, to be set; and after it the edges that were tried."""
    tried: list[int] = [0]
    original = backends.open_network

    def open_network(settings: RepairSettings) -> tuple[Any, str]:
        network, device = original(settings)

        def short(**inputs: Any) -> Any:
            edge = max(inputs["frames"].shape[-2:])
            tried.append(edge)
            if edge > tried[0]:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return network(**inputs)

        return short, device

    monkeypatch.setattr(backends, "open_network", open_network)
    return tried


def _residuals(model: str, clip: np.ndarray, **settings: Any) -> list[np.ndarray]:
    repairer = Repairer(RepairSettings(model=model, device="cpu", precision="fp32", **settings))
    return [repair.residual for repair in repairer.repair_stream((frame, None) for frame in clip)]


def test_smaller_tiles_are_taken_with_one_note(
    tiny_model: str, clip: np.ndarray, room: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    room[0] = 1000
    wanted = _residuals(tiny_model, clip, tile=96, tile_overlap=48)
    room[:] = [100]
    with caplog.at_level(logging.WARNING):
        made = _residuals(tiny_model, clip, tile=200)
    np.testing.assert_array_equal(made, wanted)
    (note,) = caplog.messages
    assert note == "cpu ran out of memory: framemend goes on there with tiles of 96 samples"
    assert sum(edge > 100 for edge in room[1:]) == 1  # what did not fit is not tried again, in the next chunk neither


def test_it_goes_on_halving_until_tiles_fit(
    tiny_model: str, clip: np.ndarray, room: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    room[0] = 64
    made = _residuals(tiny_model, clip[:1])
    assert made[0].shape == clip[0].shape and np.abs(made[0]).max() > 1 / 255
    assert [edge for edge in room[1:] if edge > 64] == [224, 96]
    assert len(caplog.messages) == 1


def test_where_no_tile_fits_one_line_says_so(tiny_model: str, clip: np.ndarray, room: list[int]) -> None:
    with pytest.raises(OutOfMemory, match="cpu has too little memory even for tiles of 64 samples; use device cpu"):
        _residuals(tiny_model, clip[:1])
