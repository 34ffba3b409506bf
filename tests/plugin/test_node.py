"""The VapourSynth filter against the engine called directly: every format, any order, nothing but the hole touched."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs
from vsclips import (
    HEIGHT,
    SECONDS,
    WIDTH,
    arrays,
    assert_equal,
    by_hand,
    core,
    differ,
    dtype_of,
    hole_clip,
    hole_mask,
    hole_of,
    moving_clip,
    painted,
    pictures,
    plane_shapes,
)

from framemend.node import repair
from framemend.vsframes import RgbCache, plane_format, scene_cuts
from framemend_filters.engine import FrameRepair, Repairer, RepairSettings

FORMATS = sorted(form.name for form in vs.PresetVideoFormat if form.name not in ("NONE", "GRAY32"))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_what_the_engine_gives(name: str, tiny_model: Path) -> None:
    clip = moving_clip(name, 2)
    repaired = repair(clip, model=tiny_model, device="cpu")
    assert (repaired.format.id, repaired.width, repaired.height) == (clip.format.id, WIDTH, HEIGHT)
    assert (repaired.num_frames, repaired.fps) == (clip.num_frames, clip.fps)
    assert_equal(pictures(repaired), by_hand(clip, tiny_model))
    assert all(differ(a, b) for a, b in zip(pictures(repaired), pictures(clip), strict=True))


@pytest.mark.parametrize("name", FORMATS)
def test_strength_zero_without_a_mask_changes_no_sample(name: str, tiny_model: Path) -> None:
    clip = moving_clip(name, 2)
    assert_equal(pictures(repair(clip, model=tiny_model, strength=0)), pictures(clip))


@pytest.mark.parametrize("name", FORMATS)
def test_outside_the_mask_no_sample_of_any_plane_changes(name: str, tiny_model: Path) -> None:
    clip = moving_clip(name, 2)
    repaired = pictures(repair(clip, hole_clip(2), model=tiny_model, device="cpu"))
    for given, made in zip(pictures(clip), repaired, strict=True):
        for before, after in zip(given, made, strict=True):
            kept = ~hole_of(before)
            np.testing.assert_array_equal(after[kept], before[kept])
            assert (after != before).any()


@pytest.mark.parametrize("name", ["YUV420P8", "RGBS"])
def test_a_mask_gives_what_the_engine_gives(name: str, tiny_model: Path) -> None:
    clip = moving_clip(name, 7)
    masks = {3: hole_mask(), 4: hole_mask() // 2}
    mask = painted("GRAY8", [[masks.get(i, np.zeros((HEIGHT, WIDTH), np.uint8))] for i in range(7)])
    repaired = repair(clip, mask, model=tiny_model, device="cpu", strength=0.5)
    assert_equal(pictures(repaired), by_hand(clip, tiny_model, masks, strength=0.5))
    shares = [frame.props["_FramemendMasked"] for frame in repaired.frames()]
    assert [share > 0 for share in shares] == [i in masks for i in range(7)]  # pyright: ignore[reportOperatorIssue]


@pytest.mark.parametrize("name", ["GRAY9", "GRAY16", "GRAYH", "GRAYS", "YUV420P10", "RGB24", "RGBS"])
def test_a_mask_of_any_format_means_the_same(name: str, tiny_model: Path) -> None:
    clip, mask = moving_clip("YUV420P8", 3), hole_clip(3)
    as_given = pictures(repair(clip, mask, model=tiny_model, device="cpu"))
    form = core.get_video_format(vs.PresetVideoFormat[name])
    peak = 1 if form.sample_type == vs.FLOAT else (1 << form.bits_per_sample) - 1
    white = (hole_mask() / 255 * peak).astype(dtype_of(form))
    shapes = plane_shapes(form)
    other = painted(name, [[white, *(np.zeros(shape, dtype_of(form)) for shape in shapes[1:])]] * 3)
    assert_equal(pictures(repair(clip, other, model=tiny_model, device="cpu")), as_given)


@pytest.mark.parametrize(("length", "masked"), [*((n, False) for n in range(1, 18)), (1, True), (4, True), (12, True)])
def test_any_length_forward_and_backward(length: int, masked: bool, tiny_model: Path) -> None:
    clip = moving_clip("GRAY8", length)
    node = repair(clip, hole_clip(length) if masked else None, model=tiny_model, device="cpu")
    wanted = by_hand(clip, tiny_model, dict.fromkeys(range(length), hole_mask()) if masked else None)
    assert_equal(pictures(node), wanted)
    again = repair(clip, hole_clip(length) if masked else None, model=tiny_model, device="cpu")
    backward = [arrays(again.get_frame(n)) for n in reversed(range(length))]
    assert_equal(backward[::-1], wanted)


@pytest.fixture(params=[1, 4])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = core.num_threads
    core.num_threads = request.param
    yield request.param
    core.num_threads = before


@pytest.mark.parametrize("chained", [False, True])
def test_random_requests_from_many_threads_give_the_same_frames(threads: int, chained: bool, tiny_model: Path) -> None:
    def build() -> vs.VideoNode:
        node = repair(moving_clip("YUV420P8", 13), model=tiny_model, device="cpu")
        return repair(node, hole_clip(13), model=tiny_model, device="cpu") if chained else node

    wanted = pictures(build())
    order = [n for _ in range(4) for n in range(13)]
    random.Random(threads).shuffle(order)
    node = build()
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(lambda n: arrays(node.get_frame(n)), n) for n in order]
        for n, job in zip(order, jobs, strict=True):
            assert_equal([job.result(SECONDS)], [wanted[n]])
    ahead = [node.get_frame_async(n) for n in order]
    for n, future in zip(order, ahead, strict=True):
        assert_equal([arrays(future.result(SECONDS))], [wanted[n]])  # pyright: ignore[reportCallIssue]
    assert_equal([arrays(frame) for frame in node.frames(prefetch=8)], wanted)


@pytest.mark.parametrize("radius", [0, 1, 20])
@pytest.mark.parametrize("chunk_frames", [1, 2, 5])
def test_each_chunk_sees_its_own_window(chunk_frames: int, radius: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[int, tuple[list[int], list[int]]] = {}

    class Recorder(Repairer):
        def __init__(self, settings: RepairSettings, *, masked: bool = False) -> None:
            self.chunk_frames, self.radius = chunk_frames, radius

        def span(self, chunk: int, num_frames: int) -> range:
            first = chunk * chunk_frames
            return range(max(0, first - radius), min(num_frames, first + chunk_frames + radius))

        def repair_chunk(
            self, chunk, frames, masks=None, *, num_frames, cuts=None, strengths=None
        ) -> list[FrameRepair]:
            assert masks is not None and list(masks) == list(frames)
            numbers = [round(float(frames[i][0, 0, 0]) * 255) for i in frames]
            seen[chunk] = (numbers, [int(masks[i][0, 0]) for i in frames])
            written = range(chunk * chunk_frames, min(num_frames, (chunk + 1) * chunk_frames))
            return [FrameRepair(np.full((16, 16, 3), 100 / 255, np.float32), None, None, 0.0) for _ in written]

    monkeypatch.setattr("framemend_filters.engine.Repairer", Recorder)
    numbered = [[np.full((16, 16), i, np.uint8)] * 3 for i in range(11)]
    clip, mask = painted("RGB24", numbered), painted("GRAY8", [frame[:1] for frame in numbered])
    made = pictures(repair(clip, mask))
    assert [int(frame[0][0, 0]) for frame in made] == [100 + i for i in range(11)]
    for chunk, numbers in seen.items():
        wanted = list(range(max(0, chunk * chunk_frames - radius), min(11, (chunk + 1) * chunk_frames + radius)))
        assert numbers == (wanted, wanted)
    assert sorted(seen) == list(range(-(-11 // chunk_frames)))


def test_properties_are_kept(tiny_model: Path) -> None:
    clip = moving_clip("YUV420P8", 4)
    clip = core.std.SetFrameProps(clip, _Matrix=1, _Range=1, _ChromaLocation=2, Note="kept", Several=[1, 2])
    clip = core.std.PropToClip(core.std.ClipToProp(clip, moving_clip("GRAY8", 4), prop="_Alpha"), prop="_Alpha")
    clip = core.std.ClipToProp(
        core.std.SetFrameProps(moving_clip("YUV420P8", 4), _Matrix=1, _Range=1, Note="kept", Several=[1, 2]),
        clip,
        prop="_Alpha",
    )
    for frame, before in zip(repair(clip, model=tiny_model, device="cpu").frames(), clip.frames(), strict=True):
        found = dict(frame.props)
        assert found.pop("_FramemendMasked") == 0
        confidence = found.pop("_FramemendConfidence")
        assert isinstance(confidence, float) and 0 < confidence < 1
        assert found.pop("_FramemendChunk") in (0, 1)
        alpha, given = found.pop("_Alpha"), before.props["_Alpha"]
        assert isinstance(alpha, vs.VideoFrame) and isinstance(given, vs.VideoFrame)
        assert_equal([arrays(alpha)], [arrays(given)])
        assert found == {name: value for name, value in before.props.items() if name != "_Alpha"}


@pytest.mark.parametrize(
    ("name", "props", "matrix", "full"),
    [
        ("YUV420P8", {}, "bt601", False),
        ("YUV420P8", {"_Matrix": 2}, "bt601", False),
        ("YUV444P16", {"_Matrix": 1, "_Range": 1}, "bt709", True),
        ("YUV422P10", {"_Matrix": 9, "_Range": 0}, "bt2020ncl", False),
        ("YUV422P10", {"_Matrix": 8}, "ycgco", False),
        ("GRAY8", {"_Range": 1}, "bt601", True),
        ("RGB24", {}, "bt601", True),
        ("RGB24", {"_Range": 0}, "bt601", False),
    ],
)
def test_colour_is_read_from_the_properties(name: str, props: dict[str, int], matrix: str, full: bool) -> None:
    clip = moving_clip(name, 1)
    form = plane_format((core.std.SetFrameProps(clip, **props) if props else clip).get_frame(0))
    assert (form.matrix, form.full_range) == (matrix, full)


@pytest.mark.filterwarnings("ignore:The _ColorRange:DeprecationWarning")
@pytest.mark.parametrize(("value", "full"), [(0, True), (1, False)])
def test_the_older_range_property_counts_too(value: int, full: bool) -> None:
    clip = core.std.SetFrameProps(moving_clip("YUV420P8", 1), _ColorRange=value)
    assert plane_format(clip.get_frame(0)).full_range is full


@pytest.mark.parametrize("number, place", list(enumerate(["left", "center", "topleft", "top", "bottomleft", "bottom"])))
def test_chroma_location_is_read_from_the_properties(number: int, place: str) -> None:
    clip = core.std.SetFrameProps(moving_clip("YUV420P8", 1), _ChromaLocation=number)
    assert plane_format(clip.get_frame(0)).chroma_location == place


@pytest.mark.parametrize("prop, shift", [("_SceneChangePrev", 1), ("_SceneChangeNext", 0)])
def test_cuts_come_from_the_properties(prop: str, shift: int, tiny_model: Path) -> None:
    clip = moving_clip("GRAY8", 9)
    cut = core.std.SetFrameProps(clip[3 + shift], **{prop: 1})  # between frames 3 and 4
    tagged = clip[: 3 + shift] + cut + clip[4 + shift :]
    assert scene_cuts(dict(enumerate(tagged.frames()))) == {3}
    repaired = pictures(repair(tagged, model=tiny_model, device="cpu", scene_changes="props"))
    assert_equal(repaired, by_hand(clip, tiny_model, cuts=frozenset({3})))
    whole = pictures(repair(tagged, model=tiny_model, device="cpu", scene_changes="none"))
    assert differ(repaired[4], whole[4])


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda c: repair(core.std.Splice([c, moving_clip("GRAY8", 1)], mismatch=True)), "variable format"),
        (lambda c: repair(core.std.Splice([c, core.std.CropRel(c, 2)], mismatch=True)), "variable size"),
        (lambda c: repair(core.std.BlankClip(width=64, height=48, format=vs.GRAY32)), "Gray32"),
        (lambda c: repair(core.std.SetFieldBased(c, 2)).get_frame(0), "fields=True"),
        (lambda c: repair(core.std.SetFieldBased(c, 1)).get_frame(0), "_FieldBased is 1"),
        (lambda c: repair(core.std.SetFrameProps(c, _Matrix=14)).get_frame(0), "_Matrix is 14"),
        (lambda c: repair(core.std.SetFrameProps(c, _Matrix=11)).get_frame(0), "_Matrix is 11"),
        (lambda c: repair(core.std.SetFrameProps(c, _Matrix=12)).get_frame(0), "_Primaries is 2"),
        (lambda c: repair(c, core.std.CropRel(hole_clip(4), 2)), "mask is 62x48, the clip 64x48"),
        (lambda c: repair(c, hole_clip(3)), "mask has 3 frames, the clip 4 frames"),
        (lambda c: repair(c, core.std.BlankClip(width=64, height=48, format=vs.GRAY32, length=4)), "mask is Gray32"),
        (lambda c: repair(c, strength=1.5), "strength is 1.5; it goes from 0 to 1"),
        (lambda c: repair(c, model="none"), "no model named 'none'"),
        (lambda c: repair(c, scene_changes="often"), "scene_changes is 'often'"),  # pyright: ignore
        (lambda c: repair(c, device_index=-1), "device_index is -1"),
        (lambda c: repair(c, device="cpu", device_index=1), "device_index is 1 and device is 'cpu'"),
        (lambda c: repair(c, device="cuda:77"), "device is 'cuda:77', but torch finds"),
        (lambda c: repair(c, device="gpu"), "device is 'gpu'"),
        (lambda c: repair(c, backend="tvm"), "backend is 'tvm'"),  # pyright: ignore
        (lambda c: repair(c, num_streams=0), "num_streams is 0"),
        (lambda c: repair(c, lookahead=-1), "lookahead is -1"),
        (lambda c: repair(c, lookahead=0.5), "lookahead is 0.5"),  # pyright: ignore
        (lambda c: repair(c, tile="big"), "tile is 'big'"),  # pyright: ignore
        (lambda c: repair(c, tile=128, tile_overlap=65), "tile_overlap is 65"),
        (lambda c: repair(c, strength="strong"), "strength is 'strong'"),  # pyright: ignore
        (lambda c: repair(c, strength=hole_clip(3)), "strength has 3 frames, the clip 4 frames"),
        (lambda c: repair(c, "mask.png"), "mask is a str"),  # pyright: ignore
        (lambda c: repair("film.mkv"), "clip is a str"),  # pyright: ignore
        (lambda c: repair(core.std.AddBorders(c, bottom=2), fields=True), "50 lines high"),
        (lambda c: repair(c, tile=8), "tile is 8"),
        (lambda c: repair(core.std.CropAbs(c, 8, 8)).get_frame(0), "8x8"),
    ],
)
def test_what_cannot_be_repaired_is_refused_by_name(
    build: Callable[[vs.VideoNode], object], says: str, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "no model" not in says:
        defaults = repair.__kwdefaults__
        assert defaults is not None
        monkeypatch.setitem(defaults, "model", str(tiny_model))
    with pytest.raises(vs.Error, match="framemend.repair: ") as refusal:
        build(moving_clip("YUV420P8", 4))
    line = str(refusal.value).strip().splitlines()[-1]
    assert says in line


def test_the_cache_of_pictures_stays_under_its_limit() -> None:
    clip = moving_clip("GRAY8", 6)
    cache = RgbCache(limit_bytes=2 * WIDTH * HEIGHT * 3 * 4)
    frames = list(clip.frames())
    first = cache.rgb(0, frames[0])
    assert cache.rgb(0, frames[0]) is first
    for i in range(1, 6):
        cache.rgb(i, frames[i])
    assert cache._used_bytes <= cache._limit_bytes and len(cache._table) == 2
    np.testing.assert_array_equal(cache.rgb(0, frames[0]), first)
