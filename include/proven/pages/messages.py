"""What goes out on a route: each kind of route has a module that makes messages of pages and of resolutions."""

from __future__ import annotations

import dataclasses
import importlib
from types import ModuleType
from typing import Protocol

from include.proven.errors import ConfigError
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
"""Kind of route → its module here. It has `trigger(name, route, page)` and `resolution(name, route, key)`; and where a person
reads messages as they are, `news(name, route, news)`."""


@dataclasses.dataclass(frozen=True)
class News:
    """What is told and is no page: a digest."""

    title: str
    text: str
    html: str = ""
    """The same for who can show it."""


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


def news(name: str, route: Route, news: News) -> Message:
    """Return the message that tells `news`.

    Raise ConfigError as `trigger` does, and for PagerDuty and Opsgenie, which wake people and do nothing else.
    """
    module = _module(route)
    if not hasattr(module, "news"):
        hint = "Send news by e-mail, Slack, a webhook or Apprise."
        raise ConfigError(f"{name}: a route of kind {route.kind} is not for news", hint=hint)
    message: Message = module.news(name, route, news)
    return message


def _module(route: Route) -> ModuleType:
    # when it is needed: Apprise alone takes longer to import than a page takes to be sent
    return importlib.import_module(f"include.proven.pages.{MODULES[route.kind]}")
