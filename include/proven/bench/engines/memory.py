"""The agent's own memory, at one size of a database and at eight times that."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

from include.proven import backup
from include.proven.bench import measure, sysbench
from include.proven.bench.engines import bed
from include.proven.bench.engines.meter import Span
from include.proven.bench.engines.ours import DATABASES, METHODS, open_way
from include.proven.bench.engines.outcome import Outcomes

DOUBLINGS = 3
COPIES = 3
"""So many times the source's size is on the disk at once: one recovery point at a time is stored."""


@dataclasses.dataclass(frozen=True)
class Held:
    """One size: rows of each table, bytes of the source's files, and what each way took."""

    rows: int
    data_bytes: int
    outcomes: Outcomes


def run(flavour: str, rows: int) -> list[Held]:
    """Back up with each method, at that many rows a table and at eight times as many."""
    found = []
    with bed.made(flavour, rows, 0, copies=COPIES << DOUBLINGS) as made:
        for doubled in (0, DOUBLINGS):
            with made.connect(made.as_root(made.source)) as session:
                for _ in range(doubled):
                    measure.say("twice as many rows")
                    sysbench.double(session)
            size = sum(file.stat().st_size for file in made.source.datadir.rglob("*.ibd"))
            outcomes = Outcomes(1)
            for way in METHODS:
                outcomes.go("backup", way, functools.partial(_take, made, way), ours=True)
            found.append(Held(rows << doubled, size, outcomes))
    return found


def render(flavour: str, found: Sequence[Held]) -> str:
    """Return a Markdown table: a line a way, a pair of columns a size."""
    sizes = " | ".join(f"{one.data_bytes / 1e9:.1f} GB: agent | seconds" for one in found)
    lines = [f"| {flavour}: {sysbench.TABLES} tables | {sizes} |", "|---|" + "---:|---:|" * len(found)]
    for way in METHODS:
        outcomes = [one.outcomes.find("backup", way) for one in found]
        spans = [outcome.span if outcome else None for outcome in outcomes]
        cells = [f"{span.agent / 2**20:.0f} MiB | {span.wall:.0f}" if span else "– | –" for span in spans]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _take(made: bed.Bed, way: str) -> tuple[Span, int]:
    """Take one backup, and remove it from the store."""
    opened, database, point = open_way(made, way), DATABASES[way], backup.new_id()
    with made.meter() as meter:
        taken = backup.take_backup(opened, database, point).manifest
    opened.catalog(database).store.delete_folder(f"{database}/{point}")
    return meter.span, sum(artifact.bytes for artifact in taken.artifacts)
