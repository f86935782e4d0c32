"""Tells people what came of a sabotage: a page that is marked as an exercise and resolved at once, or the loudest of all."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence

from include.proven.errors import ProvenError
from include.proven.installation import Installation
from include.proven.pages import delivery
from include.proven.pages.ledger import StoreLedger
from include.proven.pages.page import Page, compose, page_key
from include.proven.sabotage import exercise
from include.proven.sabotage.exercise import Finding

NOTICED, UNNOTICED, UNTRIED = "sabotage-noticed", "sabotage-unnoticed", "sabotage-untried"
BETWEEN = ": "
"""In the ledger, between the run that sent the page and the ways that nobody has noticed since."""


@dataclasses.dataclass(frozen=True)
class Pager:
    """`exercise.Teller` by pages, on every route of the database's contacts.

    Each exercise is an incident of its own, opened and resolved without the ledger: that it arrives is what is tried. Ways that
    nobody noticed are one incident for each database. It is resolved when every one of them has been noticed.
    """

    installation: Installation
    run_id: str
    run_url: str = ""
    airflow_url: str = ""

    def tell_noticed(self, database: str, finding: Finding) -> Sequence[str]:
        """Send the exercise's page, resolve it, and then the loud one, if this way was the last that it was about."""
        page = self._page(NOTICED, database, finding, self.run_id, thing=finding.way)
        routes = delivery.send(self.installation.fleet, page).routes
        delivery.resolve(self.installation.fleet, database, [page_key(NOTICED, finding.way)])
        self._forgive(database, finding.way)
        return routes

    def tell_unnoticed(self, database: str, finding: Finding) -> Sequence[str]:
        """Send the loudest page of all. Raise PageError if a route did not take it."""
        ways = sorted({*self._unnoticed(database), finding.way})
        page = self._page(UNNOTICED, database, finding, f"{self.run_id}{BETWEEN}{', '.join(ways)}")
        return delivery.send(self.installation.fleet, page, StoreLedger(self.installation)).routes

    def _forgive(self, database: str, way: str) -> None:
        ways, ledger = self._unnoticed(database), StoreLedger(self.installation)
        if left := [one for one in ways if one != way]:
            incident = ledger.open_page(database, UNNOTICED) if len(left) < len(ways) else None
            if incident:
                ledger.note_run(incident, f"{self.run_id}{BETWEEN}{', '.join(left)}")
        elif ways:
            delivery.resolve(self.installation.fleet, database, [UNNOTICED], ledger)

    def _unnoticed(self, database: str) -> list[str]:
        """Return the ways that the open page is about. A ledger that can't be read keeps no page from anybody."""
        open_run: str | None = None
        with contextlib.suppress(ProvenError):
            open_run = StoreLedger(self.installation).page_record(database, UNNOTICED)
        return open_run.rpartition(BETWEEN)[2].split(", ") if open_run else []

    def _page(self, kind: str, database: str, finding: Finding, run_id: str, thing: str = "") -> Page:
        return compose(
            self.installation.fleet,
            kind,
            database,
            airflow_url=self.airflow_url,
            thing=thing,
            summary=exercise.describe(finding),
            run_id=run_id,
            detail=f"{finding.what}\nexpected: {finding.expected}\nthe drill said: {finding.outcome}: {finding.cause}",
            run_url=self.run_url,
        )


def is_told(installation: Installation, database: str, run_id: str) -> bool:
    """Say whether the open page about an unnoticed sabotage was sent by that run. Raise ProvenError if no store answers."""
    open_run = StoreLedger(installation).page_record(database, UNNOTICED)
    return open_run is not None and open_run.rpartition(BETWEEN)[0] == run_id
