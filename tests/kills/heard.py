"""What people have heard: every request that the receivers of `tests/servers/pager.py` took, as one sort of event."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

from tests.servers.pager import ENQUEUE, WEBHOOK

ROUTES = {ENQUEUE: "oncall", WEBHOOK: "team"}
"""Path → the route of the stage's fleet that leads there."""


@dataclasses.dataclass(frozen=True)
class Heard:
    """One event on one route."""

    at: float
    """Unix time."""
    route: str
    action: str
    """`trigger` or `resolve`."""
    key: str
    severity: str = ""
    runbook: str = ""
    """Address."""
    run: str = ""
    """What noticed it."""


def read(log: pathlib.Path) -> list[Heard]:
    """Return what was taken, oldest first."""
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return [_event(line) for line in lines if line["status"] < 300]


def _event(line: dict[str, Any]) -> Heard:
    event, route = line["event"], ROUTES[line["path"]]
    if route == "team":
        action, runbook, run = event["event"], event.get("runbook_url", ""), event.get("run_id", "")
        return Heard(line["at"], route, action, event["dedup_key"], event.get("severity", ""), runbook, run)
    payload = event.get("payload") or {}
    runbook = next((link["href"] for link in event.get("links", []) if link["text"].startswith("Runbook")), "")
    run = payload.get("custom_details", {}).get("run", "")
    return Heard(line["at"], route, event["event_action"], event["dedup_key"], payload.get("severity", ""), runbook, run)
