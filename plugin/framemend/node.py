"""The VapourSynth filter: `framemend.repair(clip)` gives a clip of the same format, size and length, repaired.

How it is built (nodes written in Python exist only as callbacks of std.ModifyFrame):

    clip -> padded -> one SelectEvery a frame of the window -> chunk node -> picker -> repaired clip

Frame k of the chunk node is a small carrier whose properties hold the frames kK .. kK+K-1, all written in one run of
the engine; the picker takes frame n out of carrier n // K. VapourSynth itself requests, prefetches and caches. No
callback requests a frame and no lock is held while one is requested: nodes can be chained and asked in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import numpy as np
import vapoursynth as vs

from framemend.planes import add_residual
from framemend.vsframes import RgbCache, RgbWindow, check_progressive, plane_format, planes_of, scene_cuts
from framemend_filters.errors import FramemendError

if TYPE_CHECKING:
    from framemend_filters.engine import FrameRepair, Repairer

CHUNKS_KEPT = 4  # of the chunk node's cache: enough for eight requests ahead in order
RGB_BYTES_KEPT = 256 << 20  # at most, of converted frames that neighbouring windows share

_SCENE_CHANGES = ("auto", "props", "none")


def repair(
    clip: vs.VideoNode,
    mask: vs.VideoNode | None = None,
    *,
    model: str | PathLike[str] = "fast",
    strength: float | None = None,
    scene_changes: Literal["auto", "props", "none"] = "auto",
    tile: int | None = None,
    tile_overlap: int | None = None,
    device: str | int = "auto",
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
    grain: bool = True,
) -> vs.VideoNode:
    """Repair a clip: noise, blocking and blur everywhere, or generate what a mask covers.

    clip: constant format and size; GRAY, YUV or RGB, 8 to 16 bit integer, half or float; progressive. Matrix, range and
        chroma location are read from the frame properties, else what zimg assumes is taken.
    mask: what to generate, as large and as long as the clip, any format of 8 to 16 bit or float; its first plane
        counts, full range: white is generated, black is kept, grey is a soft edge.
    model: name of shipped weights, or a folder in transformers format.
    strength: how much of the blind repair is applied, 0 to 1. None: 1 without a mask, 0 with one.
    scene_changes: "auto" finds cuts in the picture, "props" takes _SceneChangePrev and _SceneChangeNext, "none": there
        are none. No frame is repaired from beyond a cut.
    tile, tile_overlap: edge of the square tiles the model runs on and how far they overlap, in samples. None: the
        engine's choice, by the size of the frame.
    device: "auto", "cpu", "cuda", "cuda:N", "mps", or the index of a CUDA device.
    precision: "auto", "fp32", "bf16" or "fp16".
    grain: lay grain like that around it on generated areas.

    Outside a mask, with strength 0, every sample of every plane is returned as given. Frame properties are kept;
    _FramemendMasked, the share of the frame that was generated (0 to 1), is added.

    Raises vapoursynth.Error: at the call for a format, size, mask or setting that will not do; when a frame is asked
    for, if its properties say that it cannot be repaired (fields, a matrix that is not linear).
    """
    _check_clip(clip)
    if mask is not None:
        mask = _grey_mask(clip, mask)
    if scene_changes not in _SCENE_CHANGES:
        _fail(f"scene_changes is {scene_changes!r}; it can be {', '.join(map(repr, _SCENE_CHANGES))}")
    from framemend_filters.engine import Repairer, RepairSettings  # brings torch

    try:
        settings = RepairSettings(
            model=fspath(model),
            strength=strength,
            device=f"cuda:{device}" if isinstance(device, int) else device,
            precision=precision,
            tile=tile,
            scene_changes="auto" if scene_changes == "auto" else "none",
            grain=grain,
            **({} if tile_overlap is None else {"tile_overlap": tile_overlap}),
        )
        repairer = Repairer(settings, masked=mask is not None)
    except FramemendError as error:
        raise vs.Error(f"framemend.repair: {error}") from None
    core: Any = vs.core
    if strength == 0 and mask is None:
        return core.std.SetFrameProps(clip, _FramemendMasked=0.0)
    chunks = _chunk_node(clip, mask, repairer, cuts_from_props=scene_changes == "props")
    carriers = core.std.Interleave([chunks] * repairer.chunk_frames, modify_duration=False)[: clip.num_frames]
    return core.std.ModifyFrame(clip, carriers, _picker(repairer.chunk_frames))


def _check_clip(clip: vs.VideoNode) -> None:
    form: vs.VideoFormat | None = clip.format  # None before API 4
    if form is None or form.color_family == vs.UNDEFINED:
        _fail("the clip has a variable format; convert it to one format with resize first")
    if not clip.width or not clip.height:
        _fail("the clip has a variable size; bring it to one size with resize first")
    if form.sample_type == vs.INTEGER and form.bits_per_sample > 16:
        _fail(f"the clip is {form.name}; 8 to 16 bit integer, half and float work: convert it with resize first")


def _grey_mask(clip: vs.VideoNode, mask: vs.VideoNode) -> vs.VideoNode:
    """The mask's first plane as GRAY8, full range."""
    form: vs.VideoFormat | None = mask.format
    if (
        form is None
        or form.color_family == vs.UNDEFINED
        or (form.sample_type == vs.INTEGER and form.bits_per_sample > 16)
    ):
        found = "variable" if form is None or form.color_family == vs.UNDEFINED else form.name
        _fail(f"the format of the mask is {found}; 8 to 16 bit integer, half and float work: convert it to GRAY8")
    if (mask.width, mask.height) != (clip.width, clip.height):
        _fail(f"the mask is {_size(mask)}, the clip {_size(clip)}; give a mask of the clip's size")
    if mask.num_frames != clip.num_frames:
        _fail(
            f"the mask has {_frames(mask)}, the clip {_frames(clip)}; give one mask frame for each "
            "(std.Loop repeats a still mask)"
        )
    core: Any = vs.core
    if form.color_family != vs.GRAY:
        mask = core.std.ShufflePlanes(mask, 0, vs.GRAY)
    if mask.format.id == vs.GRAY8:
        return mask
    peak = 1 if form.sample_type == vs.FLOAT else (1 << form.bits_per_sample) - 1
    return core.std.Expr(mask, f"x 255 * {peak} /", format=vs.GRAY8)  # rounds and clamps


