"""The inventory sees every change of a definition, account or grant, and shows no secret."""

# ruff: noqa: E501 - a change and the sentence that names it read best on one line

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from include.proven.agent import accounts, inventory
from include.proven.agent.errors import AgentError
from include.proven.agent.protocol import Endpoint
from include.proven.proof.objects import compare_inventories
from tests.proof.copies import Pair, open_session, take_inventory
from tests.servers.databases import DatabaseServer

OBJECTS = """
CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(20) NOT NULL DEFAULT 'x' COMMENT 'first', b INT, KEY by_b (b));
CREATE TABLE child (id INT PRIMARY KEY, t_id INT, CONSTRAINT to_t FOREIGN KEY (t_id) REFERENCES t (id));
CREATE TABLE parts (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20));
CREATE VIEW v AS SELECT id, a FROM t;
CREATE PROCEDURE p(IN x INT) SELECT x;
CREATE FUNCTION f(x INT) RETURNS INT DETERMINISTIC RETURN x + 1;
CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.b = 1;
CREATE TRIGGER tr_2 BEFORE INSERT ON t FOR EACH ROW FOLLOWS tr SET NEW.b = 2;
CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2024-01-01 00:00:00' DO DELETE FROM t;
CREATE EVENT once ON SCHEDULE AT '2037-01-01 00:00:00' ON COMPLETION PRESERVE DO DELETE FROM t;
CREATE USER inv@localhost IDENTIFIED BY 'hidden-hidden';
CREATE ROLE inv_role;
GRANT SELECT (id, a), INSERT (a) ON t TO inv@localhost;
GRANT EXECUTE ON PROCEDURE p TO inv_role;
GRANT inv_role TO inv@localhost;
INSERT INTO t (id) VALUES (1000);
DELETE FROM t;
"""

