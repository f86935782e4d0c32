"""A fleet whose contacts are the receivers of `tests/servers/pager.py`."""

from __future__ import annotations

import datetime
import pathlib

from include.proven.fleet import databases, model, pages, sandboxes
from tests.servers.pager import Pager


def fleet_paging(
    pager: Pager, *, oncall: str = "", hook: str = "", contacts: tuple[str, ...] = ("oncall", "hook")
) -> model.Fleet:
    """Return a fleet with one database, `shop`; `oncall` and `hook` replace the receivers' addresses."""
    database = databases.Database(
        connection="proven_shop",
        engine="mariadb",
        schedule=None,
        objectives=databases.Objectives(rpo=datetime.timedelta(hours=26), rto=datetime.timedelta(hours=1)),
        stores=["swift"],
        sandbox="local",
        owner="shop-team",
        contacts=list(contacts),
    )
    routes: dict[str, pages.Route] = {
        "oncall": pages.PagerDutyRoute(kind="pagerduty", connection="proven_pagerduty", endpoint=oncall or pager.url),
        "hook": pages.WebhookRoute(kind="webhook", connection="proven_webhook", endpoint=hook or pager.webhook),
    }
    return model.Fleet(
        version=1,
        gnupg=model.GnuPG(home=pathlib.Path("keys"), recipients=["a@proven.invalid"], signer="a@proven.invalid"),
        stores={"swift": model.SwiftStore(kind="swift", connection="proven_swift", container="proven")},
        sandboxes={"local": sandboxes.LocalSandbox(kind="local")},
        pages=pages.Pages(routes=routes, airflow_url="https://airflow.example"),
        databases={"shop": database},
    )
