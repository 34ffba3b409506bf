"""`framemend evaluate` on tiny clips: damage that is what it says, figures that are right, and clear errors."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from framemend import evaluation
from framemend.clips import Clip, read_clip
from framemend.evaluation import TASKS, make_case, measure, moving_masks, neighbour_average
from framemend_filters.metrics import psnr


def _clip(frames: int = 12, height: int = 48, width: int = 66, name: str = "clean_a") -> Clip:
    t, y, x = np.mgrid[:frames, :height, :width].astype(np.float32)
    waves = [np.sin((x + 2 * t) / 7 + phase) * np.cos(y / (6 + phase)) for phase in range(3)]
    return Clip(np.rint(128 + 80 * np.stack(waves, -1)).astype(np.uint8), Fraction(25), name)


@pytest.fixture
def folder(tmp_path: Path, write_clip) -> Path:
    """Two clean clips, one other, and a removal clip's masks."""
    data = tmp_path / "data"
    data.mkdir()
    for name in ("clean_a", "clean_b", "other"):
        write_clip(data / f"{name}.mkv", codec="ffv1", pix_fmt="yuv420p")
    (data / "removal_x").mkdir()
    for index in range(3):
        mask = np.zeros((24, 32), np.uint8)
        mask[8:14, 6 + 4 * index : 14 + 4 * index] = 255
        cv2.imwrite(str(data / "removal_x" / f"mask_{index:05}.png"), mask)
    return data


@pytest.fixture
def evaluate(framemend, tiny_model):
    return lambda *arguments: framemend("evaluate", *arguments, "--model", tiny_model, "--device", "cpu", "--quiet")


@pytest.mark.parametrize("sigma", [10, 20, 40])
def test_noise_has_its_strength_and_differs_from_clip_to_clip(sigma: int) -> None:
    clip = Clip(np.full((6, 48, 66, 3), 128, np.uint8), Fraction(25), "a")
    case = make_case(f"noise{sigma}", clip, [])
    assert case is not None and case.masks is None
    noise = case.given.astype(float) - 128
    assert noise.std() == pytest.approx(sigma, rel=0.03) and abs(noise.mean()) < 0.05 * sigma
    again = make_case(f"noise{sigma}", clip, [])
    other = make_case(f"noise{sigma}", Clip(clip.frames, clip.fps, "b"), [])
    assert again is not None and other is not None
    assert np.array_equal(case.given, again.given)
    assert not np.array_equal(case.given, other.given)


def test_the_first_frames_of_a_clip_are_damaged_as_in_the_whole() -> None:
    whole, part = _clip(12), _clip(5)
    for task in ("noise20", "blur", "box", "clean"):
        long, short = make_case(task, whole, []), make_case(task, part, [])
        assert long is not None and short is not None
        assert np.array_equal(long.given[:5], short.given)


def test_noise_is_not_the_same_in_two_frames() -> None:
    case = make_case("noise20", Clip(np.full((2, 48, 66, 3), 128, np.uint8), Fraction(25), "a"), [])
    assert case is not None
    both = case.given.astype(float) - 128
    assert abs(np.corrcoef(both[0].ravel(), both[1].ravel())[0, 1]) < 0.05


def test_film_is_measured_against_the_clip_that_weaves_alike(tiny_model: Path) -> None:
    from framemend.evaluate import measure_case
    from framemend_filters.engine import Repairer, RepairSettings

    clip = _clip(5)
    case = make_case("film", clip, [])
    assert case is not None and case.clean is not None and case.masks is None
    assert not np.array_equal(case.clean[1:], clip.frames[1:])
    (row,) = measure_case(
        "film", clip, case, Repairer(RepairSettings(model=str(tiny_model), device="cpu"), masked=False)
    )
    assert row.figures["input"].psnr == pytest.approx(measure(case.given, case.clean).psnr)


@pytest.mark.parametrize("task", ["lowlight", "hevc", "mpeg2", "twice", "defocus", "motion", "tape", "life"])
def test_blind_tasks_damage_the_clip_and_hide_nothing(task: str) -> None:
    clip = _clip(4)
    one, two = make_case(task, clip, []), make_case(task, clip, [])
    assert one is not None and two is not None and one.masks is None and one.clean is None
    assert np.array_equal(one.given, two.given)
    assert 10 < measure(one.given, clip.frames).psnr < 45


