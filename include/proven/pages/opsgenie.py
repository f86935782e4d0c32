"""Opsgenie's Alert API v2, which Jira Service Management has taken over: a page opens an alert, a resolution closes it.

Both are taken with 202 and done a moment later. The alert's alias is the page's dedup key: while an alert of that alias is open
another one only raises its count. Who is called follows from the integration that the key belongs to.
https://docs.opsgenie.com/docs/alert-api
"""

from __future__ import annotations

import urllib.parse
from typing import Any

from include.proven.fleet.pages import OpsgenieRoute, Severity
from include.proven.pages.page import Page
from include.proven.pages.transport import Delivery, read_token
from include.proven.pages.wording import as_text

MOST_MESSAGE, MOST_DESCRIPTION, MOST_SOURCE, MOST_TAG = 130, 15_000, 100, 50
"""Characters; more are refused, or cut off."""
PRIORITIES: dict[Severity, str] = {"critical": "P1", "error": "P2", "warning": "P3", "info": "P5"}


def trigger(name: str, route: OpsgenieRoute, page: Page) -> Delivery:
    """Return the request that opens an alert for `page`. Raise ConfigError if the connection holds no API key."""
    headline = page.headline
    details = {
        "risk": page.about.risk,
        "next": page.next_command,
        "hint": page.hint,
        "runbook": page.runbook_url,
        "run": page.run_url or page.run_id,
        "owner": page.owner,
    }
    alert = {
        "message": headline if len(headline) <= MOST_MESSAGE else headline[: MOST_MESSAGE - 1] + "…",
        "alias": page.dedup_key,
        "description": as_text(page)[:MOST_DESCRIPTION],
        "details": {key: value for key, value in details.items() if value},
        "tags": [tag[:MOST_TAG] for tag in ("proven", page.kind, page.urgency)],
        "entity": page.database,
        "source": page.source[:MOST_SOURCE],
        "priority": PRIORITIES[page.urgency],
    }
    return _delivery(name, route, "trigger", page.dedup_key, "", alert)


def resolution(name: str, route: OpsgenieRoute, key: str) -> Delivery:
    """Return the request that closes the alert of that dedup key, if one is open. Raise as `trigger` does."""
    # one path segment: with its slashes as they are, the request would be about something else
    path = f"/{urllib.parse.quote(key, safe='')}/close?identifierType=alias"
    return _delivery(name, route, "resolve", key, path, {"user": "Proven", "note": "What was wrong is no longer so."})


def _delivery(name: str, route: OpsgenieRoute, action: str, key: str, path: str, body: dict[str, Any]) -> Delivery:
    hint = "It is the key of an 'API' integration of Opsgenie or of Jira Service Management."
    api_key = read_token(name, route.connection, "API key", hint)
    url = f"{route.endpoint.rstrip('/')}/v2/alerts{path}"
    headers = {"Authorization": f"GenieKey {api_key}"}
    return Delivery(f"{name}: {action} {key}", url, body, headers, route.ca_file, (api_key,))
