"""What the person at the command line wants generated, frame by frame: from pictures, sequences, videos, shapes, keys and
channels, joined, grown and feathered.

A mask is H W uint8, 255 = generate, 0 = keep, values between are soft edges. Several sources are joined by maximum.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from framemend.masks.shapes import SUFFIXES as SHAPE_FILES
from framemend.masks.shapes import Polygon, Rect, parse_rect, parse_time, read_shapes
from framemend.masks.stored import PICTURES, RATE_SLACK, ByFrame, Masks, Reading, open_stored, read_colour, too_short
from framemend_filters.errors import InputNotFound, SettingError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from framemend.masks.given import Key

__all__ = ["PICTURES", "MaskSource", "Masks", "Rect", "open_masks", "parse_rect", "parse_time"]


class MaskSource:
    """All that the options say about masks, for one clip. Made by `open_masks`."""

    def __init__(
        self,
        width: int,
        height: int,
        masks: Masks | None = None,
        shapes: Sequence[Rect | Polygon] = (),
        *,
        keys: Sequence[Key] = (),
        from_alpha: bool = False,
        grow: int = 0,
        feather: int = 0,
    ) -> None:
        self.width, self.height = width, height
        self.from_alpha = from_alpha
        """Whether mask_for wants the frame's alpha channel."""
        self._masks = masks
        self._shapes = tuple(shapes)
        self._keys = tuple(keys)
        self._grow, self._feather = grow, feather

    @property
    def looks_at_pictures(self) -> bool:
        """Whether mask_for wants the frame."""
        return bool(self._keys)

    def mask_for(
        self,
        index: int,
        pts_seconds: float | Fraction | None = None,
        picture: NDArray[np.floating] | None = None,
        alpha: NDArray | None = None,
    ) -> NDArray[np.uint8] | None:
        """The mask of frame `index`, shown `pts_seconds` after the first frame; None: nothing to generate in this frame.

        picture: the frame, H W 3 RGB 0..1, which keys look at; alpha: its alpha channel, H W uint8 or uint16. Returns H
        W uint8. Raises SettingError where the masks run out before the clip, are of another size, where a shape speaks
        of time and the clip has none, or where alpha is asked for and there is none.
        """
        joined: NDArray[np.uint8] | None = None
        if self._masks is not None:
            joined = self._masks.mask(index)
            if joined.shape != (self.height, self.width):
                have = f"{joined.shape[1]}x{joined.shape[0]}"
                raise SettingError(f"mask is {have} but the picture is {self.width}x{self.height}; they must be equal")
        drawn = [shape for shape in self._shapes if shape.covers(index, pts_seconds)]
        if drawn:
            joined = np.zeros((self.height, self.width), np.uint8) if joined is None else joined.copy()
            for shape in drawn:
                shape.draw(joined)
        for mask in self._given(picture, alpha):
            joined = mask if joined is None else np.maximum(joined, mask)
        if joined is None or not joined.any():
            return None
        return shaped(joined, self._grow, self._feather)

    def _given(self, picture: NDArray[np.floating] | None, alpha: NDArray | None) -> list[NDArray[np.uint8]]:
        """Masks that the frame itself gives."""
        masks: list[NDArray[np.uint8]] = []
        if self._keys:
            if picture is None:
                raise SettingError("--key looks at the frames, which are not at hand here; give a mask instead")
            masks += [key.mask(picture) for key in self._keys]
        if self.from_alpha:
            if alpha is None:
                raise SettingError(
                    "--mask-from alpha: the input has no alpha or infrared channel; give --mask FILE instead"
                )
            from framemend.masks.given import from_alpha

            masks.append(from_alpha(alpha))
        return masks


def shaped(mask: NDArray[np.uint8], grow: int, feather: int) -> NDArray[np.uint8]:
    """A mask grown by so many samples all round (shrunk, where negative), then with an edge that is soft outwards over
    `feather` samples."""
    import cv2

    if grow:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(grow) + 1,) * 2)
        mask = np.asarray(cv2.dilate(mask, kernel) if grow > 0 else cv2.erode(mask, kernel), np.uint8)
    if feather:
        away = cv2.distanceTransform(np.where(mask >= 128, 0, 255).astype(np.uint8), cv2.DIST_L2, 5)
        edge = np.clip(255 * (1 - away / (feather + 1)), 0, 255)
        mask = np.maximum(mask, np.rint(edge)).astype(np.uint8)
    return mask


