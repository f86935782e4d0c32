"""Somebody alters a table while it is backed up: neither he nor the backup may wait for the other for ever."""

from __future__ import annotations

import pathlib
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from include.proven import agent_client, errors, servers
from include.proven.agent.client import Session
from include.proven.agent.processes import CommandLog
from tests.agent.jobs import Keys, backup_job
from tests.agent.object_server import ObjectServer
from tests.servers.databases import DatabaseServer

PAUSE_SECONDS = 3
ROWS = "INSERT INTO a_ballast (x) SELECT REPEAT('x', 200) FROM a_ballast;"
BALLAST = (
    "CREATE TABLE a_ballast (id INT PRIMARY KEY AUTO_INCREMENT, x TEXT); INSERT INTO a_ballast (x) VALUES ('1');" + ROWS * 13
)
# larger than what it follows: MariaDB's tool dumps by size
LAST = (
    "CREATE TABLE z_last (id INT PRIMARY KEY AUTO_INCREMENT, x TEXT) ENGINE={engine};"
    "INSERT INTO z_last (x) SELECT REPEAT('y', 400) FROM a_ballast"
)


def paused_dump(source: DatabaseServer, folder: pathlib.Path) -> dict[str, Any]:
    """Return tools whose dump stands still for some seconds in its first table, and makes the file `paused` then."""
    real, file = servers.find_program(source.tools["dump"][0], source.path), folder / "paused-dump"
    script = f'set -o pipefail\n"{real}" "$@" | {{ head -c 1500; touch "{folder}/paused"; sleep {PAUSE_SECONDS}; cat; }}'
    file.write_text(f"#!/bin/bash\n{script}\n")
    file.chmod(0o755)
    return {**source.tools, "dump": [str(file), *source.tools["dump"][1:]]}


def back_up_while(
    source: DatabaseServer, objects: ObjectServer, keys: Keys, folder: pathlib.Path, schema: str, *statements: str
) -> tuple[dict[str, Any], float]:
    """Back up a schema while somebody runs statements that no reader of the table may see; return the result, and how many
    seconds they took."""
    took: list[float] = []

    def disturb(session: Session) -> None:
        while not (folder / "paused").exists():
            time.sleep(0.05)
        begun = time.monotonic()
        for statement in statements:
            session.execute(statement)
        took.append(time.monotonic() - begun)

    job = backup_job(source.endpoint, paused_dump(source, folder), keys, schemas=[schema], lock_seconds=2.0)
    with Session(source.tools, source.admin, CommandLog()) as session:
        other = threading.Thread(target=disturb, args=[session])
        other.start()
        try:
            return agent_client.run(job, signer=objects.signer), took[0] if took else 0.0
        finally:
            (folder / "paused").touch()
            other.join()


@pytest.fixture
def make(source: DatabaseServer) -> Callable[[str], str]:
    def make(engine: str) -> str:
        schema = source.fresh_schema("stall")
        source.sql(BALLAST, schema)
        source.sql(LAST.format(engine=engine), schema)
        return schema

    return make


def test_who_wants_a_table_for_himself_gets_it_between_its_readers(
    source: DatabaseServer, objects: ObjectServer, keys: Keys, tmp_path: pathlib.Path, make: Callable[[str], str]
) -> None:
    schema = make("InnoDB")
    if source.flavour == "mariadb":
        # no savepoint can be made once such a table was read
        source.sql(
            "CREATE TABLE b_aria (id INT PRIMARY KEY) ENGINE=Aria TRANSACTIONAL=1; INSERT INTO b_aria VALUES (1)", schema
        )
    locked = [f"LOCK TABLES `{schema}`.z_last WRITE", "UNLOCK TABLES"]
    result, took = back_up_while(source, objects, keys, tmp_path, schema, *locked)
    assert result["fingerprint"]["tables"][f"{schema}.z_last"]["rows"] == 2**13
    assert took < PAUSE_SECONDS, "he did not wait for the dump"


def test_a_dump_behind_who_waits_for_its_own_lock_is_ended(
    source: DatabaseServer, objects: ObjectServer, keys: Keys, tmp_path: pathlib.Path, make: Callable[[str], str]
) -> None:
    schema = make("MyISAM")
    with pytest.raises(errors.SourceError, match=r"has waited for a lock for 2 s|was altered during the backup") as caught:
        back_up_while(source, objects, keys, tmp_path, schema, f"DROP TABLE `{schema}`.z_last")
    assert "z_last" in caught.value.detail
    assert source.sql("SHOW TABLES", schema) == [["a_ballast"]]
