"""Has the source just lost something? A faithful copy of a table that was emptied by mistake passes every comparison.

So each recovery point is held against those that were proven before it. What is found is a warning, for the copy is what
the source held (`docs/decisions/0018-drift.md`).
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from include.proven.agent import names
from include.proven.agent.server import CANARY_SCHEMA
from include.proven.fleet.databases import Database
from include.proven.manifest import Manifest
from include.proven.progress import format_bytes
from include.proven.proof import history, series
from include.proven.proof.history import History
from include.proven.proof.verdict import Check

NAME = "drift"
OFF = "Sudden losses on the source: `proof.drift` is off for this database."
HINT = "The copy is what the source held: look there. If that was a mistake, `./proven restore {database} {last}` has it still."
CANARY = f"{names.display(CANARY_SCHEMA)}."
"""How the names of the canary's tables begin: it keeps as many rows as we let it."""
MOST_LINES = 100


@dataclasses.dataclass(frozen=True)
class Point:
    """What of a recovery point is compared."""

    name: str
    hours: float
    """When it was taken, since 1970."""
    plain_bytes: int
    rows: dict[str, int]
    """By table."""
    newest: dict[tuple[str, str], float]
    """By table and column: the newest moment in it, in hours since 1970."""

    @property
    def all_rows(self) -> int:
        """Rows of all tables together."""
        return sum(self.rows.values())


def judge(manifest: Manifest, config: Database, proven_before: Callable[[int], History]) -> Check:
    """Given a recovery point and what reads its history, name what it has suddenly less of, as a warning.

    Switched off, and with too few to judge by, it passes and says so.
    """
    if not config.proof.drift:
        return Check(name=NAME, outcome="pass", figure="switched off", not_covered=[OFF])
    before = proven_before(history.MOST)
    unsure, found = list(before.not_covered), len(before.manifests)
    if found < series.FEWEST:
        unsure.append(f"Sudden losses on the source: {found} earlier recovery points are proven, and it takes {series.FEWEST}.")
        return Check(name=NAME, outcome="pass", figure="too few to judge by", not_covered=unsure)
    points = [_point(one) for one in [*reversed(before.manifests), manifest]]
    lost = [*_whole(points), *_vanished(points, manifest), *_shrunken(points), *_stopped(points)]
    figure = f"{_figure(points[-1], points[-2])}, judged by {found} recovery points"
    if not lost:
        return Check(name=NAME, outcome="pass", figure=figure, not_covered=unsure)
    if len(lost) > MOST_LINES:
        lost[MOST_LINES - 1 :] = [f"… and {len(lost) - MOST_LINES + 1:,} more"]
    hint = HINT.format(last=points[-2].name, database=manifest.database)
    return Check(name=NAME, outcome="fail", severity="warning", figure=figure, differences=lost, hint=hint, not_covered=unsure)


def _point(manifest: Manifest) -> Point:
    entries: dict[str, dict[str, Any]] = manifest.fingerprint.get("tables", {})
    tables = {name: entry for name, entry in entries.items() if not name.startswith(CANARY)}
    return Point(
        name=manifest.recovery_point,
        hours=_hours(manifest.snapshot_at),
        plain_bytes=sum(artifact.plain_bytes for artifact in manifest.artifacts),
        rows={name: int(entry["rows"]) for name, entry in tables.items()},
        # of a sampled table it is the newest among the samples only
        newest={
            (name, column): _hours(datetime.datetime.fromisoformat(moment))
            for name, entry in tables.items()
            if "samples" not in entry
            for column, moment in entry.get("newest", {}).items()
        },
    )


def _whole(points: Sequence[Point]) -> Iterator[str]:
    """Yield a line if there are suddenly fewer rows, or bytes, of all tables together."""
    last, now = points[-2:]
    hours = [point.hours for point in points]
    if series.has_dropped(hours, [point.all_rows for point in points]):
        yield f"all tables: {_loss(now.all_rows, last.all_rows)} than in {last.name}"
    if series.has_dropped(hours, [point.plain_bytes for point in points]):
        less = _percent(now.plain_bytes, last.plain_bytes)
        sizes = f"{format_bytes(now.plain_bytes)} of SQL, {less} less"
        yield f"all data: {sizes} than in {last.name} ({format_bytes(last.plain_bytes)})"


def _vanished(points: Sequence[Point], manifest: Manifest) -> Iterator[str]:
    """Yield a line for each table that was always there and is gone, unless as many go at other times, too.

    Schemas that are gone are a matter of identity.
    """
    gone = [sum(name not in after.rows for name in before.rows) for before, after in itertools.pairwise(points)]
    if gone[-1] <= max(gone[:-1]):
        return
    last, now = points[-2:]
    kept = tuple(f"{names.display(schema)}." for schema in manifest.schemas)
    for name, rows in last.rows.items():
        if name not in now.rows and name.startswith(kept) and all(name in point.rows for point in points[:-1]):
            yield f"table {name}: gone; it had {rows:,} rows in {last.name}"


def _shrunken(points: Sequence[Point]) -> Iterator[str]:
    """Yield a line for each table that has suddenly fewer rows."""
    last = points[-2]
    for name, rows in points[-1].rows.items():
        if series.has_dropped(*_known(points, [point.rows.get(name) for point in points])):
            yield f"table {name}: {_loss(rows, last.rows[name])} than in {last.name}"


def _stopped(points: Sequence[Point]) -> Iterator[str]:
    """Yield a line for each column whose newest moment has always moved and stands still: an import or a replica stopped."""
    for key, moment in points[-1].newest.items():
        if series.has_stopped(*_known(points, [point.newest.get(key) for point in points])):
            table, column = key
            shown = f"`{column}` is {datetime.datetime.fromtimestamp(moment * 3600, datetime.UTC):%Y-%m-%d %H:%M:%S}"
            yield f"table {table}: nothing new: the newest {shown}, as in {points[-2].name}; each time before, it had moved"


def _known(points: Sequence[Point], values: Sequence[float | None]) -> tuple[list[float], list[float]]:
    """Return when the last values without a gap were taken, and the values: what was away is not what it was."""
    found: list[tuple[float, float]] = []
    for point, value in zip(reversed(points), reversed(values), strict=True):
        if value is None:
            break
        found.append((point.hours, value))
    return [hours for hours, _ in reversed(found)], [value for _, value in reversed(found)]


def _figure(now: Point, last: Point) -> str:
    rows, size = now.all_rows, now.plain_bytes
    changes = _change(rows, last.all_rows), _change(size, last.plain_bytes)
    return f"{rows:,} rows ({changes[0]}), {format_bytes(size)} of SQL ({changes[1]}) since {last.name}"


def _loss(now: int, last: int) -> str:
    """Return `1,200 rows, 40 % fewer`."""
    return f"{now:,} rows, {_percent(now, last)} fewer"


def _percent(now: int, last: int) -> str:
    return f"{100 * (1 - now / last):.0f} %"


def _change(now: int, last: int) -> str:
    return f"{100 * (now / last - 1):+.1f} %" if last else "before none"


def _hours(moment: datetime.datetime) -> float:
    return moment.timestamp() / 3600
