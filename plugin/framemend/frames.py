"""Where the samples of a PyAV video frame lie: one table from ffmpeg's pixel format names to numpy views, both ways.

Everything that PyAV decodes passes through here, so that no other module knows about line sizes, interleaved chroma
or the order of packed RGB. Samples are never converted on the way: a view is the decoder's own memory.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from av import VideoFrame
    from numpy.typing import NDArray

    from .planes import PlaneFormat

MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 8: "ycgco", 9: "bt2020ncl", 10: "bt2020ncl"}
"""ffmpeg's AVColorSpace to the names of planes.py. Absent (0 and 2: untagged): guessed from the size."""

FFMPEG_MATRICES = {1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc", 10: "bt2020nc"}
"""The same numbers in the words of ffmpeg's scale filter."""

NO_MATRIX, BT709, BT601 = 0, 1, 6

CHROMA_LOCATIONS = {1: "left", 2: "center", 3: "topleft", 4: "top", 5: "bottomleft", 6: "bottom"}
LINEAR_LIGHT = 8
"""Of ffmpeg's AVColorTransferCharacteristic."""
LIMITED_RANGE, FULL_RANGE = 1, 2
"""ffmpeg's AVColorRange."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How one pixel format stores its components."""

    family: Literal["gray", "yuv", "rgb"]
    bits: int
    """Depth of a sample, 8..16; above 8 in two bytes, little-endian, low bits."""
    subsampling: tuple[int, int] = (0, 0)
    """log2 of chroma subsampling, width then height."""
    places: tuple[tuple[int, int, int], ...]
    """For Y U V, R G B or Y: (plane, samples from one pixel to the next, first sample)."""
    alpha: tuple[int, int, int] | None = None
    full_range: bool = False
    """True: the name of the format alone says full range (yuvj420p)."""

    @property
    def kind(self) -> tuple[str, int, tuple[int, int]]:
        """What two layouts share when samples move between them unchanged."""
        return self.family, self.bits, self.subsampling


def _table() -> dict[str, Layout]:
    table: dict[str, Layout] = {}
    planar = ((0, 1, 0), (1, 1, 0), (2, 1, 0))
    last = (3, 1, 0)
    samplings = {"420": (1, 1), "422": (1, 0), "444": (0, 0), "440": (0, 1), "411": (2, 0), "410": (2, 2)}
    suffixes = {8: ""} | {bits: f"{bits}le" for bits in (9, 10, 12, 14, 16)}
    for bits, suffix in suffixes.items():
        for name, sub in samplings.items():
            table[f"yuv{name}p{suffix}"] = Layout(family="yuv", bits=bits, subsampling=sub, places=planar)
            table[f"yuva{name}p{suffix}"] = Layout(family="yuv", bits=bits, subsampling=sub, places=planar, alpha=last)
            if bits == 8:
                table[f"yuvj{name}p"] = Layout(family="yuv", bits=8, subsampling=sub, places=planar, full_range=True)
        green_first = ((2, 1, 0), (0, 1, 0), (1, 1, 0))
        table[f"gbrp{suffix}"] = Layout(family="rgb", bits=bits, places=green_first)
        table[f"gbrap{suffix}"] = Layout(family="rgb", bits=bits, places=green_first, alpha=last)
        table[f"gray{suffix}"] = Layout(family="gray", bits=bits, places=((0, 1, 0),))
    for name, sub in {"12": (1, 1), "16": (1, 0), "24": (0, 0)}.items():
        table[f"nv{name}"] = Layout(family="yuv", bits=8, subsampling=sub, places=((0, 1, 0), (1, 2, 0), (1, 2, 1)))
    table["nv21"] = Layout(family="yuv", bits=8, subsampling=(1, 1), places=((0, 1, 0), (1, 2, 1), (1, 2, 0)))
    table["ya8"] = Layout(family="gray", bits=8, places=((0, 2, 0),), alpha=(0, 2, 1))
    table["ya16le"] = Layout(family="gray", bits=16, places=((0, 2, 0),), alpha=(0, 2, 1))
    for order in ("rgb", "bgr", "rgba", "bgra", "argb", "abgr", "rgb0", "bgr0", "0rgb", "0bgr"):
        step = len(order)
        table[order + ("24" if step == 3 else "")] = _packed(order, 8)
        if "0" not in order and order[0] != "a":
            table[f"{order}{16 * step}le"] = _packed(order, 16)
    return table


def _packed(order: str, bits: int) -> Layout:
    step = len(order)
    alpha = (0, step, order.index("a")) if "a" in order else None
    return Layout(family="rgb", bits=bits, places=tuple((0, step, order.index(c)) for c in "rgb"), alpha=alpha)


LAYOUTS: dict[str, Layout] = _table()


def same_samples(one: str, other: str) -> bool:
    """Whether samples move between two pixel formats unchanged: only their order and the room for alpha differ."""
    return one == other or (one in LAYOUTS and other in LAYOUTS and LAYOUTS[one].kind == LAYOUTS[other].kind)


@cache
def nearest_layout(pix_fmt: str) -> str:
    """Name of the format in the table that loses least of `pix_fmt` (itself, where it is in the table)."""
    if pix_fmt in LAYOUTS:
        return pix_fmt
    from av.codec.codec import find_best_pix_fmt_of_list

    known = [name for name in LAYOUTS if _known_to_ffmpeg(name)]
    best, _ = find_best_pix_fmt_of_list(known, pix_fmt, has_alpha=has_alpha(pix_fmt))
    return best.name if best is not None else "gbrp"


def has_alpha(pix_fmt: str) -> bool:
    """Whether a pixel format holds transparency."""
    from av.video.format import VideoFormat

    return any(component.is_alpha for component in VideoFormat(pix_fmt).components)


def _known_to_ffmpeg(pix_fmt: str) -> bool:
    from av.video.format import VideoFormat

    try:
        VideoFormat(pix_fmt)
    except ValueError:
        return False
    return True


def views(frame: VideoFrame) -> list[NDArray]:
    """Views (not copies) of the colour components: Y U V, R G B or Y, each H W, uint8 or uint16. Format must be in the table."""
    layout = LAYOUTS[frame.format.name]
    return [_view(frame, layout, place, c) for c, place in enumerate(layout.places)]


def alpha_view(frame: VideoFrame) -> NDArray | None:
    """View of the transparency, H W, as `views` gives the colours; None: the format has none."""
    layout = LAYOUTS[frame.format.name]
    return None if layout.alpha is None else _view(frame, layout, layout.alpha, 3)


def _view(frame: VideoFrame, layout: Layout, place: tuple[int, int, int], component: int) -> NDArray:
    index, step, first = place
    chroma = layout.family == "yuv" and component in (1, 2)
    shift_w, shift_h = layout.subsampling if chroma else (0, 0)
    width, height = -(-frame.width >> shift_w), -(-frame.height >> shift_h)
    plane = frame.planes[index]
    dtype = np.dtype(np.uint8 if layout.bits == 8 else "<u2")
    pitch = abs(plane.line_size)
    rows = np.ndarray(
        (height, pitch // dtype.itemsize), dtype, buffer=memoryview(plane), strides=(pitch, dtype.itemsize)
    )
    if plane.line_size < 0:  # stored from the bottom up: PyAV hands the memory from its lowest address
        rows = rows[::-1]
    return rows[:, first : first + step * width : step]


def plane_format(frame: VideoFrame) -> PlaneFormat:
    """What planes.py must know to read the frame's samples as colours: from its tags, guessed where it has none."""
    from .planes import PlaneFormat, default_matrix

    layout = LAYOUTS[frame.format.name]
    return PlaneFormat(
        family=layout.family,
        bits=layout.bits,
        subsampling_w=layout.subsampling[0],
        subsampling_h=layout.subsampling[1],
        matrix=MATRICES.get(frame.colorspace) or default_matrix(frame.width, frame.height),
        full_range=_is_full_range(frame, layout),
        chroma_location=CHROMA_LOCATIONS.get(frame.chroma_location, "left"),
        linear=frame.color_trc == LINEAR_LIGHT,
    )


def _is_full_range(frame: VideoFrame, layout: Layout) -> bool:
    if layout.family == "rgb" or layout.full_range:
        return True
    untagged_gray = layout.family == "gray" and frame.color_range != LIMITED_RANGE  # as ffmpeg's own scaler has it
    return untagged_gray or frame.color_range == FULL_RANGE


def tabled(frame: VideoFrame) -> VideoFrame:
    """The frame itself where its format is in the table, else a copy in the nearest format that is."""
    name = nearest_layout(frame.format.name)
    return frame if name == frame.format.name else _like(frame, name)


def build_frame(source: VideoFrame, planes: Sequence[NDArray], pix_fmt: str) -> VideoFrame:
    """A new frame with the samples of `planes` (as `views` gives them) and all else of `source`: alpha, tags, field
    order, captions and other side data. Times are not set.

    `pix_fmt`: a format of the same family, depth and subsampling is filled sample by sample, bit-exact; any other
    format the encoder may want is made by one conversion of the finished frame.
    """
    layout = LAYOUTS[source.format.name]
    exact = same_samples(source.format.name, pix_fmt)
    target = pix_fmt if exact else source.format.name
    out, there = _like(source, target), LAYOUTS[target]
    for c, (place, samples) in enumerate(zip(there.places, planes, strict=True)):
        _view(out, there, place, c)[...] = samples
    if there.alpha is not None:
        opaque = (1 << there.bits) - 1
        _view(out, there, there.alpha, 3)[...] = _view(source, layout, layout.alpha, 3) if layout.alpha else opaque
    return out if exact else _like(out, pix_fmt)


_graphs = threading.local()
"""Filter graphs of this thread, by what goes in and what comes out."""


def _like(frame: VideoFrame, pix_fmt: str) -> VideoFrame:
    """A copy of the frame in `pix_fmt`, with everything that belongs to it but its picture type.

    A new VideoFrame of PyAV's would be without side data and field order, which cannot be set from Python; ffmpeg's filters
    hand them on.
    """
    from av.filter import Graph

    key = (frame.format.name, frame.width, frame.height, frame.colorspace, frame.color_range, pix_fmt)
    known: dict[tuple, Graph] = _graphs.__dict__.setdefault("by_key", {})
    if key not in known:
        known.clear()  # of a stream that went before, or of other tags: what has been seen rarely comes back
        graph = Graph()
        graph.threads = 1
        steps = [graph.add_buffer(template=frame, time_base=frame.time_base or Fraction(1, 25))]
        if pix_fmt == frame.format.name:
            steps.append(graph.add("copy"))
        else:
            steps += [graph.add("scale", _conversion(frame, pix_fmt)), graph.add("format", pix_fmt)]
        graph.link_nodes(*steps, graph.add("buffersink")).configure()
        known[key] = graph
    known[key].vpush(frame)
    out = known[key].vpull()
    out.pict_type = 0  # else the encoder would make key frames where the input had them
    out.pts, out.duration = frame.pts, frame.duration
    if frame.time_base is not None:
        out.time_base = frame.time_base
    _copy_tags(frame, out)
    out.colorspace, out.color_range = matrix_and_range(frame, pix_fmt)
    return out


def _conversion(frame: VideoFrame, pix_fmt: str) -> str:
    """Options of ffmpeg's scale filter, with nothing left to its guesses: YUV stays in its matrix and range, and RGB that
    becomes YUV gets those of `matrix_and_range`."""
    layout = LAYOUTS[nearest_layout(frame.format.name)]
    target = LAYOUTS[nearest_layout(pix_fmt)]
    matrix, colour_range = matrix_and_range(frame, pix_fmt)
    name = FFMPEG_MATRICES.get(matrix) or FFMPEG_MATRICES[_usual_matrix(frame)]
    out_full = target.family == "rgb" or target.full_range or colour_range == FULL_RANGE
    in_range, out_range = ("full" if full else "limited" for full in (_is_full_range(frame, layout), out_full))
    return f"in_color_matrix={name}:out_color_matrix={name}:in_range={in_range}:out_range={out_range}"


def matrix_and_range(frame: VideoFrame, pix_fmt: str) -> tuple[int, int]:
    """ffmpeg's numbers for the matrix and the range of `frame` once `build_frame` has made it `pix_fmt`."""
    given, made = (LAYOUTS[nearest_layout(name)].family for name in (frame.format.name, pix_fmt))
    if (given == "rgb") is (made == "rgb"):
        return frame.colorspace, frame.color_range
    return (NO_MATRIX, FULL_RANGE) if made == "rgb" else (_usual_matrix(frame), LIMITED_RANGE)


def _usual_matrix(frame: VideoFrame) -> int:
    from .planes import default_matrix

    return BT709 if default_matrix(frame.width, frame.height) == "bt709" else BT601


def field_order(frame: VideoFrame) -> Literal["top", "bottom"] | None:
    """Which field of an interlaced frame comes first; None where the frame is progressive."""
    from av.error import BlockingIOError
    from av.filter import Graph

    if not frame.interlaced_frame:
        return None
    graph = Graph()  # PyAV does not tell which, ffmpeg's filters do
    start = graph.add_buffer(template=frame, time_base=frame.time_base or Fraction(1, 25))
    graph.link_nodes(start, graph.add("select", "eq(interlace_type,TOPFIRST)"), graph.add("buffersink")).configure()
    graph.vpush(frame)
    try:
        graph.vpull()
    except BlockingIOError:
        return "bottom"
    return "top"


def _copy_tags(source: VideoFrame, out: VideoFrame) -> None:
    out.color_range = source.color_range
    out.colorspace = source.colorspace
    out.color_primaries = source.color_primaries
    out.color_trc = source.color_trc
    out.chroma_location = source.chroma_location
