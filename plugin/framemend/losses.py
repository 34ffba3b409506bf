"""How much of a damaged file was lost, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Losses:
    """What a damaged file did not give."""

    packets: int = 0
    """Video packets that the decoder refused."""
    concealed: int = 0
    """Frames that the decoder marks as damaged; they are repaired like the others."""
    missing: int = 0
    """Frames that the file promises and does not hold."""
    broke_off: str = ""
    """Why reading ended before the end of the file."""

    def __bool__(self) -> bool:
        return bool(self.packets or self.concealed or self.missing or self.broke_off)

    def __str__(self) -> str:
        parts = []
        if self.packets or self.missing:
            lost = max(self.packets, self.missing)
            parts.append(f"{lost} {'frame' if lost == 1 else 'frames'} lost")
        if self.packets:
            parts.append(f"packets that could not be decoded: {self.packets}")
        if self.concealed:
            parts.append(f"damaged frames, decoded as well as they could be: {self.concealed}")
        if self.broke_off:
            parts.append(f"reading ended early: {self.broke_off}")
        return ", ".join(parts)
