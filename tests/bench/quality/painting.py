"""OpenCV's inpainting, frames between frames, and the parts of framemend itself."""

from __future__ import annotations

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.quality.method import Method, choices
from bench.quality.shots import TASKS, Shot
from framemend.clips import Frames
from framemend.evaluate import aligned_mean, repaired
from framemend.evaluation import Case, neighbour_average
from framemend_filters.engine import Repairer, RepairSettings, flow

_HOLES = ("box", "moving", "scratches", "dust")
_RADII = choices(1, 2, 3, 5, 8, 12)
_DIS = ("ultrafast", "fast", "medium")
OURS, LIVE, MEAN = "framemend", "framemend --lookahead 0", "aligned mean"


def methods(model: str) -> tuple[Method, ...]:
    """All of this file; model: shipped weights or a folder."""
    return (
        Method(
            name="Telea",
            tasks=_HOLES,
            run=lambda shot, radius: _painted(shot, radius, cv2.INPAINT_TELEA),
            settings=_RADII,
            says="radius {:g}".format,
        ),
        Method(
            name="Navier-Stokes",
            tasks=_HOLES,
            run=lambda shot, radius: _painted(shot, radius, cv2.INPAINT_NS),
            settings=_RADII,
            says="radius {:g}".format,
        ),
        Method(
            name="average of neighbours",
            tasks=("lost",),
            run=lambda shot, _: neighbour_average(shot.given, shot.masks),
        ),
        Method(
            name="DIS-flow interpolation",
            tasks=("lost",),
            run=lambda shot, preset: _interpolated(shot, int(preset)),
            settings=choices(0, 1, 2),
            says=lambda preset: f"preset {_DIS[int(preset)]}",
        ),
        Method(name=MEAN, tasks=TASKS, run=lambda shot, _: aligned_mean(shot.case)),
        *(
            Method(
                name=name,
                tasks=TASKS,
                run=lambda shot, _, lookahead=lookahead: repaired(
                    shot.case, _repairer(model, lookahead, _is_masked(shot))
                ),
                prepare=lambda shot, lookahead=lookahead: _repairer(model, lookahead, _is_masked(shot)),
            )
            for name, lookahead in ((OURS, None), (LIVE, 0))
        ),
    )


def _is_masked(shot: Shot) -> bool:
    return shot.case.masks is not None


@functools.cache
def _repairer(model: str, lookahead: int | None, masked: bool) -> Repairer:
    import torch

    torch.set_num_threads(1)
    repairer = Repairer(RepairSettings(model=model, lookahead=lookahead), masked=masked)
    small = np.zeros((1, 64, 64, 3), np.uint8)
    repaired(Case(small, np.full(small.shape[:3], 255, np.uint8) if masked else None), repairer)  # loads the weights
    return repairer


def _painted(shot: Shot, radius: float, how: int) -> Frames:
    painted = [cv2.inpaint(f, m, radius, how) for f, m in zip(shot.given, shot.masks, strict=True)]
    return np.asarray(np.stack(painted), np.uint8)


def _interpolated(shot: Shot, preset: int) -> Frames:
    """Each lost frame from the two beside it, both moved half the way along DIS flow, found from the one and from the other,
    and averaged where they agree on the way (the usual recipe of flow interpolation)."""
    out = shot.given.copy()
    lost = shot.masks.all((1, 2))
    for t in np.flatnonzero(lost):
        before = max((i for i in range(t) if not lost[i]), default=None)
        after = min((i for i in range(t + 1, len(out)) if not lost[i]), default=None)
        if before is None or after is None:
            out[t] = shot.given[before if after is None else after]
            continue
        part = (t - before) / (after - before)
        a, b = (shot.given[i].astype(np.float32) / 255 for i in (before, after))
        there, back = _dis(a, b, preset), _dis(b, a, preset)
        first = flow.warp(a, flow.sample_positions(np.asarray(back * part, np.float32)))
        second = flow.warp(b, flow.sample_positions(np.asarray(there * (1 - part), np.float32)))
        out[t] = np.clip(np.rint((first * (1 - part) + second * part) * 255), 0, 255)
    return out


def _dis(a: NDArray[np.float32], b: NDArray[np.float32], preset: int) -> NDArray[np.float32]:
    dis = cv2.DISOpticalFlow.create(preset)
    return np.asarray(dis.calc(flow.flow_picture(a), flow.flow_picture(b), None), np.float32)  # pyright: ignore[reportArgumentType, reportCallIssue]
