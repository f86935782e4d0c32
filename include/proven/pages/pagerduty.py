"""PagerDuty's Events API v2: a page opens an incident, or joins the one that is open; a resolution closes it."""

from __future__ import annotations

from typing import Any

from include.proven import connections
from include.proven.errors import ConfigError
from include.proven.fleet.pages import PagerDutyRoute
from include.proven.pages.page import Page
from include.proven.pages.transport import Delivery

MOST_SUMMARY = 1024
"""Characters; PagerDuty refuses the event when there are more."""
KEY_LENGTH = 32


def trigger(name: str, route: PagerDutyRoute, page: Page) -> Delivery:
    """Return the event that opens an incident for `page`. Raise ConfigError if the connection holds no routing key."""
    links = {f"Runbook: {page.kind}": page.runbook_url, "Run in Airflow": page.run_url}
    event = {
        "payload": {
            "summary": page.headline[:MOST_SUMMARY],
            "source": page.source,
            "severity": page.urgency,
            "component": page.database,
            "group": page.owner,
            "class": page.kind,
            "custom_details": {
                "what": page.summary,
                "risk": page.about.risk,
                "next": page.next_command,
                "hint": page.hint,
                "detail": page.detail,
                "run": page.run_id,
            },
        },
        "client": "Proven",
        "client_url": page.run_url or page.runbook_url,
        "links": [{"href": href, "text": text} for text, href in links.items() if href],
    }
    return _delivery(name, route, "trigger", page.dedup_key, event)


def resolution(name: str, route: PagerDutyRoute, key: str) -> Delivery:
    """Return the event that resolves the incident of that dedup key, if one is open. Raise as `trigger` does."""
    return _delivery(name, route, "resolve", key, {})


def _delivery(name: str, route: PagerDutyRoute, action: str, key: str, event: dict[str, Any]) -> Delivery:
    routing_key = connections.resolve(route.connection).password
    if len(routing_key) != KEY_LENGTH:
        what = f"{name}: the password of connection {route.connection!r} is no PagerDuty routing key"
        hint = "It is the 32-character key of an 'Events API v2' integration of the PagerDuty service."
        raise ConfigError(what, detail=f"it has {len(routing_key)} characters", hint=hint)
    body = event | {"routing_key": routing_key, "event_action": action, "dedup_key": key}
    return Delivery(f"{name}: {action} {key}", route.endpoint, body, ca_file=route.ca_file, secrets=(routing_key,))
