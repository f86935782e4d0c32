"""A replica as the source: a healthy one is recorded, one that has stopped or fallen behind is refused with nothing stored."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from include.proven import agent_client, errors, servers
from include.proven.agent.client import Session
from include.proven.agent.processes import CommandLog
from include.proven.manifest import Position, Replication
from tests.agent.jobs import Keys, backup_job
from tests.agent.object_server import ObjectServer
from tests.agent.replicas import Replicas, run_replicas, wait_until
from tests.servers.databases import DatabaseServer

RECEIVER = {"mariadb": "IO thread", "mysql": "receiver"}
APPLIER = {"mariadb": "SQL thread", "mysql": "applier"}


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def replicas(request: pytest.FixtureRequest) -> Iterator[Replicas]:
    flavour = request.param
    with run_replicas(flavour, request.getfixturevalue(f"{flavour}_path")) as running:
        running.primary.sql(
            "CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, at DATETIME(6))"
        )
        running.primary.sql("INSERT INTO shop.orders (at) VALUES (NOW(6))")
        wait_until(lambda: running.replica.sql("SHOW DATABASES LIKE 'shop'") != [])
        running.wait_until_equal("shop.orders")
        yield running


@pytest.fixture
def backup(objects: ObjectServer, keys: Keys) -> Any:
    def run(server: DatabaseServer, **changes: Any) -> dict[str, Any]:
        job = {**backup_job(server.endpoint, server.tools, keys, canary=False), **changes}
        return agent_client.run(job, signer=objects.signer)

    return run


def refused(backup: Any, replicas: Replicas, objects: ObjectServer, **changes: Any) -> errors.SourceError:
    """Return what the backup of the replica died of. Nothing of it may be stored."""
    with pytest.raises(errors.SourceError, match="its data is old") as caught:
        backup(replicas.replica, **changes)
    assert f"replica of 127.0.0.1:{replicas.primary.endpoint['port']}" in str(caught.value) or "channel second" in str(
        caught.value
    )
    assert "primary" in caught.value.hint
    assert not objects.parts
    return caught.value


def test_a_healthy_replica_is_recorded(replicas: Replicas, backup: Any) -> None:
    result = backup(replicas.replica)
    (followed,) = (Replication.model_validate(one) for one in result["replication"])
    assert followed.primary == f"127.0.0.1:{replicas.primary.endpoint['port']}"
    assert followed.lag_seconds < 60
    assert result["not_covered"] == []


def test_the_position_is_where_the_binary_log_stood(replicas: Replicas, backup: Any) -> None:
    at = Position.model_validate(backup(replicas.primary)["position"])
    where = {"mariadb": "SHOW MASTER STATUS", "mysql": "SHOW BINARY LOG STATUS"}[replicas.primary.flavour]
    assert [at.file, str(at.offset)] == replicas.primary.sql(where)[0][:2]
    if replicas.primary.flavour == "mariadb":
        assert at.gtid == replicas.primary.sql("SELECT @@gtid_binlog_pos")[0][0]
    assert not backup(replicas.primary)["replication"]


@pytest.mark.failure("C1")
@pytest.mark.parametrize("thread", ["SQL_THREAD", "IO_THREAD"])
def test_one_that_has_stopped_is_refused(replicas: Replicas, backup: Any, objects: ObjectServer, thread: str) -> None:
    replicas.tell("stop", thread)
    try:
        stopped = APPLIER if thread == "SQL_THREAD" else RECEIVER
        assert f"its {stopped[replicas.replica.flavour]} is stopped" in refused(backup, replicas, objects).what
    finally:
        replicas.tell("start", thread)
    wait_until(lambda: not dies(backup, replicas))


def dies(backup: Any, replicas: Replicas) -> bool:
    try:
        backup(replicas.replica)
    except errors.SourceError:
        return True
    return False


@pytest.mark.failure("C1")
def test_one_that_has_fallen_behind_is_refused(replicas: Replicas, backup: Any, objects: ObjectServer) -> None:
    with Session(replicas.replica.tools, replicas.replica.admin, CommandLog()) as holder:
        holder.execute("LOCK TABLES shop.orders READ")
        replicas.primary.sql("INSERT INTO shop.orders (at) VALUES (NOW(6))")
        time.sleep(3)
        assert "s behind, and `max_lag` is 1 s" in refused(backup, replicas, objects, max_lag=1.0).what
    replicas.wait_until_equal("shop.orders")
    assert not dies(backup, replicas)


@pytest.mark.failure("C1")
def test_a_second_channel_whose_primary_is_gone_is_named(replicas: Replicas, backup: Any, objects: ObjectServer) -> None:
    replicas.follow(channel="second", port=servers.choose_port())
    try:
        what = refused(backup, replicas, objects).what
        assert "(channel second)" in what
        assert f"its {RECEIVER[replicas.replica.flavour]} is not connected" in what
    finally:
        replicas.tell("stop", channel="second")
        replicas.tell("forget", channel="second")


def test_what_the_account_may_not_ask_is_said_and_fails_nothing(replicas: Replicas, backup: Any) -> None:
    replica, account = replicas.replica, "proven@'127.0.0.1'"
    privilege = {"mariadb": "REPLICA MONITOR", "mysql": "REPLICATION CLIENT"}[replica.flavour]
    replica.sql(f"REVOKE {privilege} ON *.* FROM {account}")
    try:
        result = backup(replica)
    finally:
        replica.sql(f"GRANT {privilege} ON *.* TO {account}")
    if replica.flavour == "mariadb":
        (sentence,) = result["not_covered"]
        assert "REPLICA MONITOR" in sentence
        assert result["position"]["file"]
    else:
        assert len(result["replication"]) == 1
        assert result["position"]["file"] == ""
