"""The VapourSynth filter: `framemend.repair(clip)` gives a clip of the same format, size and length, repaired.

Here the arguments are checked; vsgraph.py has the nodes that do the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from os import PathLike, fspath
from typing import Any, Literal, NoReturn

import vapoursynth as vs

from framemend.vsgraph import repaired_clip, tagged
from framemend_filters.errors import FramemendError

_SCENE_CHANGES = ("auto", "props", "none")


def repair(
    clip: vs.VideoNode,
    mask: vs.VideoNode | None = None,
    *,
    detect: str | Sequence[str] | None = None,
    model: str | PathLike[str] = "fast",
    strength: float | vs.VideoNode | None = None,
    fields: bool = False,
    scene_changes: Literal["auto", "props", "none"] = "auto",
    lookahead: int | None = None,
    tile: int | None = None,
    tile_overlap: int | None = None,
    memory: str | int | None = None,
    backend: Literal["torch", "onnxruntime", "openvino"] = "torch",
    device: str = "auto",
    device_index: int | None = None,
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
    num_streams: int = 1,
    grain: Literal["keep", "reduce", "remove"] = "remove",
    hole_grain: bool = True,
) -> vs.VideoNode:
    """Repair a clip: noise, blocking and blur everywhere, or generate what a mask covers.

    clip: constant format and size; GRAY, YUV or RGB, 8 to 16 bit integer, half or float; progressive, unless `fields` is
        set. Matrix, range, chroma location and whether light is linear are read from the frame properties, else what
        zimg assumes is taken.
    mask: what to generate, as large and as long as the clip, any format of 8 to 16 bit or float; its first plane
        counts, full range: white is generated, black is kept, grey is a soft edge.
    detect: damage to find and generate, joined with the mask: the kinds of `framemend.detect`, or "auto" for what the
        clip shows; strength is 0 with it unless given. "auto" and "logo" read the whole clip at the call.
    model: name of shipped weights, a folder in transformers format, or a .safetensors or .pth of a restoration model of
        single frames that spandrel knows (`pip install framemend[spandrel]`).
    strength: how much of the blind repair is applied, 0 to 1; or a clip that says it for each sample, of the same kind as
        `mask`, black for 0 and white for 1. None: 1 without a mask, 0 with one.
    fields: repair each field of an interlaced clip on its own. False: frames tagged as interlaced are refused.
    scene_changes: "auto" finds cuts in the picture, "props" takes _SceneChangePrev and _SceneChangeNext, "none": there
        are none. No frame is repaired from beyond a cut.
    lookahead: how many frames after the one written may be seen, from 0 (the past alone, for live use). None: as many as
        the model takes.
    tile, tile_overlap: edge of the square tiles the model runs on (from 64) and how far they overlap (0 to half a tile),
        in samples. None: the engine's choice, by the size of the frame.
    memory: what the process may take, such as "4G" or a number of bytes: tile and window are chosen for it, and logged.
        None: no limit.
    backend: what runs the network. "onnxruntime" and "openvino" are installed by `pip install framemend[export]`.
    device: "auto", "cpu", "cuda", "cuda:N" or "mps".
    device_index: which CUDA device, from 0. None: the first, or the one that `device` names.
    precision: "auto", "fp32", "bf16" or "fp16".
    num_streams: chunks written at the same time, from 1; each takes the memory of a window. More than 1 pays on a GPU.
    grain: "remove" takes fine grain for noise, "reduce" leaves half of it, "keep" all; what is coarser or stronger than grain
        is repaired.
    hole_grain: lay grain like that around it on generated areas.

    Outside a mask, with strength 0, every sample of every plane is returned as given. Frame properties are kept, and three
    added: _FramemendMasked, the share of the frame that was generated (0 to 1); _FramemendConfidence, 1 less the mean
    absolute error (0..1) that the model expects where samples may have changed; _FramemendChunk, the number of the chunk
    that the frame was written in.

    Raises vapoursynth.Error: at the call for a format, size, mask or setting that will not do; when a frame is asked
    for, if its properties say that it cannot be repaired (fields, a matrix that is not linear).
    """
    check_clip(clip, "repair")
    if mask is not None:
        mask = grey_clip(clip, mask, "mask")
    varied = grey_clip(clip, strength, "strength") if isinstance(strength, vs.VideoNode) else None
    fixed = None if isinstance(strength, vs.VideoNode) else _number("strength", strength)
    if scene_changes not in _SCENE_CHANGES:
        _fail(f"scene_changes is {scene_changes!r}; it can be {', '.join(map(repr, _SCENE_CHANGES))}")
    lookahead, tile, tile_overlap, device_index = (
        _whole(name, value)
        for name, value in (
            ("lookahead", lookahead),
            ("tile", tile),
            ("tile_overlap", tile_overlap),
            ("device_index", device_index),
        )
    )
    streams = _whole("num_streams", num_streams)
    if streams is None or streams < 1:
        _fail(f"num_streams is {num_streams}; it is a whole number from 1 on")
    from framemend.fields import FieldRepairer, least_multiple
    from framemend_filters.engine import Repairer, RepairSettings

    lines = least_multiple(clip.format.subsampling_h)
    if fields and clip.height % lines:
        _fail(
            f"the clip is {clip.height} lines high; with fields=True the height of {clip.format.name} must be a multiple of "
            f"{lines}: crop it, or add lines, first"
        )
    try:
        settings = RepairSettings(
            model=fspath(model),
            strength=fixed,
            device=_device(device, device_index),
            backend=backend,
            precision=precision,
            tile=tile,
            tile_overlap=RepairSettings.tile_overlap if tile_overlap is None else tile_overlap,
            memory=memory,
            scene_changes="auto" if scene_changes == "auto" else "none",
            lookahead=lookahead,
            grain=grain,
            hole_grain=bool(hole_grain),
        )
        _check_machine(settings.device, settings.backend)
        if detect:
            from framemend.detectnode import plan_of
            from framemend.fields import DetectingFieldRepairer
            from framemend_filters.engine.detecting import DetectingRepairer

            plan = plan_of(clip, detect, fields=fields)
            repairer: Repairer = (DetectingFieldRepairer if fields else DetectingRepairer)(settings, plan)
        else:
            repairer = (FieldRepairer if fields else Repairer)(settings, masked=mask is not None)
        if memory is not None:
            repairer = repairer.fitted(clip.height, clip.width, streams=streams)
            vs.core.log_message(vs.MESSAGE_TYPE_INFORMATION, f"framemend.repair: {repairer.fit}")
    except FramemendError as error:
        raise vs.Error(f"framemend.repair: {error}") from None
    if fixed == 0 and mask is None and varied is None and not detect:
        return _untouched(clip, repairer.chunk_frames)
    return repaired_clip(
        clip, mask, varied, repairer, cuts_from_props=scene_changes == "props", fields=fields, num_streams=streams
    )


def grey_clip(clip: vs.VideoNode, given: vs.VideoNode, name: str, caller: str = "repair") -> vs.VideoNode:
    """The first plane of `given`, the argument `name` of framemend.`caller`, as GRAY8, full range, for each frame of `clip`.

    Raises vapoursynth.Error where it is of another size, length or a format that does not work.
    """

    def fail(text: str) -> NoReturn:
        raise vs.Error(f"framemend.{caller}: {text}")

    if not isinstance(given, vs.VideoNode):  # pyright: ignore[reportUnnecessaryIsInstance]
        fail(f"{name} is a {type(given).__name__}; pass a vapoursynth.VideoNode")
    form: vs.VideoFormat | None = given.format
    if (
        form is None
        or form.color_family == vs.UNDEFINED
        or (form.sample_type == vs.INTEGER and form.bits_per_sample > 16)
    ):
        found = "variable" if form is None or form.color_family == vs.UNDEFINED else form.name
        fail(f"the format of the {name} is {found}; 8 to 16 bit integer, half and float work: convert it to GRAY8")
    if (given.width, given.height) != (clip.width, clip.height):
        fail(f"the {name} is {_size(given)}, the clip {_size(clip)}; give one of the clip's size")
    if given.num_frames != clip.num_frames:
        fail(
            f"the {name} has {_frames(given)}, the clip {_frames(clip)}; give one frame for each "
            "(std.Loop repeats a still one)"
        )
    core: Any = vs.core
    if form.color_family != vs.GRAY:
        given = core.std.ShufflePlanes(given, 0, vs.GRAY)
    if given.format.id == vs.GRAY8:
        return given
    peak = 1 if form.sample_type == vs.FLOAT else (1 << form.bits_per_sample) - 1
    return core.std.Expr(given, f"x 255 * {peak} /", format=vs.GRAY8)  # rounds and clamps


def check_clip(clip: vs.VideoNode, name: str) -> None:
    """Raise vapoursynth.Error, in the name of the filter `name`, for a format or size that will not do."""
    if not isinstance(clip, vs.VideoNode):  # pyright: ignore[reportUnnecessaryIsInstance]
        _fail(f"clip is a {type(clip).__name__}; pass a vapoursynth.VideoNode", name)
    form: vs.VideoFormat | None = clip.format  # None before API 4
    if form is None or form.color_family == vs.UNDEFINED:
        _fail("the clip has a variable format; convert it to one format with resize first", name)
    if not clip.width or not clip.height:
        _fail("the clip has a variable size; bring it to one size with resize first", name)
    if form.sample_type == vs.INTEGER and form.bits_per_sample > 16:
        _fail(f"the clip is {form.name}; 8 to 16 bit integer, half and float work: convert it with resize first", name)


def _number(name: str, value: object) -> float | None:
    if value is not None and not isinstance(value, Real):
        _fail(f"{name} is {value!r}; it is a number or a clip")
    return None if value is None else float(value)


def _whole(name: str, value: object) -> int | None:
    if value is not None and (not isinstance(value, Integral) or isinstance(value, bool)):
        _fail(f"{name} is {value!r}; it is a whole number")
    return None if value is None else int(value)


def _device(device: str, index: int | None) -> str:
    if index is None:
        return device
    if device not in ("auto", "cuda", f"cuda:{index}"):
        _fail(f"device_index is {index} and device is {device!r}; device_index counts CUDA devices: use device='cuda'")
    if index < 0:
        _fail(f"device_index is {index}; it counts CUDA devices from 0")
    return f"cuda:{index}"


def _check_machine(device: str, backend: str) -> None:
    """Raise SettingError where this machine lacks a device or runtime that was asked for."""
    from framemend_filters.engine.backends import check_installed

    check_installed(backend)
    if device not in ("auto", "cpu"):
        from framemend_filters.engine.devices import pick_device  # brings torch

        pick_device(device)


def _untouched(clip: vs.VideoNode, chunk_frames: int) -> vs.VideoNode:
    core: Any = vs.core

    def tag(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        return tagged(f.copy(), masked=0.0, confidence=1.0, chunk=n // chunk_frames)

    return core.std.ModifyFrame(clip, clip, tag)


def _size(clip: vs.VideoNode) -> str:
    return f"{clip.width}x{clip.height}" if clip.width and clip.height else "of variable size"


def _frames(clip: vs.VideoNode) -> str:
    return f"{clip.num_frames} frame{'' if clip.num_frames == 1 else 's'}"


def _fail(text: str, name: str = "repair") -> NoReturn:
    raise vs.Error(f"framemend.{name}: {text}")
