"""Static HDR10 metadata: what the mastering display could show, and how bright the picture gets.

Encoders write it only where it is given among their own parameters, so it is read from the first frame and spelled
the way each of them wants it (SMPTE ST 2086, CTA-861.3).
"""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av import VideoFrame

MASTERING, LIGHT = "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"
CHROMATICITY_STEP = Fraction(1, 50000)
LUMINANCE_STEP = Fraction(1, 10000)
"""cd/m2."""


@dataclass(frozen=True, kw_only=True)
class StaticHdr:
    """primaries: x and y of red, green, blue and white; luminance: least and most, cd/m2; light: MaxCLL and MaxFALL."""

    primaries: tuple[tuple[Fraction, Fraction], ...] = ()
    luminance: tuple[Fraction, Fraction] | None = None
    light: tuple[int, int] | None = None

    def __bool__(self) -> bool:
        return bool(self.primaries or self.luminance or self.light)


def read_static_hdr(frame: VideoFrame) -> StaticHdr:
    """What the side data of a decoded frame says; false where it says nothing."""
    sides = {side.type.name: bytes(side) for side in frame.side_data.values()}
    primaries: tuple[tuple[Fraction, Fraction], ...] = ()
    luminance = light = None
    if len(data := sides.get(MASTERING, b"")) >= 88:  # AVMasteringDisplayMetadata: ten rationals, two flags
        numbers = struct.unpack_from("=22i", data)
        values = [Fraction(over, under or 1) for over, under in itertools.batched(numbers[:20], 2)]
        if numbers[20]:
            primaries = tuple(zip(values[0:8:2], values[1:8:2], strict=True))
        if numbers[21]:
            luminance = values[8], values[9]
    if len(data := sides.get(LIGHT, b"")) >= 8:
        light = struct.unpack_from("=2I", data)
    return StaticHdr(primaries=primaries, luminance=luminance, light=light if light and any(light) else None)


def hdr_options(hdr: StaticHdr, encoder: str) -> dict[str, str]:
    """The options that make `encoder` write `hdr`; none where it cannot."""
    key, mastering, light, exact = {
        "libx264": ("x264-params", "mastering-display", "cll", True),
        "libx265": ("x265-params", "master-display", "max-cll", True),
        "libsvtav1": ("svtav1-params", "mastering-display", "content-light", False),
    }.get(encoder, ("", "", "", False))
    words = []
    if key and hdr.primaries and hdr.luminance:
        words.append(f"{mastering}={_display(hdr.primaries, hdr.luminance, exact)}")
    if key and hdr.light:
        words.append(f"{light}={hdr.light[0]},{hdr.light[1]}")
    return {key: ":".join(words)} if words else {}


def _display(
    primaries: tuple[tuple[Fraction, Fraction], ...], luminance: tuple[Fraction, Fraction], exact: bool
) -> str:
    """G(x,y)B(x,y)R(x,y)WP(x,y)L(most,least), counted in steps or (not exact) as decimal numbers."""

    def shown(value: Fraction, step: Fraction) -> str:
        return str(round(value / step)) if exact else f"{float(value):.5f}"

    red, green, blue, white = primaries
    points = zip(("G", "B", "R", "WP"), (green, blue, red, white), strict=True)
    text = "".join(f"{n}({shown(x, CHROMATICITY_STEP)},{shown(y, CHROMATICITY_STEP)})" for n, (x, y) in points)
    least, most = luminance
    return f"{text}L({shown(most, LUMINANCE_STEP)},{shown(least, LUMINANCE_STEP)})"
