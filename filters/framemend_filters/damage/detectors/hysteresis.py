"""Hysteresis: what is sure, with what is likely and hangs together with it (Canny, "A computational approach to edge
detection", PAMI 1986, section V)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def hysteresis(sure: NDArray[np.bool_], likely: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Samples of `sure`, and those of `likely` that a chain of neighbours (8 each) connects with them; all H W."""
    _, joined = cv2.connectedComponents((likely | sure).astype(np.uint8), connectivity=8)
    labels = np.asarray(joined, np.intp)
    kept = np.zeros(int(labels.max()) + 1, bool)
    kept[np.unique(labels[sure])] = True
    kept[0] = False
    return kept[labels]
