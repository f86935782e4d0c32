"""Any of the services that Apprise knows: a page is a notification, and so is its resolution.

The connection has the form of Airflow's Apprise provider: extra `config` is `{"path": "<Apprise URL>", "tag": "…"}` or a list
of them. All of them are told. A tag's priority (`1:phone`, `2:mail`) makes the one a stand-in of the other, as Apprise does it.
"""

from __future__ import annotations

import dataclasses
import json
import re
import urllib.parse
from typing import Any

import apprise

from include.proven import connections
from include.proven.errors import ConfigError, PageError
from include.proven.fleet.pages import AppriseRoute, Severity
from include.proven.pages.messages import News
from include.proven.pages.page import Page
from include.proven.pages.transport import discretion, persist
from include.proven.pages.wording import as_text, resolved_headline, resolved_text

TIMEOUT = 25.0
"""Seconds for all services and attempts together."""
RETRIES = 2
"""Besides the first attempt. Apprise does not tell a refusal from a receiver that is busy."""
SHORTEST_SECRET = 6
"""Characters: shorter pieces of an address are words like `https`, which are hidden nowhere."""
TYPES: dict[Severity, apprise.NotifyType] = {
    "critical": apprise.NotifyType.FAILURE,
    "error": apprise.NotifyType.FAILURE,
    "warning": apprise.NotifyType.WARNING,
    "info": apprise.NotifyType.INFO,
}


@dataclasses.dataclass(frozen=True)
class Notification:
    """One notification on its way: a `messages.Message`."""

    name: str
    services: apprise.Apprise = dataclasses.field(repr=False)
    title: str
    body: str
    kind: apprise.NotifyType
    secrets: tuple[str, ...] = dataclasses.field(repr=False)

    def send(self) -> None:
        """Notify every service. Raise PageError, with what Apprise has logged, if one did not take it."""
        persist(self.name, self._notify, self.secrets)

    def _notify(self) -> None:
        text = apprise.NotifyFormat.TEXT
        with self.services.notify(self.body, self.title, self.kind, text, interpret_escapes=False, timeout=TIMEOUT) as result:
            if result:
                return
            failed = ", ".join(dict.fromkeys(service.name for service in result if not service)) or "no service"
            said = "\n".join(dict.fromkeys(entry.message for entry in result.logs()))
            what = f"{self.name}: {failed}: {result.status.name.lower()}"
        raise PageError(what, detail=said[:500], hint="Check the service's address in the route's connection.")


def trigger(name: str, route: AppriseRoute, page: Page) -> Notification:
    """Return the notification that tells `page`. Raise ConfigError if the connection names no services of Apprise's."""
    services, secrets = _read_services(name, route)
    kind = TYPES[page.urgency]
    return Notification(f"{name}: trigger {page.dedup_key}", services, page.headline, as_text(page), kind, secrets)


def resolution(name: str, route: AppriseRoute, key: str) -> Notification:
    """Return the notification that the page of that dedup key is resolved. Raise as `trigger` does."""
    services, secrets = _read_services(name, route)
    title, kind = resolved_headline(key), apprise.NotifyType.SUCCESS
    return Notification(f"{name}: resolve {key}", services, title, resolved_text(key), kind, secrets)


def news(name: str, route: AppriseRoute, news: News) -> Notification:
    """Return the notification that tells `news`. Raise as `trigger` does."""
    services, secrets = _read_services(name, route)
    return Notification(f"{name}: news {news.title}", services, news.title, news.text, apprise.NotifyType.INFO, secrets)


def _read_services(name: str, route: AppriseRoute) -> tuple[apprise.Apprise, tuple[str, ...]]:
    """Return the services that a route's connection names, and what of their addresses is nobody's business."""
    place = f"{name}: connection {route.connection!r}"
    asset = apprise.AppriseAsset(
        app_id="Proven", app_desc="Proven", default_service_retry=RETRIES, service_timeout=TIMEOUT, interpret_emojis=False
    )
    services = apprise.Apprise(asset=asset)
    secrets: set[str] = set()
    for number, entry in enumerate(_entries(place, connections.resolve(route.connection).extra.get("config")), start=1):
        pieces = _pieces(entry["path"])
        with discretion(tuple(pieces)):
            known = services.add(entry["path"], tag=entry.get("tag"))
        if not known:
            hint = "https://appriseit.com/services/ tells how each service's address is made."
            raise ConfigError(f"{place}: no. {number} in its config is no address that Apprise knows", hint=hint)
        secrets |= pieces
    return services, tuple(secrets)


def _entries(place: str, config: Any) -> list[dict[str, Any]]:
    """Return the entries of a connection's `config`, which the form of Airflow's UI keeps as a text."""
    if isinstance(config, str):
        try:
            config = json.loads(config)
        except ValueError:
            raise ConfigError(f"{place}: the config in its extra is no valid JSON") from None
    entries = [config] if isinstance(config, dict) else config
    if isinstance(entries, list) and entries and all(isinstance(entry, dict) and entry.get("path") for entry in entries):
        return [entry | {"path": str(entry["path"])} for entry in entries]
    hint = 'Write it as {"config": {"path": "<Apprise URL>", "tag": "oncall"}}, or with a list of such entries.'
    raise ConfigError(f"{place}: its extra has no config with the addresses of services", hint=hint)


def _pieces(address: str) -> set[str]:
    """Return the parts of an Apprise URL that may be secrets: nearly all of them, depending on the service."""
    pieces = {piece for piece in re.split(r"[:/@?&=,+#\s]+", address) if len(piece) >= SHORTEST_SECRET}
    return {address} | pieces | {urllib.parse.unquote(piece) for piece in pieces}
