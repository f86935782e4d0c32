"""A recovery point that is not whole is refused as such; a target that fails is not held against it."""

from __future__ import annotations

import hashlib
import pathlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from include.proven import agent_client, errors
from tests.agent.jobs import Keys, restore_job, seal, seal_raw, store
from tests.agent.object_server import ObjectServer
from tests.servers.databases import DatabaseServer

DUMP = "dump.sql.zst.gpg"
PLAIN = b"-- " + random.Random(1).randbytes(200_000).hex().encode() + b"\nSELECT 1;\n-- Dump completed on a day\n"

Restore = Callable[..., dict[str, Any]]


@pytest.fixture(params=["file", "server"])
def restore(
    request: pytest.FixtureRequest, mariadb_source: DatabaseServer, objects: ObjectServer, keys: Keys, tmp_path: pathlib.Path
) -> Iterator[Restore]:
    """Restores what a result describes, into a file and into a server; a file must not be there when that failed."""
    output = tmp_path / "plain.sql"
    target = mariadb_source.admin if request.param == "server" else None

    def run(result: dict[str, Any], **changes: Any) -> dict[str, Any]:
        job = restore_job(result, objects, keys, mariadb_source.tools, target, str(output))
        job["artifacts"][0].update(changes)
        return agent_client.run(job)

    yield run
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def sealed(objects: ObjectServer, keys: Keys) -> dict[str, Any]:
    return seal(PLAIN, objects, keys, part_bytes=20_000)


def load(result: dict[str, Any], server: DatabaseServer, objects: ObjectServer, keys: Keys) -> dict[str, Any]:
    return agent_client.run(restore_job(result, objects, keys, server.tools, server.admin))


@pytest.mark.failure("B2")
def test_a_flipped_byte(restore: Restore, sealed: dict[str, Any], objects: ObjectServer) -> None:
    part = objects.parts[DUMP][3]
    objects.parts[DUMP][3] = part[:5] + bytes([part[5] ^ 1]) + part[6:]
    with pytest.raises(errors.IntegrityError, match=f"{DUMP} part 3 from store: checksum mismatch"):
        restore(sealed)


@pytest.mark.failure("B1")
def test_a_truncated_object(restore: Restore, sealed: dict[str, Any], objects: ObjectServer) -> None:
    last = max(objects.parts[DUMP])
    objects.parts[DUMP][last] = objects.parts[DUMP][last][:-1]
    with pytest.raises(errors.IntegrityError, match=r"the object has \d+ bytes, the manifest says \d+"):
        restore(sealed)


@pytest.mark.failure("B1")
def test_a_missing_object(mariadb_source: DatabaseServer, sealed: dict[str, Any], objects: ObjectServer, keys: Keys) -> None:
    job = restore_job(sealed, objects, keys, mariadb_source.tools, mariadb_source.admin)
    del objects.parts[DUMP]
    with pytest.raises(errors.IntegrityError, match="missing from the store"):
        agent_client.run(job)


@pytest.mark.failure("B4")
def test_the_session_key_of_another_artifact(restore: Restore, sealed: dict[str, Any]) -> None:
    other = "9:" + "0123456789ABCDEF" * 4
    with pytest.raises(errors.IntegrityError, match=f"gpg: {DUMP}: can't decrypt") as caught:
        restore(sealed, session_key=other)
    assert other[2:] not in str(caught.value)


@pytest.mark.failure("B2", "B4")
def test_ciphertext_that_was_changed_together_with_its_checksums(restore: Restore, objects: ObjectServer, keys: Keys) -> None:
    seal(PLAIN, objects, keys)
    whole = bytearray(objects.whole(DUMP))
    whole[-100] ^= 1
    objects.parts.clear()
    with pytest.raises(errors.IntegrityError, match=f"{DUMP}: can't de"):
        restore(store(bytes(whole), PLAIN, objects))


@pytest.mark.failure("B2")
def test_a_stream_that_does_not_decompress(restore: Restore, objects: ObjectServer, keys: Keys) -> None:
    with pytest.raises(errors.IntegrityError, match=f"zstd: {DUMP}: can't decompress"):
        restore(seal_raw(b"not what zstd wrote" * 100, PLAIN, objects, keys))


@pytest.mark.failure("A3")
def test_a_stream_without_its_end_marker(restore: Restore, objects: ObjectServer, keys: Keys) -> None:
    with pytest.raises(errors.IntegrityError, match="does not end with '-- Dump completed'"):
        restore(seal(PLAIN.partition(b"-- Dump")[0], objects, keys))


