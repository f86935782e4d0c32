"""Who hears of a page: the first rule that fits it says so, and where none does, what its database has."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

from include.proven.fleet.model import Fleet
from include.proven.fleet.pages import FLEET, Escalation, Rule, Severity
from include.proven.pages.page import Page


@dataclasses.dataclass(frozen=True)
class Routing:
    """Who hears of a page, and who does when nobody acknowledges it."""

    contacts: list[str]
    """Names of routes."""
    escalate: Sequence[Escalation]


def find_routing(fleet: Fleet, page: Page) -> Routing:
    """Return who hears of a page. Raise ConfigError if the fleet has no such database."""
    return route(fleet, page.database, page.urgency)


def route(fleet: Fleet, database: str, severity: Severity) -> Routing:
    """Return who hears of pages of that severity about a database, or about none (`FLEET`). Raise as `find_routing` does."""
    owner = "" if database == FLEET else fleet.database(database).owner
    for rule in fleet.pages.rules:
        if _fits(rule, database, owner, severity):
            return Routing(list(dict.fromkeys(rule.contacts)), rule.escalate)
    return Routing(list(dict.fromkeys(_own_contacts(fleet, database))), fleet.pages.escalate)


def _own_contacts(fleet: Fleet, database: str) -> Sequence[str]:
    if database != FLEET:
        return fleet.database(database).contacts
    everybody = itertools.chain.from_iterable(one.contacts for one in fleet.databases.values())
    return fleet.pages.contacts or list(everybody)


def _fits(rule: Rule, database: str, owner: str, severity: Severity) -> bool:
    return (
        (rule.severity is None or severity in rule.severity)
        and (rule.databases is None or database in rule.databases)
        and (rule.owners is None or owner in rule.owners)
    )
