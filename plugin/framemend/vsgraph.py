"""The graph of nodes behind `framemend.repair`: from a clip to the repaired one, chunk by chunk.

    clip -> padded -> one SelectEvery a frame of the window -> chunk node -> picker -> repaired clip

Nodes written in Python exist only as callbacks of std.ModifyFrame. Frame k of a chunk node is a small carrier whose
properties hold the frames kK .. kK+K-1, all written in one run of the engine; the picker takes frame n out of carrier
n // K. VapourSynth itself requests, prefetches and caches. No callback requests a frame and no lock is held while one is
requested: nodes can be chained and asked in any order. With several streams, chunk k is written by chunk node k % streams.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from framemend.planes import add_residual
from framemend.vsframes import RgbCache, RgbWindow, check_progressive, plane_format, planes_of, scene_cuts
from framemend_filters.errors import FramemendError

if TYPE_CHECKING:
    from framemend_filters.engine import FrameRepair, Repairer

CHUNKS_KEPT = 4  # of a chunk node's cache: enough for eight requests ahead in order
RGB_BYTES_KEPT = 256 << 20  # at most, of converted frames that neighbouring windows share
_FAR = 1 << 20  # a chunk far from both ends of a clip


def repaired_clip(
    clip: vs.VideoNode,
    mask: vs.VideoNode | None,
    strength: vs.VideoNode | None,
    repairer: Repairer,
    *,
    cuts_from_props: bool,
    fields: bool,
    num_streams: int,
) -> vs.VideoNode:
    """The clip with what `repairer` makes of it.

    mask, strength: GRAY8, full range, of the clip's size and length. cuts_from_props: take _SceneChangePrev and
    _SceneChangeNext. fields: frames hold two fields, and `repairer` is one for them. num_streams: chunks that may be written at the same time.
    """
    core: Any = vs.core
    chunk_frames = repairer.chunk_frames
    num_chunks = -(-clip.num_frames // chunk_frames)
    before, after = _reach(repairer)
    window = window_clips(clip, chunk_frames, before, after, num_chunks)
    masks = window_clips(mask, chunk_frames, before, after, num_chunks) if mask is not None else []
    strengths = window_clips(strength, chunk_frames, 0, 0, num_chunks) if strength is not None else []
    cache = RgbCache(min(RGB_BYTES_KEPT, len(window) * clip.width * clip.height * 3 * 4), fields=fields)
    writer = _ChunkWriter(repairer, cache, clip.num_frames, before, cuts_from_props=cuts_from_props, fields=fields)
    num_streams = min(num_streams, num_chunks)
    carrier = core.std.BlankClip(width=16, height=16, format=vs.GRAY8, length=num_chunks, keep=True)
    streams: list[vs.VideoNode] = []
    for stream in range(num_streams):
        inputs = [_every(c, num_streams, stream) for c in (carrier, *window, *masks, *strengths)]
        write = writer.stream(stream, num_streams, len(window), masked=bool(masks), varied=bool(strengths))
        streams.append(core.std.ModifyFrame(inputs[0], inputs, write))
        core.std.SetVideoCache(streams[-1], mode=1, fixedsize=1, maxsize=CHUNKS_KEPT)
    chunks = streams[0]
    if num_streams > 1:
        chunks = core.std.Interleave(streams, extend=True, modify_duration=False)[:num_chunks]
    carriers = core.std.Interleave([chunks] * chunk_frames, modify_duration=False)[: clip.num_frames]
    return core.std.ModifyFrame(clip, carriers, _picker(chunk_frames))


def tagged(frame: vs.VideoFrame, *, masked: float, confidence: float, chunk: int) -> vs.VideoFrame:
    """A frame that can be written, with the properties that framemend adds."""
    frame.props["_FramemendMasked"] = masked
    frame.props["_FramemendConfidence"] = confidence
    frame.props["_FramemendChunk"] = chunk
    return frame


def _reach(repairer: Repairer) -> tuple[int, int]:
    """How many frames before and after those of a chunk the engine looks at."""
    span = repairer.span(_FAR, 1 << 40)
    first = _FAR * repairer.chunk_frames
    return first - span.start, span.stop - first - repairer.chunk_frames


def window_clips(clip: vs.VideoNode, chunk_frames: int, before: int, after: int, num_chunks: int) -> list[vs.VideoNode]:
    """Clip j of these has, as its frame k, frame kK - before + j of the given clip; black where there is no such frame.

    Frames beyond the ends are never read, so they need not be the clip's: blank ones cost no request.
    """
    core: Any = vs.core
    head = [core.std.BlankClip(clip, length=before, keep=True)] if before else []
    tail = num_chunks * chunk_frames + after - clip.num_frames
    # One frame more than needed: with nothing to join, Splice would hand back the caller's own node and cache.
    padded = core.std.Splice([*head, clip, core.std.BlankClip(clip, length=tail + 1, keep=True)])
    window_frames = before + chunk_frames + after
    core.std.SetVideoCache(padded, mode=1, fixedsize=1, maxsize=window_frames + 2 * chunk_frames)
    if chunk_frames == 1:
        return [padded[j : j + num_chunks] for j in range(window_frames)]
    # Window frame j is frame (j mod K) of a group of K, j // K groups on.
    phases = [_every(padded, chunk_frames, phase) for phase in range(chunk_frames)]
    return [phases[j % chunk_frames][j // chunk_frames : j // chunk_frames + num_chunks] for j in range(window_frames)]


def _every(clip: vs.VideoNode, step: int, first: int) -> vs.VideoNode:
    """Every `step`-th frame from `first` on, properties as they are."""
    core: Any = vs.core
    return clip if step == 1 else core.std.SelectEvery(clip, step, [first], modify_duration=False)


class _ChunkWriter:
    """Makes the callbacks of the chunk nodes. Holds no node: a callback that did would keep its own graph alive."""

    def __init__(
        self,
        repairer: Repairer,
        cache: RgbCache,
        num_frames: int,
        before: int,
        *,
        cuts_from_props: bool,
        fields: bool,
    ) -> None:
        self._repairer = repairer
        self._rgb = cache
        self._num_frames = num_frames
        self._before = before
        self._cuts_from_props, self._fields = cuts_from_props, fields

    def stream(
        self, first: int, step: int, window_frames: int, *, masked: bool, varied: bool
    ) -> Callable[[int, Sequence[vs.VideoFrame]], vs.VideoFrame]:
        """Callback of the node that writes every `step`-th chunk from `first` on.

        It is given a carrier, the window, as many masks if `masked`, and strengths for the chunk's frames if `varied`.
        """

        def write(n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
            carrier, window, rest = f[0], f[1 : 1 + window_frames], f[1 + window_frames :]
            masks, strengths = (rest[:window_frames], rest[window_frames:]) if masked else (None, rest)
            try:
                return self._write(first + n * step, carrier, window, masks, strengths if varied else None)
            except FramemendError as error:
                raise vs.Error(f"framemend.repair: {error}") from None

        return write

    def _write(
        self,
        chunk: int,
        carrier: vs.VideoFrame,
        window: Sequence[vs.VideoFrame],
        masks: Sequence[vs.VideoFrame] | None,
        strengths: Sequence[vs.VideoFrame] | None,
    ) -> vs.VideoFrame:
        first = chunk * self._repairer.chunk_frames
        start = first - self._before
        frames = {i: window[i - start] for i in self._repairer.span(chunk, self._num_frames)}
        if not self._fields:
            for i, frame in frames.items():
                check_progressive(i, frame)
        repairs = self._repairer.repair_chunk(
            chunk,
            RgbWindow(frames, self._rgb),
            None if masks is None else {i: np.asarray(masks[i - start][0]) for i in frames},
            num_frames=self._num_frames,
            cuts=scene_cuts(frames) if self._cuts_from_props else None,
            strengths=None if strengths is None else {first + j: _share(frame) for j, frame in enumerate(strengths)},
        )
        carrier = carrier.copy()
        for slot, frame_repair in enumerate(repairs):
            carrier.props[_slot(slot)] = _repaired(frames[first + slot], frame_repair, chunk, fields=self._fields)
        return carrier


def _share(frame: vs.VideoFrame) -> NDArray[np.float32]:
    """A GRAY8 frame as 0..1."""
    return np.asarray(frame[0]).astype(np.float32) / np.float32(255)


def _repaired(source: vs.VideoFrame, frame_repair: FrameRepair, chunk: int, *, fields: bool) -> vs.VideoFrame:
    """A copy of the source, properties included, with the repair laid on its planes."""
    frame = source.copy()
    planes = add_residual(planes_of(source), plane_format(source, fields=fields), frame_repair)
    for written, plane in zip(planes_of(frame), planes, strict=True):
        np.copyto(written, plane)
    return tagged(frame, masked=frame_repair.generated, confidence=_confidence(frame_repair), chunk=chunk)


def _confidence(frame_repair: FrameRepair) -> float:
    """1 less the mean absolute error that the model expects in the samples that may have changed; 1 where none may."""
    error, touched = frame_repair.error, frame_repair.touched
    if error is None or (touched is not None and not touched.any()):
        return 1.0
    return float(np.clip(1 - np.mean(error if touched is None else error[touched], dtype=np.float64), 0, 1))


def _picker(chunk_frames: int) -> Callable[[int, vs.VideoFrame], vs.VideoFrame]:
    def pick(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.props[_slot(n % chunk_frames)]
        assert isinstance(frame, vs.VideoFrame)
        return frame

    return pick


def _slot(index: int) -> str:
    return f"frame{index}"
