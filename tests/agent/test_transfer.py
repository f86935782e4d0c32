"""Parts on the way: what a retry can heal is healed, what it can't is said at once, and a URL is never shown."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from include.proven import agent_client, errors
from include.proven.stores.contract import OutgoingPart, SignedRequest
from tests.agent.jobs import Keys, backup_job, restore_job, seal
from tests.agent.object_server import ObjectServer, Signer
from tests.servers.databases import DatabaseServer

DUMP = "dump.sql.zst.gpg"


@pytest.fixture
def filled(mariadb_source: DatabaseServer) -> Iterator[DatabaseServer]:
    """A source whose dump has several parts."""
    mariadb_source.drop_schemas()
    schema = mariadb_source.fresh_schema()
    mariadb_source.sql("CREATE TABLE t (x BLOB); INSERT INTO t VALUES (RANDOM_BYTES(1000))", schema)
    mariadb_source.sql("INSERT INTO t SELECT RANDOM_BYTES(1000) FROM t;" * 10, schema)
    yield mariadb_source
    mariadb_source.drop_schemas()


@pytest.fixture
def backup(filled: DatabaseServer, keys: Keys) -> dict[str, Any]:
    return backup_job(filled.endpoint, filled.tools, keys)


@pytest.fixture
def restore(filled: DatabaseServer, objects: ObjectServer, keys: Keys, tmp_path: Any) -> dict[str, Any]:
    """A restore of noise into a file, in four parts."""
    plain = b"".join(bytes([i % 251 ^ i // 251 % 256]) for i in range(100_000)) + b"\n-- Dump completed\n"
    return restore_job(
        seal(plain, objects, keys, part_bytes=1024), objects, keys, filled.tools, None, str(tmp_path / "out.sql")
    )


@pytest.mark.parametrize("faults", [[503, "slow", 500], ["reset"], [429, 408]])
def test_an_upload_heals(faults: list[Any], backup: dict[str, Any], objects: ObjectServer) -> None:
    objects.faults["PUT", f"{DUMP}/2"] = list(faults)
    result = agent_client.run(backup, signer=objects.signer)
    assert len(objects.whole(DUMP)) == next(one["bytes"] for one in result["artifacts"] if one["name"] == DUMP)
    assert len([seen for seen in objects.seen if seen[1] == f"{DUMP}/2"]) == len(faults) + 1


@pytest.mark.parametrize("status", [403, 404, 413, 507, "unread"])
def test_an_upload_that_is_refused_fails_at_once(status: Any, backup: dict[str, Any], objects: ObjectServer) -> None:
    objects.faults["PUT", f"{DUMP}/2"] = [status] * 9
    with pytest.raises(errors.StoreError) as caught:
        agent_client.run(backup, signer=objects.signer)
    told = str(caught.value)
    assert f"{DUMP} part 2 to store: {507 if status == 'unread' else status} " in told
    assert "tx-of-the-store" in caught.value.detail
    assert caught.value.hint
    assert "SECRET" not in told
    assert len([seen for seen in objects.seen if seen[1] == f"{DUMP}/2"]) == (2 if status == 403 else 1)


def test_an_expired_url_of_an_upload_is_renewed_once(backup: dict[str, Any], objects: ObjectServer) -> None:
    objects.faults["PUT", f"{DUMP}/2"] = [401]
    agent_client.run(backup, signer=objects.signer)
    assert (DUMP, [2]) in objects.signer.signed


def test_a_controller_that_can_not_sign_ends_the_backup(backup: dict[str, Any]) -> None:
    class Refusing(Signer):
        def sign_parts(self, store: str, artifact: str, parts: Sequence[OutgoingPart]) -> list[SignedRequest]:
            raise errors.StoreError("swift: no key for temporary URLs")

    with pytest.raises(errors.StoreError, match="no key for temporary URLs"):
        agent_client.run(backup, signer=Refusing(""))
    with pytest.raises(errors.StoreError, match="no URL"):
        agent_client.run(backup)


@pytest.mark.parametrize("faults", [[503, "slow"], ["cut"], ["corrupt"]])
def test_a_download_heals(faults: list[Any], restore: dict[str, Any], objects: ObjectServer) -> None:
    objects.faults["GET", DUMP] = list(faults)
    assert agent_client.run(restore)["plain_bytes"] == restore["artifacts"][0]["plain_bytes"]


def test_an_expired_url_of_a_download_is_renewed(restore: dict[str, Any], objects: ObjectServer) -> None:
    objects.faults["GET", DUMP] = [401]
    objects.signer.signed.clear()
    agent_client.run(restore, signer=objects.signer)
    assert objects.signer.signed == [(DUMP, [0])]
    objects.faults["GET", DUMP] = [403] * 99
    with pytest.raises(errors.StoreError, match="403") as caught:
        agent_client.run({**restore, "output": restore["output"] + "2"}, signer=objects.signer)
    assert "SECRET" not in str(caught.value)


def test_parts_come_several_at_once(restore: dict[str, Any], objects: ObjectServer) -> None:
    parts = len(restore["artifacts"][0]["parts"])
    assert parts >= 4
    objects.faults["GET", DUMP] = ["slow"] * 4
    started = time.monotonic()
    agent_client.run(restore)
    assert time.monotonic() - started < 3
