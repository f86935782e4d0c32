"""Acknowledging a page: somebody is at it, so nobody else is told besides.

It is for routes that know of no acknowledgement (Slack, e-mail, webhooks). PagerDuty and Opsgenie take theirs themselves, and
escalate themselves: what is acknowledged there is not known here, and the other way round.
"""

from __future__ import annotations

from include.proven import copies
from include.proven.errors import ConfigError
from include.proven.fleet import hints
from include.proven.installation import Installation
from include.proven.pages.incident import Incident
from include.proven.pages.ledger import StoreLedger


def acknowledge(installation: Installation, database: str, key: str, by: str) -> Incident:
    """Record that a person is at an open page, and return it. Whoever was the first stays its owner.

    Raise ConfigError, with a suggestion, if there is no such database or no such open page; ProvenError if no store answers, or
    none takes the record.
    """
    installation.stores_of(database)  # raises for a name that is none
    ledger = StoreLedger(installation, copies.PATIENCE)
    found = ledger.open_pages(database)
    wanted = [incident for incident in found if incident.key == key]
    if not wanted:
        hint = hints.suggest(key, {incident.key for incident in found}, noun=f"open pages of {database}")
        raise ConfigError(f"no page {database}/{key} is open", hint=hint)
    for incident in wanted:
        if not incident.acknowledged_by:
            ledger.append(incident.event("acknowledged", "person", by=by))
    return wanted[-1]
