"""Builds the page: both clips in one video, so that they cannot run apart, with figures, exact frames and the script.

The video holds A above B above the mask. A browser shows parts of one decoded picture and needs no second clock; H.264
plays in all of them. Everything is written into one HTML file; its policy forbids it to load anything.
"""

from __future__ import annotations

import argparse
import base64
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend.frames import plane_format, views
from framemend.masks import MaskSource, open_masks
from framemend.planes import to_rgb
from framemend.progress import Progress
from framemend.sources import VideoSource
from framemend_filters.errors import InputError

from .measure import Measure

LARGEST_EDGE = 4096
"""Samples: the largest width and height that browsers decode everywhere."""
CRF = 14
BT601 = 6
"""The matrix (AVCOL_SPC_SMPTE170M). With BT.709's, browsers that decode without a GPU show blue up to 9 codes too dark:
libyuv's factors end at 2, BT.709 asks for 2.11."""
KEY_FRAMES = 12
"""A key frame so often: stepping backwards stays quick."""
SCRIPTS = tuple(f"{name}.js" for name in ("state", "video", "drawing", "view", "plots", "status", "keys", "main"))
"""Joined into one: a page opened from disk may not load any."""

Frame = NDArray[np.uint8]


def build_page(
    path: Path,
    a: Path,
    b: Path,
    *,
    reference: Path | None,
    masks: argparse.Namespace,
    start: int,
    most_frames: int,
    title: str,
    quiet: bool = False,
) -> list[str]:
    """Write the page to `path`. masks: a namespace with `mask` and `rect`, as for `open_masks`.

    Returns what the person should know, a line each. Raises InputError where the clips differ in size or one has no
    frame from `start` on.
    """
    notes: list[str] = []
    measure = Measure()
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "both.mp4"
        with VideoSource(a) as source_a, VideoSource(b) as source_b:
            _check_sizes(source_a, source_b)
            first = source_a.first
            overlay = open_masks(masks, first.width, first.height, num_frames=None)
            rate = source_a.rate or Fraction(25)
            writer = _StackWriter(video, first.width, first.height, rate, with_mask=overlay is not None)
            total = min(most_frames, max(0, (source_a.num_frames or most_frames) - start))
            clean = _frames(reference, start, (first.width, first.height)) if reference else None
            pairs = zip(_rgb(source_a, start), _rgb(source_b, start), strict=False)
            with writer, Progress(total, title, quiet) as progress:
                for index, (frame_a, frame_b) in enumerate(pairs):
                    if index == most_frames:
                        notes.append(f"the page holds {index} frames; --start and --frames choose others")
                        break
                    wanted = next(clean, None) if clean is not None else None
                    if clean is not None and wanted is None:
                        notes.append(f"{reference} ends after {index} frames; so does the page")
                        break
                    measure.add(frame_a, frame_b, wanted)
                    writer.add(frame_a, frame_b, _mask(overlay, start + index, rate))
                    progress.update(index + 1)
            counts = (source_a.num_frames, source_b.num_frames)
        count = len(measure.figures.psnr_b)
        if count == 0:
            raise InputError(f"there is no frame {start} in both {a} and {b}; the first is 0")
        if None not in counts and counts[0] != counts[1]:
            notes.append(f"{a} has {counts[0]} frames and {b} {counts[1]}; frames are paired from the first on")
        if writer.scale < 1:
            notes.append(f"the page shows {writer.width}x{writer.height}; figures are of the full size")
        data = {
            "title": title,
            "names": [a.name, b.name],
            "reference": reference.name if reference else None,
            "size": [first.width, first.height],
            "shown": [writer.width, writer.height],
            "rate": [rate.numerator, rate.denominator],
            "start": start,
            "mask": overlay is not None,
            "figures": {name: _rounded(values) for name, values in asdict(measure.figures).items()},
            "worst": [
                {"frame": k.index, "a": _data_url(k.a, "png"), "b": _data_url(k.b, "png")} for k in measure.worst
            ],
            "notes": notes,
        }
        _write(path, data, video)
    return notes


