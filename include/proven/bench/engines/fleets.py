"""The fleets of the benchmark: one database each, so that a method which can't be does not take the others with it."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

from include.proven.demo import environment

if TYPE_CHECKING:
    from include.proven.bench.engines.bed import Bed

KEY = "backup@proven.invalid"
STORE, SANDBOX = "swift", "local"


def write_connections(bed: Bed) -> None:
    """Write the logins, and lead this process to them."""
    account, source = bed.account, bed.endpoint
    login = {"host": bed.swift.auth_url, "login": f"{account.account}:{account.user}", "password": account.password}
    server = {"host": source["host"], "port": source["port"], "login": source["user"], "password": source["password"]}
    private = bed.folder / "connections.json"
    private.touch(mode=0o600)
    private.write_text(json.dumps({"swift": {"conn_type": "swift", **login}, "source": {"conn_type": "mysql", **server}}))
    os.environ["PROVEN_CONNECTIONS"] = str(private)
    os.environ["PROVEN_HOME"] = str(bed.folder / "state")


def write(bed: Bed, name: str, settings: Mapping[str, Any]) -> pathlib.Path:
    """Write a fleet whose one database has these settings, and return its path."""
    database = {
        "connection": "source",
        "engine": bed.flavour,
        "schedule": None,
        "objectives": {"rpo": "1d", "rto": "1h"},
        "stores": [STORE],
        "sandbox": SANDBOX,
        "owner": "-",
        "contacts": ["nobody"],
        **settings,
    }
    fleet = {
        "version": 1,
        "gnupg": {"home": str(bed.home), "recipients": [KEY], "signer": KEY},
        "tools": [str(place) for place in bed.path],
        "stores": {STORE: {"kind": "swift", "connection": "swift", "container": "proven"}},
        "sandboxes": {SANDBOX: {"kind": "local", "directory": str(bed.folder / "sandboxes")}},
        "pages": {"routes": {"nobody": {"kind": "webhook", "endpoint": environment.NOWHERE}}},
        "databases": {name: database},
    }
    path = bed.folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(fleet))
    return path
