"""What training asks of the host: decoded clips, and a real codec to spoil them with.

`filters/` opens no media. The host hands in an object of this protocol; it is sent to a worker process, so it pickles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Codec = Literal["h264", "hevc", "mpeg2", "mpeg4", "mjpeg"]


class ClipSource(Protocol):
    """Decoded clips and stills."""

    @property
    def names(self) -> Sequence[str]:
        """Names of all clips; a still is a clip of one frame."""
        ...

    def frames(self, index: int) -> NDArray[np.uint8]:
        """All frames of a clip, T H W 3 uint8 RGB; may be a memory map."""
        ...

    def codec_round_trip(self, frames: NDArray[np.uint8], codec: Codec, quality: float) -> NDArray[np.uint8]:
        """Encode T H W 3 uint8 RGB with a real codec at 4:2:0 and decode it again. quality: CRF for h264 and hevc, the
        quantiser for the others."""
        ...