def open_masks(
    args: argparse.Namespace,
    width: int,
    height: int,
    *,
    num_frames: int | None = None,
    rate: Fraction | None = None,
    pictures: Callable[[], Iterable[NDArray[np.floating]]] | None = None,
) -> MaskSource | None:
    """The masks that the options ask for, None where there are none.

    args: `mask` and `rect`, and where there are such options `mask_colour`, `mask_threshold`, `mask_from`, `key`, `grow`,
    `feather` and `track`. width, height: of the clip in samples, as stored; num_frames, rate: of the clip, where they are known,
    to find out now and not at the end that masks are too few or meant for another clip; pictures: opens the clip once more,
    frames H W 3 RGB 0..1, for `track`. Raises SettingError (size,
    length, shape) and InputError.
    """
    rects = tuple(parse_rect(text) for text in args.rect)
    for text, rect in zip(args.rect, rects, strict=True):
        if rect.x + rect.width > width or rect.y + rect.height > height:
            raise SettingError(f"--rect {text} reaches outside the picture, which is {width}x{height}")
    names = [args.mask] if isinstance(args.mask, str) else list(args.mask or ())
    shapes: list[Rect | Polygon] = [*rects]
    stored: Masks | None = None
    for name in names:
        if Path(name).suffix.lower() in SHAPE_FILES:
            if not Path(name).is_file():
                raise InputNotFound(f"no such mask: {name}")
            shapes += read_shapes(Path(name), width, height)
        else:
            stored = open_stored(name, _reading(args))
            _check(name, stored, num_frames, rate)
    if getattr(args, "track", None) is not None:
        stored, shapes = _tracked(args.track, stored, shapes, (height, width), pictures), []
    keys, from_alpha = _keys(args), getattr(args, "mask_from", None) == "alpha"
    if stored is None and not shapes and not keys and not from_alpha:
        return None
    grow, feather = getattr(args, "grow", 0) or 0, getattr(args, "feather", 0) or 0
    if feather < 0:
        raise SettingError(f"--feather is {feather}; it is 0 or more samples")
    source = MaskSource(width, height, stored, shapes, keys=keys, from_alpha=from_alpha, grow=grow, feather=feather)
    if stored is not None:
        MaskSource(width, height, stored).mask_for(0)  # the size, checked before the work starts
    return source


def _tracked(
    at: int,
    stored: Masks | None,
    shapes: Sequence[Rect | Polygon],
    size: tuple[int, int],
    pictures: Callable[[], Iterable[NDArray[np.floating]]] | None,
) -> Masks:
    """What is drawn on frame `at`, carried through its shot."""
    from framemend_filters.engine.track import track

    if at < 0:
        raise SettingError(f"--track is {at}; give the number of the frame that the mask was drawn on, from 0")
    if pictures is None:
        raise SettingError("--track reads the clip twice, and this one can be read only once; repair the file itself")
    if stored is not None and (stored.length is not None or stored.rate is not None):
        raise SettingError(
            "--track carries one picture through the shot; the mask given has one for each frame already"
        )
    if stored is None and not shapes:
        raise SettingError("--track needs a mask drawn on that frame; give it with --mask or --rect")
    mask = np.zeros(size, np.uint8) if stored is None else stored.mask(0).copy()
    for shape in shapes:
        shape.draw(mask)
    return ByFrame(track(mask, pictures(), at), size)


def _reading(args: argparse.Namespace) -> Reading:
    colour, threshold = getattr(args, "mask_colour", None), getattr(args, "mask_threshold", None)
    if threshold is not None and not 1 <= threshold <= 255:
        raise SettingError(f"--mask-threshold is {threshold}; it goes from 1 to 255")
    return Reading(colour=read_colour(colour) if colour else None, threshold=threshold)


def _keys(args: argparse.Namespace) -> list[Key]:
    texts = getattr(args, "key", None) or []
    if not texts:
        return []
    from framemend.masks.given import parse_key

    return [parse_key(text) for text in texts]


def _check(name: str, masks: Masks, num_frames: int | None, rate: Fraction | None) -> None:
    """Raise SettingError for masks that are fewer than the frames or come at another rate."""
    if masks.length is not None and num_frames is not None and masks.length < num_frames:
        raise too_short(name, masks.length, num_frames)
    if masks.rate and rate and abs(masks.rate / rate - 1) > RATE_SLACK:
        raise SettingError(
            f"mask {name} has {float(masks.rate):.3f} frames a second, the clip {float(rate):.3f}; "
            "make one of the clip's frames"
        )
