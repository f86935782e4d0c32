"""The documented privileges are enough for a backup, and each of them is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from include.proven.engines.grants import PRIVILEGES, REPLICATION
from tests.engines.dumps import dump, make_objects
from tests.servers.databases import DatabaseServer

ACCOUNT = "proven@'127.0.0.1'"
ACCOUNTS = (
    "SHOW CREATE USER app@localhost; SHOW GRANTS FOR app@localhost; SHOW GRANTS FOR reader; SELECT user, host FROM mysql.user"
)


@pytest.fixture(scope="module")
def schema(source: DatabaseServer) -> str:
    return make_objects(source)


@contextmanager
def without(source: DatabaseServer, privilege: str) -> Iterator[None]:
    source.sql(f"REVOKE {privilege} ON *.* FROM {ACCOUNT}")
    try:
        yield
    finally:
        source.sql(f"GRANT {privilege} ON *.* TO {ACCOUNT}")


def ask(source: DatabaseServer, sql: str) -> tuple[int, bytes]:
    done = source.run(source.tools["client"], source.endpoint, sql.encode())
    return done.returncode, done.stdout


def test_backup_account_dumps_all_that_root_does(source: DatabaseServer, schema: str) -> None:
    assert dump(source, source.endpoint, schema) == dump(source, source.admin, schema)


def test_backup_account_reads_accounts_and_grants(source: DatabaseServer) -> None:
    status, rows = ask(source, ACCOUNTS)
    assert status == 0
    assert rows == source.run(source.tools["client"], source.admin, ACCOUNTS.encode()).stdout


def test_backup_account_locks_and_writes_its_canary(source: DatabaseServer) -> None:
    sql = "FLUSH TABLES WITH READ LOCK; UNLOCK TABLES; CREATE DATABASE IF NOT EXISTS proven_canary;"
    if source.flavour == "mariadb":
        sql = f"BACKUP STAGE START; BACKUP STAGE BLOCK_COMMIT; BACKUP STAGE END; {sql}"
    sql += (
        "CREATE TABLE IF NOT EXISTS proven_canary.t (i INT); INSERT INTO proven_canary.t VALUES (1); DROP TABLE proven_canary.t"
    )
    assert ask(source, sql)[0] == 0


@pytest.mark.parametrize("privilege", [name for name in PRIVILEGES if name not in {"RELOAD", "LOCK TABLES", "TRIGGER"}])
def test_dump_fails_without(privilege: str, source: DatabaseServer, schema: str) -> None:
    with without(source, privilege):
        assert source.run([*source.tools["dump"], "--databases", schema], source.endpoint).returncode != 0


def test_lock_fails_without_reload(source: DatabaseServer) -> None:
    with without(source, "RELOAD"):
        assert ask(source, "FLUSH TABLES WITH READ LOCK")[0] != 0
        assert ask(source, "BACKUP STAGE START")[0] != 0


def test_tables_are_not_locked_without_lock_tables(source: DatabaseServer) -> None:
    schema = source.fresh_schema()
    source.sql("CREATE TABLE t (id INT)", schema)
    sql = f"LOCK TABLES `{schema}`.t READ"
    assert ask(source, sql)[0] == 0
    with without(source, "LOCK TABLES"):
        assert ask(source, sql)[0] != 0


def test_nothing_is_told_of_replication_without_its_privilege(source: DatabaseServer) -> None:
    sql = {"mariadb": "SHOW ALL SLAVES STATUS", "mysql": "SHOW BINARY LOG STATUS"}[source.flavour]
    assert ask(source, sql)[0] == 0
    with without(source, REPLICATION[source.flavour]):
        assert ask(source, sql)[0] != 0


def test_without_trigger_the_tools_leave_triggers_out_and_say_nothing(source: DatabaseServer, schema: str) -> None:
    with without(source, "TRIGGER"):
        assert b"FOR EACH ROW" not in dump(source, source.endpoint, schema)
    assert b"FOR EACH ROW" in dump(source, source.endpoint, schema)
