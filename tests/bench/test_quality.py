"""The comparison with hand-made filters: every method does its work, figures are kept and read again, tables add up."""

from __future__ import annotations

import dataclasses
import shutil
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import psnr as decibels
from pictures import scene

from bench.quality import __main__ as command
from bench.quality import ffmpeg, painting, report, sheets, vs
from bench.quality.figures import CLEAN, INPUT, WHOLE, Figures, Kept, ends, measured
from bench.quality.method import Method, choices, strengths
from bench.quality.shots import BLIND, NOISY, TASKS, WORDS, Shot, shots
from bench.quality.tuning import Settings, Tuned, level_of, tune
from framemend import evaluation
from framemend.clips import Clip
from framemend.evaluation import make_case
from framemend_filters.engine.composite import carriers, decoded
from framemend_filters.metrics import psnr

METHODS = {m.name: m for m in (*vs.methods(), *ffmpeg.methods(), *painting.methods("fast"))}


def _clip(frames: int = 7, height: int = 48, width: int = 64) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (height, width + 2 * frames, 3), np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3.0)
    wide = cv2.normalize(smooth, smooth.copy(), 40, 210, cv2.NORM_MINMAX)
    return np.stack([wide[:, 2 * t : 2 * t + width] for t in range(frames)])


def _shot(task: str, frames: int = 7) -> Shot:
    clean = _clip(frames)
    holes = np.zeros(clean.shape[:3], np.uint8)
    holes[:, 14:30, 20:40] = 255
    case = make_case(task, Clip(clean, Fraction(25), "a"), [holes])
    assert case is not None
    sigma = float(task[5:]) if task in NOISY else None
    return Shot(task=task, name="a", case=case, clean=clean if case.clean is None else case.clean, sigma=sigma)


def _method(name: str) -> Method:
    if reason := METHODS[name].missing():
        pytest.skip(reason)
    return METHODS[name]


def _score(shot: Shot, result: np.ndarray) -> float:
    assert (result.dtype, result.shape) == (np.uint8, shot.given.shape)
    return float(np.mean([psnr(r, c) for r, c in zip(result, shot.clean, strict=True)]))


