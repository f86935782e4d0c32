"""Opsgenie's Alert API v2, as far as an API integration goes: create, and close by alias. Part of `pager.py`'s server.

It answers as https://docs.opsgenie.com/docs/alert-api and …/docs/response say: 202 with a request id, 401 without a key that it
knows, 422 for what an alert can't hold.
"""

from __future__ import annotations

import dataclasses
import urllib.parse
import uuid
from typing import Any

API_KEY = "11111111-2222-3333-4444-555555555555"
ALERTS = "/v2/alerts"
PRIORITIES = {"P1", "P2", "P3", "P4", "P5"}
LIMITS = {"message": 130, "alias": 512, "description": 15_000, "entity": 512, "source": 100}


@dataclasses.dataclass
class Alert:
    """What a person sees: one alert, however often it was created while it was open."""

    alias: str
    requests: list[dict[str, Any]]
    closed: bool = False
    notes: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Opsgenie:
    """An account."""

    url: str = ""
    """Endpoint of a route."""
    alerts: list[Alert] = dataclasses.field(default_factory=list)

    def take(self, address: str, authorization: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Take one request; return status and body of the answer."""
        if authorization != f"GenieKey {API_KEY}":
            return 401, _answer("message", "Could not authenticate")
        parts = urllib.parse.urlsplit(address)
        path = parts.path.removeprefix(ALERTS)
        if not path:
            return self._create(body)
        names = [urllib.parse.unquote(name) for name in path.removeprefix("/").split("/")]
        if len(names) != 2 or names[1] != "close":
            return 404, _answer("message", "Resource or handler not found")
        # without identifierType=alias the name is an alert's id, of which none has this one; that too is taken with 202
        if parts.query == "identifierType=alias":
            for alert in self.alerts:
                if alert.alias == names[0] and not alert.closed:
                    alert.closed = True
                    alert.notes.append(body.get("note", ""))
        return 202, _answer("result", "Request will be processed")

    def _create(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        faults = [name for name, most in LIMITS.items() if len(body.get(name, "")) > most]
        faults += [] if body.get("message") else ["message"]
        faults += [] if body.get("priority", "P3") in PRIORITIES else ["priority"]
        faults += [] if all(isinstance(value, str) for value in body.get("details", {}).values()) else ["details"]
        if faults:
            return 422, _answer("message", "Request body is not processable. Please check the errors.") | {"errors": faults}
        alias = body.get("alias") or str(uuid.uuid4())
        alert = next((alert for alert in self.alerts if alert.alias == alias and not alert.closed), None)
        if alert:
            alert.requests.append(body)
        else:
            self.alerts.append(Alert(alias, [body]))
        return 202, _answer("result", "Request will be processed")


def _answer(key: str, text: str) -> dict[str, Any]:
    return {key: text, "took": 0.01, "requestId": str(uuid.uuid4())}
