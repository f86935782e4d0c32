"""Tells somebody outside that all is in order, again and again; when that stays away, they call (docs/decisions/0022).

Nothing inside can say that everything inside is dead. So a heartbeat is sent only while the newest verdicts are in order: a
machine that is down, a scheduler that is dead, a page that reaches nobody and a proof that is too old all end in silence, and
silence is what the service outside wakes people for.
"""

from __future__ import annotations

import dataclasses
import datetime
import urllib.parse
from collections.abc import Callable
from typing import Protocol

from include.proven import copies, metrics
from include.proven.errors import ConfigError, ProvenError
from include.proven.fleet.pages import URGENT, HealthchecksHeartbeat, Heartbeat, OpsgenieHeartbeat, PrometheusHeartbeat
from include.proven.installation import Installation
from include.proven.pages import transport
from include.proven.pages.ledger import StoreLedger
from include.proven.pages.transport import Delivery

NOT_COUNTED = "OK ("
"""Healthchecks.io says 200 to a ping that it does not count, too: `OK (not found)`, `OK (rate limited)`."""
Beat = Callable[[], object]
"""Sends one heartbeat. Raises ProvenError if it was not taken."""


class Seen(Protocol):
    """What a watch has seen (`watching.Watched`)."""

    @property
    def in_order(self) -> bool:
        """Nothing is wrong, all that there is to look at was looked at, and every page was delivered."""


def beat(installation: Installation, watched: Seen, *, now: datetime.datetime) -> list[str]:
    """Send every heartbeat of the fleet if all is in order; return what could not be told, a line each.

    Besides what the watch has seen no urgent page may be open: not every concern is asked each time, and a drill that refuted
    is none of them. What is not in order is told only where the service knows how (`failing`); Prometheus gets its metrics
    either way.
    """
    wanted = installation.fleet.pages.heartbeats
    if not wanted:
        return []
    untold: list[str] = []
    try:
        in_order = watched.in_order and not _is_urgent_open(installation)
    except ProvenError as error:
        in_order = False
        untold.append(f"heartbeats: which pages are open is not known: {error.what}")
    said = (_beat_one(installation, name, heartbeat, in_order=in_order, now=now) for name, heartbeat in wanted.items())
    return [*untold, *filter(None, said)]


def check(installation: Installation, name: str) -> None:
    """Raise ConfigError if a heartbeat of the fleet can't be sent. Nothing is sent."""
    heartbeat = installation.fleet.pages.heartbeats[name]
    _compose(installation, name, heartbeat, in_order=True, now=datetime.datetime.now(datetime.UTC))


def _is_urgent_open(installation: Installation) -> bool:
    """Say whether a page of severity error or critical is open. Raise ProvenError where that can't be seen everywhere."""
    found = StoreLedger(installation, copies.PATIENCE).survey()
    for error in (*found.silent.values(), *found.faults):
        raise error
    return any(incident.page.urgency in URGENT for incident in found.open)


def _beat_one(installation: Installation, name: str, heartbeat: Heartbeat, *, in_order: bool, now: datetime.datetime) -> str:
    """Send one; return why it was not taken, or an empty string."""
    try:
        if send := _compose(installation, name, heartbeat, in_order=in_order, now=now):
            send()
    except ProvenError as error:
        return ": ".join([error.what, *error.detail.strip().splitlines()[:1]])
    return ""


def _compose(
    installation: Installation, name: str, heartbeat: Heartbeat, *, in_order: bool, now: datetime.datetime
) -> Beat | None:
    """Return what sends a heartbeat, or None if there is nothing to send. Raise ConfigError if it can't be sent."""
    match heartbeat:
        case PrometheusHeartbeat(file=file):
            if not file.parent.is_dir():
                raise ConfigError(f"heartbeat {name}: {file.parent} is no directory", hint="node_exporter reads files there.")
            return lambda: metrics.write(installation, file, in_order=in_order, now=now)
        case HealthchecksHeartbeat() if in_order or heartbeat.failing:
            return _url(installation, name, heartbeat, failed=not in_order).send
        case OpsgenieHeartbeat() if in_order:
            return _opsgenie(installation, name, heartbeat).send
    return None


def _url(installation: Installation, name: str, heartbeat: HealthchecksHeartbeat, *, failed: bool) -> Delivery:
    connection = installation.connection(heartbeat.connection)
    if not connection.host or not connection.password.strip("/"):
        what = f"heartbeat {name}: connection {heartbeat.connection!r} holds no address"
        raise ConfigError(what, hint="Host = the address up to its secret, such as https://hc-ping.com; password = the rest.")
    host = connection.host if "://" in connection.host else f"https://{connection.host}"
    address = f"{host.rstrip('/')}/{connection.password.strip('/')}"
    ping = Delivery(
        f"heartbeat {name}: ping",
        address,
        None,
        ca_file=heartbeat.ca_file,
        secrets=(connection.password.strip("/"),),
        method="GET",
        refusal=NOT_COUNTED,
    )
    if failed:
        return dataclasses.replace(ping, name=f"heartbeat {name}: fail", url=f"{address}/fail", method="POST")
    return ping


def _opsgenie(installation: Installation, name: str, heartbeat: OpsgenieHeartbeat) -> Delivery:
    installation.connection(heartbeat.connection)  # which hides its password
    key = transport.read_token(f"heartbeat {name}", heartbeat.connection, "API key of Opsgenie's")
    address = f"{heartbeat.endpoint.rstrip('/')}/v2/heartbeats/{urllib.parse.quote(heartbeat.name, safe='')}/ping"
    headers = {"Authorization": f"GenieKey {key}"}
    return Delivery(f"heartbeat {name}: ping", address, None, headers, heartbeat.ca_file, secrets=(key,))
