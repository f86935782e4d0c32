"""Dumps taken and loaded with an engine's own argv lists."""

from __future__ import annotations

import pathlib

from include.proven.agent.protocol import Endpoint
from tests.servers.databases import DatabaseServer

OBJECTS = pathlib.Path(__file__).with_name("objects.sql").read_text()


def make_objects(source: DatabaseServer) -> str:
    """Make a schema with one object of each kind, and return its name. The procedure's lines end with CR LF."""
    schema = source.fresh_schema("objects")
    before, procedure = OBJECTS.split("BEGIN\n  --", 1)
    body, after = procedure.split("END;;", 1)
    source.sql(before + ("BEGIN\n  --" + body).replace("\n", "\r\n") + "END;;" + after, schema)
    return schema


def dump(source: DatabaseServer, endpoint: Endpoint, schema: str) -> bytes:
    """Return the dump that `endpoint`'s account takes, without the lines that differ from one moment or host to the next."""
    done = source.run([*source.tools["dump"], "--databases", schema], endpoint)
    assert done.returncode == 0, done.stderr.decode()
    return b"\n".join(line for line in done.stdout.split(b"\n") if not line.startswith((b"-- Host:", b"-- Dump completed")))


def load(source: DatabaseServer, sql: bytes) -> None:
    """Run a dump through the engine's client as root."""
    done = source.run(source.tools["client"], source.admin, sql)
    assert done.returncode == 0, done.stderr.decode()
