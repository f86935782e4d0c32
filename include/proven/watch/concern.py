"""The contract of the watch: a concern looks at one thing and says what is wrong with it.

`concerns.py` lists them all. A concern that finds nothing answers for the pages that it had sent: they are resolved. So it must
look at all that it is about each time, and raise when it can't: what could not be looked at is never taken for being well.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterable
from typing import Literal

from include.proven.fleet.pages import FLEET, Severity
from include.proven.installation import Installation
from include.proven.pages.kinds import find_kind
from include.proven.pages.page import page_key

Needs = Literal["stores", "sources", "airflow"]
"""What must be reachable besides the controller's keys: the stores alone; the databases too; or Airflow's own database."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong now."""

    kind: str
    """Of page."""
    summary: str
    """One line."""
    database: str = FLEET
    """Whose contacts hear of it; by default the fleet's own."""
    thing: str = ""
    """Which of several things of a database: a schema, a key, a store. Each has a page of its own."""
    severity: Severity | None = None
    """Unset: as the kind says."""
    detail: str = ""
    hint: str = ""

    @property
    def urgency(self) -> Severity:
        """How urgent it is."""
        return self.severity or find_kind(self.kind).severity

    @property
    def key(self) -> str:
        """The key of its page, within the database."""
        return page_key(self.kind, self.thing)


@dataclasses.dataclass(frozen=True)
class Concern:
    """One question of the watch."""

    name: str
    """As `./proven watch` prints it."""
    kinds: tuple[str, ...]
    """Kinds of page that it can find. Open pages of these kinds that it does not find any more are resolved."""
    look: Callable[[Installation, datetime.datetime], Iterable[Finding]]
    """Given the installation and the time (UTC), yield what is wrong. Raise ProvenError where it can't look."""
    needs: Needs = "stores"
    thorough: bool = False
    """It reads all that a store holds, and not only what is newest: `./proven watch` asks it with `--all`."""
    every: datetime.timedelta = datetime.timedelta(0)
    """How often at most the watchdog in Airflow asks it: what is dear is not asked each time. `./proven watch` asks all."""