def test_the_box_is_a_fifth_by_a_sixth_and_stands_still() -> None:
    case = make_case("box", _clip(4, 100, 120), [])
    assert case is not None and case.masks is not None
    assert (case.masks == case.masks[0]).all()
    rows, columns = case.masks[0].any(1).sum(), case.masks[0].any(0).sum()
    assert (rows, columns) == (20, 20)
    assert not case.given[case.masks > 0].any()
    assert case.regions == ("hole",)


def test_one_frame_in_eight_is_lost() -> None:
    clip = _clip(14)
    case = make_case("lost", clip, [])
    assert case is not None and case.masks is not None
    assert [t for t in range(14) if case.masks[t].all()] == [4, 12]
    assert not case.given[[4, 12]].any()
    assert np.array_equal(case.given[5:12], clip.frames[5:12])
    assert make_case("lost", _clip(4), []) is None


def test_moving_masks_are_resized_and_repeated(folder: Path) -> None:
    masks = moving_masks(folder / "removal_x", 7, 48, 64)
    assert masks.shape == (7, 48, 64) and set(np.unique(masks)) == {0, 255}
    assert np.array_equal(masks[0], masks[3]) and not np.array_equal(masks[0], masks[1])
    assert (masks[0] > 0).sum() == 4 * 6 * 8


def test_the_neighbour_average_is_that() -> None:
    frames = np.stack([np.full((4, 4, 3), v, np.uint8) for v in (10, 0, 30, 0)])
    masks = np.zeros((4, 4, 4), np.uint8)
    masks[[1, 3]] = 255
    assert neighbour_average(frames, masks)[:, 0, 0, 0].tolist() == [10, 20, 30, 30]


def test_holes_are_measured_inside_and_over_frames_that_have_one() -> None:
    clean = _clip(3).frames
    given = clean.copy()
    masks = np.zeros(clean.shape[:3], np.uint8)
    masks[1, 12:32, 20:40] = 255
    given[0] = 255 - given[0]
    given[1, 12:32, 20:40] += 2
    figures = measure(given, clean, masks)
    assert figures.psnr == pytest.approx(figures.pooled_psnr) == pytest.approx(20 * np.log10(255 / 2))
    assert measure(given, clean).pooled_psnr < figures.psnr


def test_whole_frames_of_a_hole_task_are_those_with_a_hole(folder: Path, tiny_model: Path) -> None:
    """Frames that have nothing to repair would count as perfect."""
    from framemend.evaluate import measure_case
    from framemend_filters.engine import Repairer, RepairSettings

    clip = _clip(8)
    holes = np.zeros(clip.frames.shape[:3], np.uint8)
    holes[:3, 10:20, 10:20] = 255
    case = make_case("moving", clip, [holes])
    assert case is not None
    rows = measure_case(
        "moving", clip, case, Repairer(RepairSettings(model=str(tiny_model), device="cpu"), masked=True)
    )
    assert [row.region for row in rows] == ["hole", "frame"]
    assert rows[1].figures["input"].psnr == pytest.approx(measure(case.given[:3], clip.frames[:3]).psnr)
    assert rows[1].figures["framemend"].psnr > rows[0].figures["framemend"].psnr


def test_pooled_and_mean_psnr() -> None:
    clean = np.full((2, 16, 16, 3), 100, np.uint8)
    given = np.stack([clean[0] + 1, clean[1] + 10]).astype(np.uint8)
    figures = measure(given, clean)
    assert figures.psnr == pytest.approx((48.1308 + 28.1308) / 2, abs=1e-3)
    assert figures.pooled_psnr == pytest.approx(10 * np.log10(255**2 / 50.5), abs=1e-3)


