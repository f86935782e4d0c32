"""Whether all of Airflow's components run: who else would hear of runs that fail while the DAG processor is dead?

A concern of the watch that lives here because it asks Airflow. Of a dead scheduler it can't tell, for nothing runs it then:
`./proven watch`, called from outside, finds that backups are late.
"""

from __future__ import annotations

import datetime
import ssl
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx
from airflow.sdk.configuration import conf

from include.proven.errors import ToolError
from include.proven.installation import Installation
from include.proven.watch.concern import Concern, Finding
from proven_airflow import addresses

HARM = {
    "scheduler": "No backup and no drill begins.",
    "dag_processor": "Runs whose task was killed page nobody, and changes of the fleet file are not seen.",
    "triggerer": "Nobody hears of runs that take too long.",
}
"""Component, as Airflow's health check names it → what it no longer does, as a sentence."""
PATIENCE = 60.0
"""Seconds in which a component that is being restarted comes back."""
PAUSE = 5.0
TIMEOUT_SECONDS = 10.0
REFUSED = "Airflow's web server and its workers must have the same [api] secret_key, and clocks that agree."


def look(installation: Installation, now: datetime.datetime) -> Iterator[Finding]:
    """Yield each component that has given no sign of life. Raise ToolError if Airflow's API does not answer."""
    deadline = time.monotonic() + PATIENCE
    while (dead := _dead()) and time.monotonic() < deadline:
        time.sleep(PAUSE)
    for name, last in dead.items():
        yield Finding(
            kind="airflow-unhealthy",
            summary=f"{name}: no sign of life since {last or 'it was installed'}",
            thing=name.replace("_", "-"),
            hint=HARM[name],
        )


CONCERN = Concern(name="components of Airflow", kinds=("airflow-unhealthy",), look=look, needs="airflow")


def _dead() -> dict[str, str]:
    """Return the components that are not healthy, each with the moment of its last heartbeat."""
    health = _health()
    seen = {name: health.get(name) or {} for name in HARM}
    return {
        name: str(said.get(f"latest_{name}_heartbeat") or "")
        for name, said in seen.items()
        # the HTTP status is 200 whatever the JSON says
        if said.get("status") != "healthy"
    }


def _health() -> dict[str, Any]:
    """Return what Airflow's health check says. Nobody need be logged in for it."""
    health: dict[str, Any] = ask_api("/api/v2/monitor/health", "its health")
    return health


def ask_api(path: str, what: str, *, ticket: str = "") -> Any:
    """Return the JSON that Airflow's web server has at a path for everybody, or for who shows a ticket (`tickets`).

    Raise ToolError, naming `what`, if it does not answer.
    """
    # where tasks reach the API; [api] base_url is where people do
    api = str(conf.get("core", "execution_api_server_url", fallback="") or addresses.base_url())
    url = api.rstrip("/").removesuffix("/execution") + path
    authorities = conf.get("api", "ssl_cert", fallback=None)
    verify = ssl.create_default_context(cafile=authorities) if authorities else True
    try:
        shown = {"Authorization": f"Bearer {ticket}"} if ticket else {}
        return httpx.get(url, headers=shown, timeout=TIMEOUT_SECONDS, verify=verify).raise_for_status().json()
    except httpx.HTTPStatusError as error:
        hint = REFUSED if error.response.status_code == HTTPStatus.FORBIDDEN else ""
        raise ToolError(f"airflow: {what} can't be asked: {error.response.status_code}", detail=str(error), hint=hint) from None
    except (httpx.HTTPError, ValueError) as error:
        raise ToolError(f"airflow: {what} can't be asked: {type(error).__name__}", detail=str(error)) from None
