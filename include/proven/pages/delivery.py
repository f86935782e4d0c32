"""Brings a page to everyone who must hear of it: every contact of the database, once for each run.

Whatever stands in the way of one route, the others are tried; whatever is wrong with the ledger, the page goes out:
a page too many is better than one too few.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from include.proven.errors import PageError, ProvenError
from include.proven.fleet.model import Fleet
from include.proven.fleet.pages import Route
from include.proven.pages import messages
from include.proven.pages.page import Page, dedup_key

LEDGER_PATIENCE = 5.0
"""Seconds that the ledger may take for one answer: when the store is down, the page about it must still go out."""


class Ledger(Protocol):
    """Remembers which pages are open, so that each is sent once for a run and resolved once."""

    def page_record(self, database: str, kind: str, /) -> str | None:
        """Return the id of the run that the open page was sent for, or None if no page of that kind is open."""

    def record_page(self, database: str, kind: str, run_id: str, /) -> None:
        """Remember that a page was sent, in the place of an older one."""

    def clear_page(self, database: str, kind: str, /) -> None:
        """Forget the page, if there is one: it is resolved."""


@dataclasses.dataclass(frozen=True)
class Sent:
    """What became of a page or a resolution."""

    routes: list[str]
    """Names of the routes that took it; empty when it had been sent before."""
    ledger_fault: str = ""
    """Why the ledger could not be used: the same page may be sent again."""


def send(fleet: Fleet, page: Page, ledger: Ledger | None = None) -> Sent:
    """Send `page` on every route of its database's contacts, unless the ledger says that its run has sent it.

    Raise PageError, naming each route that did not take it, after all were tried; it is then not recorded, so that the next
    occasion (the DAG-level callback after the task's) tries again.
    """
    open_run, fault = _ask(ledger, page.database, page.key)
    if open_run == page.run_id:
        return Sent([])
    routes = _tell_all(fleet, page.database, lambda name, route: messages.trigger(name, route, page))
    if ledger and not fault:
        fault = _attempt(functools.partial(ledger.record_page, page.database, page.key, page.run_id))
    return Sent(routes, fault)


def resolve(fleet: Fleet, database: str, kinds: Iterable[str], ledger: Ledger | None = None) -> Sent:
    """Resolve a database's open pages of these kinds (or keys: `page.page_key`) on every route.

    A kind that the ledger knows not to be open is passed over: nobody needs to hear that all is well again when it was.
    Raise PageError, after all were tried, if a route did not take it; the page then stays open in the ledger.
    """
    told: list[str] = []
    faults: list[str] = []
    failures: list[PageError] = []
    for kind in kinds:
        try:
            sent = _resolve_one(fleet, database, kind, ledger)
        except PageError as error:
            failures.append(error)
        else:
            told += [route for route in sent.routes if route not in told]
            faults += [sent.ledger_fault] if sent.ledger_fault else []
    if failures:
        raise _as_one(failures)
    return Sent(told, "; ".join(faults))


def check_route(name: str, route: Route) -> None:
    """Raise ConfigError if the route's connection can't be used. Nothing is sent."""
    messages.resolution(name, route, "proven/check")


def _resolve_one(fleet: Fleet, database: str, kind: str, ledger: Ledger | None) -> Sent:
    open_run, fault = _ask(ledger, database, kind)
    if ledger and open_run is None and not fault:
        return Sent([])
    routes = _tell_all(fleet, database, lambda name, route: messages.resolution(name, route, dedup_key(database, kind)))
    if ledger and not fault:
        fault = _attempt(functools.partial(ledger.clear_page, database, kind))
    return Sent(routes, fault)


def _tell_all(fleet: Fleet, database: str, compose: Callable[[str, Route], messages.Message]) -> list[str]:
    """Tell every contact of a database and return the routes' names. Raise one PageError if a route did not take it."""
    deliveries: list[messages.Message] = []
    failures: list[ProvenError] = []
    contacts = dict.fromkeys(fleet.database(database).contacts)
    for name in contacts:
        try:
            deliveries.append(compose(name, fleet.pages.routes[name]))
        except ProvenError as error:
            failures.append(error)
    if failures := failures + _post_all(deliveries):
        raise _as_one(failures)
    return list(contacts)


def _post_all(deliveries: list[messages.Message]) -> list[ProvenError]:
    """Post all at the same time, so that a route that hangs does not use up the others' time; return what went wrong."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(len(deliveries), 1)) as pool:
        attempts = [pool.submit(delivery.send) for delivery in deliveries]
    errors = [attempt.exception() for attempt in attempts]
    if crash := next((error for error in errors if error and not isinstance(error, ProvenError)), None):
        raise crash
    return [error for error in errors if isinstance(error, ProvenError)]


def _as_one(failures: Sequence[ProvenError]) -> PageError:
    if len(failures) == 1:
        return PageError(failures[0].what, detail=failures[0].detail, hint=failures[0].hint)
    details = "\n".join(str(failure) for failure in failures)
    return PageError(f"pages: {len(failures)} not delivered", detail=details, hint="Routes that are not named took it.")


def _ask(ledger: Ledger | None, database: str, kind: str) -> tuple[str | None, str]:
    """Return the run that the open page was sent for, and why the ledger could not say."""
    found: list[str | None] = [None]
    fault = _attempt(lambda: found.append(ledger.page_record(database, kind))) if ledger else ""
    return found[-1], fault


def _attempt(use_ledger: Callable[[], None]) -> str:
    """Use the ledger; return what went wrong, or an empty string. Nothing that a ledger does may keep a page from a person."""
    faults = [f"no answer within {LEDGER_PATIENCE:g} s"]

    def use() -> None:
        try:
            use_ledger()
        except Exception as error:
            faults.append(f"{type(error).__name__}: {error}".splitlines()[0])
        else:
            faults.append("")

    # a thread, because a store that hangs can't be interrupted; a daemon, because it must not keep the process either
    thread = threading.Thread(target=use, daemon=True)
    thread.start()
    thread.join(LEDGER_PATIENCE)
    return faults[-1]
