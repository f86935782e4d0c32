"""Concern `shipped`: binary logs whose newest piece is too old. Whoever wants to restore to a minute ago, could not.

A stream that fails is paged by its own run. This finds the one that nobody has begun: its DAG is paused, or Airflow is dead.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from include.proven import copies, ids
from include.proven.catalog import Catalog
from include.proven.catalog.binlogs import Segment
from include.proven.copies import Answers
from include.proven.errors import NothingStoredError, ProvenError
from include.proven.fleet.databases import Binlogs
from include.proven.installation import Installation
from include.proven.progress import format_seconds
from include.proven.watch import asking
from include.proven.watch.concern import Concern, Finding

KIND = "binlogs-late"
BETWEEN_RUNS = datetime.timedelta(minutes=5)
"""From one run's end until the next one ships: Airflow takes its time, and so does a restart of it."""
HINT = "See whether the DAG binlogs__{database} is there, unpaused and running; by hand: ./proven stream {database} --for 1m"


def look(installation: Installation, now: datetime.datetime) -> Iterator[Finding]:
    """Yield databases whose log is complete to a moment that is too long ago, by all stores that answer.

    Raise ProvenError in the end if of one of them no store does.
    """
    silent: dict[str, ProvenError] = {}
    for name, database in installation.fleet.databases.items():
        if database.binlogs is None:
            continue
        try:
            yield from _find_late(installation, name, database.binlogs, now)
        except ProvenError as error:
            silent[name] = error
    asking.require("binary logs", Answers({}, silent))


def _find_late(installation: Installation, database: str, options: Binlogs, now: datetime.datetime) -> Iterator[Finding]:
    answers = copies.ask(installation, database, lambda one: (_newest_piece(one, database), _newest_point(one, database)))
    pieces = [piece for piece, _ in answers.require().given.values() if piece]
    complete_to = max((piece.complete_to for piece in pieces), default=None)
    begun = complete_to or max((point for _, point in answers.given.values() if point), default=None)
    if begun is None or now - begun <= 3 * options.lag + BETWEEN_RUNS:
        return  # without a recovery point there is nothing that a log could be added to
    age = format_seconds((now - begun).total_seconds())
    said = f"complete to {age} ago" if complete_to else f"in no store, and the newest recovery point is {age} old"
    silence = "\n".join(f"store {store} gives no answer: {error.what}" for store, error in answers.silent.items())
    yield Finding(
        KIND,
        f"the binary log is {said}; promised: {format_seconds(options.lag.total_seconds())}",
        database=database,
        detail=silence,
        hint=HINT.format(database=database),
    )


def _newest_piece(catalog: Catalog, database: str) -> Segment | None:
    """Return the verified piece that says of the latest moment that nothing before it is missing."""
    newest = [catalog.newest_segment(database, server) for server in catalog.logged_servers(database)]
    pieces = catalog.segments([name for name in newest if name])
    return max(pieces, key=lambda piece: piece.complete_to, default=None)


def _newest_point(catalog: Catalog, database: str) -> datetime.datetime | None:
    try:
        points = catalog.recovery_points(database)
    except NothingStoredError:
        return None
    return ids.started_at(points[-1]) if points else None


CONCERN = Concern("shipped", (KIND,), look)