def _write(path: Path, data: dict[str, Any], video: Path) -> None:
    """Put the parts into the template. The data goes in as JSON, in which no name can end the script."""
    folder = files(__package__).joinpath("page")
    style, page, *scripts = (folder.joinpath(name).read_text("utf-8") for name in ("page.css", "page.html", *SCRIPTS))
    safe = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", "").replace("\u2029", "")
    video_url = "data:video/mp4;base64," + base64.b64encode(video.read_bytes()).decode()
    fillings = {"STYLE": style, "SCRIPT": "".join(scripts), "DATA": safe, "VIDEO": video_url}
    with path.open("w", encoding="utf-8") as out:
        while True:
            before, mark, rest = page.partition("{{")
            out.write(before)
            if not mark:
                return
            name, _, page = rest.partition("}}")
            out.write(fillings[name])


class _StackWriter:
    """Encodes A above B above the mask, scaled down where browsers could not show it. A context manager."""

    def __init__(self, path: Path, width: int, height: int, rate: Fraction, *, with_mask: bool) -> None:
        import av

        rows = 3 if with_mask else 2
        self.scale = min(1.0, LARGEST_EDGE / width, LARGEST_EDGE / (rows * height))
        self.width, self.height = (max(2, round(edge * self.scale)) for edge in (width, height))
        self._even = (self.height + self.height % 2, self.width + self.width % 2)
        self._rows = rows
        self._file = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        stream: Any = self._file.add_stream(
            "libx264", rate=rate, options={"crf": str(CRF), "preset": "veryfast", "g": str(KEY_FRAMES), "bf": "0"}
        )
        stream.codec_context.width = self._even[1]
        stream.codec_context.height = rows * self._even[0]
        stream.codec_context.pix_fmt = "yuv420p"
        stream.codec_context.time_base = 1 / rate
        stream.codec_context.colorspace, stream.codec_context.color_range = BT601, 1
        stream.codec_context.color_primaries, stream.codec_context.color_trc = 1, 1
        self._stream = stream
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        with self._file:
            if kind is None:
                self._file.mux(self._stream.encode(None))

    def add(self, a: Frame, b: Frame, mask: Frame | None) -> None:
        """Encode one frame: H W 3 uint8 RGB each, and H W uint8."""
        from av import VideoFrame
        from av.video.reformatter import ColorRange, Colorspace

        parts = [a, b]
        if self._rows == 3:
            parts.append(np.zeros_like(a) if mask is None else np.repeat(mask[..., None], 3, axis=2))
        stack = np.concatenate([self._fitted(part) for part in parts])
        frame = VideoFrame.from_ndarray(stack, format="rgb24").reformat(
            format="yuv420p",
            dst_colorspace=Colorspace.ITU601,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )
        frame.pts, frame.time_base = self._count, self._stream.codec_context.time_base
        self._count += 1
        self._file.mux(self._stream.encode(frame))

    def _fitted(self, part: Frame) -> Frame:
        if self.scale < 1:
            part = np.asarray(cv2.resize(part, (self.width, self.height), interpolation=cv2.INTER_AREA), np.uint8)
        rows, columns = self._even[0] - self.height, self._even[1] - self.width
        return np.pad(part, ((0, rows), (0, columns), (0, 0)), mode="edge")


def _rgb(source: VideoSource, start: int) -> Iterator[Frame]:
    for index, frame in enumerate(source.frames()):
        if index >= start:
            rgb = to_rgb(views(frame), plane_format(frame))
            yield np.clip(np.rint(rgb * 255), 0, 255).astype(np.uint8)


def _frames(path: Path, start: int, size: tuple[int, int]) -> Iterator[Frame]:
    with VideoSource(path) as source:
        found = (source.first.width, source.first.height)
        if found != size:
            raise InputError(
                f"{path} is {found[0]}x{found[1]} but the clips are {size[0]}x{size[1]}; they must be equal"
            )
        yield from _rgb(source, start)


def _check_sizes(a: VideoSource, b: VideoSource) -> None:
    sizes = [f"{source.first.width}x{source.first.height}" for source in (a, b)]
    if sizes[0] != sizes[1]:
        raise InputError(f"{a.path} is {sizes[0]} but {b.path} is {sizes[1]}; scale one to the size of the other first")


def _mask(masks: MaskSource | None, index: int, rate: Fraction) -> Frame | None:
    return None if masks is None else masks.mask_for(index, index / rate)


def _rounded(values: list[float | None]) -> list[float | None]:
    return [None if value is None else round(value, 4) for value in values]


def _data_url(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64," + base64.b64encode(data).decode()
