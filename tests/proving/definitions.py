"""Single mutations of definitions: tables, views, routines, triggers, events, accounts and grants, each with what restores it."""

# ruff: noqa: E501 - a change reads best on one line

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.proving.rows import Mutation
from tests.proving.specimen import CODE, OBJECTS, TABLES

Template = tuple[str, str, str, Callable[[Random], list[str]]]
"""Kind, what restores it, part of the line that must name it, and the statements."""

TABLE, INDEX, COLLATION, PARTITION = (
    "a column or table option",
    "an index or constraint",
    "a character set or collation",
    "a partition",
)
VIEW, ROUTINE, TRIGGER, EVENT, DEFINER = "a view", "a routine", "a trigger", "an event", "a definer"
ACCOUNT, GRANT, SEQUENCE, DROPPED = "an account or role", "a grant", "a sequence", "an object dropped or added"
GOODS, DEFINED_BY = f"{TABLES}.goods", "DEFINER=prove_definer@localhost"


def alter(kind: str, table: str, change: Callable[[Random], str]) -> Template:
    """A change of one table by one ALTER."""
    return kind, table, f"{TABLES}.{table}", lambda rng: [f"ALTER TABLE {TABLES}.{table} {change(rng)}"]


def remade(kind: str, restores: str, what: str, name: str, change: Callable[[Random], str]) -> Template:
    """An object of code that is dropped and made otherwise."""
    return kind, restores, f"{CODE}.{name}", lambda rng: [f"DROP {what} {CODE}.{name}", change(rng)]


def word(rng: Random) -> str:
    """A text that stands in no definition yet."""
    return "".join(rng.choices("abcdefgh", k=rng.randint(3, 9)))


def account(kind: str, name: str, statement: Callable[[Random], str]) -> Template:
    """A change of an account or its grants."""
    return kind, "accounts", name, lambda rng: [statement(rng)]


def templates(flavour: str) -> list[Template]:
    """Return every way to change a definition that the flavour has."""
    return [*TABLE_CHANGES, *CODE_CHANGES, *ACCOUNT_CHANGES, *(MARIADB if flavour == "mariadb" else MYSQL)]


NAME = "VARCHAR({size}) NOT NULL DEFAULT '{default}' COMMENT '{comment}'"


def name_column(rng: Random) -> str:
    """Return a column `name` of which one thing is different."""
    changed = rng.choice([{"size": rng.randint(41, 190)}, {"default": word(rng)}, {"comment": word(rng)}])
    return "MODIFY name " + NAME.format(**({"size": 40, "default": "none", "comment": "as printed"} | changed))