CHANGES = {
    "ALTER TABLE t DROP KEY by_b": r"table {schema}\.t: index by_b: missing \(KEY `by_b` \(`b`\)\)",
    "ALTER TABLE t DROP KEY by_b, ADD UNIQUE KEY by_b (b)": r"table {schema}\.t: index by_b: KEY `by_b` \(`b`\) on the source, UNIQUE KEY `by_b` \(`b`\) restored",
    "ALTER TABLE t ALTER a SET DEFAULT 'y'": r"table {schema}\.t: column a: .*DEFAULT 'x'.* on the source, .*DEFAULT 'y'.* restored",
    "ALTER TABLE t MODIFY b BIGINT": r"table {schema}\.t: column b: int.* on the source, bigint.* restored",
    "ALTER TABLE t MODIFY a VARCHAR(20) COLLATE utf8mb4_bin NOT NULL DEFAULT 'x' COMMENT 'first'": r"table {schema}\.t: column a: .* restored$",
    "ALTER TABLE t COLLATE utf8mb4_bin": r"table {schema}\.t: COLLATE: .* on the source, utf8mb4_bin restored",
    "ALTER TABLE t MODIFY a VARCHAR(20) NOT NULL DEFAULT 'x'": r"table {schema}\.t: column a: .*COMMENT 'first' on the source",
    "ALTER TABLE t MODIFY b INT FIRST": r"table {schema}\.t: order of columns: id, a, b on the source, b, id, a restored",
    "ALTER TABLE child DROP FOREIGN KEY to_t; ALTER TABLE t ENGINE=MyISAM": r"table {schema}\.t: ENGINE: InnoDB on the source, MyISAM restored",
    "ALTER TABLE child DROP FOREIGN KEY to_t": r"table {schema}\.child: foreign key to_t: missing \(CONSTRAINT `to_t`",
    "ALTER TABLE parts DROP PARTITION p1": r"table {schema}\.parts: partition p1: missing \(VALUES LESS THAN \(20\) ENGINE = InnoDB\)$",
    "ALTER TABLE t AUTO_INCREMENT = 1": r"table {schema}\.t: AUTO_INCREMENT is 1, and was 1001 before the backup: numbers would be given out a second time",
    "ALTER TABLE t AUTO_INCREMENT = 500": r"table {schema}\.t: AUTO_INCREMENT is 500, and was 1001 before",
    "DROP TABLE child": r"table {schema}\.child: missing",
    "CREATE TABLE more (id INT)": r"table {schema}\.more: not on the source, but restored",
    "DROP VIEW v": r"view {schema}\.v: missing",
    "ALTER VIEW v AS SELECT id FROM t": r"view {schema}\.v: definition differs: - .* … \+ ",
    "ALTER SQL SECURITY INVOKER VIEW v AS SELECT id, a FROM t": r"view {schema}\.v: definition differs: .*INVOKER",
    "ALTER DEFINER=inv@localhost VIEW v AS SELECT id, a FROM t": r"view {schema}\.v: definer: `root`@`localhost` on the source, `inv`@`localhost` restored",
    "DROP PROCEDURE p": r"routine {schema}\.p \(procedure\): missing",
    "DROP FUNCTION f; CREATE FUNCTION f(x INT) RETURNS INT DETERMINISTIC RETURN x + 2": r"routine {schema}\.f \(function\): definition differs: - .*RETURN x \+ 1 … \+ .*RETURN x \+ 2",
    "SET sql_mode = 'ANSI_QUOTES'; DROP FUNCTION f; CREATE FUNCTION f(x INT) RETURNS INT DETERMINISTIC RETURN x + 1": r"routine {schema}\.f \(function\): sql_mode: .* restored",
    "DROP FUNCTION f; CREATE DEFINER=inv@localhost FUNCTION f(x INT) RETURNS INT DETERMINISTIC RETURN x + 1": r"routine {schema}\.f \(function\): definer: `root`@`localhost` on the source, `inv`@`localhost` restored",
    "DROP TRIGGER tr_2": r"trigger {schema}\.tr_2: missing",
    "DROP TRIGGER tr; CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW FOLLOWS tr_2 SET NEW.b = 1": r"trigger {schema}\.tr: .*place: BEFORE INSERT #1 on the source, BEFORE INSERT #2 restored",
    "ALTER EVENT e DISABLE": r"event {schema}\.e: definition differs: - .* ENABLE .* … \+ .* DISABLE ",
    "ALTER EVENT e ON SCHEDULE EVERY 2 DAY STARTS '2024-01-01 00:00:00'": r"event {schema}\.e: definition differs: - .*EVERY 1 DAY.* … \+ .*EVERY 2 DAY",
    "DROP EVENT e": r"event {schema}\.e: missing",
    "ALTER DATABASE `{schema}` CHARACTER SET latin1": r"schema {schema}: definition differs: CHARACTER SET utf8mb4 .* on the source, CHARACTER SET latin1 .* restored",
    "REVOKE INSERT (a) ON t FROM inv@localhost": r"grants of `inv`@`localhost`: lacks INSERT \(`a`\) ON `{schema}`\.`t`",
    "GRANT DELETE ON t TO inv@localhost": r"grants of `inv`@`localhost`: has DELETE ON `{schema}`\.`t`, which it had not on the source",
    "REVOKE EXECUTE ON PROCEDURE p FROM inv_role": r"grants of `inv_role`.*: lacks EXECUTE ON PROCEDURE `{schema}`\.`p`",
    "REVOKE inv_role FROM inv@localhost": r"grants of `inv`@`localhost`: lacks role `inv_role`",
    "GRANT inv_role TO inv@localhost WITH ADMIN OPTION": r"grants of `inv`@`localhost`: has role `inv_role`.* WITH ADMIN OPTION, which",
    "DROP ROLE inv_role": r"(role|account) `inv_role`.*: missing",
    "ALTER USER inv@localhost IDENTIFIED BY 'other'": r"account `inv`@`localhost`: definition differs: .*<hidden:\w+>.* on the source, .*<hidden:\w+>.* restored",
    "ALTER USER inv@localhost ACCOUNT LOCK": r"account `inv`@`localhost`: definition differs: .*LOCK",
    "DROP USER inv@localhost": r"account `inv`@`localhost`: missing",
}


@pytest.fixture
def schema(source: DatabaseServer) -> Iterator[str]:
    schema = source.fresh_schema("inv")
    source.sql(OBJECTS, schema)
    yield schema
    source.sql(f"DROP DATABASE `{schema}`; DROP USER IF EXISTS inv@localhost; DROP ROLE IF EXISTS inv_role")


@pytest.mark.failure("A6", "A8", "C3")
@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_every_change_is_named(source: DatabaseServer, schema: str, change: str) -> None:
    before = take_inventory(source, schema)
    source.sql(change.replace("{schema}", schema), schema)
    check = compare_inventories(before, take_inventory(source, schema))
    assert check.outcome == "fail"
    wanted = CHANGES[change].replace("{schema}", schema)
    assert any(re.match(wanted, line) for line in check.differences), check.differences


