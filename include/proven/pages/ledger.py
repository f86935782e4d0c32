"""The ledger of pages in the store of a database, beside its recovery points: it outlives Airflow and its database."""

from __future__ import annotations

import dataclasses

from include.proven.installation import Installation


@dataclasses.dataclass(frozen=True)
class StoreLedger:
    """`delivery.Ledger` on the catalog. The store is opened when it is asked, so that a dead one is the ledger's fault only."""

    installation: Installation

    def page_record(self, database: str, kind: str) -> str | None:
        """Return the id of the run that the open page was sent for, or None if no page of that kind is open."""
        return self.installation.catalog(database).page_record(database, kind)

    def record_page(self, database: str, kind: str, run_id: str) -> None:
        """Remember that a page was sent, in the place of an older one."""
        self.installation.catalog(database).record_page(database, kind, run_id)

    def clear_page(self, database: str, kind: str) -> None:
        """Forget the page, if there is one."""
        self.installation.catalog(database).clear_page(database, kind)
