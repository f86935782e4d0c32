"""Concern `rto`: a restore that took longer than promised, as the newest drill that proved something has measured it."""

from __future__ import annotations

import datetime
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping

from include.proven.catalog import Catalog
from include.proven.copies import Answers
from include.proven.errors import ConfigError, IntegrityError
from include.proven.installation import Installation
from include.proven.progress import format_seconds
from include.proven.proof.verdict import Verdict
from include.proven.watch import asking, holdings
from include.proven.watch.concern import Concern, Finding
from include.proven.watch.holdings import Holdings

KIND = "rto-missed"
MOST = 30
"""Verdicts that are read to find one that is proven; where there is none, other pages say so."""
HINT = (
    "`./proven report {database}` shows what the time went to. Download: a faster store, more `parallel`; load: a larger"
    " sandbox, as the server that a loss is restored on would be. Or promise what can be kept: `objectives.rto`."
)


def look(installation: Installation, now: datetime.datetime) -> Iterator[Finding]:
    """Yield databases whose newest proven recovery took longer than promised. Raise ProvenError where a store is silent."""
    catalogs: dict[str, Catalog] = {}

    def prepare(store: str) -> Callable[[], Holdings]:
        catalogs[store] = Catalog(installation.store(store), installation.keyring)
        return functools.partial(holdings.survey, catalogs[store].store)

    stores = asking.ask_each(installation.fleet.stores, prepare)
    newest = asking.ask_each(
        installation.fleet.databases,
        lambda name: functools.partial(_newest_proven, catalogs, stores, installation.database(name).stores, name),
    )
    for name, verdict in newest.given.items():
        if verdict:
            yield from _judge(installation, name, verdict)
    asking.require("recovery times", stores, newest)


def _newest_proven(
    catalogs: Mapping[str, Catalog], stores: Answers[Holdings], names: list[str], database: str
) -> Verdict | None:
    """Return the verdict of the newest drill that proved a recovery point, from whichever store; None if there is none."""
    drills = [
        (drill, point, store)
        for store in names
        for point, held in stores.given.get(store, {}).get(database, {}).items()
        for drill in held.drills
    ]
    for drill, point, store in itertools.islice(sorted(drills, reverse=True), MOST):
        try:
            verdict = catalogs[store].verdict(database, point, drill)
        except (IntegrityError, ConfigError):
            continue  # what nobody of ours has signed says nothing; `./proven show` names it
        if verdict.outcome == "proven":
            return verdict
    return None


def _judge(installation: Installation, database: str, verdict: Verdict) -> Iterator[Finding]:
    measured, promised = verdict.measured_rto_seconds, installation.database(database).objectives.rto.total_seconds()
    if measured is None or measured <= promised:
        return
    parts = ", ".join(f"{part.name} {format_seconds(part.seconds)}" for part in verdict.recovery)
    yield Finding(
        KIND,
        f"build and restore took {format_seconds(measured)}; promised: {format_seconds(promised)}",
        database=database,
        detail=f"drill {verdict.drill} of {verdict.recovery_point} from store {verdict.store}: {parts}",
        hint=HINT.format(database=database),
    )


CONCERN = Concern("rto", (KIND,), look)
