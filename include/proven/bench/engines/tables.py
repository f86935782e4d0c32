"""The Markdown tables and the plot of one run."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import jinja2

from include.proven import progress
from include.proven.bench.engines import targets
from include.proven.bench.engines.outcome import Kind, Outcome, Outcomes
from include.proven.bench.engines.race import Found

TITLES: dict[Kind, str] = {"backup": "backup", "restore": "restore", "stage": "a stage alone"}
WORDS = {True: "yes", False: "**no**", None: "–"}
BAR, ROW, LABELS, FIGURE, WIDTH = 14, 22, 360, 60, 860
"""Pixels of the plot: a bar's height, a line's, the space of the labels, of the figure behind the bar, all."""


def render(found: Found) -> str:
    """Return the tables of a run: backups, restores, stages, targets."""
    parts = [_table(found.outcomes, kind) for kind in TITLES]
    judged = targets.judge(found.outcomes, found.flavour)
    rows = [f"| {one.what} | {one.wanted} | {one.measured} | {WORDS[one.met]} |" for one in judged]
    return "\n".join([*parts, "| target | wanted | measured | met |", "|---|---:|---:|---|", *rows, ""])


def _table(outcomes: Outcomes, kind: Kind) -> str:
    head = f"| {TITLES[kind]} | seconds | CPU s | of it: own, server, Swift | peak memory | agent | stored |"
    rows = [_row(one) for one in outcomes.all if one.kind == kind]
    return "\n".join([head, "|---|---:|---:|---:|---:|---:|---:|", *rows, ""])


def _row(one: Outcome) -> str:
    name = f"**{one.way}**" if one.ours else one.way
    if one.span is None:
        return f"| {name} | – | | {one.problem.replace('|', '/')} | | | |"
    span = one.span
    cpu = f"{span.client:.1f}, {span.server:.1f}, {span.store:.1f}"
    sizes = [progress.format_bytes(size) if size else "" for size in (span.peak, span.agent, one.stored)]
    return f"| {name} | {span.wall:.1f} | {span.cpu:.1f} | {cpu} | {' | '.join(sizes)} |"


def plot(found: Found) -> str:
    """Return an SVG with a bar for the seconds of each backup and each restore."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    lines = list(_lines(found.outcomes))
    sizes = {"bar": BAR, "row": ROW, "labels": LABELS, "width": WIDTH, "height": ROW * len(lines) + 2 * ROW}
    return environment.get_template("plot.svg.j2").render(lines=lines, found=found, **sizes)


def _lines(outcomes: Outcomes) -> Iterator[dict[str, object]]:
    """Yield the lines of the plot: a title, then a bar for each way that has a figure, as long as its seconds."""
    kinds: tuple[Kind, ...] = ("backup", "restore")
    for kind in kinds:
        timed = [(one, one.span.wall) for one in outcomes.all if one.kind == kind and one.span]
        longest = max((wall for _, wall in timed), default=1.0)
        yield {"title": f"{TITLES[kind]}, seconds"}
        for one, wall in timed:
            yield {
                "way": one.way,
                "ours": one.ours,
                "wall": f"{wall:.1f}",
                "length": round(wall / longest * (WIDTH - LABELS - 60)),
            }