def _chunk_node(
    clip: vs.VideoNode, mask: vs.VideoNode | None, repairer: Repairer, *, cuts_from_props: bool
) -> vs.VideoNode:
    """Frame k holds the repaired frames of chunk k, as properties named by _slot."""
    core: Any = vs.core
    chunk_frames, radius = repairer.chunk_frames, repairer.radius
    num_chunks = -(-clip.num_frames // chunk_frames)
    carrier = core.std.BlankClip(width=16, height=16, format=vs.GRAY8, length=num_chunks, keep=True)
    inputs = _window_clips(clip, chunk_frames, radius, num_chunks)
    if mask is not None:
        inputs += _window_clips(mask, chunk_frames, radius, num_chunks)
    cache = RgbCache(min(RGB_BYTES_KEPT, (chunk_frames + 2 * radius) * clip.width * clip.height * 3 * 4))
    writer = _ChunkWriter(repairer, cache, clip.num_frames, masked=mask is not None, cuts_from_props=cuts_from_props)
    chunks = core.std.ModifyFrame(carrier, [carrier, *inputs], writer)
    core.std.SetVideoCache(chunks, mode=1, fixedsize=1, maxsize=CHUNKS_KEPT)
    return chunks


def _window_clips(clip: vs.VideoNode, chunk_frames: int, radius: int, num_chunks: int) -> list[vs.VideoNode]:
    """Clip j of these has, as its frame k, frame kK - R + j of the given clip; black where there is no such frame.

    Frames beyond the ends are never read, so they need not be the clip's: blank ones cost no request.
    """
    core: Any = vs.core
    before = [core.std.BlankClip(clip, length=radius, keep=True)] if radius else []
    tail = num_chunks * chunk_frames + radius - clip.num_frames
    # One frame more than needed: with nothing to join, Splice would hand back the caller's own node and cache.
    after = core.std.BlankClip(clip, length=tail + 1, keep=True)
    padded = core.std.Splice([*before, clip, after])
    window_frames = chunk_frames + 2 * radius
    core.std.SetVideoCache(padded, mode=1, fixedsize=1, maxsize=window_frames + 2 * chunk_frames)
    if chunk_frames == 1:
        return [padded[j : j + num_chunks] for j in range(window_frames)]
    # Window frame j is frame (j mod K) of a group of K, j // K groups on.
    phases = [
        core.std.SelectEvery(padded, chunk_frames, [phase], modify_duration=False) for phase in range(chunk_frames)
    ]
    return [phases[j % chunk_frames][j // chunk_frames : j // chunk_frames + num_chunks] for j in range(window_frames)]


class _ChunkWriter:
    """The chunk node's callback. Holds no node: a callback that did would keep its own graph alive."""

    def __init__(
        self, repairer: Repairer, cache: RgbCache, num_frames: int, *, masked: bool, cuts_from_props: bool
    ) -> None:
        self._repairer = repairer
        self._rgb = cache
        self._num_frames = num_frames
        self._masked = masked
        self._cuts_from_props = cuts_from_props

    def __call__(self, n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        try:
            return self._write(n, f)
        except FramemendError as error:
            raise vs.Error(f"framemend.repair: {error}") from None

    def _write(self, chunk: int, inputs: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        chunk_frames, radius = self._repairer.chunk_frames, self._repairer.radius
        window_frames = chunk_frames + 2 * radius
        start = chunk * chunk_frames - radius
        sources = inputs[1 : 1 + window_frames]
        frames = {i: sources[i - start] for i in self._repairer.span(chunk, self._num_frames)}
        for i, frame in frames.items():
            check_progressive(i, frame)
        masks = None
        if self._masked:
            mask_frames = inputs[1 + window_frames :]
            masks = {i: np.asarray(mask_frames[i - start][0]) for i in frames}
        repairs = self._repairer.repair_chunk(
            chunk,
            RgbWindow(frames, self._rgb),
            masks,
            num_frames=self._num_frames,
            cuts=scene_cuts(frames) if self._cuts_from_props else None,
        )
        carrier = inputs[0].copy()
        for slot, frame_repair in enumerate(repairs):
            carrier.props[_slot(slot)] = _repaired(frames[chunk * chunk_frames + slot], frame_repair)
        return carrier


def _repaired(source: vs.VideoFrame, frame_repair: FrameRepair) -> vs.VideoFrame:
    """A copy of the source, properties included, with the repair laid on its planes."""
    frame = source.copy()
    for written, plane in zip(
        planes_of(frame), add_residual(planes_of(source), plane_format(source), frame_repair), strict=True
    ):
        np.copyto(written, plane)
    frame.props["_FramemendMasked"] = float(frame_repair.generated)
    return frame


def _picker(chunk_frames: int) -> Callable[[int, vs.VideoFrame], vs.VideoFrame]:
    def pick(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.props[_slot(n % chunk_frames)]
        assert isinstance(frame, vs.VideoFrame)
        return frame

    return pick


def _slot(index: int) -> str:
    return f"frame{index}"


def _size(clip: vs.VideoNode) -> str:
    return f"{clip.width}x{clip.height}" if clip.width and clip.height else "of variable size"


def _frames(clip: vs.VideoNode) -> str:
    return f"{clip.num_frames} frame{'' if clip.num_frames == 1 else 's'}"


def _fail(text: str) -> NoReturn:
    raise vs.Error(f"framemend.repair: {text}")
