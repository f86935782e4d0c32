"""Installations for concerns that need no source: keys that are here, stores that are real, and what they hold."""

from __future__ import annotations

import datetime
import pathlib
from typing import Any

from include.proven import ids
from include.proven.catalog import Catalog
from include.proven.fleet import model
from include.proven.installation import Installation
from include.proven.manifest import Stage
from include.proven.proof.verdict import Step
from tests.catalog import records

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
BACKUP = "backup@proven.invalid"


def install(
    home: pathlib.Path,
    stores: dict[str, dict[str, Any]],
    *,
    recipients: list[str] | None = None,
    binlogs: dict[str, Any] | None = None,
    **gnupg: Any,
) -> Installation:
    """Return a fleet with one database, `shop`, in all of the stores."""
    database = {
        "connection": "source",
        "engine": "mariadb",
        "schedule": None,
        "objectives": {"rpo": "26h", "rto": "1h"},
        "stores": list(stores),
        "sandbox": "local",
        "owner": "tests",
        "contacts": ["oncall"],
        "binlogs": binlogs,
    }
    document = {
        "version": 1,
        "gnupg": {"home": str(home), "recipients": recipients or [BACKUP], "signer": BACKUP, **gnupg},
        "stores": stores,
        "sandboxes": {"local": {"kind": "local"}},
        "pages": {"routes": {"oncall": {"kind": "pagerduty", "connection": "pager"}}},
        "databases": {"shop": database},
    }
    return Installation(model.Fleet.model_validate(document))


def directory(path: pathlib.Path, **config: Any) -> dict[str, Any]:
    """Return a store in a new directory, as the fleet file has it."""
    path.mkdir(exist_ok=True)
    return {"kind": "directory", "path": str(path), **config}


def point_of(days_ago: float) -> str:
    """Return the id of a full backup that was begun so many days before `NOW`."""
    return ids.new_recovery_point("full", now=NOW - days_ago * DAY)


def put(catalog: Catalog, folder: pathlib.Path, point: str, size: int, *, seconds: float = 10.0) -> None:
    """Publish a recovery point of `shop` with an artifact of so many bytes (a sparse file), that took so long to upload."""
    file = folder / "shop" / point / "dump.sql.zst.gpg"
    file.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    file.touch(mode=0o600)
    with file.open("r+b") as stream:
        stream.truncate(size)
    catalog.publish(records.manifest("shop", point, stages=[Stage(name="upload", seconds=seconds, bytes=size)]))


def prove(
    catalog: Catalog, point: str, days_ago: float, *, rto: float, size: int = 0, seconds: float = 1.0, **said: Any
) -> str:
    """Store the verdict of a drill of that day that took so long, and return the drill's id."""
    drill = ids.new_drill(now=NOW - days_ago * DAY)
    download = Stage(name="download", seconds=seconds, bytes=size)
    changes = {
        "store": catalog.store.name,
        "outcome": "proven",
        "reason": "",
        "measured_rto_seconds": rto,
        "steps": [Step(name="restore", outcome="done", seconds=rto, stages=[download])],
        "recovery": [Stage(name="build", seconds=1.0), Stage(name="restore", seconds=rto - 1.0), download],
    }
    catalog.record_verdict(records.verdict(point, drill).model_copy(update=changes | said))
    return drill
