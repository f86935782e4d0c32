"""A ledger in memory, and an installation whose ledger lies in a real directory store and whose receivers may be down."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
from collections.abc import Sequence
from typing import Any

from include.proven.catalog.pages import PageEvent
from include.proven.fleet import databases, model, pages, sandboxes
from include.proven.installation import Installation
from include.proven.pages import catching_up, delivery
from include.proven.pages.incident import Found, Incident, assemble
from include.proven.pages.ledger import StoreLedger
from include.proven.pages.page import Page
from tests.servers.pager import Pager

NOWHERE = "http://127.0.0.1:9/"
SIGNER = "backup@proven.invalid"
ROUTES = ("oncall", "hook", "boss")
Minutes = int


@dataclasses.dataclass
class Notebook:
    """A ledger in memory."""

    events: list[PageEvent] = dataclasses.field(default_factory=list)

    def find(self, database: str, keys: Sequence[str]) -> Found:
        mine = [event for event in self.events if event.database == database and event.key in keys]
        groups = [[event for event in mine if event.incident == one] for one in dict.fromkeys(event.incident for event in mine)]
        alive = [group for group in groups if not any(event.type == "closed" for event in group)]
        incidents = [assemble([event.name for event in group], group) for group in alive]
        starts = [event.name for event in mine if event.type == "opened"]
        return Found([incident for incident in incidents if incident], starts)

    def append(self, event: PageEvent) -> None:
        self.events.append(event)

    def withdraw(self, claim: PageEvent) -> None:
        self.events.remove(claim)


@dataclasses.dataclass
class Desk:
    """Two databases, `shop` (contacts `oncall`, PagerDuty, and `hook`) and `crm` (`boss`), in one directory store."""

    folder: pathlib.Path
    gpg_home: pathlib.Path
    receivers: dict[str, Pager]
    """Route → what is at its other end."""
    pages: dict[str, Any] = dataclasses.field(default_factory=dict)
    """More of the fleet's `pages`."""

    def open(self, *down: str) -> Installation:
        """Open the installation while nobody answers on these routes."""
        routes: dict[str, pages.Route] = {
            name: pages.WebhookRoute(kind="webhook", endpoint=NOWHERE if name in down else self.receivers[name].webhook)
            for name in ("hook", "boss")
        }
        endpoint = NOWHERE if "oncall" in down else self.receivers["oncall"].url
        routes["oncall"] = pages.PagerDutyRoute(kind="pagerduty", connection="proven_pagerduty", endpoint=endpoint)
        self.folder.mkdir(exist_ok=True)
        fleet = model.Fleet(
            version=1,
            gnupg=model.GnuPG(home=self.gpg_home, recipients=[SIGNER], signer=SIGNER),
            stores={"disk": model.DirectoryStore(kind="directory", path=self.folder)},
            sandboxes={"local": sandboxes.LocalSandbox(kind="local")},
            pages=pages.Pages(routes=routes, **self.pages),
            databases={"shop": database("shop-team", "oncall", "hook"), "crm": database("crm-team", "boss")},
        )
        return Installation(fleet)

    def send(self, page: Page, *down: str, once: bool = False) -> list[str]:
        opened = self.open(*down)
        return delivery.send(opened.fleet, page, StoreLedger(opened), once=once).routes

    def resolve(self, key: str = "backup-failed", *down: str) -> delivery.Sent:
        opened = self.open(*down)
        return delivery.resolve(opened.fleet, "shop", [key], StoreLedger(opened))

    def catch_up(self, *down: str, later: Minutes = 0) -> catching_up.CaughtUp:
        now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=later)
        return catching_up.catch_up(self.open(*down), now=now)

    def open_page(self, key: str = "backup-failed") -> Incident | None:
        return StoreLedger(self.open()).open_page("shop", key)

    def heard(self) -> dict[str, list[str]]:
        """Return what has arrived on each route: `trigger`, `resolve`."""
        oncall = [
            action
            for incident in self.receivers["oncall"].incidents
            for action in [*(event["event_action"] for event in incident.events), *["resolve"] * incident.resolved]
        ]
        posts = {name: [post["event"] for post in self.receivers[name].posts] for name in ("hook", "boss")}
        return {"oncall": oncall, **posts}

    def records(self, *types: str) -> list[pathlib.Path]:
        """Return the files of events of these types."""
        return sorted(path for one in types for path in self.folder.glob(f"*/pages/*/*/*-{one}-*.json"))


def database(owner: str, *contacts: str) -> databases.Database:
    return databases.Database(
        connection="proven_source",
        engine="mariadb",
        schedule=None,
        objectives=databases.Objectives(rpo=datetime.timedelta(hours=26), rto=datetime.timedelta(hours=1)),
        stores=["disk"],
        sandbox="local",
        owner=owner,
        contacts=list(contacts),
    )


def backup_failed(run_id: str = "run 1", **changes: Any) -> Page:
    return Page(**{"kind": "backup-failed", "database": "shop", "summary": "no space", "run_id": run_id, **changes})
