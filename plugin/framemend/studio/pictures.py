"""Frames as pictures for the page: JPEG of what the file shows, and of what a repair made of it."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

import cv2
import numpy as np

from framemend_filters.errors import InputError

from ..frames import plane_format, views
from ..planes import to_rgb

if TYPE_CHECKING:
    from av import VideoFrame
    from numpy.typing import NDArray

    from ..ranges import IndexedVideo

QUALITY = 95
THUMBNAIL_QUALITY = 80
LARGEST_MASK_BYTES = 32 << 20
KEPT_BYTES = 64 << 20
"""Of pictures that may be asked for again."""


class PictureCache:
    """JPEGs of frames, the last ones kept."""

    def __init__(self) -> None:
        self._table: OrderedDict[tuple[object, int, int], bytes] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def frame(self, video: IndexedVideo, number: int, width: int = 0) -> bytes:
        """Frame `number` as JPEG, `width` samples wide (0: as large as it is). Raises InputError."""
        if not 0 <= number < video.num_frames:
            raise InputError(f"there is no frame {number}; the clip has {video.num_frames}")
        key = (video, number, width)
        with self._lock:
            found = self._table.get(key)
        if found is not None:
            return found
        (frame,) = video.frames(number, number + 1)
        made = jpeg(rgb_of(frame), width)
        with self._lock:
            self._table[key] = made
            self._bytes += len(made)
            while self._bytes > KEPT_BYTES:
                self._bytes -= len(self._table.popitem(last=False)[1])
        return made


def rgb_of(frame: VideoFrame, planes: list[NDArray] | None = None) -> NDArray[np.uint8]:
    """H W 3 RGB of a frame, or of other planes in its format."""
    rgb = to_rgb(views(frame) if planes is None else planes, plane_format(frame))
    return np.clip(np.rint(rgb * 255), 0, 255).astype(np.uint8)


def jpeg(rgb: NDArray[np.uint8], width: int = 0) -> bytes:
    """4:4:4, so that colours at edges can be judged; small ones at less quality."""
    if width and width < rgb.shape[1]:
        height = max(1, round(rgb.shape[0] * width / rgb.shape[1]))
        rgb = np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    quality = THUMBNAIL_QUALITY if width else QUALITY
    sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality, *sampling]
    )
    assert done
    return np.asarray(data).tobytes()


def mask_of_png(data: bytes, width: int, height: int) -> NDArray[np.uint8]:
    """A painted mask, H W uint8, from the PNG that the page's canvas makes: its alpha counts. Raises InputError."""
    if len(data) > LARGEST_MASK_BYTES or data[:8] != b"\x89PNG\r\n\x1a\n":
        raise InputError("a mask is a PNG picture")
    found = (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))
    if found != (width, height):
        raise InputError(f"the mask is {found[0]}x{found[1]} but the clip is {width}x{height}")
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise InputError("the mask cannot be read")
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 4:
        raise InputError("a mask is a PNG picture of 8 bits with alpha")
    return np.ascontiguousarray(picture[..., 3], np.uint8)


def png(mask: NDArray[np.uint8]) -> bytes:
    """A mask as a grey PNG, as `--mask` takes it."""
    done, data = cv2.imencode(".png", mask)
    assert done
    return np.asarray(data).tobytes()
