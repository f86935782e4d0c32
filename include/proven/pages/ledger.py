"""The ledger of pages in the stores of a database, beside its recovery points: it outlives Airflow and its database.

A page is recorded in the first store that takes it, and the newest record of all stores counts: while one store is down no page
is doubled or hidden, and what lies there still when it comes back is out of date.
"""

from __future__ import annotations

import dataclasses

from include.proven import copies
from include.proven.catalog import Catalog
from include.proven.catalog.pages import OpenPage
from include.proven.errors import ProvenError
from include.proven.installation import Installation
from include.proven.pages import delivery

PATIENCE = 0.8 * delivery.LEDGER_PATIENCE
"""Seconds that one store may take, so that another's answer is heard in the time that a page has for the ledger."""


@dataclasses.dataclass(frozen=True)
class StoreLedger:
    """`delivery.Ledger` on the catalogs. A store is opened when it is asked, so that a dead one is the ledger's fault only."""

    installation: Installation
    patience: float = PATIENCE
    """Seconds."""
    _answered: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    """Database → the stores that gave an answer when they were asked last."""

    def page_record(self, database: str, kind: str) -> str | None:
        """Return the id of the run that the open page was sent for, or None if no page of that kind is open."""
        page = self.open_page(database, kind)
        return page.run_id if page else None

    def open_page(self, database: str, kind: str) -> OpenPage | None:
        """Return the open page of that kind, or None if none is open. Raise ProvenError if no store answers."""
        answers = copies.ask(self.installation, database, lambda one: one.open_page(database, kind), patience=self.patience)
        self._answered[database] = list(answers.require().given)
        pages = [page for page in answers.given.values() if page]
        return max(pages, key=lambda page: page.opened_at, default=None)

    def record_page(self, database: str, kind: str, run_id: str) -> None:
        """Remember that a page was sent, in the place of an older one. Raise ProvenError if no store takes it."""
        failures: list[ProvenError] = []
        for store in self._answered.get(database) or self.installation.database(database).stores:
            try:
                self.installation.catalog(database, store).record_page(database, kind, run_id)
            except ProvenError as error:
                failures.append(error)
            else:
                return
        raise failures[0]

    def clear_page(self, database: str, kind: str) -> None:
        """Forget the page, in every store that has it. Raise ProvenError if one could not be asked, after all were."""

        def clear(one: Catalog) -> bool:
            one.clear_page(database, kind)
            return True

        answers = copies.ask(self.installation, database, clear, patience=self.patience)
        if answers.silent:
            raise next(iter(answers.silent.values()))
