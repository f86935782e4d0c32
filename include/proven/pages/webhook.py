"""A webhook: every page, and every resolution, as one POST of JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

from include.proven.fleet.pages import WebhookRoute
from include.proven.pages.messages import News
from include.proven.pages.page import Page
from include.proven.pages.transport import Delivery, read_token


def trigger(name: str, route: WebhookRoute, page: Page) -> Delivery:
    """Return the POST of `page`, with `"event": "trigger"`. Raise ConfigError if the route's connection can't be used."""
    body = {
        "event": "trigger",
        "dedup_key": page.dedup_key,
        "headline": page.headline,
        "risk": page.about.risk,
        "next_command": page.next_command,
        **dataclasses.asdict(page),
        "severity": page.urgency,
    }
    return _delivery(name, route, body)


def resolution(name: str, route: WebhookRoute, key: str) -> Delivery:
    """Return the POST `{"event": "resolve", "dedup_key": …}`. Raise as `trigger` does."""
    return _delivery(name, route, {"event": "resolve", "dedup_key": key})


def news(name: str, route: WebhookRoute, news: News) -> Delivery:
    """Return the POST `{"event": "news", "headline": …, "text": …}`. Raise as `trigger` does."""
    return _delivery(name, route, {"event": "news", "headline": news.title, "text": news.text})


def _delivery(name: str, route: WebhookRoute, body: dict[str, Any]) -> Delivery:
    headers: dict[str, str] = {}
    secrets: tuple[str, ...] = ()
    if route.connection:
        secrets = (read_token(name, route.connection, "bearer token"),)
        headers["Authorization"] = f"Bearer {secrets[0]}"
    about = body.get("dedup_key") or body["headline"]
    return Delivery(f"{name}: {body['event']} {about}", route.endpoint, body, headers, route.ca_file, secrets)
