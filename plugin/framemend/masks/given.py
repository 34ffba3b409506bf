"""Masks that the picture itself gives: samples of a colour or brightness, and the alpha or infrared channel of a scan."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from framemend.masks.stored import read_colour
from framemend_filters.errors import SettingError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LUMA = (0.2126, 0.7152, 0.0722)
SLACK = 40
"""Codes by which each channel of a sample may miss the colour of a key, where the key does not say."""
GROUND_SHARE = 1 / 16
"""Edge of the surroundings that an infrared sample is compared with, as a share of the frame's smaller edge."""
DARKER = 0.75
"""Share of its surroundings' value below which an infrared sample lies under dust."""
ABSENT = 0.25
"""Share of full scale below which alpha or infrared is a hole, whatever is around."""


@dataclass(frozen=True)
class Key:
    """Samples to generate by what they look like: luma from `low` to `high`, or near a colour (RGB codes of 255)."""

    low: int = 0
    high: int = 255
    colour: tuple[int, int, int] | None = None
    slack: int = SLACK

    def mask(self, picture: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Of a picture H W 3 RGB 0..1: H W, 255 where the key fits."""
        codes = picture.astype(np.float32) * 255
        if self.colour is None:
            luma = codes @ np.array(LUMA, np.float32)
            fits = (luma >= self.low - 0.5) & (luma <= self.high + 0.5)
        else:
            fits = (np.abs(codes - np.array(self.colour, np.float32)) <= self.slack).all(2)
        return np.where(fits, 255, 0).astype(np.uint8)


def parse_key(text: str) -> Key:
    """Read LOW-HIGH (luma codes, 0 to 255) or RRGGBB[~SLACK]. Raises SettingError."""
    luma = re.fullmatch(r"(\d{1,3})-(\d{1,3})", text.strip())
    if luma is not None and int(luma[1]) <= int(luma[2]) <= 255:
        return Key(int(luma[1]), int(luma[2]))
    colour = re.fullmatch(r"(#?[0-9a-fA-F]{6})(?:~(\d{1,3}))?", text.strip())
    if colour is None:
        raise SettingError(
            f"--key {text} is neither luma LOW-HIGH, such as 0-12, nor a colour RRGGBB[~SLACK], such as FFE000~40"
        )
    return Key(colour=read_colour(colour[1]), slack=int(colour[2] or SLACK))


def from_alpha(alpha: NDArray) -> NDArray[np.uint8]:
    """A defect map from the alpha or infrared channel of a scan (H W, unsigned): H W uint8, 255 where it is dark.

    Film is transparent to infrared and dust is not; the base under it varies slowly, so each sample is compared with
    its surroundings. Where alpha says that there is no picture at all it is dark as well.
    """
    values = alpha.astype(np.float32)
    values /= max(float(values.max()), 1.0)  # of 10 bits in two bytes full scale is not that of the type
    edge = max(5, round(GROUND_SHARE * min(alpha.shape))) | 1
    # the ground: what most of the surroundings have, whatever small dark things lie on it
    closed = np.asarray(cv2.morphologyEx(values, cv2.MORPH_CLOSE, np.ones((edge, edge), np.uint8)), np.float32)
    ground = np.asarray(cv2.blur(closed, (edge, edge)), np.float32)
    return np.where((values < DARKER * ground) | (values < ABSENT), 255, 0).astype(np.uint8)