TABLE_CHANGES: list[Template] = [
    alter(TABLE, "goods", name_column),
    alter(TABLE, "goods", name_column),
    alter(TABLE, "goods", lambda rng: "MODIFY name VARCHAR(40) NULL DEFAULT 'none' COMMENT 'as printed'"),
    alter(TABLE, "goods", lambda rng: f"MODIFY amount DECIMAL({rng.randint(13, 30)},{rng.randint(2, 6)}) NOT NULL DEFAULT 0.00"),
    alter(TABLE, "goods", lambda rng: f"ALTER amount SET DEFAULT {rng.randint(1, 999)}.00"),
    alter(TABLE, "goods", lambda rng: f"ALTER small SET DEFAULT {rng.choice([*range(8, 60000)])}"),
    alter(TABLE, "goods", lambda rng: "ALTER small DROP DEFAULT"),
    alter(TABLE, "goods", lambda rng: f"MODIFY small {rng.choice(['SMALLINT', 'INT UNSIGNED', 'MEDIUMINT UNSIGNED', 'BIGINT UNSIGNED'])} DEFAULT 7"),
    alter(TABLE, "goods", lambda rng: f"MODIFY seen DATETIME({rng.choice([4, 5, 6])}) DEFAULT NULL"),
    alter(TABLE, "goods", lambda rng: "MODIFY touched TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP"),
    alter(TABLE, "goods", lambda rng: f"MODIFY kind ENUM('a','b','c','{word(rng)}') NOT NULL DEFAULT 'a'"),
    alter(TABLE, "goods", lambda rng: f"MODIFY kind ENUM('a','b','c') NOT NULL DEFAULT '{rng.choice('bc')}'"),
    alter(TABLE, "goods", lambda rng: f"MODIFY flags SET('x','y','{word(rng)}') NOT NULL DEFAULT ''"),
    alter(TABLE, "goods", lambda rng: f"MODIFY body {rng.choice(['MEDIUMTEXT', 'LONGTEXT', 'TEXT NOT NULL'])}"),
    alter(TABLE, "goods", lambda rng: f"MODIFY hidden INT NULL DEFAULT {rng.randint(4, 999)} INVISIBLE"),
    alter(TABLE, "goods", lambda rng: "MODIFY hidden INT NULL DEFAULT 3"),
    alter(TABLE, "goods", lambda rng: f"MODIFY twice INT GENERATED ALWAYS AS (base * {rng.randint(3, 99)}) VIRTUAL"),
    alter(TABLE, "goods", lambda rng: f"MODIFY seen DATETIME(3) DEFAULT NULL AFTER {rng.choice(['id', 'name', 'code', 'body'])}"),
    alter(TABLE, "goods", lambda rng: f"DROP COLUMN {rng.choice(['hidden', 'seen', 'flags', 'twice'])}"),
    alter(TABLE, "goods", lambda rng: f"ADD COLUMN {word(rng)} INT NULL"),
    alter(TABLE, "goods", lambda rng: f"RENAME COLUMN seen TO {word(rng)}"),
    alter(TABLE, "goods", lambda rng: f"COMMENT='{word(rng)}'"),
    alter(TABLE, "goods", lambda rng: f"ROW_FORMAT={rng.choice(['COMPRESSED', 'REDUNDANT', 'COMPACT'])}"),
    alter(TABLE, "goods", lambda rng: "MODIFY id INT NOT NULL"),
    alter("a counter set back", "goods", lambda rng: f"AUTO_INCREMENT = {rng.randint(4, 99)}"),
    alter(TABLE, "goods", lambda rng: "MODIFY id BIGINT NOT NULL AUTO_INCREMENT"),
    alter(TABLE, "parts", lambda rng: "ENGINE=InnoDB ROW_FORMAT=REDUNDANT"),
    ("a storage engine", "parent", f"{TABLES}.", lambda rng: [f"ALTER TABLE {TABLES}.child DROP FOREIGN KEY to_parent", f"ALTER TABLE {TABLES}.parent ENGINE={rng.choice(['MyISAM', 'MEMORY'])}"]),
    alter(COLLATION, "goods", lambda rng: f"MODIFY code CHAR(8) CHARACTER SET latin1 COLLATE {rng.choice(['latin1_bin', 'latin1_general_ci', 'latin1_german1_ci'])} DEFAULT NULL"),
    alter(COLLATION, "goods", lambda rng: f"MODIFY code CHAR(8) CHARACTER SET {rng.choice(['utf8mb4', 'ascii', 'latin2'])} DEFAULT NULL"),
    alter(COLLATION, "goods", lambda rng: f"MODIFY body TEXT COLLATE {rng.choice(['utf8mb4_bin', 'utf8mb4_general_ci', 'utf8mb4_swedish_ci'])}"),
    alter(COLLATION, "goods", lambda rng: f"DEFAULT CHARACTER SET utf8mb4 COLLATE {rng.choice(['utf8mb4_bin', 'utf8mb4_general_ci', 'utf8mb4_danish_ci'])}"),
    (COLLATION, "schema", TABLES, lambda rng: [f"ALTER DATABASE {TABLES} CHARACTER SET {rng.choice(['latin1', 'utf8mb4 COLLATE utf8mb4_bin', 'ascii'])}"]),
    alter(INDEX, "goods", lambda rng: f"DROP KEY {rng.choice(['by_name', 'by_amount', 'by_body'])}"),
    alter(INDEX, "goods", lambda rng: f"ADD KEY {word(rng)} ({rng.choice(['seen', 'kind', 'base', 'touched'])})"),
    alter(INDEX, "goods", lambda rng: "DROP KEY by_amount, ADD KEY by_amount (small, amount) COMMENT 'dear ones'"),
    alter(INDEX, "goods", lambda rng: f"DROP KEY by_amount, ADD KEY by_amount (amount, small) COMMENT '{word(rng)}'"),
    alter(INDEX, "goods", lambda rng: "DROP KEY by_amount, ADD UNIQUE KEY by_amount (amount, small) COMMENT 'dear ones'"),
    alter(INDEX, "goods", lambda rng: f"DROP KEY by_body, ADD KEY by_body (body({rng.randint(21, 99)}))"),
    alter(INDEX, "goods", lambda rng: f"RENAME INDEX by_amount TO {word(rng)}"),
    alter(INDEX, "goods", lambda rng: "DROP PRIMARY KEY, ADD PRIMARY KEY (id, base)"),
    alter(INDEX, "goods", lambda rng: "DROP CONSTRAINT positive"),
    alter(INDEX, "goods", lambda rng: f"ADD CONSTRAINT {word(rng)} CHECK (base <> 0)"),
    (INDEX, "goods", GOODS, lambda rng: [f"ALTER TABLE {GOODS} DROP CONSTRAINT positive", f"ALTER TABLE {GOODS} ADD CONSTRAINT positive CHECK (amount >= -{rng.randint(1, 99)})"]),
    alter(INDEX, "child", lambda rng: "DROP FOREIGN KEY to_parent"),
    (INDEX, "child", f"{TABLES}.child", lambda rng: [f"ALTER TABLE {TABLES}.child DROP FOREIGN KEY to_parent", f"ALTER TABLE {TABLES}.child ADD CONSTRAINT to_parent FOREIGN KEY (parent_id) REFERENCES {TABLES}.parent (id) {rng.choice(['', 'ON DELETE SET NULL', 'ON UPDATE CASCADE', 'ON DELETE CASCADE ON UPDATE CASCADE'])}"]),
    alter(PARTITION, "parts", lambda rng: "REMOVE PARTITIONING"),
    alter(PARTITION, "parts", lambda rng: f"PARTITION BY HASH (id) PARTITIONS {rng.randint(2, 6)}"),
    alter(PARTITION, "parts", lambda rng: f"REORGANIZE PARTITION p0, p1 INTO (PARTITION p0 VALUES LESS THAN ({rng.randint(2011, 2019)}), PARTITION p1 VALUES LESS THAN (2030))"),
    alter(PARTITION, "parts", lambda rng: f"REORGANIZE PARTITION p1 INTO (PARTITION p1 VALUES LESS THAN ({rng.randint(2021, 2029)}), PARTITION {word(rng)} VALUES LESS THAN (2030))"),
    alter(PARTITION, "parts", lambda rng: f"REORGANIZE PARTITION p0 INTO (PARTITION {word(rng)} VALUES LESS THAN (2020))"),
    alter(PARTITION, "parts", lambda rng: f"DROP PARTITION {rng.choice(['p0', 'p1', 'p2'])}"),
    (DROPPED, "child", f"{TABLES}.child", lambda rng: [f"DROP TABLE {TABLES}.child"]),
    (DROPPED, "parts", f"{TABLES}.parts", lambda rng: [f"DROP TABLE {TABLES}.parts"]),
    (DROPPED, "more", f"{TABLES}.more", lambda rng: [f"CREATE TABLE {TABLES}.more (id INT)"]),
]  # fmt: skip

