"""Names of recovery points, drills, incidents and sandboxes. They sort by time and never repeat."""

from __future__ import annotations

import datetime
import hashlib
import re
import secrets

RECOVERY_POINT = re.compile(r"\d{8}T\d{6}Z-(full|incremental|differential|snapshot)-[0-9a-f]{8}")
DRILL = re.compile(r"\d{8}T\d{6}Z-drill-[0-9a-f]{8}")
INCIDENT = re.compile(r"\d{8}T\d{6}Z-incident-[0-9a-f]{8}")
STAMP = "%Y%m%dT%H%M%SZ"


def new_recovery_point(kind: str = "full", *, now: datetime.datetime | None = None, run: str | None = None) -> str:
    """Return a new id such as `20261121T043512Z-full-7f3a9c01`: UTC start time, kind, 32 bits.

    The bits are random; given `run` (any text that names the run that asks) they are that run's, so that whoever knows the run
    finds its recovery point in a store (`belongs_to`).
    """
    return f"{_stamp(now)}-{kind}-{_tail(run)}"


def kind_of(recovery_point: str) -> str:
    """Return the kind that stands in the id of a recovery point: `full`, `incremental`, `differential`, `snapshot`."""
    return recovery_point.split("-")[1]


def new_drill(*, now: datetime.datetime | None = None, run: str | None = None) -> str:
    """Return a drill id such as `20261121T043600Z-drill-1c9e22ab`.

    Given `run` (any text that names the run that asks) the same `now` and `run` give the same id, so that every
    task of a run, its callbacks and its teardown agree on one drill without passing it around.
    """
    return f"{_stamp(now)}-drill-{_tail(run)}"


def new_incident(now: datetime.datetime) -> str:
    """Return a new id such as `20261121T044100Z-incident-9e01b7d2`."""
    return f"{_stamp(now)}-incident-{_tail(None)}"


def belongs_to(identifier: str, run: str) -> bool:
    """Say whether an id was made for that run."""
    return identifier.endswith(f"-{_tail(run)}")


def sandbox_name(drill: str) -> str:
    """Return the deterministic name of a drill's sandbox: `proven-<drill>` in lower case."""
    return f"proven-{drill.lower()}"


def started_at(identifier: str) -> datetime.datetime:
    """Return the UTC time in an id. Raise ValueError if it holds none."""
    stamp = datetime.datetime.strptime(identifier.partition("-")[0], STAMP)
    return stamp.replace(tzinfo=datetime.UTC)


def _tail(run: str | None) -> str:
    return hashlib.sha256(run.encode()).hexdigest()[:8] if run is not None else secrets.token_hex(4)


def _stamp(now: datetime.datetime | None) -> str:
    moment = now if now is not None else datetime.datetime.now(datetime.UTC)
    return moment.astimezone(datetime.UTC).strftime(STAMP)
