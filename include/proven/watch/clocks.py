"""Concern `clocks`: the controller's against those of the stores and of the databases' servers."""

from __future__ import annotations

import contextlib
import datetime
import functools
from collections.abc import Callable, Iterator

from include.proven import agent_client
from include.proven.agent import looks, protocol
from include.proven.fleet.pages import FLEET, Severity
from include.proven.installation import Installation
from include.proven.progress import format_seconds
from include.proven.watch import asking
from include.proven.watch.concern import Concern, Finding

KIND = "clock-skewed"
RESOLUTION = datetime.timedelta(seconds=1)
"""Stores tell whole seconds."""
STEPS: tuple[tuple[datetime.timedelta, Severity], ...] = (
    (datetime.timedelta(minutes=10), "error"),
    (datetime.timedelta(seconds=60), "warning"),
)
"""How far clocks may be apart."""
TIME_LIMIT = 10.0
HINT = "Look at both machines with `timedatectl` or `chronyc tracking` and let both follow NTP. One alone may be right."


def look(installation: Installation, now: datetime.datetime) -> Iterator[Finding]:
    """Yield whose clock is not the controller's, which is asked anew each time. Raise ProvenError where one gave no time."""
    stores = asking.ask_each(installation.fleet.stores, lambda name: functools.partial(measure, installation.store(name).clock))
    sources = asking.ask_each(installation.fleet.databases, lambda name: _of_source(installation, name))
    for name, ahead in stores.given.items():
        yield from _judge(FLEET, name, f"the clock of store {name}", ahead)
    for name, ahead in sources.given.items():
        yield from _judge(name, name, "the source's clock", ahead)
    asking.require("clocks", stores, sources)


def measure(ask: Callable[[], datetime.datetime]) -> datetime.timedelta:
    """Ask for another clock's time and return how far it is ahead of ours, at least; behind: below zero.

    What the way there and back took is in its favour.
    """
    before = datetime.datetime.now(datetime.UTC)
    said = ask()
    after = datetime.datetime.now(datetime.UTC)
    if said > after:
        return said - after
    return min(said + RESOLUTION - before, datetime.timedelta(0))


def _of_source(installation: Installation, database: str) -> Callable[[], datetime.timedelta]:
    host = installation.host_of(database)
    job = looks.QueryJob(
        protocol=protocol.VERSION,
        job="query",
        source=installation.source(database),
        tools=installation.tools(installation.engine(database)),
        sql="SELECT UTC_TIMESTAMP(6)",
        schema="",
        time_limit=TIME_LIMIT,
    )

    def ask() -> datetime.datetime:
        text = agent_client.run(job, host=host)["rows"][0][0]
        return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)

    def ask_and_close() -> datetime.timedelta:
        with contextlib.closing(host):
            return measure(ask)

    return ask_and_close


def _judge(database: str, thing: str, whose: str, ahead: datetime.timedelta) -> Iterator[Finding]:
    severity = next((severity for most, severity in STEPS if abs(ahead) > most), None)
    if severity is None:
        return
    far, way = format_seconds(abs(ahead).total_seconds()), "ahead of" if ahead > datetime.timedelta(0) else "behind"
    summary = f"{whose} is {far} {way} the controller's"
    yield Finding(KIND, summary, database=database, thing=thing, severity=severity, hint=HINT)


CONCERN = Concern("clocks", (KIND,), look, needs="sources", every=datetime.timedelta(hours=1))
