"""What the agent needs stays small whatever the size, and what it knows stays with it."""

from __future__ import annotations

import contextlib
import json
import pathlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from include.proven import agent_client
from include.proven.agent import protocol
from tests.agent.jobs import STORE, Keys, backup_job, restore_job
from tests.agent.object_server import ObjectServer, Signers
from tests.servers.databases import DatabaseServer

LIMIT = 256 * 1024 * 1024
SIZE = 300 * 1024 * 1024
BIG_DUMP = f"""#!/bin/bash
echo '-- Current Database: `big`'
head -c {SIZE} /dev/urandom | tr '\\n' ' '
echo; echo '-- Dump completed'
"""


@pytest.fixture
def small(mariadb_source: DatabaseServer) -> Iterator[DatabaseServer]:
    mariadb_source.drop_schemas()
    mariadb_source.sql("CREATE TABLE t (id INT)", mariadb_source.fresh_schema())
    yield mariadb_source
    mariadb_source.drop_schemas()


def test_memory_stays_below_256_mib_with_real_part_sizes(
    small: DatabaseServer, objects: ObjectServer, others: ObjectServer, keys: Keys, tmp_path: pathlib.Path
) -> None:
    """With two stores, of which one is slower."""
    others.speed = 200e6
    stores = [{**STORE, "name": name} for name in ("store", "other")]
    signers = Signers({"store": objects.signer, "other": others.signer})
    dump = tmp_path / "big-dump"
    dump.write_text(BIG_DUMP)
    dump.chmod(0o755)
    tools = {**small.tools, "dump": [str(dump), *small.tools["dump"][1:]]}
    changes = {"part_bytes": protocol.PART_BYTES, "compression_level": 1, "stores": stores}
    result = agent_client.run(backup_job(small.endpoint, tools, keys, **changes), signer=signers)  # type: ignore[arg-type] # a copy
    assert objects.whole("dump.sql.zst.gpg") == others.whole("dump.sql.zst.gpg")
    assert len(next(one["parts"] for one in result["artifacts"] if one["role"] == "dump")) >= SIZE // protocol.PART_BYTES
    restored = agent_client.run(restore_job(result, objects, keys, small.tools, None, str(tmp_path / "plain.sql")))
    assert restored["plain_bytes"] > SIZE
    print(f"peak RSS: backup {result['peak_rss_bytes'] >> 20} MiB, restore {restored['peak_rss_bytes'] >> 20} MiB")
    assert 0 < result["peak_rss_bytes"] < LIMIT
    assert 0 < restored["peak_rss_bytes"] < LIMIT


class Watcher:
    """Reads every process's arguments and environment over and over, as a neighbour with `ps` could."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.01):
            for process in pathlib.Path("/proc").iterdir():
                with contextlib.suppress(OSError):  # it is gone meanwhile, or no process
                    self.seen.add(process.joinpath("cmdline").read_bytes())
                    self.seen.add(process.joinpath("environ").read_bytes())


def test_no_secret_is_seen_by_a_neighbour_or_told_to_anyone(
    source: DatabaseServer, objects: ObjectServer, keys: Keys, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OF_THE_WORKER", "mysql://root:worker-secret@db")
    source.drop_schemas()
    source.sql("CREATE TABLE t (id INT)", source.fresh_schema())
    told: list[Any] = []
    objects.faults["GET", "dump.sql.zst.gpg"] = ["slow"]  # long enough to be watched
    with Watcher() as watcher:
        job = backup_job(source.endpoint, source.tools, keys)
        told.append(agent_client.run(job, signer=objects.signer, on_progress=told.append))
        restoring = restore_job(told[-1], objects, keys, source.tools, None, str(tmp_path / "plain.sql"))
        told.append(agent_client.run(restoring, on_progress=told.append))
    secrets = [source.endpoint["password"], "signature=SECRET"]
    secrets += [artifact["session_key"].partition(":")[2] for artifact in restoring["artifacts"]]
    assert any(b"--override-session-key-fd" in seen for seen in watcher.seen)
    for secret in secrets:
        assert not [seen for seen in watcher.seen if secret.encode() in seen]
        assert secret not in json.dumps(told, default=vars)
    agents = [seen for seen in watcher.seen if b"AIRFLOW_CONN_OF_THE_WORKER" in seen]
    assert not [seen for seen in agents if b"proven" in seen.lower() and b"PYTEST" not in seen]