CODE_CHANGES: list[Template] = [
    (DROPPED, "views", f"{CODE}.w", lambda rng: [f"DROP VIEW {CODE}.w"]),
    (VIEW, "views", f"{CODE}.v", lambda rng: [f"ALTER ALGORITHM=MERGE {DEFINED_BY} VIEW {CODE}.v AS SELECT id, n FROM {CODE}.a WHERE n > {rng.randint(4, 999)}"]),
    (VIEW, "views", f"{CODE}.v", lambda rng: [f"ALTER ALGORITHM=MERGE {DEFINED_BY} VIEW {CODE}.v AS SELECT id, n {rng.choice(['+ 1 AS n', '* 1 AS n'])} FROM {CODE}.a WHERE n > 3"]),
    (VIEW, "views", f"{CODE}.v", lambda rng: [f"ALTER ALGORITHM={rng.choice(['TEMPTABLE', 'UNDEFINED'])} {DEFINED_BY} VIEW {CODE}.v AS SELECT id, n FROM {CODE}.a WHERE n > 3"]),
    (VIEW, "views", f"{CODE}.v", lambda rng: [f"ALTER ALGORITHM=MERGE {DEFINED_BY} SQL SECURITY INVOKER VIEW {CODE}.v AS SELECT id, n FROM {CODE}.a WHERE n > 3"]),
    (VIEW, "views", f"{CODE}.v", lambda rng: [f"ALTER ALGORITHM=MERGE {DEFINED_BY} VIEW {CODE}.v AS SELECT id, n FROM {CODE}.a WHERE n > 3 WITH {rng.choice(['LOCAL', 'CASCADED'])} CHECK OPTION"]),
    (DEFINER, "views", f"{CODE}.v", lambda rng: [f"ALTER ALGORITHM=MERGE DEFINER={rng.choice(['prove_app', 'root'])}@localhost VIEW {CODE}.v AS SELECT id, n FROM {CODE}.a WHERE n > 3"]),
    (DROPPED, "procedure", f"{CODE}.p", lambda rng: [f"DROP PROCEDURE {CODE}.p"]),
    remade(ROUTINE, "procedure", "PROCEDURE", "p", lambda rng: f"CREATE {DEFINED_BY} PROCEDURE {CODE}.p(IN x INT) COMMENT 'adds' SELECT x + {rng.randint(2, 99)}"),
    remade(ROUTINE, "procedure", "PROCEDURE", "p", lambda rng: f"CREATE {DEFINED_BY} PROCEDURE {CODE}.p(IN x INT) COMMENT '{word(rng)}' SELECT x + 1"),
    remade(ROUTINE, "procedure", "PROCEDURE", "p", lambda rng: f"CREATE {DEFINED_BY} PROCEDURE {CODE}.p({rng.choice(['IN x BIGINT', 'INOUT x INT', 'OUT x INT', 'IN x INT, IN y INT'])}) COMMENT 'adds' SELECT x + 1"),
    (ROUTINE, "procedure", f"{CODE}.p", lambda rng: [f"ALTER PROCEDURE {CODE}.p {rng.choice(['SQL SECURITY INVOKER', 'READS SQL DATA', 'NO SQL', 'MODIFIES SQL DATA'])}"]),
    remade(DEFINER, "procedure", "PROCEDURE", "p", lambda rng: f"CREATE DEFINER={rng.choice(['prove_app', 'root'])}@localhost PROCEDURE {CODE}.p(IN x INT) COMMENT 'adds' SELECT x + 1"),
    (DROPPED, "function", f"{CODE}.f", lambda rng: [f"DROP FUNCTION {CODE}.f"]),
    remade(ROUTINE, "function", "FUNCTION", "f", lambda rng: f"CREATE {DEFINED_BY} FUNCTION {CODE}.f(x INT) RETURNS INT DETERMINISTIC RETURN x * {rng.randint(3, 99)}"),
    remade(ROUTINE, "function", "FUNCTION", "f", lambda rng: f"CREATE {DEFINED_BY} FUNCTION {CODE}.f(x INT) RETURNS {rng.choice(['BIGINT', 'INT UNSIGNED', 'VARCHAR(9)'])} DETERMINISTIC RETURN x * 2"),
    remade(ROUTINE, "function", "FUNCTION", "f", lambda rng: f"CREATE {DEFINED_BY} FUNCTION {CODE}.f(x INT) RETURNS INT NOT DETERMINISTIC NO SQL RETURN x * 2"),
    ("the sql_mode of a routine", "function", f"{CODE}.f", lambda rng: [f"DROP FUNCTION {CODE}.f", f"SET SESSION sql_mode = '{rng.choice(['ANSI', 'STRICT_ALL_TABLES', 'NO_ZERO_DATE', 'PIPES_AS_CONCAT'])}'", f"CREATE {DEFINED_BY} FUNCTION {CODE}.f(x INT) RETURNS INT DETERMINISTIC RETURN x * 2", "SET SESSION sql_mode = ''"]),
    (DROPPED, "triggers", f"{CODE}.three", lambda rng: [f"DROP TRIGGER {CODE}.three"]),
    remade(TRIGGER, "triggers", "TRIGGER", "three", lambda rng: f"CREATE {DEFINED_BY} TRIGGER {CODE}.three AFTER UPDATE ON {CODE}.a FOR EACH ROW INSERT INTO {CODE}.log VALUES ('{word(rng)}', NEW.n)"),
    remade(TRIGGER, "triggers", "TRIGGER", "three", lambda rng: f"CREATE {DEFINED_BY} TRIGGER {CODE}.three AFTER {rng.choice(['INSERT', 'DELETE'])} ON {CODE}.a FOR EACH ROW INSERT INTO {CODE}.log VALUES ('changed', {rng.randint(1, 9)})"),
    remade(TRIGGER, "triggers", "TRIGGER", "three", lambda rng: f"CREATE {DEFINED_BY} TRIGGER {CODE}.three BEFORE UPDATE ON {CODE}.a FOR EACH ROW INSERT INTO {CODE}.log VALUES ('changed', NEW.n)"),
    remade(TRIGGER, "triggers", "TRIGGER", "one", lambda rng: f"CREATE {DEFINED_BY} TRIGGER {CODE}.one BEFORE INSERT ON {CODE}.a FOR EACH ROW FOLLOWS two SET NEW.n = NEW.n + 1"),
    remade(DEFINER, "triggers", "TRIGGER", "three", lambda rng: f"CREATE DEFINER={rng.choice(['prove_app', 'root'])}@localhost TRIGGER {CODE}.three AFTER UPDATE ON {CODE}.a FOR EACH ROW INSERT INTO {CODE}.log VALUES ('changed', NEW.n)"),
    (DROPPED, "event", f"{CODE}.e", lambda rng: [f"DROP EVENT {CODE}.e"]),
    (EVENT, "event", f"{CODE}.e", lambda rng: [f"ALTER {DEFINED_BY} EVENT {CODE}.e {rng.choice(['DISABLE', 'ON COMPLETION PRESERVE', 'ON SCHEDULE EVERY 2 DAY', 'ON SCHEDULE EVERY 1 WEEK'])}"]),
    (EVENT, "event", f"{CODE}.e", lambda rng: [f"ALTER {DEFINED_BY} EVENT {CODE}.e COMMENT '{word(rng)}'"]),
    (EVENT, "event", f"{CODE}.e", lambda rng: [f"ALTER {DEFINED_BY} EVENT {CODE}.e DO DELETE FROM {CODE}.log WHERE n < {rng.randint(1, 999)}"]),
    (EVENT, "event", f"{CODE}.e", lambda rng: [f"ALTER {DEFINED_BY} EVENT {CODE}.e ON SCHEDULE EVERY 1 DAY STARTS '2024-01-01 {rng.randint(1, 23):02}:00:00'"]),
    (DEFINER, "event", f"{CODE}.e", lambda rng: [f"ALTER DEFINER={rng.choice(['prove_app', 'root'])}@localhost EVENT {CODE}.e COMMENT 'cleans'"]),
]  # fmt: skip