def test_every_task_of_two_clips_is_in_the_table_and_the_json(evaluate, folder: Path, tmp_path: Path) -> None:
    status, out, err = evaluate("--data", folder, "--json", tmp_path / "figures.json", "--frames", 6)
    assert (status, err) == (0, "")
    report = json.loads((tmp_path / "figures.json").read_text())
    assert {row["task"] for row in report["rows"]} == set(TASKS)
    assert {row["clip"] for row in report["rows"]} == {"clean_a", "clean_b"}
    assert report["versions"]["torch"] and report["machine"]["cores"] and report["settings"]["precision"] == "auto"
    for row in report["rows"]:
        assert set(row["figures"]) >= {"input", "aligned mean", "framemend"}
        assert ("reference" in row["figures"]) == bool(row["reference"])
        assert f"| {row['clip']} | {row['figures']['input']['psnr']:.2f}" in out
    assert {r["region"] for r in report["rows"] if r["task"] == "moving"} == {"hole", "frame"}


def test_figures_are_those_of_the_damage_and_the_repair(evaluate, folder: Path, tmp_path: Path, monkeypatch) -> None:
    """With a repair that gives back the clean clip, the output column has the limit, whatever else there is."""
    clean = read_clip(folder / "clean_a.mkv").frames
    monkeypatch.setattr("framemend.evaluate.repaired", lambda case, repairer: clean)
    arguments = ("--data", folder, "--clips", "clean_a", "--tasks", "noise20,box", "--json", tmp_path / "f.json")
    assert evaluate(*arguments)[0] == 0
    rows = json.loads((tmp_path / "f.json").read_text())["rows"]
    case = make_case("noise20", Clip(clean, Fraction(25), "clean_a"), [])
    assert case is not None
    expected = np.mean([psnr(g, c) for g, c in zip(case.given, clean, strict=True)])
    assert rows[0]["figures"]["input"]["psnr"] == pytest.approx(expected)
    assert [row["figures"]["framemend"]["psnr"] for row in rows] == [100.0, 100.0]


def test_outside_the_hole_the_repair_gives_back_the_clip(folder: Path, tiny_model: Path) -> None:
    from framemend.evaluate import repaired
    from framemend_filters.engine import Repairer, RepairSettings

    clip = read_clip(folder / "clean_a.mkv")
    case = make_case("box", clip, [])
    assert case is not None and case.masks is not None
    out = repaired(case, Repairer(RepairSettings(model=str(tiny_model), device="cpu"), masked=True))
    assert np.array_equal(out[case.masks == 0], clip.frames[case.masks == 0])
    assert not np.array_equal(out[case.masks > 0], case.given[case.masks > 0])


def test_a_task_that_a_clip_cannot_have_is_left_out_and_told(evaluate, folder: Path) -> None:
    for mask in (folder / "removal_x").iterdir():
        mask.unlink()
    status, out, err = evaluate("--data", folder, "--clips", "clean_b", "--tasks", "moving", "blur", "--frames", 4)
    assert status == 0 and "moving left out on clean_b" in err
    assert "blur" in out and "| moving" not in out


def test_without_clean_clips_all_videos_are_taken(evaluate, folder: Path) -> None:
    for name in ("clean_a", "clean_b"):
        (folder / f"{name}.mkv").unlink()
    status, out, _ = evaluate("--data", folder, "--tasks", "blur", "--frames", 4)
    assert status == 0 and "| blur | other |" in out


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--tasks", "nois10"], 2, "noise10"),
        (["--clips", "clean_z"], 2, "clean_a"),
        (["--frames", "0"], 2, "--frames 0"),
        (["--json", "no/such/folder/f.json"], 1, "f.json"),
    ],
)
def test_wrong_use_gets_one_line(evaluate, folder: Path, arguments: list[str], status: int, words: str) -> None:
    got, out, err = evaluate("--data", folder, *arguments)
    assert (got, out) == (status, "")
    assert words in err and err.count("\n") == 1 and err.startswith("framemend: ")


def test_a_folder_without_videos_gets_one_line(evaluate, tmp_path: Path) -> None:
    assert evaluate("--data", tmp_path / "nowhere")[0] == 1
    status, _, err = evaluate("--data", tmp_path)
    assert status == 1 and "holds no video" in err


def test_the_tasks_named_in_the_issue_are_there() -> None:
    assert evaluation.CRF == 38 and evaluation.BLUR_SIGMA == 1.5
    assert set(TASKS) >= {"noise10", "noise20", "noise40", "h264", "blur", "box", "moving", "scratches", "dust", "lost"}
