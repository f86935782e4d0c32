"""The specimen: small tables of every type, each in a schema of its own, and one of each kind of object.

A schema for each table, so that what a drill asks of a whole schema (`agent/fingerprint.py`, `agent/inventory.py`) is asked of
the one table that was changed, by the same functions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.proving.columns import Column, columns_of

PREFIX = "proving_"
ROWS = 50
ENDINGS = {
    "parted": "PARTITION BY HASH (id) PARTITIONS 3",
    "loose": "ENGINE=MyISAM",
}
DERIVED = ", twice INT GENERATED ALWAYS AS (i * 2) VIRTUAL, kept INT AS (i + 1) STORED"
NO_KEY = frozenset({"bare"})


@dataclasses.dataclass
class Table:
    """A table of rows: its columns, and the rows that the source has."""

    name: str
    columns: list[Column]
    rows: list[dict[str, Any]]
    ending: str

    @property
    def schema(self) -> str:
        """The schema that holds it and nothing else."""
        return PREFIX + self.name

    @property
    def path(self) -> str:
        """How SQL and differences name it."""
        return f"{self.schema}.t"

    @property
    def keyed(self) -> bool:
        """Whether an `id` tells its rows apart."""
        return self.name not in NO_KEY

    @property
    def visible(self) -> list[str]:
        """Every column that a client can read, generated ones included."""
        derived = ["twice", "kept"] if self.name == "derived" else []
        return [*self.given, *derived]

    @property
    def given(self) -> list[str]:
        """Every column that a row is given a value for."""
        return [*(["id"] if self.keyed else []), *(column.name for column in self.columns)]

    def create(self) -> Iterator[str]:
        """Yield the statements that make its schema and fill it."""
        yield f"CREATE DATABASE {self.schema} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"
        columns = ", ".join(f"`{column.name}` {column.type}" for column in self.columns)
        identity = "id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, " if self.keyed else ""
        more = DERIVED if self.name == "derived" else ""
        yield f"CREATE TABLE {self.path} ({identity}{columns}{more}) {self.ending}"
        for row in self.rows:
            yield self.insert(row)

    def insert(self, row: dict[str, Any]) -> str:
        """Return the statement that inserts a row."""
        names = ", ".join(f"`{name}`" for name in self.given)
        identity = [str(row["id"])] if self.keyed else []
        values = ", ".join([*identity, *(column.literal(row[column.name]) for column in self.columns)])
        return f"INSERT INTO {self.path} ({names}) VALUES ({values})"

    def where(self, row: dict[str, Any]) -> str:
        """Return the condition that holds for that row: with no key, for its twins too."""
        if self.keyed:
            return f"id = {row['id']}"
        return " AND ".join(column.is_value(row[column.name]) for column in self.columns)


def make_tables(flavour: str, seed: int) -> list[Table]:
    """Return the tables of rows, with rows of that seed. A third of the rows of one without a key have a twin."""
    tables = []
    for name, columns in columns_of(flavour).items():
        rng = Random(f"{seed} {flavour} {name}")
        ending = ENDINGS.get(name) or ("ENGINE=Aria" if name == "own" and flavour == "mariadb" else "")
        rows = [{"id": number} | {one.name: one.random(rng) for one in columns} for number in range(1, ROWS + 1)]
        if name in NO_KEY:
            rows = [rows[number % (ROWS * 3 // 4)] for number in range(ROWS)]
        tables.append(Table(name, columns, rows, ending))
    return tables


TABLES = "proving_tables"
CODE = "proving_code"

OBJECTS = {
    "parent": [f"CREATE TABLE {TABLES}.parent (id INT NOT NULL PRIMARY KEY) COMMENT='of children'"],
    "child": [
        f"CREATE TABLE {TABLES}.child (id INT NOT NULL PRIMARY KEY, parent_id INT NULL, KEY by_parent (parent_id),"
        f" CONSTRAINT to_parent FOREIGN KEY (parent_id) REFERENCES {TABLES}.parent (id) ON DELETE CASCADE)"
    ],
    "goods": [
        f"""CREATE TABLE {TABLES}.goods (
          id INT NOT NULL AUTO_INCREMENT,
          name VARCHAR(40) NOT NULL DEFAULT 'none' COMMENT 'as printed',
          code CHAR(8) CHARACTER SET latin1 COLLATE latin1_swedish_ci DEFAULT NULL,
          amount DECIMAL(12,2) NOT NULL DEFAULT 0.00,
          small SMALLINT UNSIGNED DEFAULT 7,
          base INT NOT NULL DEFAULT 1,
          seen DATETIME(3) DEFAULT NULL,
          touched TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
          kind ENUM('a','b','c') NOT NULL DEFAULT 'a',
          flags SET('x','y') NOT NULL DEFAULT '',
          body TEXT,
          twice INT GENERATED ALWAYS AS (base * 2) VIRTUAL,
          hidden INT NULL DEFAULT 3 INVISIBLE,
          PRIMARY KEY (id),
          UNIQUE KEY by_name (name, code),
          KEY by_amount (amount, small) COMMENT 'dear ones',
          KEY by_body (body(20)),
          CONSTRAINT positive CHECK (amount >= 0)
        ) ENGINE=InnoDB COMMENT='the specimen'""",
        f"INSERT INTO {TABLES}.goods (name, code, amount, small, base, seen, touched, kind, flags, body, hidden) VALUES"
        " ('a', 'x', 1.5, 1, 2, '2024-01-01 10:00:00.5', '2024-01-01 10:00:00', 'a', 'x', 'one', 1),"
        " ('b', NULL, 2.5, 2, 3, NULL, '2024-01-02 10:00:00', 'b', 'x,y', NULL, NULL),"
        " ('c', '', 0, NULL, 4, '2024-01-03 00:00:00', '2024-01-03 10:00:00', 'c', '', '', 3)",
        f"ALTER TABLE {TABLES}.goods AUTO_INCREMENT = 100",
    ],
    "parts": [
        f"CREATE TABLE {TABLES}.parts (id INT NOT NULL, y INT NOT NULL, x INT, PRIMARY KEY (id, y)) PARTITION BY RANGE (y)"
        " (PARTITION p0 VALUES LESS THAN (2020), PARTITION p1 VALUES LESS THAN (2030),"
        " PARTITION p2 VALUES LESS THAN MAXVALUE)",
        f"INSERT INTO {TABLES}.parts VALUES (1, 2010, 1), (2, 2025, 2), (3, 2040, 3)",
    ],
    "sequence": [f"CREATE SEQUENCE {TABLES}.numbers START WITH 5 INCREMENT BY 2 MAXVALUE 1000"],
    "base": [
        f"CREATE TABLE {CODE}.a (id INT NOT NULL PRIMARY KEY, n INT, s VARCHAR(20))",
        f"CREATE TABLE {CODE}.log (what VARCHAR(40), n INT)",
    ],
    "accounts": [
        "CREATE USER prove_definer@localhost",
        "CREATE USER prove_app@localhost IDENTIFIED BY 'first of all'",
        "CREATE USER prove_other@localhost",
        "CREATE ROLE prove_reader",
        f"GRANT ALL ON {CODE}.* TO prove_definer@localhost",
        f"GRANT SELECT, INSERT, DELETE ON {CODE}.* TO prove_app@localhost",
        f"GRANT SELECT (id, n), UPDATE (s) ON {CODE}.a TO prove_other@localhost",
        "GRANT PROCESS ON *.* TO prove_other@localhost",
        f"GRANT SELECT ON {CODE}.* TO prove_reader",
        "GRANT prove_reader TO prove_app@localhost",
    ],
    "views": [
        f"CREATE ALGORITHM=MERGE DEFINER=prove_definer@localhost VIEW {CODE}.v AS SELECT id, n FROM {CODE}.a WHERE n > 3",
        f"CREATE DEFINER=prove_definer@localhost VIEW {CODE}.w AS SELECT id FROM {CODE}.v",
    ],
    "procedure": [f"CREATE DEFINER=prove_definer@localhost PROCEDURE {CODE}.p(IN x INT) COMMENT 'adds' SELECT x + 1"],
    "function": [
        f"CREATE DEFINER=prove_definer@localhost FUNCTION {CODE}.f(x INT) RETURNS INT DETERMINISTIC RETURN x * 2",
    ],
    "triggers": [
        f"CREATE DEFINER=prove_definer@localhost TRIGGER {CODE}.one BEFORE INSERT ON {CODE}.a FOR EACH ROW"
        " SET NEW.n = NEW.n + 1",
        f"CREATE DEFINER=prove_definer@localhost TRIGGER {CODE}.two BEFORE INSERT ON {CODE}.a FOR EACH ROW FOLLOWS one"
        " SET NEW.n = NEW.n * 2",
        f"CREATE DEFINER=prove_definer@localhost TRIGGER {CODE}.three AFTER UPDATE ON {CODE}.a FOR EACH ROW"
        f" INSERT INTO {CODE}.log VALUES ('changed', NEW.n)",
    ],
    "event": [
        f"CREATE DEFINER=prove_definer@localhost EVENT {CODE}.e ON SCHEDULE EVERY 1 DAY STARTS '2024-01-01 00:00:00'"
        f" COMMENT 'cleans' DO DELETE FROM {CODE}.log WHERE n < 0",
    ],
    "execute": [f"GRANT EXECUTE ON PROCEDURE {CODE}.p TO prove_reader"],
}
"""What makes each kind of object, in an order that works; `sequence` is MariaDB's."""

SCHEMAS = [
    f"CREATE DATABASE {TABLES} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
    f"CREATE DATABASE {CODE} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
]


def make_objects(flavour: str) -> Iterator[str]:
    """Yield the statements that make one of each kind of object."""
    yield from SCHEMAS
    for kind, statements in OBJECTS.items():
        if kind != "sequence" or flavour == "mariadb":
            yield from statements
    default = "FOR" if flavour == "mariadb" else "TO"
    yield f"SET DEFAULT ROLE prove_reader {default} prove_app@localhost"


def drop(schemas: list[str]) -> list[str]:
    """Return the statements that take a specimen away again."""
    accounts = "prove_definer@localhost, prove_app@localhost, prove_other@localhost"
    return [
        *(f"DROP DATABASE IF EXISTS {schema}" for schema in schemas),
        f"DROP USER IF EXISTS {accounts}",
        "DROP ROLE IF EXISTS prove_reader",
    ]