ACCOUNT_CHANGES: list[Template] = [
    account(ACCOUNT, "prove_app", lambda rng: f"ALTER USER prove_app@localhost IDENTIFIED BY '{word(rng)}'"),
    account(ACCOUNT, "prove_app", lambda rng: "ALTER USER prove_app@localhost ACCOUNT LOCK"),
    account(ACCOUNT, "prove_app", lambda rng: f"ALTER USER prove_app@localhost REQUIRE {rng.choice(['SSL', 'X509'])}"),
    account(ACCOUNT, "prove_app", lambda rng: f"ALTER USER prove_app@localhost WITH MAX_{rng.choice(['QUERIES', 'UPDATES', 'CONNECTIONS'])}_PER_HOUR {rng.randint(1, 999)}"),
    account(ACCOUNT, "prove_app", lambda rng: f"ALTER USER prove_app@localhost PASSWORD EXPIRE {rng.choice(['NEVER', f'INTERVAL {rng.randint(1, 999)} DAY'])}"),
    account(ACCOUNT, "prove_app", lambda rng: "DROP USER prove_app@localhost"),
    account(ACCOUNT, "prove_reader", lambda rng: "DROP ROLE prove_reader"),
    account(GRANT, "prove_app", lambda rng: f"REVOKE {rng.choice(['SELECT', 'INSERT', 'DELETE', 'SELECT, INSERT'])} ON {CODE}.* FROM prove_app@localhost"),
    account(GRANT, "prove_app", lambda rng: f"GRANT {rng.choice(['UPDATE', 'DROP', 'ALTER', 'CREATE VIEW', 'TRIGGER', 'EVENT'])} ON {CODE}.* TO prove_app@localhost"),
    account(GRANT, "prove_app", lambda rng: f"GRANT {rng.choice(['FILE', 'RELOAD', 'SELECT', 'PROCESS', 'CREATE USER'])} ON *.* TO prove_app@localhost"),
    account(GRANT, "prove_app", lambda rng: f"GRANT SELECT ON {CODE}.* TO prove_app@localhost WITH GRANT OPTION"),
    account(GRANT, "prove_other", lambda rng: f"GRANT {rng.choice(['SELECT (s)', 'INSERT (id)', 'UPDATE (n)', 'DELETE'])} ON {CODE}.a TO prove_other@localhost"),
    account(GRANT, "prove_other", lambda rng: f"REVOKE {rng.choice(['SELECT (id)', 'SELECT (n)', 'UPDATE (s)'])} ON {CODE}.a FROM prove_other@localhost"),
    account(GRANT, "prove_other", lambda rng: "REVOKE PROCESS ON *.* FROM prove_other@localhost"),
    account(GRANT, "prove_reader", lambda rng: f"REVOKE EXECUTE ON PROCEDURE {CODE}.p FROM prove_reader"),
    account(GRANT, "prove_reader", lambda rng: f"GRANT EXECUTE ON FUNCTION {CODE}.f TO prove_reader"),
    account(GRANT, "prove_", lambda rng: "REVOKE prove_reader FROM prove_app@localhost"),
    account(GRANT, "prove_", lambda rng: "GRANT prove_reader TO prove_other@localhost"),
]  # fmt: skip

