"""Tells people what a round of the watch has found, and what is over: each once."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Collection, Sequence

from include.proven import copies
from include.proven.errors import PageError, ProvenError
from include.proven.fleet.pages import FLEET
from include.proven.installation import Installation
from include.proven.pages import catching_up, delivery
from include.proven.pages.incident import Found
from include.proven.pages.ledger import StoreLedger
from include.proven.pages.page import MOST_DETAIL, Page, compose
from include.proven.watch.concern import Finding

UNDELIVERED = catching_up.OWN_KIND


@dataclasses.dataclass
class Round:
    """One round of the watch."""

    installation: Installation
    now: datetime.datetime
    run_id: str
    run_url: str = ""
    airflow_url: str = ""
    undelivered: dict[str, None] = dataclasses.field(default_factory=dict)
    """A line for each page that did not reach somebody."""

    def __post_init__(self) -> None:
        self._ledger = StoreLedger(self.installation, copies.PATIENCE)

    def tell(self, findings: Sequence[Finding], is_answered: Callable[[str, str], bool]) -> list[str]:
        """Page the findings that are not open yet, resolve open pages that are answered, catch up; return what is undelivered.

        `is_answered` says of a kind and a key whether that was looked for.
        """
        for finding in findings:
            self._send(finding)
        found = {(finding.database, finding.key) for finding in findings}
        known = self._survey()
        for incident in known.open if known else ():
            # what is gone but held back, people think over already: it is for `catching_up`
            if incident.gone_since or (incident.database, incident.key) in found:
                continue
            if is_answered(incident.page.kind, incident.key):
                self._resolve(incident.database, incident.key)
        self._catch_up({incident.database for incident in known.incidents} if known and not known.doubt else None)
        self._tell_of_undelivered()
        return list(self.undelivered)

    def _catch_up(self, databases: Collection[str] | None) -> None:
        """Bring people what they lack. What the ledger knows to be pending stands for what could not be sent just now."""
        refused, self.undelivered = self.undelivered, {}
        try:
            for line in catching_up.catch_up(self.installation, now=self.now, databases=databases).undelivered:
                self._note(line)
        except ProvenError as error:
            self._note(f"what is still to be told is not known: {error.what}")
        pending = {line.partition(": ")[0] for line in self.undelivered}
        self.undelivered |= {line: None for line in refused if line.partition(": ")[0] not in pending}

    def _survey(self) -> Found | None:
        """Return all incidents that are not over for everybody; None where the ledger can't be read, which is noted."""
        try:
            return self._ledger.survey()
        except ProvenError as error:
            self._note(f"which pages are open is not known: {error.what}")
            return None

    def _send(self, finding: Finding) -> None:
        try:
            delivery.send(self.installation.fleet, self._compose(finding), self._ledger, once=True)
        except PageError as error:
            self._note(f"{finding.database}/{finding.key}: {error.what}")

    def _resolve(self, database: str, key: str) -> None:
        try:
            delivery.resolve(self.installation.fleet, database, [key], self._ledger)
        except PageError as error:
            self._note(f"{database}/{key}: {error.what}")

    def _tell_of_undelivered(self) -> None:
        """Page that pages do not arrive, by the routes that may still work. That this one does not either is no news."""
        if not self.undelivered:
            self._resolve(FLEET, UNDELIVERED)
            return
        lines = list(self.undelivered)
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        hint = "Each watch tries again, until the route takes it; `./proven pages` shows what is missing."
        self._send(Finding(UNDELIVERED, f"{lines[0]}{more}", detail="\n".join(lines), hint=hint))

    def _compose(self, finding: Finding) -> Page:
        return compose(
            self.installation.fleet,
            finding.kind,
            finding.database,
            airflow_url=self.airflow_url,
            thing=finding.thing,
            severity=finding.severity,
            summary=finding.summary,
            detail=finding.detail[-MOST_DETAIL:],
            hint=finding.hint,
            run_id=self.run_id,
            run_url=self.run_url,
        )

    def _note(self, line: str) -> None:
        self.undelivered[line] = None
