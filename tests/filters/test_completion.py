"""Flow completed through holes."""

import numpy as np
import pytest

from framemend_filters.engine.completion import HOLE_MARGIN, complete

HEIGHT, WIDTH = 120, 160


def _zooming_pan() -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    return np.stack([4 + 0.02 * (x - 80), -1 + 0.02 * (y - 60)], -1)


def _hole() -> np.ndarray:
    hole = np.zeros((HEIGHT, WIDTH), bool)
    hole[40:80, 60:110] = True
    return hole


@pytest.mark.parametrize("scale", [1, 2])
def test_what_passes_in_front_does_not_pull_the_background_along(scale: int) -> None:
    true, hole = _zooming_pan() * scale, _hole()
    given = true.copy()
    given[40:80, 48:60] = (-6, 3)  # a person at the edge of the hole
    given[hole] = (9, 9)
    filled = complete(given, hole, np.zeros_like(hole), scale)
    assert np.abs(filled - true)[hole].max() < 0.1 * scale
    outside = np.ones_like(hole)
    outside[40 - HOLE_MARGIN : 80 + HOLE_MARGIN, 60 - HOLE_MARGIN : 110 + HOLE_MARGIN] = False
    np.testing.assert_array_equal(filled[outside], given[outside])


def test_flow_that_leads_into_the_other_hole_has_no_say() -> None:
    true, hole = _zooming_pan(), _hole()
    other = np.zeros_like(hole)
    other[:, 100:] = True
    given = true.copy()
    given[:, 100:] = (-20, 0)
    given[hole] = (9, 9)
    filled = complete(given, hole, other, 1)
    assert np.abs(filled - true)[hole].max() < 0.1


def test_where_all_moves_in_many_ways_it_is_spread_from_the_edge() -> None:
    hole = _hole()
    given = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    given[:, :85, 0], given[:, 85:, 0] = -5, 5
    filled = complete(given, hole, np.zeros_like(hole), 1)
    assert filled[60, 62, 0] < -3
    assert filled[60, 107, 0] > 3


def test_a_frame_that_is_all_hole_keeps_its_flow() -> None:
    flow = _zooming_pan()
    everything = np.ones((HEIGHT, WIDTH), bool)
    np.testing.assert_array_equal(complete(flow, everything, everything, 1), flow)