@pytest.mark.parametrize("name", [m.name for m in METHODS.values() if "noise20" in m.tasks and m.name != painting.OURS])
def test_denoisers_take_noise_away_at_the_middle_of_their_settings(name: str) -> None:
    method, shot = _method(name), _shot("noise20")
    settings = method.settings(20.0)
    result = method.run(shot, settings[len(settings) // 2])
    assert _score(shot, result) > _score(shot, shot.given) + 3


@pytest.mark.parametrize("name", [m.name for m in METHODS.values() if "box" in m.tasks and m.name != painting.OURS])
def test_holes_are_filled_and_nothing_else_is_touched(name: str) -> None:
    method, shot = _method(name), _shot("box")
    result = method.run(shot, method.settings(1.0)[0])
    assert np.array_equal(result[shot.masks == 0], shot.given[shot.masks == 0])
    assert _score(shot, result) > _score(shot, shot.given) + 3


@pytest.mark.parametrize("name", [m.name for m in METHODS.values() if m.tasks == ("lost",)])
def test_lost_frames_are_put_between_their_neighbours(name: str) -> None:
    method, shot = _method(name), _shot("lost", 8)
    for setting in method.settings(1.0):
        result = method.run(shot, setting)
        there = ~shot.masks.all((1, 2))
        assert np.array_equal(result[there], shot.given[there])
        middle = slice(16, -16)
        made, right = result[4][:, middle], shot.clean[4][:, middle]
        assert psnr(made, right) > psnr(shot.clean[3][:, middle], right) + 1, "no nearer than the frame before"


def test_blurred_clips_are_sharpened_and_blocks_smoothed() -> None:
    blurred, clean = _shot("blur"), _clip()
    blocks = np.stack(
        [cv2.resize(cv2.resize(f, (8, 6), interpolation=cv2.INTER_AREA), (64, 48), interpolation=0) for f in clean]
    )
    blocky = Shot(task="h264", name="a", case=evaluation.Case(blocks), clean=clean)
    for shot, name in ((blurred, "ffmpeg unsharp"), (blocky, "ffmpeg deblock")):
        method = _method(name)
        scores = [_score(shot, method.run(shot, setting)) for setting in method.settings(1.0)]
        assert max(scores) > _score(shot, shot.given) + 0.3


def test_composite_pal_paints_fine_patterns_and_restore_takes_it_back() -> None:
    method = _method("composite.Restore")
    stripes = np.rint(128 + 70 * np.cos(np.arange(96) * 2 * np.pi / 3.05)).astype(np.uint8)
    clean = np.tile(stripes[None, None, :, None], (5, 64, 1, 3))
    coded = vs.composite_pal(clean)
    assert coded is not None and coded.shape == clean.shape
    assert _colour(coded) > 20
    restored = method.run(Shot(task="pal", name="a", case=evaluation.Case(coded), clean=clean), 0.0)
    assert _colour(restored) < 0.8 * _colour(coded)


def test_framemend_takes_apart_anew_what_a_real_pal_encoder_and_a_notch_made() -> None:
    _method("composite.Restore")  # the same plugin
    clean = scene(0, 160, 320, 5)
    coded = vs.composite_pal(clean)
    assert coded is not None
    pictures = {i: f.astype(np.float32) / 255 for i, f in enumerate(np.clip(np.rint(coded), 0, 255))}
    found = carriers(range(1, 4), pictures)
    assert sorted(found) == list(range(5))
    assert all(carrier.equaliser is not None for carrier in found.values())
    inner = slice(8, -8), slice(24, -24)
    before, after = (decibels(p[inner], clean[2][inner] / 255) for p in (pictures[2], decoded(pictures[2], found[2])))
    assert after > before + 4


def _colour(frames: np.ndarray) -> float:
    """Mean difference of the channels, codes, away from the edges."""
    middle = frames[:, 8:-8, 16:-16].astype(int)
    return float((middle.max(-1) - middle.min(-1)).mean())


def test_every_task_has_methods_words_and_framemend() -> None:
    assert set(evaluation.TASKS) - {"clean"} | {"pal"} == set(TASKS) == set(WORDS)
    assert set(BLIND) < set(TASKS)
    for task in TASKS:
        names = {m.name for m in METHODS.values() if task in m.tasks}
        assert {painting.OURS, painting.MEAN} < names


def test_settings_lie_round_what_the_level_asks_for() -> None:
    assert strengths(lambda level: 2 * level)(10.0) == (10.0, 14.0, 20.0, 28.0, 40.0)
    assert level_of([_shot("noise40")]) == 40
    blurred = _shot("blur")
    assert level_of([blurred]) == pytest.approx(np.std(blurred.given.astype(float) - blurred.clean), rel=0.05)


def _add(setting: float) -> Method:
    def run(shot: Shot, value: float) -> np.ndarray:
        if value > 4:
            raise ArithmeticError("too much")
        return np.clip(shot.clean + abs(int(value)), 0, 255).astype(np.uint8)

    return Method(name="add", tasks=("blur",), run=run, settings=choices(-4, setting, 2, 9), says="plus {:g}".format)


def test_the_best_setting_is_chosen_kept_and_named(tmp_path: Path) -> None:
    shot, method = _shot("blur"), _add(1)
    tuned = tune(method, "blur", [shot])
    assert tuned.chosen == 1 and not tuned.at_an_end
    assert tuned.tried[9] is None
    assert Tuned({1: 48.0, 2: 42.0, 9: None}).at_an_end and not Tuned({0.5: None, 1: 48.0, 2: 42.0}).at_an_end
    kept = Settings(tmp_path / "tuned.json")
    assert kept.chosen(method, "blur") is None
    kept.add("blur", "add", tuned)
    again = Settings(tmp_path / "tuned.json")
    assert again.chosen(method, "blur") == 1
    again.add("film", "add", Tuned({1.0: 3.0}))
    assert set(Settings(tmp_path / "tuned.json").tuned) == {"blur", "film"}


def test_more_settings_are_tried_where_the_last_is_the_best() -> None:
    shot = _shot("blur")
    off = Method(
        name="off",
        tasks=("blur",),
        run=lambda shot, value: np.clip(shot.clean + abs(int(value) - 40), 0, 255).astype(np.uint8),
        settings=choices(5, 10),
        extends=True,
    )
    tuned = tune(off, "blur", [shot])
    assert list(tuned.tried) == [5, 10, 20, 40, 80] and tuned.chosen == 40 and not tuned.at_an_end
    assert tune(dataclasses.replace(off, most=30), "blur", [shot]).chosen == 30
    assert tune(dataclasses.replace(off, settings=choices(400, 200, 100)), "blur", [shot]).chosen == 50


def test_figures_are_those_of_the_result(tmp_path: Path) -> None:
    shot = _shot("blur")
    motion, known = ends(shot)
    figures = measured(_add(1), shot, 2, motion)
    assert figures.psnr == figures.whole == pytest.approx(20 * np.log10(255 / 2), abs=0.01)
    assert figures.setting == "plus 2"
    assert known[CLEAN].psnr == 100 and known[CLEAN].vmaf > known[INPUT].vmaf
    assert known[CLEAN].flicker < 2
    assert figures.seconds < 1


def test_holes_are_measured_inside_and_whole() -> None:
    shot = _shot("box")
    known = ends(shot)[1]
    assert known[INPUT].psnr < known[INPUT].whole - 5


def test_figures_are_kept_by_task_frames_method_clip_and_setting(tmp_path: Path) -> None:
    figures = Figures(psnr=30.123, ssim=0.9, whole=31.0, vmaf=80.5, flicker=3.2, seconds=0.1, setting="sigma 20")
    kept = Kept("noise20", 8, tmp_path)
    kept.add("V-BM3D fast", "a", figures)
    kept.add("V-BM3D fast", "b", figures)
    again = Kept("noise20", 8, tmp_path)
    assert again.by_method == {"V-BM3D fast": {"a": figures, "b": figures}}
    assert again.has("V-BM3D fast", "a", "sigma 20")
    assert not again.has("V-BM3D fast", "a", "sigma 28")
    assert not again.has("NLMeans", "a", "sigma 20")
    assert Kept("noise20", 9, tmp_path).by_method == {}
    again.add("NLMeans", "a", dataclasses.replace(figures, flicker=float("nan")))
    assert "null" in (tmp_path / "noise20.json").read_text()
    assert np.isnan(Kept("noise20", 8, tmp_path).by_method["NLMeans"]["a"].flicker)


def test_the_report_names_the_best_filter_and_takes_the_same_clips(tmp_path: Path, monkeypatch) -> None:
    def figures(psnr: float, flicker: float = 3.0) -> Figures:
        return Figures(psnr=psnr, ssim=0.9, whole=psnr, vmaf=80, flicker=flicker, seconds=0.1, setting="s")

    monkeypatch.setattr(
        report, "Kept", lambda task, frames, folder=tmp_path: Kept(task, frames, tmp_path / folder.name)
    )
    kept, whole = Kept("noise20", 8, tmp_path / tmp_path.name), Kept("noise20", 20, tmp_path / WHOLE.name)
    for name, value in ((INPUT, 22), (CLEAN, 99), ("Degrain3", 30), (painting.OURS, 31.5)):
        whole.add(name, "a", figures(value))
    for clip, value in (("a", 30.0), ("b", 32.0)):
        for name, more in (
            (INPUT, -8),
            (CLEAN, 70),
            ("NLMeans", 0),
            ("Degrain3", -1),
            (painting.MEAN, 2),
            (painting.OURS, 1.5),
            (painting.LIVE, 1.0),
        ):
            kept.add(name, clip, figures(value + more))
    kept.add("NLMeans", "c", figures(99.0))
    report.write([], Settings(tmp_path / "tuned.json"), 8, (256, 320), 20, tmp_path / "results.md")
    text = (tmp_path / "results.md").read_text()
    assert "| [noise20](#noise20) | 23.00 | 31.00 (NLMeans) | 32.50 | +1.50 | -0.50 |" in text
    assert (
        "| [noise20](#noise20) | 22.00 | 30.00 (Degrain3) | 31.50 | +1.50 | - |" in text.split("### On whole frames")[1]
    )
    assert "Mean of 2 clips" in text and "noise10" not in text


def test_a_sheet_has_a_tile_for_each_method(tmp_path: Path) -> None:
    shot = _shot("blur")
    sheet = sheets._sheet(shot, [_add(1)], Settings(tmp_path / "none.json"))
    tall, wide = sheets._tile("x", shot.given[0][sheets._part(shot.masks[0])]).shape[:2]
    assert sheet.shape == (tall, 4 * wide, 3)
    assert np.array_equal(sheet[:, 3 * wide :], np.full((tall, wide, 3), 255))


def test_what_is_missing_and_what_is_unknown_is_told(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setattr(vs, "_missing", lambda plugin: f"no plugin {plugin}" if plugin == "mv" else None)
    assert "Degrain3" not in {m.name for m in command.available("fast", ["Degrain3", "NLMeans"])}
    assert capsys.readouterr().err == "Degrain3 is left out: no plugin mv\n"
    with pytest.raises(SystemExit, match="no such method: NLMean; there are V-BM3D fast"):
        command.available("fast", ["NLMean"])


def test_shots_are_cropped_before_they_are_damaged(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parents[2] / "examples" / "demo" / "clean.mp4", tmp_path / "clean_a.mp4")
    (shot,) = shots(tmp_path, "noise20", 3, crop=(32, 40))
    assert shot.given.shape == (3, 32, 40, 3) and shot.sigma == 20
    assert not shot.masks.any()
