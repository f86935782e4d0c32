"""The fire drill of the pages themselves: one that a person must acknowledge, on every route that can ever be told.

That a receiver takes a message says nothing of a person who reads it. Whoever acknowledges it has shown that pages arrive; the
ledger keeps who, and when.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools

from include.proven import copies
from include.proven.errors import PageError
from include.proven.fleet.model import Fleet
from include.proven.fleet.pages import FLEET
from include.proven.installation import Installation
from include.proven.pages import delivery
from include.proven.pages.incident import Incident
from include.proven.pages.ledger import StoreLedger
from include.proven.pages.page import Page, page_key

KIND = "page-test"
FAILED = page_key("page-undelivered", KIND)
"""Key of the page that nobody has acknowledged the test. The next test that is acknowledged resolves it."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """Who has acknowledged a test."""

    by: str
    seconds: float
    """Since it was sent."""


def reachable(fleet: Fleet) -> list[str]:
    """Return the names of the routes that any page of the fleet can reach, by rule, contact or escalation."""
    pages = fleet.pages
    escalations = [*pages.escalate, *itertools.chain.from_iterable(rule.escalate for rule in pages.rules)]
    contacts = (
        pages.contacts or [],
        *(database.contacts for database in fleet.databases.values()),
        *(rule.contacts for rule in pages.rules),
        *(escalation.contacts for escalation in escalations),
    )
    return list(dict.fromkeys(itertools.chain.from_iterable(contacts)))


def begin(installation: Installation, page: Page) -> list[str]:
    """Send the page to every route that any page can reach; return their names. A test that was cut short is ended first.

    Raise PageError if a route does not take it, after all were tried.
    """
    fleet, ledger = _only(installation.fleet, reachable(installation.fleet)), StoreLedger(installation)
    if held := delivery.resolve(fleet, FLEET, [KIND], ledger).held:
        hint = "Try again when `pages.settle` is over; `./proven pages` shows it."
        raise PageError(f"page test: {held[0]} has come and gone three times today, and is still open", hint=hint)
    return delivery.send(fleet, page, ledger).routes


def answer(installation: Installation) -> Answer | None:
    """Return who has acknowledged the test that is under way; None if nobody has. Raise PageError if none is under way."""
    incident = StoreLedger(installation, copies.PATIENCE).open_page(FLEET, KIND)
    if incident is None:
        raise PageError("page test: its page is not open any more", hint="`./proven pages --all` shows what became of it.")
    if not incident.acknowledged_by:
        return None
    return Answer(incident.acknowledged_by, (_acknowledged_at(incident) - incident.opened_at).total_seconds())


def end(installation: Installation, *, answered: bool) -> list[str]:
    """Resolve the test's page, and if it was acknowledged that of a test before that was not; return the routes that heard it.

    Raise PageError if a route does not take that.
    """
    keys = [KIND, FAILED] if answered else [KIND]
    return delivery.resolve(installation.fleet, FLEET, keys, StoreLedger(installation)).routes


def alarm(installation: Installation, page: Page) -> delivery.Sent:
    """Send the page that nobody has acknowledged the test: to all routes that there are, for those of the test have failed."""
    return delivery.send(_only(installation.fleet, list(installation.fleet.pages.routes)), page, StoreLedger(installation))


def _only(fleet: Fleet, contacts: list[str]) -> Fleet:
    """Return the fleet as if pages about no database went to these routes, whatever its rules say."""
    pages = fleet.pages.model_copy(update={"rules": [], "contacts": contacts, "escalate": []})
    return fleet.model_copy(update={"pages": pages})


def _acknowledged_at(incident: Incident) -> datetime.datetime:
    return min(name.at for name in incident.names if name.type == "acknowledged")
