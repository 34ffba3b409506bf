"""Repairs a single picture: PNG, JPEG, TIFF, WebP, BMP, OpenEXR; 8 and 16 bits and floats, grey, colour, with alpha."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from framemend_filters.errors import InputError, InputNotFound, OutputError

from .exr import coded, linear, read_exr, write_exr
from .planes import PlaneFormat
from .streams import repair_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from framemend_filters.engine import Repairer

    from .masks import MaskSource

STILL_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".exr"})
SIXTEEN_BITS = frozenset({".png", ".tif", ".tiff"})
WITH_ALPHA = frozenset({".png", ".tif", ".tiff", ".webp", ".exr"})
WITH_METADATA = frozenset({".png", ".jpg", ".jpeg", ".webp"})
LOSSLESS_WEBP = 101
JPEG_QUALITY = 97


def read_still(path: Path) -> tuple[NDArray, list]:
    """A picture as it is stored, H W or H W C (blue first), and its metadata for `write_still`.

    uint8, uint16, or float32 (linear light, from OpenEXR).

    Raises InputNotFound and InputError.
    """
    import cv2

    if not path.exists():
        raise InputNotFound(f"no such file: {path}")
    if path.suffix.lower() == ".exr":
        return read_exr(path), [(), ()]
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    metadata: list = [(), ()]
    try:
        if path.suffix.lower() in WITH_METADATA:
            picture, *metadata = cv2.imdecodeWithMetadata(data, flags=cv2.IMREAD_UNCHANGED)
        else:
            picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        picture = None
    if picture is None:
        raise InputError(f"{path} is not a picture that can be read (png, jpg, tiff, webp and bmp can)")
    picture = np.asarray(picture)
    if picture.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{path} has {picture.dtype} samples; pictures of 8 or 16 bits can be repaired")
    return picture, metadata


def repair_still(picture: NDArray, repairer: Repairer, masks: MaskSource | None) -> tuple[NDArray, float]:
    """The repaired picture, same shape and dtype, alpha passed through; and the share of it that was generated."""
    from .planes import to_rgb

    alpha = _split(picture)[1]
    mask = masks.mask_for(0, 0.0, to_rgb(*planes_of_still(picture)), alpha) if masks is not None else None
    ((_, planes, repair),) = repair_frames(repairer, [picture], planes_of_still, lambda *_: mask)
    return with_planes(picture, planes), repair.generated


def planes_of_still(picture: NDArray) -> tuple[list[NDArray], PlaneFormat]:
    """The colours of a picture as planes.py takes them: R G B or grey, gamma-coded."""
    colours, _ = _split(picture)
    family = "gray" if len(colours) == 1 else "rgb"
    bits = 8 * picture.dtype.itemsize
    if picture.dtype == np.float32:
        return [coded(c) for c in colours], PlaneFormat(family=family, sample="float", bits=bits)
    return colours, PlaneFormat(family=family, bits=bits, full_range=True)


def with_planes(picture: NDArray, planes: Sequence[NDArray]) -> NDArray:
    """The picture with other colours, given as `planes_of_still` gives them. Samples that did not change stay bit-exact."""
    colours, alpha = _split(picture)
    if picture.dtype == np.float32:
        before = [coded(c) for c in colours]
        planes = [
            np.where(p == b, c, linear(np.asarray(p, np.float32)))
            for p, b, c in zip(planes, before, colours, strict=True)
        ]
    if len(planes) == 1 and alpha is None:
        return planes[0]
    return np.dstack([*planes[::-1], *([] if alpha is None else [alpha])])


def write_still(path: Path, picture: NDArray, metadata: list, shown_as: Path, note: Callable[[str], None]) -> None:
    """Write `picture` in the format of `path`'s suffix. What the format cannot hold is said through `note`."""
    import cv2

    suffix = path.suffix.lower()
    if suffix == ".exr":
        write_exr(path, _light(picture), shown_as)
        return
    if picture.dtype == np.float32:
        note(f"{suffix[1:]} holds no floats; linear light becomes gamma-coded, 16 bits, from 0 to 1")
        picture = np.rint(np.clip(coded(picture), 0, 1) * 65535).astype(np.uint16)
    if picture.dtype == np.uint16 and suffix not in SIXTEEN_BITS:
        note(f"{suffix[1:]} holds 8 bits; the picture's 16 are rounded (png and tiff keep them)")
        picture = ((picture.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    channels = 1 if picture.ndim == 2 else picture.shape[2]
    if channels in (2, 4) and suffix not in WITH_ALPHA:
        note(f"{suffix[1:]} holds no transparency; it is left out")
        picture = picture[..., : channels - 1]
    if channels == 2 and suffix in WITH_ALPHA:
        picture = picture[..., [0, 0, 0, 1]]
    picture = np.ascontiguousarray(picture)
    parameters = {
        ".jpg": [
            cv2.IMWRITE_JPEG_QUALITY,
            JPEG_QUALITY,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        ],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, LOSSLESS_WEBP],
    }.get(suffix.replace("jpeg", "jpg"), [])
    try:
        if suffix in WITH_METADATA and len(metadata[0]):
            done, data = cv2.imencodeWithMetadata(suffix, picture, metadata[0], metadata[1], parameters)
        else:
            done, data = cv2.imencode(suffix, picture, parameters)
    except cv2.error as error:
        raise OutputError(f"cannot write {shown_as}: {' '.join(str(error).split())}") from error
    if not done:
        raise OutputError(f"cannot write {shown_as}: the picture could not be encoded")
    try:
        path.write_bytes(np.asarray(data).tobytes())
    except OSError as error:
        raise OutputError(f"cannot write {shown_as}: {error.strerror}") from error


def _light(picture: NDArray) -> NDArray[np.float32]:
    """Linear light of a picture of integers, which are gamma-coded; floats are that already."""
    if picture.dtype == np.float32:
        return picture
    return linear(np.asarray(picture / np.iinfo(picture.dtype).max, np.float32))


def _split(picture: NDArray) -> tuple[list[NDArray], NDArray | None]:
    """Colour planes in the order R G B, or grey alone, and alpha."""
    if picture.ndim == 2:
        return [picture], None
    channels = [np.ascontiguousarray(picture[..., c]) for c in range(picture.shape[2])]
    if len(channels) < 3:
        return channels[:1], channels[1] if len(channels) == 2 else None
    return channels[2::-1], channels[3] if len(channels) == 4 else None
