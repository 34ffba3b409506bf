"""Masks of what the detecting network takes for defects: sure samples, and those beside them that are likely.

Frames of more than LARGEST_HEIGHT lines are looked at reduced: the network knows defects of a few samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from framemend_filters.damage.detectors.evidence import evidence, neighbours, on_both_sides
from framemend_filters.damage.detectors.hysteresis import hysteresis
from framemend_filters.damage.detectors.marks import off_the_edges
from framemend_filters.damage.detectors.view import Frame, View
from framemend_filters.engine.flow import reduce
from framemend_filters.weights import WEIGHTS

if TYPE_CHECKING:
    from framemend_filters.damage.detectors.network import DefectNetwork

FILE = WEIGHTS / "detect" / "model.safetensors"
LARGEST_HEIGHT = 720
"""Lines above which frames are halved, as often as it takes, before the network sees them."""
ON_GRID = 0.7
"""A mask lies on the grid of macroblocks where it shares this much with its cells (intersection over union)."""


@dataclass(frozen=True)
class Rule:
    """How log odds become a mask: what is above `sure`, and above `likely` where it hangs together with that; most: share of a
    frame beyond which a mask is none, brightness leapt or a cut was missed; grid: edge of the cells that such damage fills, 0
    where it has none; off_sides: leave what comes near to the left or right side, where the film gate weaves; one_sided: added
    to `sure` where other frames are on one side of time alone, which tells less; again: `sure` and `likely` where the film has such
    damage at the same place (within STAYS_WITHIN samples across) in STAYS_IN of the STAYS_FOR frames on both sides."""

    sure: float
    likely: float
    most: float = 0.1
    grid: int = 0
    off_sides: bool = False
    one_sided: float = 0.0
    again: tuple[float, float] | None = None


STAYS_FOR, STAYS_IN, STAYS_WITHIN = 2, 2, 3
"""Frames on both sides in which what stays on the film is looked for, in how many of them it must be, and how far it sways."""
RIDGE = 2.0
"""What is less likely than the likeliest sample within STAYS_WITHIN on its line by more than this is beside a faint scratch, not in it:
masks that are too wide cost more than they gain. All four were chosen on validation clips."""

RULES = {
    "dust": Rule(sure=1.0, likely=-2.0, one_sided=1.0),
    "scratches": Rule(sure=3.5, likely=-2.0, off_sides=True, again=(0.0, -5.0)),
    "dropouts": Rule(sure=4.0, likely=-2.0),
    "blocks": Rule(sure=10.0, likely=1.0, most=0.5, grid=16),
}
"""The rule of each kind; chosen on validation clips (tests/bench/tune_detectors.py)."""


class Reduced(Mapping[int, Frame]):
    """Frames reduced by `scale`, each when it is looked at."""

    def __init__(self, frames: Mapping[int, Frame], scale: int) -> None:
        self._frames, self._scale = frames, scale

    def __getitem__(self, index: int) -> Frame:
        return reduce(self._frames[index].astype(np.float32, copy=False), self._scale)

    def __iter__(self):
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)


def reduction(height: int) -> int:
    """By how much frames of so many lines are reduced before the network sees them."""
    scale = 1
    while height > LARGEST_HEIGHT * scale:
        scale *= 2
    return scale


def log_odds(view: View) -> dict[str, NDArray[np.float32]] | None:
    """Log odds of a defect of each kind at each sample of the view, H W float32 (of the view's own, maybe reduced, size);
    None where the scene has too few frames to tell."""
    return view.memory.get(("log odds", view.index, neighbours(view)), lambda: _log_odds(view))


def is_one_sided(view: View) -> bool:
    """Whether the frames that the network sees beside that of the view are all before it, or all after it."""
    chosen = neighbours(view)
    return chosen is not None and not on_both_sides(chosen)


def learned_mask(
    odds: NDArray[np.float32],
    rule: Rule,
    scale: int,
    shape: tuple[int, ...],
    one_sided: bool = False,
    again: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8] | None:
    """The mask, H W uint8 of `shape`, that log odds at 1/scale of the size lead to; None where it is empty. again: see
    `where_again`."""
    chosen = _chosen(odds, rule, one_sided, again)
    if chosen is None:
        return None
    whole = full_size(chosen, scale, shape)
    return (on_grid(whole, rule.grid) if rule.grid else whole) * np.uint8(255)


def where_again(view: View, kind: str) -> NDArray[np.bool_] | None:
    """Where the frames around have damage of a kind that stays on the film, H W; None for other kinds, and where they have none."""
    if RULES[kind].again is None:
        return None
    around = [d for d in range(-STAYS_FOR, STAYS_FOR + 1) if d and view.has(d)]
    found = [mask for d in around if (mask := _surely(view.at(view.index + d), kind)) is not None]
    if len(found) < STAYS_IN:
        return None
    wider = np.ones((1, 2 * STAYS_WITHIN + 1), np.uint8)
    return np.sum([cv2.dilate(mask, wider) for mask in found], 0) >= STAYS_IN


def _surely(view: View, kind: str) -> NDArray[np.uint8] | None:
    """What a frame shows of a kind by itself, 0 or 1, H W; None where that is nothing."""

    def look() -> NDArray[np.uint8] | None:
        shown = log_odds(view)
        return None if shown is None else _chosen(shown[kind], RULES[kind], is_one_sided(view))

    return view.memory.get(("surely", kind, view.index, neighbours(view)), look)


def _chosen(
    odds: NDArray[np.float32], rule: Rule, one_sided: bool, again: NDArray[np.bool_] | None = None
) -> NDArray[np.uint8] | None:
    """Samples, 0 or 1, that a rule takes for damage; None where it takes none."""
    sure, likely = odds > rule.sure + rule.one_sided * one_sided, odds > rule.likely
    if again is not None and rule.again is not None:
        sure |= again & (odds > rule.again[0])
        highest = cv2.dilate(odds, np.ones((1, 2 * STAYS_WITHIN + 1), np.uint8))
        likely |= again & (odds > rule.again[1]) & (odds > highest - RIDGE)
    if not sure.any():
        return None
    chosen = hysteresis(sure, likely).astype(np.uint8)
    if np.count_nonzero(chosen) > rule.most * chosen.size:
        return None
    if rule.off_sides:
        chosen = _off_sides(chosen)
    return chosen if chosen.any() else None


def _off_sides(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A mask without the parts that come near to the left or right side."""
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    kept = off_the_edges(np.asarray(boxes[1:count], np.int32), mask.shape, top_and_bottom=False)
    return np.concatenate([[False], kept])[np.asarray(labels, np.intp)].astype(np.uint8)


def full_size[T: np.generic](plane: NDArray[T], scale: int, shape: tuple[int, ...]) -> NDArray[T]:
    """A plane at 1/scale of the size at the size of `shape`."""
    return plane if scale == 1 else plane.repeat(scale, 0).repeat(scale, 1)[: shape[0], : shape[1]]


def on_grid(mask: NDArray[np.uint8], edge: int) -> NDArray[np.uint8]:
    """The cells of edge x edge samples that a mask of 0 and 1 fills by half or more; the mask itself where it lies otherwise, as
    in a picture that was cropped or scaled since."""
    height, width = mask.shape
    rows, columns = -(-height // edge), -(-width // edge)
    whole = np.pad(mask, ((0, rows * edge - height), (0, columns * edge - width)), mode="edge")
    filled = whole.reshape(rows, edge, columns, edge).mean((1, 3)) >= 0.5
    cells = np.kron(filled, np.ones((edge, edge), np.uint8)).astype(np.uint8)[:height, :width]
    shared = np.count_nonzero(cells & mask)
    return cells if shared >= ON_GRID * np.count_nonzero(cells | mask) else mask


def _log_odds(view: View) -> dict[str, NDArray[np.float32]] | None:
    import torch

    from framemend_filters.damage.detectors.network import LEARNED_KINDS, LEAST_MULTIPLE

    shown = evidence(view)
    if shown is None:
        return None
    height, width = shown.luma.shape[1:]
    bottom, right = -height % LEAST_MULTIPLE, -width % LEAST_MULTIPLE
    luma = np.pad(shown.luma, ((0, 0), (0, bottom), (0, right)), mode="edge")
    chroma = np.pad(shown.chroma, ((0, 0), (0, bottom // 2), (0, right // 2)), mode="edge")
    with torch.inference_mode():
        odds = network()(
            torch.from_numpy(luma)[None],
            torch.from_numpy(chroma)[None],
            torch.tensor([shown.noise], dtype=torch.float32),
            torch.tensor([float(shown.both_sides)]),
        )[0]
    rows, columns = view.shape
    return {k: np.ascontiguousarray(o[:rows, :columns]) for k, o in zip(LEARNED_KINDS, odds.numpy(), strict=True)}


@cache
def network() -> DefectNetwork:
    """The shipped network, loaded once."""
    import torch
    from safetensors.torch import load_file

    from framemend_filters.damage.detectors.network import DefectNetwork

    weights = {name: value.float() for name, value in load_file(FILE).items()}
    network = DefectNetwork(width=len(weights["stem.bias"]))
    network.load_state_dict(weights)
    return network.to(memory_format=torch.channels_last).eval()
