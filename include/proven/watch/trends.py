"""Concern `trends`: what is normal, and is no longer: the size of backups, and the speed at which they come and go.

No fixed percentage: what a database's own history makes of it (`proof/series.py`, `docs/decisions/0018-drift.md`). Sizes are
those of the store's listing; only of what is large enough to say something about speed are the records read.
"""

from __future__ import annotations

import datetime
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from include.proven.catalog import Catalog
from include.proven.copies import Answers
from include.proven.errors import ConfigError, IntegrityError
from include.proven.installation import Installation
from include.proven.manifest import Stage
from include.proven.progress import format_bytes
from include.proven.proof import history, series
from include.proven.watch import asking, holdings
from include.proven.watch.concern import Concern, Finding
from include.proven.watch.holdings import Held, Holdings

SIZE, SPEED = "backup-size-odd", "bandwidth-falling"
LASTING = 3
"""A jump in size is told of for so many recovery points, unless the size is back before."""
SMALL = 1_000_000
"""Bytes by which a backup may grow without a word, whatever share of it they are."""
LEAST = 64_000_000
"""Bytes of a transfer below which its speed says more about its beginning and its end."""
LAST = 3
"""Transfers that are compared, by their middle one, with those before: one alone is an accident."""
MOST = 30
"""Transfers whose records are read: hourly ones know day and night."""
SIZE_HINT = (
    "Compare both (`./proven list {database}`, `./proven report {database}`), and ask who has loaded, deleted or encrypted data"
    " there. What is missing may still be whole in {last}."
)
SPEED_HINT = (
    "Look at the load of the source and of the store, at the network between them, and at `bandwidth_limit` and `parallel` of"
    " the store in the fleet file. `./proven report {database}` shows the transfers."
)


class Transfers(NamedTuple):
    """How fast data went one way, bytes a second, oldest first."""

    way: str
    """`upload`, `download from <store>`."""
    rates: list[float]


def look(installation: Installation, now: datetime.datetime) -> Iterator[Finding]:
    """Yield backups of an odd size and transfers that have slowed down. Raise ProvenError where a store does not answer."""
    catalogs: dict[str, Catalog] = {}

    def prepare(store: str) -> Callable[[], Holdings]:
        catalogs[store] = Catalog(installation.store(store), installation.keyring)
        return functools.partial(holdings.survey, catalogs[store].store)

    stores = asking.ask_each(installation.fleet.stores, prepare, patience=holdings.PATIENCE)
    for name in installation.fleet.databases:
        yield from _judge_sizes(name, _points(installation, stores, name))
    speeds = asking.ask_each(
        [name for name in installation.fleet.databases if _is_large(installation, stores, name)],
        lambda name: functools.partial(_read_transfers, installation, stores, catalogs, name),
    )
    for name, transfers in speeds.given.items():
        for one in transfers:
            yield from _judge_speed(name, one)
    asking.require("trends", stores, speeds)


def _points(installation: Installation, stores: Answers[Holdings], database: str) -> dict[str, Held]:
    """Return the complete recovery points of a database in the first of its stores that answers."""
    answered = [store for store in installation.database(database).stores if store in stores.given]
    found = stores.given[answered[0]].get(database, {}) if answered else {}
    return {point: held for point, held in found.items() if held.complete}


def _judge_sizes(database: str, points: dict[str, Held]) -> Iterator[Finding]:
    """Yield a finding if one of the last backups is suddenly larger or smaller, and those since are like it."""
    kinds = {point.split("-")[1] for point in list(points)[-1:]}
    names = [point for point in points if point.split("-")[1] in kinds][-history.MOST :]
    sizes = [points[name].bytes for name in names]
    hours = [holdings.hours_of(name) for name in names]
    for until in range(len(names), max(len(names) - LASTING, series.FEWEST), -1):
        now, before = sizes[until - 1], sizes[until - 2]
        less = series.has_dropped(hours[:until], sizes[:until])
        more = series.has_jumped(hours[:until], sizes[:until]) and now - before >= SMALL
        if (less or more) and _is_nearer(sizes[-1], now, before) and not _is_back(now, before, sizes[: until - 2][-LASTING:]):
            change = f"{1 - now / before:.0%} less" if less else f"{now / max(before, 1):.1f} times as much as"
            summary = (
                f"{names[until - 1]} has {format_bytes(now)}, {change} {'than ' if less else ''}{names[until - 2]}"
                f" ({format_bytes(before)}), judged by {until - 1} recovery points"
            )
            hint = SIZE_HINT.format(database=database, last=names[until - 2])
            yield Finding(SIZE, summary, database=database, hint=hint)
            return


def _is_nearer(size: float, one: float, other: float) -> bool:
    """Say whether a size is nearer to one than to another, by their ratio."""
    level = math.log1p(size)
    return abs(level - math.log1p(one)) <= abs(level - math.log1p(other))


def _is_back(now: float, before: float, earlier: Sequence[float]) -> bool:
    """Say whether a size is what it was just before another odd one."""
    return any(_is_nearer(one, now, before) for one in earlier)


def _is_large(installation: Installation, stores: Answers[Holdings], database: str) -> bool:
    """Say whether there are so many large recovery points that their speed can be judged."""
    large = [held for held in _points(installation, stores, database).values() if held.bytes >= LEAST]
    return len(large) >= series.FEWEST + LAST


def _read_transfers(
    installation: Installation, stores: Answers[Holdings], catalogs: dict[str, Catalog], database: str
) -> list[Transfers]:
    """Return how fast the last backups went up and the last drills came down."""
    names = [store for store in installation.database(database).stores if store in stores.given]
    points = list(_points(installation, stores, database))[-MOST:]
    found = [Transfers("upload", _rates(functools.partial(_uploaded, catalogs[names[0]], database, point) for point in points))]
    for store in names:
        held = stores.given[store].get(database, {})
        drills = sorted((drill, point) for point, one in held.items() for drill in one.drills)[-MOST:]
        reads = (functools.partial(_downloaded, catalogs[store], database, point, drill) for drill, point in drills)
        found.append(Transfers(f"download from {store}", _rates(reads)))
    return found


def _rates(reads: Iterator[Callable[[], Sequence[Stage]]]) -> list[float]:
    """Return the rate of each transfer that is large enough. Records that can't be trusted say nothing; drills name them."""
    rates: list[float] = []
    for read in reads:
        try:
            stages = read()
        except (IntegrityError, ConfigError):
            continue
        rates += [stage.bytes / stage.seconds for stage in stages if stage.bytes >= LEAST and stage.seconds > 0]
    return rates


def _uploaded(catalog: Catalog, database: str, point: str) -> list[Stage]:
    return [stage for stage in catalog.manifest(database, point).stages if stage.name == "upload"]


def _downloaded(catalog: Catalog, database: str, point: str, drill: str) -> list[Stage]:
    steps = catalog.verdict(database, point, drill).steps
    return [stage for step in steps for stage in step.stages if stage.name == "download" and step.outcome == "done"]


def _judge_speed(database: str, transfers: Transfers) -> Iterator[Finding]:
    way, rates = transfers
    if not series.has_sunk(rates, LAST):
        return
    now, usual = sorted(rates[-LAST:])[LAST // 2], sorted(rates[:-LAST])[len(rates[:-LAST]) // 2]
    summary = f"{way}: {format_bytes(now)}/s in the last {LAST} transfers, usually {format_bytes(usual)}/s"
    yield Finding(SPEED, summary, database=database, thing=way, hint=SPEED_HINT.format(database=database))


CONCERN = Concern("trends", (SIZE, SPEED), look, thorough=True, every=datetime.timedelta(hours=1))
