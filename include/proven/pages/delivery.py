"""Brings a page to everyone who must hear of it, once for each run, and its end to everyone who has heard of it.

Whatever stands in the way of one route, the others are tried; whatever is wrong with the ledger, the page goes out: a page too
many is better than one too few. What a route did not take stays pending in the ledger (`catching_up`).
"""

from __future__ import annotations

import dataclasses
import datetime
import secrets
from collections.abc import Collection, Iterable, Sequence
from typing import get_args

from include.proven.catalog.pages import PageEvent, tag_of
from include.proven.fleet.model import Fleet
from include.proven.fleet.pages import Route, Severity
from include.proven.pages import messages, posting, rivals, routing
from include.proven.pages.careful import Careful, Ledger
from include.proven.pages.incident import RESOLUTION, Found, Incident, Missing, opening
from include.proven.pages.kinds import KINDS
from include.proven.pages.page import Page, dedup_key
from include.proven.pages.posting import Told

DAY = datetime.timedelta(days=1)
FLAPPING = 3
"""Incidents of one key within a day, the last of which is not resolved before it has been gone for `pages.settle`."""
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""The most urgent first."""


@dataclasses.dataclass(frozen=True)
class Sent:
    """What became of a page or a resolution."""

    routes: list[str]
    """Names of the routes that took it; empty when it had been sent before."""
    ledger_fault: str = ""
    """Why the ledger could not be used: the same page may be sent again."""
    held: list[str] = dataclasses.field(default_factory=list)
    """Keys that are not resolved yet, because they have come and gone three times within a day."""


def send(fleet: Fleet, page: Page, ledger: Ledger | None = None, *, once: bool = False) -> Sent:
    """Send `page` to whom it concerns (`routing`), unless the ledger says that its run has sent it.

    A page that is open already is sent again when another run notices it. With `once` it is not, unless it has become more
    urgent; and what is pending of it is left to `catching_up`.

    Raise PageError, naming each route that did not take it, after all were tried: the contacts, and if not a single one took
    it, all other routes of the fleet. What is missing is pending in the ledger then.
    """
    careful = Careful(ledger)
    found = careful.find(page.database, [page.key])
    current = max(found.open, key=lambda one: one.noticed_at, default=None)
    if current is None or current.gone_since:
        told = _tell_news(fleet, page, current, careful)
    elif once and not _is_more_urgent(page, current.page):
        told = Told()
    elif current.knows(page.run_id):
        told = deliver_missing(fleet, current, careful, now=_now())
    else:
        told = _tell_news(fleet, page, current, careful)
    return Sent(told.require().delivered, careful.fault)


def resolve(fleet: Fleet, database: str, kinds: Iterable[str], ledger: Ledger | None = None) -> Sent:
    """Resolve a database's open pages of these kinds (or keys: `page.page_key`), on every route that has been told of them.

    A kind that the ledger knows not to be open is passed over: nobody needs to hear that all is well again when it was.
    Raise PageError, after all were tried, if a route did not take it; it is pending in the ledger then.
    """
    keys = list(kinds)
    careful = Careful(ledger)
    found = careful.find(database, keys)
    outcomes, held = [], []
    if careful.usable:
        for key in keys:
            outcome = _resolve_known(fleet, found.of(key), careful)
            outcomes += [outcome] if outcome else []
            held += [] if outcome else [key]
    else:
        outcomes = [_resolve_unknown(fleet, database, key, SEVERITIES if ledger else ()) for key in keys]
    failures = [failure for outcome in outcomes for failure in outcome.failures.values()]
    told = list(dict.fromkeys(route for outcome in outcomes for route in outcome.delivered))
    if failures:
        raise posting.as_one(failures, told)
    return Sent(told, careful.fault, held)


def deliver_missing(
    fleet: Fleet, incident: Incident, careful: Careful, *, now: datetime.datetime, skip: Collection[str] = ()
) -> Told:
    """Send an incident's page on those routes that lack it, `skip` excepted; on none while somebody else is at it."""
    if not _still_there(fleet, incident.lacking(now), skip):
        return Told()
    with rivals.claimed(incident, careful) as fresh:
        lacking = _still_there(fleet, fresh.lacking(now), skip) if fresh and not fresh.resolved else {}
        if fresh is None or not lacking:
            return Told()
        told = posting.tell_page(fleet, fresh.page, list(lacking), _spare(fleet, lacking, fresh))
        for event in _outcomes(fresh, lacking, told):
            careful.append(event)
        return told


def resolve_missing(
    fleet: Fleet, incident: Incident, careful: Careful, *, now: datetime.datetime, skip: Collection[str] = ()
) -> Told:
    """Tell those that have not heard of it that an incident is over, likewise, and close it when all have."""
    with rivals.claimed(incident, careful) as fresh:
        if fresh is None:
            return Told()
        missing = _still_there(fleet, fresh.unresolved(now), skip)
        told = posting.tell_end(fleet, dedup_key(fresh.database, fresh.key), list(missing)) if missing else Told()
        left = [route for route in fresh.not_told_of_its_end if route in fleet.pages.routes and route not in told.delivered]
        if not left:
            careful.append(fresh.event("closed", RESOLUTION, delivered=told.delivered))
        elif told.delivered or any(missing[route].reason != reason for route, reason in told.reasons.items()):
            careful.append(fresh.event("told", RESOLUTION, delivered=told.delivered, failed=told.reasons))
        return told


