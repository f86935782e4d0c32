"""A backup that is restored is the database as it was at one moment, whoever wrote meanwhile."""

from __future__ import annotations

import itertools
import pathlib
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from include.proven import agent_client
from include.proven.agent.client import Session
from include.proven.agent.processes import CommandLog
from include.proven.manifest import Artifact, Command, Server, Stage
from tests.agent.jobs import Keys, backup_job, restore_job
from tests.agent.object_server import ObjectServer
from tests.servers.databases import DatabaseServer

SHOP = """
CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(255), at TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE ledger (id INT PRIMARY KEY AUTO_INCREMENT, amount BIGINT);
INSERT INTO orders (note) VALUES ('plain'), (NULL), ('ünï 💥 \\n \\\\ ''quoted''');
INSERT INTO ledger (amount) VALUES (1), (-1);
CREATE VIEW totals AS SELECT SUM(amount) AS total FROM ledger;
CREATE TRIGGER keep BEFORE DELETE ON ledger FOR EACH ROW SET @deleted = OLD.id;
"""


@pytest.fixture
def shop(source: DatabaseServer) -> Iterator[str]:
    """A schema with tables, a view and a trigger, alone on its server."""
    source.drop_schemas()
    schema = source.fresh_schema("shop")
    source.sql(SHOP + "INSERT INTO orders (note) SELECT REPEAT(RAND(), 8) FROM orders;" * 13, schema)
    yield schema
    source.drop_schemas()


def inspect(source: DatabaseServer, schemas: list[str], *take: str) -> dict[str, Any]:
    job = {"protocol": 1, "job": "inspect", "source": source.admin, "tools": source.tools, "schemas": schemas, "take": take}
    return agent_client.run({**job, "like": {}, "time_limit": 60.0, "log": ""})