def test_what_changes_by_itself_is_no_difference(source: DatabaseServer, schema: str) -> None:
    before = take_inventory(source, schema)
    source.sql("INSERT INTO t (id) VALUES (2000); DELETE FROM t; DROP EVENT once", schema)
    source.sql("CREATE USER scratch@localhost; GRANT SELECT ON *.* TO scratch@localhost")
    try:
        check = compare_inventories(before, take_inventory(source, schema))
    finally:
        source.sql("DROP USER scratch@localhost")
    assert (check.outcome, check.differences) == ("pass", [])


def test_no_password_hash_is_shown(source: DatabaseServer, schema: str) -> None:
    shown = json.dumps(take_inventory(source, schema))
    if source.flavour == "mysql":
        hashed = source.sql("SELECT HEX(authentication_string) FROM mysql.user WHERE User = 'inv'")[0][0]
    else:
        hashed = source.sql("SELECT authentication_string FROM mysql.user WHERE User = 'inv'")[0][0]
    assert len(hashed) > 30
    assert hashed not in shown
    assert "hidden-hidden" not in shown
    assert "<hidden:" in shown


def test_a_grant_without_its_object_is_left_out(source: DatabaseServer, schema: str) -> None:
    # the privilege outlives the table, and a GRANT of it can't be loaded anywhere
    source.sql("GRANT SELECT ON child TO inv@localhost; DROP TABLE child", schema)
    with open_session(source) as session:
        taken = accounts.take(session, source.flavour, [schema])
        elsewhere = accounts.take(session, source.flavour, ["another"])
    assert not any("`child`" in statement for statement in taken.after_dump)
    assert any("`t`" in statement for statement in taken.after_dump)
    assert not any(f"`{schema}`" in statement for statement in elsewhere.after_dump)
    assert not any("ON `" in statement and "`.`" in statement for statement in taken.before_dump)


def test_a_public_that_may_do_nothing_any_more_is_no_account(source: DatabaseServer, schema: str) -> None:
    if source.flavour == "mariadb":  # MySQL has no PUBLIC
        source.sql("GRANT SELECT ON t TO PUBLIC; REVOKE SELECT ON t FROM PUBLIC", schema)
    with open_session(source) as session:
        assert "PUBLIC" not in [one.account.user for one in accounts.define(session, source.flavour, [schema])]


@pytest.mark.failure("A6")
def test_a_definition_that_is_kept_back_is_an_error(source: DatabaseServer, schema: str) -> None:
    blind = Endpoint(**{**source.endpoint, "user": "blind", "password": "x"})
    source.sql("CREATE USER blind@'127.0.0.1' IDENTIFIED BY 'x'; GRANT SELECT, TRIGGER, EVENT ON *.* TO blind@'127.0.0.1'")
    try:
        with open_session(source, blind) as session, pytest.raises(AgentError) as caught:
            inventory.take(session, source.flavour, [schema])
    finally:
        source.sql("DROP USER blind@'127.0.0.1'")
    assert caught.value.kind == "source"
    assert "SHOW VIEW" in caught.value.detail + caught.value.hint


def test_accounts_of_host_names_are_restored_where_names_are_not_resolved(pair: Pair) -> None:
    # every server here runs with skip_name_resolve, as sandboxes do
    schema = pair.source.fresh_schema("hosts")
    pair.source.sql("CREATE USER far@'db1.example.com' IDENTIFIED BY 'x'; GRANT SELECT ON *.* TO far@'db1.example.com'")
    pair.copy([schema])
    before = take_inventory(pair.source, schema)
    assert "`far`@`db1.example.com`" in before["accounts"]
    assert compare_inventories(before, take_inventory(pair.twin, schema)).differences == []
    # MariaDB, once it has read its tables again, ignores such an account
    pair.source.sql("FLUSH PRIVILEGES")
    there = "`far`@`db1.example.com`" in take_inventory(pair.source, schema)["accounts"]
    assert there == (pair.source.flavour == "mysql")
    table = "mysql.user" if there else "mysql.global_priv"
    pair.source.sql(f"DELETE FROM {table} WHERE User = 'far'; FLUSH PRIVILEGES")
