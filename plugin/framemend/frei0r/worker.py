"""The other end of the frei0r filter: takes frames from stdin and answers each on stdout, seeing those of the past alone.

A request is five little-endian numbers of 4 bytes (magic, width, height, whether earlier frames no longer count, strength as
float) and width * height samples of RGBA, 8 bit; the answer is as many samples. Ends when stdin does.
"""

from __future__ import annotations

import os
import struct
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framemend.planes import PlaneFormat, add_residual, to_rgb
from framemend_filters.engine import Repairer, RepairSettings

REQUEST = struct.Struct("<4sIIIf")
MAGIC = b"FRM1"
RGB8 = PlaneFormat(family="rgb", bits=8, full_range=True)


@dataclass(frozen=True)
class Request:
    """One frame: H W 4 uint8, and what goes with it."""

    rgba: NDArray[np.uint8]
    restart: bool
    strength: float


class Worker:
    """Answers requests from one file descriptor on another."""

    def __init__(self, source: int, target: int, *, model: str, device: str) -> None:
        self._source, self._target = source, target
        self._model, self._device = model, device
        self._next: Request | None = self._read()

    def serve(self) -> None:
        """Until the source ends."""
        while self._next is not None:
            settings = RepairSettings(
                model=self._model, device=self._device, strength=round(self._next.strength, 6), lookahead=0
            )
            self._serve_stream(Repairer(settings), self._next)

    def _serve_stream(self, repairer: Repairer, first: Request) -> None:
        """Answer frames for as long as each goes on from the one before, with the same strength."""
        waiting: deque[Request] = deque()

        def given() -> Iterator[tuple[NDArray[np.float32], None]]:
            request: Request | None = first
            while request is not None:
                waiting.append(request)
                yield to_rgb(_planes(request), RGB8), None
                request = self._next = self._read()
                if request is not None and (request.restart or request.strength != first.strength):
                    return

        for repair in repairer.repair_stream(given()):
            request = waiting.popleft()
            out = request.rgba.copy()
            for channel, plane in enumerate(add_residual(_planes(request), RGB8, repair)):
                out[..., channel] = plane
            self._write(out.tobytes())

    def _read(self) -> Request | None:
        head = self._bytes(REQUEST.size)
        if head is None:
            return None
        magic, width, height, restart, strength = REQUEST.unpack(head)
        if magic != MAGIC:
            raise ValueError(f"a request begins with {magic!r}")
        data = self._bytes(4 * width * height)
        if data is None:
            return None
        rgba = np.frombuffer(data, np.uint8).reshape(height, width, 4)
        return Request(rgba, bool(restart), strength)

    def _bytes(self, size: int) -> bytes | None:
        parts = bytearray()
        while len(parts) < size:
            part = os.read(self._source, size - len(parts))
            if not part:
                return None
            parts += part
        return bytes(parts)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._target, view) :]


def _planes(request: Request) -> list[NDArray[np.uint8]]:
    return [np.ascontiguousarray(request.rgba[..., channel]) for channel in range(3)]


def main(model: str, device: str) -> int:
    """Serve stdin and stdout; what libraries print goes to stderr."""
    target = os.dup(1)
    os.dup2(2, 1)
    try:
        Worker(0, target, model=model, device=device).serve()
    except (BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