def test_what_is_restored_is_what_was_there_while_others_wrote(
    source: DatabaseServer, shop: str, objects: ObjectServer, keys: Keys
) -> None:
    stop, written = threading.Event(), [0]
    session = Session(source.tools, source.admin, CommandLog())

    def write() -> None:
        # a commit every millisecond or so: a dump and a fingerprint of two different moments would not agree
        while not stop.is_set():
            session.execute(f"INSERT INTO `{shop}`.ledger (amount) VALUES (7)")
            written[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        result = agent_client.run(backup_job(source.endpoint, source.tools, keys), signer=objects.signer)
    finally:
        stop.set()
        writer.join()
        session.close()
    source.drop_schemas()
    restored = agent_client.run(restore_job(result, objects, keys, source.tools, source.admin))
    seen = inspect(source, result["schemas"], "fingerprint", "inventory", "canary")

    digests = {name: (table["rows"], table["digest"]) for name, table in result["fingerprint"]["tables"].items()}
    assert digests == {name: (table["rows"], table["digest"]) for name, table in seen["fingerprint"]["tables"].items()}
    assert 0 < digests[f"{shop}.ledger"][0] < written[0]
    assert seen["inventory"]["triggers"] == result["inventory"]["triggers"]
    assert seen["canary"]["recovery_point"] == "20261121T043512Z-full-7f3a9c01"
    assert restored["plain_bytes"] == sum(artifact["plain_bytes"] for artifact in result["artifacts"])


def test_the_result_is_what_a_manifest_takes(source: DatabaseServer, shop: str, objects: ObjectServer, keys: Keys) -> None:
    seen: list[str] = []
    job = backup_job(source.endpoint, source.tools, keys)
    result = agent_client.run(job, signer=objects.signer, on_progress=lambda event: seen.append(event.stage))

    accounts, dump, grants = (Artifact.model_validate(artifact) for artifact in result["artifacts"])
    assert (dump.name, dump.role, dump.end_marker) == ("dump.sql.zst.gpg", "dump", "-- Dump completed")
    assert (accounts.name, accounts.role) == ("accounts.sql.zst.gpg", "accounts")
    assert (grants.name, grants.role) == ("grants.sql.zst.gpg", "grants")
    assert dump.bytes == len(objects.whole(dump.name)) == sum(part.bytes for part in dump.parts)
    assert all(part.bytes == job["part_bytes"] for part in dump.parts[:-1])
    assert Server.model_validate(result["server"]).flavour == source.flavour
    assert result["schemas"] == ["proven_canary", shop]
    assert 0 < result["lock"]["held_seconds"] < 5
    assert {"dump", "upload", "fingerprint", "inventory"} <= {Stage.model_validate(stage).name for stage in result["stages"]}
    assert {"dump", "upload", "fingerprint"} <= set(seen)
    commands = [Command.model_validate(command) for command in result["commands"]]
    assert {pathlib.Path(command.argv[0]).name for command in commands} >= {"gpg", "zstd", source.tools["dump"][0]}
    assert all(command.status == 0 for command in commands)


def test_a_url_is_asked_for_each_part_when_it_is_ready(
    source: DatabaseServer, shop: str, objects: ObjectServer, keys: Keys
) -> None:
    agent_client.run(backup_job(source.endpoint, source.tools, keys, part_bytes=16 * 1024), signer=objects.signer)
    asked = [numbers for artifact, numbers in objects.signer.signed if artifact == "dump.sql.zst.gpg"]
    assert sorted(asked) == [[number] for number in range(1, len(asked) + 1)]
    assert len(asked) > 16


def test_plain_sql_goes_to_a_file_that_only_its_owner_reads(
    mariadb_source: DatabaseServer, objects: ObjectServer, keys: Keys, tmp_path: pathlib.Path
) -> None:
    mariadb_source.fresh_schema()
    result = agent_client.run(backup_job(mariadb_source.endpoint, mariadb_source.tools, keys), signer=objects.signer)
    output = tmp_path / "plain.sql"
    job = restore_job(result, objects, keys, mariadb_source.tools, None, str(output))
    assert agent_client.run(job)["plain_bytes"] == output.stat().st_size
    assert output.stat().st_mode & 0o777 == 0o600
    assert "-- Dump completed" in output.read_text()
    assert output.read_text().endswith("-- Accounts completed\n")
    assert [file.name for file in tmp_path.iterdir()] == ["plain.sql"]


def test_two_recipients_can_each_decrypt(mariadb_source: DatabaseServer, objects: ObjectServer, keys: Keys) -> None:
    mariadb_source.fresh_schema()
    second = keys.home / "second"
    second.mkdir(mode=0o700)
    escrow = Keys(second).create("escrow@example.org")
    try:
        job = backup_job(mariadb_source.endpoint, mariadb_source.tools, keys, recipients=[keys.public(), escrow.public()])
        agent_client.run(job, signer=objects.signer)
        artifact = objects.whole("accounts.sql.zst.gpg")
        assert keys.session_key(artifact) == escrow.session_key(artifact)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(second), "--kill", "all"], check=False)


def test_progress_comes_at_least_every_second(mariadb_source: DatabaseServer, objects: ObjectServer, keys: Keys) -> None:
    schema = mariadb_source.fresh_schema()
    mariadb_source.sql("CREATE TABLE t (x LONGBLOB); INSERT INTO t VALUES (RANDOM_BYTES(1024)), (RANDOM_BYTES(1024))", schema)
    mariadb_source.sql("UPDATE t SET x = REPEAT(CONCAT(x, RAND()), 2000)" + "; INSERT INTO t SELECT * FROM t" * 2, schema)
    objects.faults["PUT", "dump.sql.zst.gpg/1"] = ["slow", "slow"]
    times: list[float] = []
    agent_client.run(
        backup_job(mariadb_source.endpoint, mariadb_source.tools, keys),
        signer=objects.signer,
        on_progress=lambda event: times.append(time.monotonic()) if event.stage == "upload" else None,
    )
    assert times[-1] - times[0] > 1.5
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) < 1.0
