"""Analogue colour video as ITU-R BT.1700 has it: what its standards count, and its light and colour differences."""

from __future__ import annotations

from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
StandardName = Literal["ntsc", "pal"]

_HALF, _U, _V = np.float32(0.5), np.float32(0.872), np.float32(1.230)


class Standard(NamedTuple):
    """by_line, by_frame: cycles that the colour subcarrier turns by from line to line and from frame to frame, whole ones left out;
    lines: of a frame; between_fields: lines between the first lines of both fields; switched: whether V changes its sign from line to
    line."""

    by_line: float
    by_frame: float
    lines: int
    between_fields: int
    switched: bool


STANDARDS: dict[StandardName, Standard] = {
    "ntsc": Standard(0.5, 0.5, 525, 263, switched=False),
    "pal": Standard(0.7516, 0.75, 625, 313, switched=True),
}


def light_and_colour(picture: NDArray[np.floating]) -> tuple[Plane, Plane, Plane]:
    """Light 0..1 and the colour differences U and V of a picture H W 3, RGB, 0..1; H W each."""
    planes = cv2.split(cv2.cvtColor(picture.astype(np.float32, copy=False), cv2.COLOR_RGB2YCrCb))
    light, red, blue = (np.asarray(plane, np.float32) for plane in planes)
    return light, (blue - _HALF) * _U, (red - _HALF) * _V


def picture_of(light: Plane, u: Plane, v: Plane) -> Plane:
    """The picture H W 3 that has this light and colour."""
    return np.asarray(cv2.cvtColor(cv2.merge([light, v / _V + _HALF, u / _U + _HALF]), cv2.COLOR_YCrCb2RGB), np.float32)
