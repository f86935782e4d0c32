"""Tells people about sandboxes that keep coming back, and that they have stopped."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from include.proven.installation import Installation
from include.proven.pages import delivery
from include.proven.pages.ledger import StoreLedger
from include.proven.pages.page import compose, page_key
from include.proven.reaping import Fate

KIND = "sandbox-leaked"


@dataclasses.dataclass(frozen=True)
class Pager:
    """`reaping.Teller` by pages: one incident for each database and sandbox, however many instances leak."""

    run_id: str
    run_url: str = ""
    airflow_url: str = ""

    def page(self, installation: Installation, database: str, sandbox: str, leaks: Sequence[Fate]) -> None:
        """Page the contacts of a database. Raise PageError if a route did not take it."""
        more = f" (and {len(leaks) - 1} more)" if len(leaks) > 1 else ""
        page = compose(
            installation.fleet,
            KIND,
            database,
            airflow_url=self.airflow_url,
            thing=sandbox,
            summary=f"sandbox {sandbox}: {describe(leaks[0])}{more}",
            run_id=self.run_id,
            detail="\n".join(f"{describe(leak)}\n{leak.error.detail if leak.error else ''}".rstrip() for leak in leaks),
            run_url=self.run_url,
        )
        delivery.send(installation.fleet, page, StoreLedger(installation))

    def resolve(self, installation: Installation, database: str, sandbox: str) -> None:
        """Resolve that page, if it is open. Raise PageError if a route did not take it."""
        delivery.resolve(installation.fleet, database, [page_key(KIND, sandbox)], StoreLedger(installation))


def describe(leak: Fate) -> str:
    """Return, in one line, what is wrong with a sandbox that leaks."""
    if leak.error:
        return f"{leak.found.name} can't be destroyed: {leak.error.what}"
    return f"{leak.found.name} was destroyed at {leak.destroyed_before:%Y-%m-%d %H:%M} UTC and has come back"
