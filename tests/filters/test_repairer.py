"""The engine against a reference that does everything at once, in any order, and across cuts."""

import cv2
import numpy as np
import pytest
from pictures import panning_clip, psnr

from framemend_filters.engine import FrameRepair, Repairer, RepairSettings, aligned_mean_clip
from framemend_filters.errors import SettingError


def _settings(model: str, **settings: object) -> RepairSettings:
    return RepairSettings(model=model, device="cpu", precision="fp32", **settings)  # pyright: ignore[reportArgumentType]


def _by_chunks(repairer: Repairer, clip: np.ndarray, masks: np.ndarray | None = None) -> list[FrameRepair]:
    repairs = []
    for chunk in range(-(-len(clip) // repairer.chunk_frames)):
        span = repairer.span(chunk, len(clip))
        hidden = None if masks is None else {i: masks[i] for i in span}
        repairs += repairer.repair_chunk(chunk, {i: clip[i] for i in span}, hidden, num_frames=len(clip))
    return repairs


def _residuals(repairs: list[FrameRepair]) -> np.ndarray:
    return np.stack([r.residual for r in repairs])


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    return panning_clip(11, 48, 64, noise=15)


@pytest.fixture(scope="module")
def masks(clip: np.ndarray) -> np.ndarray:
    masks = np.zeros(clip.shape[:3], np.uint8)
    masks[3:8, 10:20, 20:40] = 255
    masks[5, 30:36, 50:60] = 100
    return masks


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 11])
def test_a_stream_gives_the_same_as_chunks_in_any_order(tiny_model: str, clip: np.ndarray, count: int) -> None:
    repairer = Repairer(_settings(tiny_model))
    streamed = _residuals(list(repairer.repair_stream((f, None) for f in clip[:count])))
    assert len(streamed) == count
    backwards = []
    for chunk in reversed(range(-(-count // repairer.chunk_frames))):
        frames = {i: clip[i] for i in repairer.span(chunk, count)}
        backwards[:0] = repairer.repair_chunk(chunk, frames, num_frames=count)
    np.testing.assert_array_equal(streamed, _residuals(backwards))


def test_more_frames_than_asked_for_change_nothing(tiny_model: str, clip: np.ndarray, masks: np.ndarray) -> None:
    """The brute-force reference: every chunk is handed the whole clip."""
    repairer = Repairer(_settings(tiny_model), masked=True)
    whole, holes = dict(enumerate(clip)), dict(enumerate(masks))
    reference = [r for k in range(4) for r in repairer.repair_chunk(k, whole, holes, num_frames=len(clip))]
    np.testing.assert_array_equal(_residuals(_by_chunks(repairer, clip, masks)), _residuals(reference))


def test_a_stream_reads_no_further_than_a_window(tiny_model: str, clip: np.ndarray) -> None:
    repairer = Repairer(_settings(tiny_model))
    read = 0

    def frames():
        nonlocal read
        for frame in clip:
            read += 1
            yield frame, None

    stream = repairer.repair_stream(frames())
    next(stream)
    assert read == repairer.span(0, 1000).stop


@pytest.mark.parametrize("lookahead", [0, 1, 4])
@pytest.mark.parametrize("with_masks", [False, True])
def test_with_a_lookahead_nothing_later_is_seen_and_no_more_is_read(
    tiny_model: str, clip: np.ndarray, masks: np.ndarray, lookahead: int, with_masks: bool
) -> None:
    """Frame n comes out as if the clip ended with frame n + lookahead, and is there once that has been read."""
    repairer = Repairer(_settings(tiny_model, lookahead=lookahead, strength=1.0), masked=with_masks)
    pairs = list(zip(clip, masks if with_masks else [None] * len(clip), strict=True))
    read: list[int] = []
    for n, repair in enumerate(repairer.repair_stream(pair for i, pair in enumerate(pairs) if read.append(i) is None)):
        end = min(len(clip), n + lookahead + 1)
        assert len(read) == end
        np.testing.assert_array_equal(repair.residual, list(repairer.repair_stream(pairs[:end]))[n].residual)


def test_a_longer_lookahead_sees_more(tiny_model: str, clip: np.ndarray) -> None:
    near, far = (_residuals(_by_chunks(Repairer(_settings(tiny_model, lookahead=n)), clip)) for n in (0, 1))
    assert not np.array_equal(near[4], far[4])


@pytest.mark.parametrize("cut", range(10))
@pytest.mark.parametrize("with_masks", [False, True])
def test_nothing_passes_a_cut(tiny_model: str, clip: np.ndarray, masks: np.ndarray, cut: int, with_masks: bool) -> None:
    """A cut in every position: other frames beyond it leave the frames before it as they are, and the reverse."""
    holes = masks if with_masks else None
    settings = _settings(tiny_model, strength=1.0)
    other = (1 - clip) * np.array([0.3, 0.6, 1.0], np.float32)
    first = np.concatenate([clip[: cut + 1], other[cut + 1 :]])
    second = np.concatenate([clip[: cut + 1], np.roll(other, 5, 2)[cut + 1 :]])
    third = np.concatenate([np.roll(clip, 7, 2)[: cut + 1], other[cut + 1 :]])
    repairer = Repairer(settings, masked=with_masks)
    one, two, three = (_residuals(_by_chunks(repairer, c, holes)) for c in (first, second, third))
    np.testing.assert_array_equal(one[: cut + 1], two[: cut + 1])
    np.testing.assert_array_equal(one[cut + 1 :], three[cut + 1 :])
    assert not np.array_equal(one[cut + 1 :], two[cut + 1 :])


def test_with_scene_changes_none_frames_beyond_a_cut_are_seen(tiny_model: str, clip: np.ndarray) -> None:
    """The test above can fail: without detection something does pass."""
    repairer = Repairer(_settings(tiny_model, scene_changes="none"))
    other = 1 - clip
    first = np.concatenate([clip[:4], other[4:]])
    second = np.concatenate([clip[:4], np.roll(other, 5, 2)[4:]])
    assert not np.array_equal(_residuals(_by_chunks(repairer, first))[:4], _residuals(_by_chunks(repairer, second))[:4])


def test_strength_0_without_a_mask_is_exactly_nothing(tiny_model: str, clip: np.ndarray) -> None:
    for repair in _by_chunks(Repairer(_settings(tiny_model, strength=0.0)), clip):
        assert not repair.residual.any()
        assert repair.touched is not None and not repair.touched.any()


def test_with_a_mask_nothing_outside_it_changes(tiny_model: str, clip: np.ndarray, masks: np.ndarray) -> None:
    repairs = _by_chunks(Repairer(_settings(tiny_model), masked=True), clip, masks)
    for repair, mask in zip(repairs, masks, strict=True):
        assert not repair.residual[mask == 0].any()
        assert repair.touched is not None
        np.testing.assert_array_equal(repair.touched, mask > 0)
        assert repair.generated == pytest.approx(mask.mean() / 255, abs=1e-6)
    assert all(np.abs(r.residual[m == 255]).mean() > 0 for r, m in zip(repairs, masks, strict=True) if (m == 255).any())


def test_what_a_hole_holds_is_never_seen(tiny_model: str, clip: np.ndarray, masks: np.ndarray) -> None:
    painted = clip.copy()
    painted[masks > 0] = 1.0
    repairer = Repairer(_settings(tiny_model, hole_grain=False), masked=True)
    plain, marked = (_by_chunks(repairer, c, masks) for c in (clip, painted))
    for t in range(len(clip)):
        hole = masks[t] == 255
        made = (clip[t] + plain[t].residual)[hole], (painted[t] + marked[t].residual)[hole]
        np.testing.assert_allclose(*made, atol=2e-6)


def test_half_strength_is_half_the_residual(tiny_model: str, clip: np.ndarray) -> None:
    full = _residuals(_by_chunks(Repairer(_settings(tiny_model, strength=1.0)), clip))
    half = _residuals(_by_chunks(Repairer(_settings(tiny_model, strength=0.5)), clip))
    np.testing.assert_allclose(half, full / 2, atol=1e-7)


def test_tiles_are_invisible(tiny_model: str) -> None:
    clip = panning_clip(3, 160, 224, noise=15)
    whole = _residuals(_by_chunks(Repairer(_settings(tiny_model, tile=1024)), clip))
    tiled = _residuals(_by_chunks(Repairer(_settings(tiny_model, tile=128)), clip))
    assert not np.array_equal(whole, tiled)
    assert psnr(whole, tiled) > 55


def test_grain_is_laid_on_generated_areas_only_and_is_the_same_every_time(
    tiny_model: str, clip: np.ndarray, masks: np.ndarray
) -> None:
    grainy, again, plain = (
        _residuals(_by_chunks(Repairer(_settings(tiny_model, hole_grain=grain), masked=True), clip, masks))
        for grain in (True, True, False)
    )
    np.testing.assert_array_equal(grainy, again)
    laid = (grainy - plain)[masks == 255]
    assert laid.std() * 255 == pytest.approx(15, rel=0.35)
    assert not (grainy - plain)[masks == 0].any()


def test_frames_smaller_than_16_are_refused(tiny_model: str) -> None:
    repairer = Repairer(_settings(tiny_model))
    with pytest.raises(SettingError, match="frames are 40x12; the smallest"):
        repairer.repair_chunk(0, {0: np.zeros((12, 40, 3), np.float32)}, num_frames=1)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"strength": 1.5}, "strength is 1.5; it goes from 0 to 1"),
        ({"device": "gpu"}, "device is 'gpu'; use auto, cpu, cuda"),
        ({"precision": "int8"}, "precision is 'int8'; use one of auto, fp32"),
        ({"tile": 8}, "tile is 8; the smallest is 64"),
        ({"tile_overlap": -1}, "tile_overlap is -1"),
        ({"lookahead": -1}, "lookahead is -1; it is a number of frames from 0"),
        ({"scene_changes": "some"}, "scene_changes is 'some'"),
    ],
)
def test_settings_out_of_range_are_refused_with_what_would_work(setting: dict, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        RepairSettings(**setting)


def _lost_frame_and_start(model: str, clip: np.ndarray, strength: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Frame 4 of a clip that is lost, as it comes out and as it was interpolated."""
    masks = np.zeros(clip.shape[:3], np.uint8)
    masks[4] = 255
    given = np.where(masks[..., None] > 0, np.float32(0), clip)
    repairer = Repairer(_settings(model, hole_grain=False, strength=strength), masked=True)
    repairs = _by_chunks(repairer, given, masks)
    return given[4] + repairs[4].residual, aligned_mean_clip(list(given), list(masks))[4]


def test_a_lost_frame_stays_as_interpolated_where_there_is_no_noise(tiny_model: str) -> None:
    smooth = cv2.GaussianBlur(panning_clip(9, 48, 64, speed=1).reshape(9 * 48, 64, 3), (0, 0), 3).reshape(9, 48, 64, 3)
    noise = np.random.default_rng(0).normal(0, 12 / 255, smooth.shape).astype(np.float32)

    def change(clip: np.ndarray, strength: float | None) -> float:
        made, start = _lost_frame_and_start(tiny_model, clip, strength)
        return float(np.abs(made - start).mean())

    assert change(smooth, None) < 0.2 * change(smooth, 1.0)
    # what is noisy the network has to better, and where all frames are repaired, this one as well
    assert change(smooth + noise, None) > 0.9 * change(smooth + noise, 1.0)
