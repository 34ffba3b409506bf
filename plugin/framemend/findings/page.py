"""The report as one HTML page that needs nothing else: a time line for each kind of damage, and pictures of the worst."""

from __future__ import annotations

import base64
from collections import Counter
from html import escape

from framemend.findings.report import Report, Run

NAMES = {
    "dust": "Dust and dirt",
    "scratches": "Scratches",
    "dropouts": "Dropouts",
    "blocks": "Broken macroblocks",
    "frames": "Lost frames",
    "logo": "Logo",
    "flicker": "Flicker",
}
STYLE = """
:root { color-scheme: light dark; --line: #8884; --bar: #d4213d; --soft: #8882 }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem }
p { margin: .2rem 0 .6rem; opacity: .8 }
svg { width: 100%; height: 22px; display: block; background: var(--soft); border-radius: 3px }
rect { fill: var(--bar) }
.pictures { display: flex; flex-wrap: wrap; gap: .8rem; margin-top: .7rem }
figure { margin: 0; width: 20.5rem; max-width: 100% } img { width: 100%; display: block; border-radius: 3px }
figcaption { font-size: .85rem; opacity: .8; font-variant-numeric: tabular-nums }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem }
td, th { padding: .15rem 1rem .15rem 0; text-align: left; border-bottom: 1px solid var(--line) }
"""


def html(report: Report) -> str:
    """The page, complete."""
    kinds = [kind for kind in dict.fromkeys(run.kind for run in report.runs)]
    sections = "".join(_section(report, kind, [r for r in report.runs if r.kind == kind]) for kind in kinds)
    looked = ", ".join(NAMES[kind].lower() for kind in report.kinds) or "nothing"
    extra = ""
    if report.flickers:
        extra += f"<h2>Flicker</h2><p>Brightness changes by {100 * (report.flicker or 0):.1f} % between frames.</p>"
    if report.logo is not None:
        x, y, w, h = report.logo
        extra += f"<h2>Logo</h2><p>{w}x{h} samples at {x}, {y}.</p>"
    if report.gaps:
        rows = "".join(f"<tr><td>{_clock(g.start)}<td>{g.after_frame}<td>{g.frames}" for g in report.gaps)
        extra += f"<h2>Missing frames</h2><table><tr><th>after<th>frame<th>missing{rows}</table>"
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'>"
        f"<title>Damage in {escape(report.name)}</title><style>{STYLE}</style>"
        f"<h1>{escape(report.name)}</h1>"
        f"<p>{report.width}x{report.height}, {report.frames} frames. Looked for {looked}: "
        f"{escape(report.summary())}.</p>{sections}{extra}</html>\n"
    )


def _section(report: Report, kind: str, runs: list[Run]) -> str:
    frames = sum(run.frames for run in runs)
    area = sum(run.area * run.frames for run in runs) / frames
    lost = sum((run.lost for run in runs), Counter())
    how = " " + ", ".join(f"{count} {how}" for how, count in sorted(lost.items())) + "." if lost else ""
    total = max(1, report.frames)
    bars = "".join(
        f"<rect x='{run.first}' width='{max(run.last - run.first + 1, total / 400):.3f}' y='0' height='1'>"
        f"<title>{_span(run)}</title></rect>"
        for run in runs
    )
    pictures = "".join(
        f"<figure><img alt='frame {run.worst}' src='data:image/jpeg;base64,{base64.b64encode(run.picture).decode()}'>"
        f"<figcaption>{_span(run)}: worst is frame {run.worst}, {100 * run.worst_area:.2f} % of the picture"
        "</figcaption></figure>"
        for run in sorted(runs, key=lambda run: run.first)
        if run.picture
    )
    return (
        f"<h2>{NAMES[kind]}</h2><p>In {frames} of {report.frames} frames, {100 * area:.2f} % of the picture there.{how}</p>"
        f"<svg viewBox='0 0 {total} 1' preserveAspectRatio='none' role=img aria-label='where in the clip'>{bars}</svg>"
        f"<div class=pictures>{pictures}</div>"
    )


def _span(run: Run) -> str:
    frames = f"frame {run.first}" if run.first == run.last else f"frames {run.first} to {run.last}"
    return frames if run.start is None else f"{_clock(run.start)}, {frames}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes // 60):02}:{int(minutes % 60):02}:{rest:06.3f}"
