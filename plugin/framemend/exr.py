"""OpenEXR pictures: linear light in floats, read and written with every bit kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from framemend_filters.errors import InputError, OutputError

from .sources import location

FORMATS = {1: "grayf32le", 3: "gbrpf32le", 4: "gbrapf32le"}
"""Channels to ffmpeg's name of their planes."""
GAMMA = 2.2
"""The repair works on gamma-coded samples; linear light is taken to that power, negative values like positive ones."""


def read_exr(path: Path) -> NDArray[np.float32]:
    """A picture as it is stored: H W or H W C (blue first), float32. Raises InputError."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(location(path), format="exr_pipe") as container:
            frame = next(container.decode(container.streams.video[0]))
    except (FFmpegError, StopIteration, IndexError) as error:
        raise InputError(f"{path} is not an OpenEXR picture that can be read") from error
    if frame.format.name not in FORMATS.values():
        raise InputError(f"{path} has {frame.format.name} samples; gray and colour in floats can be repaired")
    picture = np.asarray(frame.to_ndarray(), np.float32)
    return picture if picture.ndim == 2 else picture[..., [2, 1, 0, 3][: picture.shape[2]]]


def write_exr(path: Path, picture: NDArray[np.float32], shown_as: Path) -> None:
    """Write `picture` as it is, float32, losslessly compressed. Raises OutputError."""
    import av
    from av.error import FFmpegError

    channels = 1 if picture.ndim == 2 else picture.shape[2]
    order = picture if channels == 1 else picture[..., [2, 1, 0, 3][:channels]]
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(order, np.float32), format=FORMATS[channels])
    frame.pts = 0
    try:
        with av.open(location(path), "w", format="image2", container_options={"update": "1"}) as output:
            stream = output.add_stream("exr", rate=25, options={"compression": "zip16", "format": "float"})
            stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, frame.format.name
            output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    except FFmpegError as error:
        raise OutputError(f"cannot write {shown_as}: {error.strerror}") from error


def coded(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear light as the repair takes it."""
    return (np.sign(linear) * np.abs(linear) ** np.float32(1 / GAMMA)).astype(np.float32)


def linear(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The other way round."""
    return (np.sign(samples) * np.abs(samples) ** np.float32(GAMMA)).astype(np.float32)
