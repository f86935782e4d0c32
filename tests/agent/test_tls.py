"""Stores behind TLS whose certificate a company's own authority has signed."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from include.proven import agent_client, errors
from tests.agent.jobs import STORE, Keys, backup_job, restore_job
from tests.agent.object_server import ObjectServer, Signer, Signers, serving
from tests.servers.databases import DatabaseServer
from tests.servers.tls import context_of

DUMP = "dump.sql.zst.gpg"


def protect(server: ObjectServer, certificate: pathlib.Path) -> ObjectServer:
    """Make a server speak TLS."""
    server.socket = context_of(certificate).wrap_socket(server.socket, server_side=True)
    server.url = server.url.replace("http:", "https:")
    server.signer = Signer(server.url)
    return server


@pytest.fixture
def secured(certificate: pathlib.Path) -> Iterator[ObjectServer]:
    with serving(protect(ObjectServer(), certificate)) as server:
        yield server


@pytest.fixture
def job(mariadb_source: DatabaseServer, keys: Keys) -> dict[str, Any]:
    mariadb_source.drop_schemas()
    schema = mariadb_source.fresh_schema()
    mariadb_source.sql("CREATE TABLE t (x BLOB); INSERT INTO t VALUES (RANDOM_BYTES(1000))", schema)
    mariadb_source.sql("INSERT INTO t SELECT RANDOM_BYTES(1000) FROM t;" * 10, schema)
    return backup_job(mariadb_source.endpoint, mariadb_source.tools, keys)


def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(job: dict[str, Any], secured: ObjectServer) -> None:
    begun = time.monotonic()
    with pytest.raises(errors.StoreError, match="certificate refused") as caught:
        agent_client.run(job, signer=secured.signer)
    assert "authority's certificate" in caught.value.hint
    assert time.monotonic() - begun < 20
    assert not secured.seen


def test_the_companys_own_authority_is_trusted_where_it_is_named(
    job: dict[str, Any],
    secured: ObjectServer,
    certificate: pathlib.Path,
    keys: Keys,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    result = agent_client.run(job, signer=secured.signer)
    assert len(secured.parts[DUMP]) >= 4
    assert secured.connections <= STORE["parallel"]
    restored = agent_client.run(restore_job(result, secured, keys, job["tools"], None, str(tmp_path / "plain.sql")))
    assert restored["plain_bytes"] == sum(artifact["plain_bytes"] for artifact in result["artifacts"])


def test_a_request_over_tls_is_cut_off_when_its_store_has_failed(
    job: dict[str, Any],
    secured: ObjectServer,
    objects: ObjectServer,
    certificate: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    secured.faults["PUT", f"{DUMP}/1"] = ["silent"]
    secured.faults["PUT", f"{DUMP}/3"] = [507]
    stores = [{**STORE, "name": "secured"}, {**STORE, "name": "plain"}]
    begun = time.monotonic()
    signers = Signers({"secured": secured.signer, "plain": objects.signer})
    result = agent_client.run({**job, "stores": stores}, signer=signers)
    assert time.monotonic() - begun < 20
    assert "part 3 to secured: 507" in result["failed"]["secured"]["what"]
    assert len(objects.whole(DUMP)) == next(one["bytes"] for one in result["artifacts"] if one["name"] == DUMP)
