"""Posts a page, or its end, on several routes at the same time, and says what became of it on each."""

from __future__ import annotations

import concurrent.futures
import dataclasses
from collections.abc import Callable, Collection, Iterable, Sequence

from include.proven.errors import PageError, ProvenError
from include.proven.fleet.model import Fleet
from include.proven.fleet.pages import Route
from include.proven.pages import messages
from include.proven.pages.page import Page

SPARE_AFTER = 8.0
"""Seconds in which one of the contacts must have taken a page, or the other routes are tried besides. A route is given up after
30 s, and Airflow's dag-processor, which runs DAG-level callbacks, kills itself after 50."""

Compose = Callable[[str, Route], messages.Message]


@dataclasses.dataclass(frozen=True)
class Told:
    """What became of a message."""

    delivered: list[str] = dataclasses.field(default_factory=list)
    """Routes that took it, those that were tried in the place of others among them."""
    failures: dict[str, ProvenError] = dataclasses.field(default_factory=dict)
    """Route that should have taken it → why it did not."""

    @property
    def reasons(self) -> dict[str, str]:
        """The failures, each in one line."""
        return {route: error.what for route, error in self.failures.items()}

    def require(self) -> Told:
        """Return this. Raise one PageError if a route that should have taken it did not."""
        if self.failures:
            raise as_one(list(self.failures.values()), self.delivered)
        return self


def tell_page(fleet: Fleet, page: Page, routes: Sequence[str], spare: Sequence[str] = ()) -> Told:
    """Send a page on these routes; if none of them takes it, or none within `SPARE_AFTER`, on the spare ones too."""
    return _post(fleet, lambda name, route: messages.trigger(name, route, page), routes, spare)


def tell_end(fleet: Fleet, key: str, routes: Sequence[str]) -> Told:
    """Send the resolution of the page of that dedup key on these routes."""
    return _post(fleet, lambda name, route: messages.resolution(name, route, key), routes)


def as_one(failures: Sequence[ProvenError], delivered: Collection[str] = ()) -> PageError:
    """Return one error for all failures. It says who took the message."""
    took = f"Taken by {', '.join(delivered)}." if delivered else "Nobody took it."
    if len(failures) == 1:
        return PageError(failures[0].what, detail=failures[0].detail, hint=f"{failures[0].hint} {took}".strip())
    details = "\n".join(str(failure) for failure in failures)
    return PageError(f"pages: {len(failures)} not delivered", detail=details, hint=took)


def _post(fleet: Fleet, compose: Compose, routes: Sequence[str], spare: Sequence[str] = ()) -> Told:
    failed: dict[str, ProvenError] = {}
    wanted, besides = (_compose(fleet, compose, names, failed) for names in (routes, spare))
    # all at the same time, so that a route that hangs does not use up the others' time
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(wanted) + len(besides) + 1) as pool:
        attempts = {name: pool.submit(message.send) for name, message in wanted.items()}
        if besides and not _taken(attempts.values()):
            attempts |= {name: pool.submit(message.send) for name, message in besides.items()}
    errors = {name: attempt.exception() for name, attempt in attempts.items()}
    if crash := next((error for error in errors.values() if error and not isinstance(error, ProvenError)), None):
        raise crash
    failed |= {name: error for name, error in errors.items() if isinstance(error, ProvenError)}
    return Told([name for name in attempts if name not in failed], {name: failed[name] for name in routes if name in failed})


def _compose(
    fleet: Fleet, compose: Compose, names: Iterable[str], failed: dict[str, ProvenError]
) -> dict[str, messages.Message]:
    """Return the routes' messages; a route whose connection can't be used is added to `failed`."""
    composed: dict[str, messages.Message] = {}
    for name in names:
        try:
            composed[name] = compose(name, fleet.pages.routes[name])
        except ProvenError as error:
            failed[name] = error
    return composed


def _taken(attempts: Iterable[concurrent.futures.Future[None]]) -> bool:
    """Wait until one of the attempts has gone well, all have failed, or it takes too long."""
    try:
        return any(done.exception() is None for done in concurrent.futures.as_completed(attempts, timeout=SPARE_AFTER))
    except TimeoutError:
        return False
