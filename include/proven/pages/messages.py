"""What goes out on a route: each kind of route has a module that makes messages of pages and of resolutions."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Protocol

from include.proven.fleet.pages import Route
from include.proven.pages.page import Page

MODULES = {
    "apprise": "apprise_message",
    "email": "email_message",
    "opsgenie": "opsgenie",
    "pagerduty": "pagerduty",
    "slack": "slack",
    "webhook": "webhook",
}
"""Kind of route → its module here, which has `trigger(name, route, page)` and `resolution(name, route, key)`."""


class Message(Protocol):
    """One message on its way."""

    @property
    def name(self) -> str:
        """What error messages begin with: `oncall: trigger proven/shop/backup-failed`."""

    def send(self) -> None:
        """Send until the receiver takes it, for at most 30 s. Raise PageError, with its answer, if it does not."""


def trigger(name: str, route: Route, page: Page) -> Message:
    """Return the message that tells a page on a route. Raise ConfigError if the route's connection can't be used."""
    message: Message = _module(route).trigger(name, route, page)
    return message


def resolution(name: str, route: Route, key: str) -> Message:
    """Return the message that the page of that dedup key is resolved. Raise as `trigger` does."""
    message: Message = _module(route).resolution(name, route, key)
    return message


def _module(route: Route) -> ModuleType:
    # when it is needed: Apprise alone takes longer to import than a page takes to be sent
    return importlib.import_module(f"include.proven.pages.{MODULES[route.kind]}")
