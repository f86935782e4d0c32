"""One page: what happened, what it puts at risk, and where to go from here."""

from __future__ import annotations

import dataclasses
import socket
import urllib.parse
from typing import Any

from include.proven.errors import ProvenError
from include.proven.fleet.model import Fleet
from include.proven.fleet.pages import FLEET, Pages, Severity
from include.proven.pages.kinds import Kind, find_kind

MOST_DETAIL = 4000
"""Characters of a machine's own words that a page carries; the rest stands in the log."""


@dataclasses.dataclass(frozen=True)
class Page:
    """One alert to a person."""

    kind: str
    database: str
    """`fleet.pages.FLEET` where it is about no database."""
    summary: str
    """What happened: one line."""
    run_id: str
    """What noticed it: two pages of one kind, database and run are one page."""
    detail: str = ""
    hint: str = ""
    owner: str = ""
    run_url: str = ""
    runbook_url: str = ""
    severity: Severity | None = None
    """Unset: as the kind says. Set where it depends: a key expires in 30 days, or tomorrow."""
    thing: str = ""
    """Which of several things of a database it is about, where each has pages of its own."""
    source: str = dataclasses.field(default_factory=socket.gethostname)
    """Host that noticed."""

    @property
    def about(self) -> Kind:
        """What is known of pages of this kind."""
        return find_kind(self.kind)

    @property
    def urgency(self) -> Severity:
        """How urgent it is."""
        return self.severity or self.about.severity

    @property
    def key(self) -> str:
        """What the pages of one database are told apart by: `backup-failed`, `sandbox-leaked/<sandbox>`."""
        return page_key(self.kind, self.thing)

    @property
    def dedup_key(self) -> str:
        """What receivers tell pages apart by: a second one with the same key belongs to the same incident."""
        return dedup_key(self.database, self.key)

    @property
    def headline(self) -> str:
        """The subject line: `shop: backup failed: source: access denied …`."""
        return f"{self.database.lstrip('_')}: {self.about.title}: {self.summary}"

    @property
    def next_command(self) -> str:
        """What to type next."""
        return self.about.command.format(database=self.database).removesuffix(f" {FLEET}")


def compose(fleet: Fleet, kind: str, database: str, *, airflow_url: str = "", **members: Any) -> Page:
    """Return a page with what the fleet knows of it: its owner, and the address of its runbook. `members` are `Page`'s others.

    Raise ConfigError if the fleet has no such database.
    """
    owner = "" if database == FLEET else fleet.database(database).owner
    return Page(kind, database, owner=owner, runbook_url=runbook_url(fleet.pages, kind, airflow_url), **members)


def page_key(kind: str, thing: str = "") -> str:
    """Return what is resolved: a kind, or that kind about one thing."""
    return f"{kind}/{thing}" if thing else kind


def dedup_key(database: str, key: str) -> str:
    """Return the stable key of a database's pages of one kind: `proven/<database>/<kind>`, or of one thing: `…/<thing>`."""
    return f"proven/{database}/{key}"


def describe(error: BaseException | None, reason: str = "") -> dict[str, str]:
    """Return summary, detail and hint of a page about `error`; without one (the task was killed), of `reason`."""
    if isinstance(error, ProvenError):
        said = {"summary": error.what, "detail": error.detail, "hint": error.hint}
    else:
        said = {"summary": f"{type(error).__name__}: {error}" if error else reason or "no reason was given"}
    said["summary"] = said["summary"].strip().split("\n", 1)[0]
    return said | {"detail": said.get("detail", "")[-MOST_DETAIL:]}


def runbook_url(pages: Pages, kind: str, airflow_url: str = "") -> str:
    """Return the address of a kind's runbook, or an empty string when no address is known to be served."""
    if pages.runbooks_url:
        return f"{pages.runbooks_url.rstrip('/')}/{kind}"
    base = pages.airflow_url or airflow_url
    return f"{base.rstrip('/')}/proven/runbooks/{kind}" if base else ""


def run_url(pages: Pages, dag: str, run: str, airflow_url: str = "") -> str:
    """Return the address of a DAG run in Airflow's UI, or an empty string when the UI's is not known."""
    base = pages.airflow_url or airflow_url
    return f"{base.rstrip('/')}/dags/{urllib.parse.quote(dag)}/runs/{urllib.parse.quote(run)}" if base else ""