MARIADB: list[Template] = [
    (SEQUENCE, "sequence", f"{TABLES}.numbers", lambda rng: [f"ALTER SEQUENCE {TABLES}.numbers {rng.choice([f'INCREMENT BY {rng.randint(3, 99)}', f'MAXVALUE {rng.randint(1001, 9999)}', 'CYCLE', f'CACHE {rng.randint(2, 99)}', 'MINVALUE 2'])}"]),
    (DROPPED, "sequence", f"{TABLES}.numbers", lambda rng: [f"DROP SEQUENCE {TABLES}.numbers"]),
    account(ACCOUNT, "prove_app", lambda rng: "SET DEFAULT ROLE NONE FOR prove_app@localhost"),
    alter(TABLE, "parent", lambda rng: "ADD SYSTEM VERSIONING"),
    alter(TABLE, "parts", lambda rng: f"PAGE_CHECKSUM=1 COMMENT='{word(rng)}'"),
    alter(INDEX, "goods", lambda rng: "ALTER INDEX by_amount IGNORED"),
]  # fmt: skip

MYSQL: list[Template] = [
    account(ACCOUNT, "prove_app", lambda rng: "ALTER USER prove_app@localhost DEFAULT ROLE NONE"),
    account(ACCOUNT, "prove_app", lambda rng: f"ALTER USER prove_app@localhost ATTRIBUTE '{{\"team\": \"{word(rng)}\"}}'"),
    account(ACCOUNT, "prove_app", lambda rng: f"ALTER USER prove_app@localhost PASSWORD HISTORY {rng.randint(1, 99)}"),
    account(GRANT, "prove_other", lambda rng: f"GRANT {rng.choice(['BACKUP_ADMIN', 'BINLOG_ADMIN', 'CONNECTION_ADMIN'])} ON *.* TO prove_other@localhost"),
    alter(INDEX, "goods", lambda rng: "ALTER INDEX by_amount INVISIBLE"),
    alter(INDEX, "goods", lambda rng: "ALTER CHECK positive NOT ENFORCED"),
    alter(TABLE, "goods", lambda rng: f"MODIFY base INT NOT NULL DEFAULT ({rng.randint(2, 99)} + 1)"),
    alter(TABLE, "goods", lambda rng: f"MODIFY code CHAR(8) CHARACTER SET latin1 COLLATE latin1_swedish_ci DEFAULT NULL COMMENT '{word(rng)}'"),
]  # fmt: skip