def test_a_stream_that_is_another_than_the_one_that_was_dumped(restore: Restore, sealed: dict[str, Any]) -> None:
    with pytest.raises(errors.IntegrityError, match="checksum mismatch"):
        restore(sealed, plain_sha256=hashlib.sha256(b"another").hexdigest())
    with pytest.raises(errors.IntegrityError, match="the manifest says 7"):
        restore(sealed, plain_bytes=7)


@pytest.mark.failure("B1")
def test_parts_that_do_not_make_up_the_whole(restore: Restore, sealed: dict[str, Any]) -> None:
    with pytest.raises(errors.IntegrityError, match="do not make up the whole"):
        restore(sealed, sha256=hashlib.sha256(b"another").hexdigest())


@pytest.mark.failure("C4")
def test_a_statement_that_the_server_refuses(mariadb_source: DatabaseServer, objects: ObjectServer, keys: Keys) -> None:
    with pytest.raises(errors.LoadError) as caught:
        load(seal(b"SELECT 1;\nSELEC 2;\n" + PLAIN, objects, keys), mariadb_source, objects, keys)
    assert "ERROR 1064 (42000) at line 2" in caught.value.detail
    assert caught.value.verdict == "refuted"


@pytest.mark.failure("C5")
def test_a_target_without_space(source: DatabaseServer, objects: ObjectServer, keys: Keys) -> None:
    schema = source.fresh_schema()
    sql = f"USE `{schema}`; SET max_heap_table_size = 16384; CREATE TABLE t (x CHAR(255)) ENGINE=MEMORY"
    sql += "; INSERT INTO t VALUES ('')"
    sql += "; INSERT INTO t SELECT * FROM t" * 10 + ";\n-- Dump completed\n"
    with pytest.raises(errors.SandboxError, match="no space left") as caught:
        load(seal(sql.encode(), objects, keys), source, objects, keys)
    assert "ERROR 1114" in caught.value.detail
    assert caught.value.verdict == "unproven"


def test_a_target_that_goes_away_during_the_load(source: DatabaseServer, objects: ObjectServer, keys: Keys) -> None:
    with pytest.raises(errors.SandboxError, match="the target went away"):
        load(seal(b"KILL CONNECTION_ID();\nSELECT 1;\n-- Dump completed\n", objects, keys), source, objects, keys)


def test_a_target_that_is_not_there(mariadb_source: DatabaseServer, objects: ObjectServer, keys: Keys) -> None:
    result = seal(PLAIN, objects, keys)
    target = {**mariadb_source.admin, "socket": "/nowhere/at.all"}
    with pytest.raises(errors.SourceError, match="can't be reached"):
        agent_client.run(restore_job(result, objects, keys, mariadb_source.tools, target))  # type: ignore[arg-type] # a copy


@pytest.mark.failure("B4")
def test_a_damaged_part_wins_over_the_statement_that_the_server_refuses_for_it(
    mariadb_source: DatabaseServer, objects: ObjectServer, keys: Keys
) -> None:
    result = seal(b"SELEC 1;\n" + PLAIN, objects, keys)
    with pytest.raises(errors.IntegrityError):
        job = restore_job(result, objects, keys, mariadb_source.tools, mariadb_source.admin)
        job["artifacts"][0]["session_key"] = "9:" + "0123456789ABCDEF" * 4
        agent_client.run(job)


def test_a_file_that_is_there_already_is_kept(
    mariadb_source: DatabaseServer, objects: ObjectServer, keys: Keys, tmp_path: pathlib.Path
) -> None:
    output = tmp_path / "plain.sql"
    output.write_text("mine")
    result = seal(PLAIN, objects, keys)
    with pytest.raises(errors.SandboxError, match="exists"):
        agent_client.run(restore_job(result, objects, keys, mariadb_source.tools, None, str(output)))
    assert output.read_text() == "mine"


def test_a_file_that_can_not_be_written(mariadb_source: DatabaseServer, objects: ObjectServer, keys: Keys) -> None:
    result = seal(PLAIN, objects, keys)
    with pytest.raises(errors.SandboxError, match="can't be written"):
        agent_client.run(restore_job(result, objects, keys, mariadb_source.tools, None, "/proc/plain.sql"))