def escalate(fleet: Fleet, incident: Incident, to: Sequence[str], careful: Careful) -> Told:
    """Tell others of an incident besides, each once. What they do not take is pending."""
    with rivals.claimed(incident, careful) as fresh:
        new = [route for route in dict.fromkeys(to) if fresh and route not in fresh.addressed]
        if fresh is None or fresh.resolved or not new:
            return Told()
        wish = fresh.event("escalated", secrets.token_hex(4), to=new)
        careful.append(wish)
        told = posting.tell_page(fleet, fresh.page, new)
        careful.append(wish.follow("told", wish.tag, delivered=told.delivered, failed=told.reasons))
        return told


def end(fleet: Fleet, incidents: Sequence[Incident], careful: Careful) -> Told:
    """Resolve what is open of one key: tell everyone who has heard of it, each once. What is pending of it is dropped."""
    *others, newest = incidents
    for other in others:
        careful.append(other.event("closed", RESOLUTION))
    told_before = dict.fromkeys(route for incident in incidents for route in incident.perhaps_told)
    to = [route for route in told_before if route in fleet.pages.routes]
    if not to:
        careful.append(newest.event("closed", RESOLUTION))
        return Told()
    careful.append(newest.event("resolved", RESOLUTION, to=to))
    told = posting.tell_end(fleet, dedup_key(newest.database, newest.key), to)
    outcome = newest.event("told" if told.failures else "closed", RESOLUTION, delivered=told.delivered, failed=told.reasons)
    careful.append(outcome)
    return told


def end_settled(fleet: Fleet, incidents: Sequence[Incident], careful: Careful) -> Told:
    """Resolve what has been gone for long enough, unless somebody else is at it."""
    *others, newest = incidents
    with rivals.claimed(newest, careful) as fresh:
        return end(fleet, [*others, fresh], careful) if fresh and fresh.gone_since and not fresh.resolved else Told()


def check_route(name: str, route: Route) -> None:
    """Raise ConfigError if the route's connection can't be used. Nothing is sent."""
    messages.resolution(name, route, "proven/check")


def _tell_news(fleet: Fleet, page: Page, current: Incident | None, careful: Careful) -> Told:
    """Record what a run has noticed, and tell people of it."""
    contacts = routing.find_routing(fleet, page).contacts
    if current is None:
        notice = opening(page, contacts)
    else:
        quiet = current.gone_since is not None and not _is_loud(page)
        to = list(_still_there(fleet, current.lacking(_now()))) if quiet else contacts
        notice = current.event("noticed", tag_of(page.run_id), page=page, to=to, told_before=current.told)
    careful.append(notice)
    if rivals.yields(notice, careful) or not notice.to:
        return Told()
    known = current if current and not _is_more_urgent(page, current.page) else None
    told = posting.tell_page(fleet, page, notice.to, _spare(fleet, notice.to, known))
    careful.append(notice.follow("told", notice.tag, delivered=told.delivered, failed=told.reasons))
    return told


def _resolve_known(fleet: Fleet, found: Found, careful: Careful) -> Told | None:
    """Resolve what the ledger knows of one key. Return None if its resolution is held back."""
    now = _now()
    for over in [incident for incident in found.incidents if incident.resolved]:
        if not found.open:
            return resolve_missing(fleet, over, careful, now=now)
        careful.append(over.event("closed", RESOLUTION))
    if not found.open:
        return Told()
    if any(incident.gone_since for incident in found.open):
        return None
    if found.opened_since(now - DAY) >= FLAPPING:
        for incident in found.open:
            careful.append(incident.event("gone", RESOLUTION))
        return None
    return end(fleet, found.open, careful)


def _resolve_unknown(fleet: Fleet, database: str, key: str, severities: Sequence[Severity]) -> Told:
    """Resolve a page that no ledger knows, on all routes that may have been told of it."""
    kind = KINDS.get(key.partition("/")[0])
    asked = severities or ([kind.severity] if kind else SEVERITIES)
    contacts = dict.fromkeys(name for one in asked for name in routing.route(fleet, database, one).contacts)
    return posting.tell_end(fleet, dedup_key(database, key), list(contacts))


def _outcomes(incident: Incident, lacking: dict[str, Missing], told: Told) -> Iterable[PageEvent]:
    """Yield what has come of telling those who lacked the page. The same failure again is no news."""
    spare = [route for route in told.delivered if route not in lacking]
    for tag in dict.fromkeys(missing.tag for missing in lacking.values()):
        routes = [route for route, missing in lacking.items() if missing.tag == tag]
        delivered = [route for route in routes if route in told.delivered] + spare
        failed = {route: reason for route, reason in told.reasons.items() if route in routes}
        if delivered or any(lacking[route].reason != reason for route, reason in failed.items()):
            yield incident.event("told", tag, delivered=delivered, failed=failed)


def _spare(fleet: Fleet, contacts: Collection[str], incident: Incident | None) -> list[str]:
    """Return the routes that are tried if not a single contact takes a page: none, if anybody was told of it before."""
    return [] if incident and incident.told else [name for name in fleet.pages.routes if name not in contacts]


def _still_there(fleet: Fleet, missing: dict[str, Missing], skip: Collection[str] = ()) -> dict[str, Missing]:
    return {route: why for route, why in missing.items() if route in fleet.pages.routes and route not in skip}


def _is_more_urgent(page: Page, than: Page) -> bool:
    return SEVERITIES.index(page.urgency) < SEVERITIES.index(than.urgency)


def _is_loud(page: Page) -> bool:
    """Say whether a page is sent however often it has come and gone."""
    return page.urgency == "critical" or page.kind == "drill-refuted"


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
