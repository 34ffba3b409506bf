"""Edits for tests: media whose frames can be told apart, timelines made of them, and a real melt that renders them.

In the media, frame i is a grey of 20 + 5 i with a little texture: which frame is shown where can be read off a rendering.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

FRAMES, WIDTH, HEIGHT = 40, 64, 48
HOUR = 25 * 3600
Run = Callable[..., tuple[int, str, str]]

MLT = """<mlt LC_NUMERIC="C" producer="main">
 <profile width="64" height="48" frame_rate_num="25" frame_rate_den="1" progressive="1"
  sample_aspect_num="1" sample_aspect_den="1" display_aspect_num="4" display_aspect_den="3" colorspace="601"/>
 {body}
</mlt>"""


def grey(frame: int) -> int:
    return 20 + 5 * frame


def render(project: Path) -> list[int]:
    """What melt shows of a project: the number of the source's frame, for each frame; -1 where it shows nothing."""
    return [round((mean - 20) / 5) if 12 < mean < 240 else -1 for mean in rendered_means(project)]


def rendered_means(project: Path) -> NDArray[np.float64]:
    """Mean code of each frame that melt renders."""
    melt = shutil.which("melt")
    if melt is None:
        pytest.skip("no melt; Debian's package melt has it")
    target = project.with_suffix(".rendered.mkv")
    command = [melt, "-silent", str(project), "-consumer", f"avformat:{target}", "vcodec=ffv1", "an=1", "real_time=0"]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "SDL_VIDEODRIVER": "dummy"}
    for _ in range(4):  # on a busy machine melt 7.12 may end before it has begun, with status 0, or never
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                command, check=True, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=60
            )
            if target.stat().st_size:
                break
    return pictures(target).mean((1, 2, 3))


def pictures(path: Path) -> NDArray[np.int16]:
    from framemend.clips import read_clip

    return read_clip(path).frames.astype(np.int16)


def clip(name: str, first: int, frames: int, *, url: str = "source.mov", offset: int = HOUR, **more: Any) -> Any:
    otio = pytest.importorskip("opentimelineio", reason="pip install 'framemend[timeline]' brings it")
    t = otio.opentime
    available = t.TimeRange(t.RationalTime(offset, 25), t.RationalTime(FRAMES, 25))
    reference = otio.schema.ExternalReference(target_url=url, available_range=available)
    return otio.schema.Clip(
        name=name,
        media_reference=reference,
        source_range=t.TimeRange(t.RationalTime(offset + first, 25), t.RationalTime(frames, 25)),
        **more,
    )


def edit(*items: Any) -> Any:
    otio = pytest.importorskip("opentimelineio")
    timeline = otio.schema.Timeline("cut")
    timeline.global_start_time = otio.opentime.RationalTime(10 * HOUR, 25)
    track = otio.schema.Track("V1", kind="Video")
    track.extend(items)
    timeline.tracks.append(track)
    return timeline


def write(timeline: Any, path: Path) -> Path:
    import opentimelineio as otio

    otio.adapters.write_to_file(timeline, str(path))
    return path


def read(path: Path) -> list[Any]:
    import opentimelineio as otio

    return list(otio.adapters.read_from_file(str(path)).find_clips())


def as_mlt(path: Path, folder: Path) -> Path:
    """The first track of an edit as an MLT project, which melt renders; files are looked up in `folder`."""
    import opentimelineio as otio

    producers, entries = [], []
    (track,) = otio.adapters.read_from_file(str(path)).video_tracks()
    for number, item in enumerate(track):
        if isinstance(item, otio.schema.Gap):
            entries.append(f'<blank length="{item.source_range.duration.value:.0f}"/>')
            continue
        reference = item.media_reference
        first = item.source_range.start_time.value - reference.available_range.start_time.value
        last = first + item.source_range.duration.value - 1
        resource = folder / reference.target_url.removeprefix("file://")
        producers.append(
            f'<producer id="p{number}"><property name="resource">{resource}</property>'
            '<property name="mlt_service">avformat</property></producer>'
        )
        entries.append(f'<entry producer="p{number}" in="{first:.0f}" out="{last:.0f}"/>')
    body = f'{"".join(producers)}<playlist id="main">{"".join(entries)}</playlist>'
    target = path.with_suffix(".as.mlt")
    target.write_text(MLT.format(body=body))
    return target