DROPS: dict[str, list[str]] = {
    **{name: [f"DROP TABLE IF EXISTS {TABLES}.{name}"] for name in ("parent", "child", "goods", "parts", "more")},
    "sequence": [f"DROP SEQUENCE IF EXISTS {TABLES}.numbers"],
    "schema": [f"ALTER DATABASE {TABLES} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"],
    "views": [f"DROP VIEW IF EXISTS {CODE}.v, {CODE}.w"],
    "procedure": [f"DROP PROCEDURE IF EXISTS {CODE}.p"],
    "function": [f"DROP FUNCTION IF EXISTS {CODE}.f"],
    "triggers": [f"DROP TRIGGER IF EXISTS {CODE}.{name}" for name in ("one", "two", "three")],
    "event": [f"DROP EVENT IF EXISTS {CODE}.e"],
    "accounts": ["DROP USER IF EXISTS prove_app@localhost, prove_other@localhost", "DROP ROLE IF EXISTS prove_reader"],
}


def restore(kind: str, account_statements: list[str]) -> list[str]:
    """Return the statements that make one kind of object as it was; accounts by the statements that a backup makes them with."""
    if kind == "accounts":
        return [*DROPS[kind], *account_statements]
    again = restore("child", []) if kind == "parent" else OBJECTS["execute"] if kind == "procedure" else []
    return [*DROPS[kind], *OBJECTS.get(kind, []), *again]


def mutate(rng: Random, flavour: str) -> Mutation:
    """Return a random mutation of a definition, an account or a grant."""
    kind, restores, target, statements = rng.choice(templates(flavour))
    schema = CODE if restores in ("views", "procedure", "function", "triggers", "event", "accounts") else TABLES
    return Mutation(kind, schema, target, statements(rng), restores)
