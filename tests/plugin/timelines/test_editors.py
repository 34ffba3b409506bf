"""Kdenlive and Shotcut open what `framemend timeline` wrote: the real programs, on a screen of their own, without complaints."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from edits import MLT, Run
from screens import Screen, open_screen, running

KDENLIVE = """
 <producer id="bin" in="0" out="39"><property name="resource">source.mov</property><property name="length">40</property>
  <property name="mlt_service">avformat</property><property name="kdenlive:id">4</property>
  <property name="kdenlive:clip_type">0</property><property name="kdenlive:folderid">-1</property></producer>
 <producer id="picture" in="0" out="39"><property name="resource">source.mov</property><property name="length">40</property>
  <property name="mlt_service">avformat</property><property name="kdenlive:id">4</property>
  <property name="set.test_audio">1</property></producer>
 <playlist id="main_bin"><property name="kdenlive:docproperties.version">1.04</property>
  <property name="kdenlive:docproperties.kdenliveversion">22.12.3</property><property name="xml_retain">1</property>
  <entry producer="bin" in="0" out="39"/></playlist>
 <producer id="black_track" in="0" out="99"><property name="length">100</property>
  <property name="resource">black</property><property name="mlt_service">color</property></producer>
 <playlist id="v1"><entry producer="picture" in="20" out="25"><property name="kdenlive:id">4</property></entry>
  <entry producer="picture" in="2" out="6"><property name="kdenlive:id">4</property></entry></playlist>
 <playlist id="v2"/>
 <tractor id="tractor1"><track hide="audio" producer="v1"/><track hide="audio" producer="v2"/></tractor>
 <tractor id="tractor2" in="0" out="99"><track producer="black_track"/><track producer="tractor1"/></tractor>"""
SHOTCUT = """
 <playlist id="main_bin"><property name="xml_retain">1</property></playlist>
 <producer id="black" in="0" out="12"><property name="length">13</property><property name="resource">0</property>
  <property name="mlt_service">color</property></producer>
 <playlist id="background"><entry producer="black" in="0" out="12"/></playlist>
 <chain id="one" out="39"><property name="length">40</property><property name="resource">source.mov</property>
  <property name="mlt_service">avformat-novalidate</property><property name="shotcut:caption">source.mov</property></chain>
 <playlist id="playlist0"><property name="shotcut:video">1</property><property name="shotcut:name">V1</property>
  <entry producer="one" in="20" out="25"/></playlist>
 <tractor id="tractor0" title="Shotcut version 22.12.21" in="0" out="12"><property name="shotcut">1</property>
  <track producer="background"/><track producer="playlist0"/></tractor>"""


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    with open_screen() as screen:
        yield screen


@pytest.mark.slow
@pytest.mark.parametrize(
    ("editor", "options", "suffix", "body"),
    [("kdenlive", [], ".kdenlive", KDENLIVE), ("shotcut", ["--noupgrade"], ".mlt", SHOTCUT)],
    ids=["kdenlive", "shotcut"],
)
def test_the_editor_opens_it(
    desk: Path,
    timeline: Run,
    screen: Screen,
    screenshots: Path,
    editor: str,
    options: list[str],
    suffix: str,
    body: str,
) -> None:
    given, made = desk / f"cut{suffix}", desk / f"mended{suffix}"
    given.write_text(MLT.format(body=body))
    assert timeline(given, "-o", made, "--handles", 1)[0] == 0
    with running([editor, *options, made], screen, screenshots) as program:
        program.wait_for("mended")
        time.sleep(3)  # complaints come after the window
        program.check()


def test_an_editor_that_complains_is_told_of_at_once(screen: Screen, screenshots: Path, tmp_path: Path) -> None:
    """Kdenlive asks what to do with a project that is none; waiting for its window would be in vain."""
    broken = tmp_path / "mended.kdenlive"
    broken.write_text("no project")
    with running(["kdenlive", broken], screen, screenshots) as program:
        with pytest.raises(pytest.fail.Exception, match="kdenlive says .*picture of its screen"):
            program.wait_for("a window that never comes")  # its own may come before it complains
        assert cv2.imread(str(screenshots / "kdenlive-complains.png")) is not None
