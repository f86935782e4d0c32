"""A load on a source: several clients that write without a pause that matters, while backups are taken.

Transactions that move money between accounts, some rolled back; rows that come and go, in tables with and without a key and in
one of MyISAM that is in no snapshot; DDL beside them, and accounts and grants that change. Tables stay about
as large as they are.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable
from random import Random
from types import TracebackType

import pymysql
from pymysql.connections import Connection
from pymysql.cursors import Cursor

from tests.servers.databases import DatabaseServer

SHOP, SIDE, ELSEWHERE = "busy", "busy_side", "busy_elsewhere"
SCHEMAS = [SHOP, SIDE]
"""Those that are backed up. In `ELSEWHERE` there is DDL too, which is none of the backup's business."""
ACCOUNTS = 400
GIVES_WAY = {1205, 1213}
"""Lock wait timeout, deadlock: the transaction is rolled back, as every application has to know."""

TABLES = f"""
CREATE DATABASE {SHOP} CHARACTER SET utf8mb4; CREATE DATABASE {SIDE} CHARACTER SET utf8mb4; CREATE DATABASE {ELSEWHERE};
CREATE TABLE {SHOP}.accounts (id INT PRIMARY KEY, owner VARCHAR(40) NOT NULL, balance DECIMAL(12,2) NOT NULL,
  seen TIMESTAMP(6) NULL);
CREATE TABLE {SHOP}.journal (id BIGINT AUTO_INCREMENT PRIMARY KEY, debit INT, credit INT, amount DECIMAL(12,2), at DATETIME(6),
  about JSON, receipt BLOB, KEY by_debit (debit));
CREATE TABLE {SHOP}.line (at DATETIME, word VARCHAR(40), hits INT);
CREATE TABLE {SHOP}.loose (id INT PRIMARY KEY, hits INT, word VARCHAR(40)) ENGINE=MyISAM;
CREATE TABLE {SHOP}.quiet (id INT PRIMARY KEY, x TEXT) ENGINE=MyISAM;
CREATE VIEW {SHOP}.rich AS SELECT id, balance FROM {SHOP}.accounts WHERE balance > 100;
CREATE TRIGGER {SHOP}.stamp BEFORE UPDATE ON {SHOP}.accounts FOR EACH ROW SET NEW.seen = NOW(6);
CREATE TABLE {SIDE}.lasting (id INT PRIMARY KEY, x INT);
INSERT INTO {SHOP}.quiet VALUES (1, 'nobody writes here');
"""


def make(server: DatabaseServer) -> None:
    """Make the schemas and fill them."""
    remove(server)
    server.sql(TABLES)
    rows = ", ".join(f"({number}, 'owner {number} é😀', 100, NULL)" for number in range(ACCOUNTS))
    loose = ", ".join(f"({number}, 0, 'word {number}')" for number in range(100))
    server.sql(f"INSERT INTO accounts VALUES {rows}; INSERT INTO loose VALUES {loose}", SHOP)


def remove(server: DatabaseServer) -> None:
    """Take the schemas and accounts away."""
    server.sql("; ".join(f"DROP DATABASE IF EXISTS {name}" for name in (SHOP, SIDE, ELSEWHERE)))
    server.sql("DROP USER IF EXISTS busy_one@localhost, busy_two@localhost")


@dataclasses.dataclass
class Load:
    """The load while its `with` block runs. The end raises what a client has met that no application has to know."""

    server: DatabaseServer
    seed: int
    pause: float = 0.01
    """Seconds between two transactions of one client."""
    ddl_pause: float = 2.0
    """Seconds between two changes of definitions or accounts."""
    done: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    """Statements, and what became of transactions."""

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._failures: list[Exception] = []
        self._begun = 0.0
        self.seconds = 0.0

    def __enter__(self) -> Load:
        work: list[tuple[Callable[[Cursor, Random], None], float]] = [
            (self._pay, self.pause),
            (self._pay, self.pause),
            (self._write_lines, self.pause),
            (self._write_loose, self.pause * 4),
            (self._define, self.ddl_pause),
            (self._administrate, self.ddl_pause),
        ]
        self._threads = [
            threading.Thread(target=self._client, args=[step, Random(f"{self.seed} {number}"), pause])
            for number, (step, pause) in enumerate(work)
        ]
        self._begun = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.seconds = time.monotonic() - self._begun
        if self._failures and error is None:
            raise self._failures[0]

    @property
    def rate(self) -> float:
        """Statements a second, of all clients."""
        return self.done["statements"] / max(self.seconds or time.monotonic() - self._begun, 0.001)

    def _client(self, step: Callable[[Cursor, Random], None], rng: Random, pause: float) -> None:
        try:
            with contextlib.closing(self._connect()) as connection:
                while not self._stop.wait(pause * rng.uniform(0.5, 1.5)):
                    self._transact(connection, step, rng)
        except Exception as error:
            # told by __exit__: a thread's own exception goes nowhere
            self._failures.append(error)

    def _connect(self) -> Connection[Cursor]:
        return pymysql.connect(unix_socket=self.server.admin["socket"], user="root", password="", charset="utf8mb4")

    def _transact(self, connection: Connection[Cursor], step: Callable[[Cursor, Random], None], rng: Random) -> None:
        with connection.cursor() as cursor:
            try:
                step(cursor, rng)
            except pymysql.err.OperationalError as error:
                if error.args[0] not in GIVES_WAY:
                    raise
                connection.rollback()
                self._count("gave way")
                return
        if rng.random() < 0.1:
            connection.rollback()
            self._count("rolled back")
        else:
            connection.commit()
            self._count("committed")

    def _run(self, cursor: Cursor, sql: str, *values: object) -> None:
        cursor.execute(sql, values)
        self._count("statements")

    def _count(self, what: str) -> None:
        with self._lock:
            self.done[what] += 1

    def _pay(self, cursor: Cursor, rng: Random) -> None:
        debit, credit = sorted(rng.sample(range(ACCOUNTS), 2))
        amount = rng.randint(1, 500) / 100
        for account, change in ((debit, -amount), (credit, amount)):
            self._run(cursor, f"UPDATE {SHOP}.accounts SET balance = balance + %s WHERE id = %s", change, account)
        receipt, about = rng.randbytes(rng.randint(0, 200)), f'{{"note": "n{rng.randint(0, 99)}", "of": [{debit}, {credit}]}}'
        entry = "INSERT INTO {}.journal (debit, credit, amount, at, about, receipt) VALUES (%s, %s, %s, NOW(6), %s, %s)"
        self._run(cursor, entry.format(SHOP), debit, credit, amount, about, receipt)
        if rng.random() < 0.3:
            self._run(cursor, f"DELETE FROM {SHOP}.journal WHERE debit < %s ORDER BY id LIMIT 4", debit)

    def _write_lines(self, cursor: Cursor, rng: Random) -> None:
        for _ in range(3):
            self._run(
                cursor,
                f"INSERT INTO {SHOP}.line VALUES (NOW(), %s, %s)",
                rng.choice(["twin", "other", None]),
                rng.randint(0, 2),
            )
        self._run(cursor, f"UPDATE {SHOP}.line SET hits = hits + 1 ORDER BY at LIMIT 2")
        self._run(cursor, f"DELETE FROM {SHOP}.line WHERE at < NOW() - INTERVAL 3 SECOND LIMIT 12")

    def _write_loose(self, cursor: Cursor, rng: Random) -> None:
        key = rng.randint(0, 150)
        change = f"INSERT INTO {SHOP}.loose VALUES (%s, 1, 'new') ON DUPLICATE KEY UPDATE hits = hits + 1"
        self._run(cursor, change if rng.random() < 0.8 else f"DELETE FROM {SHOP}.loose WHERE id = %s", key)

    def _define(self, cursor: Cursor, rng: Random) -> None:
        schema, name = rng.choice([SIDE, ELSEWHERE, ELSEWHERE]), rng.choice("abc")
        path = f"{schema}.{name}"
        for statement in (
            f"DROP TABLE IF EXISTS {path}",
            f"CREATE TABLE {path} (id INT PRIMARY KEY, x INT DEFAULT {rng.randint(0, 99)})",
            f"INSERT INTO {path} VALUES (1, 1), (2, 2)",
            f"CREATE OR REPLACE VIEW {path}_view AS SELECT id FROM {path} WHERE x < {rng.randint(0, 9)}",
            f"CREATE TRIGGER {path}_trigger BEFORE INSERT ON {path} FOR EACH ROW SET NEW.x = {rng.randint(0, 9)}",
            f"ALTER TABLE {path} ADD COLUMN y INT",
        ):
            self._run(cursor, statement)
        if rng.random() < 0.3:
            self._run(cursor, f"DROP VIEW {path}_view")
            self._run(cursor, f"DROP TABLE {path}")

    def _administrate(self, cursor: Cursor, rng: Random) -> None:
        name = rng.choice(["busy_one", "busy_two"])
        self._run(cursor, f"CREATE USER IF NOT EXISTS {name}@localhost IDENTIFIED BY 'first'")
        self._run(cursor, f"ALTER USER {name}@localhost IDENTIFIED BY 'password {rng.randint(0, 999)}'")
        self._run(cursor, f"GRANT SELECT ON {rng.choice(SCHEMAS)}.* TO {name}@localhost")
        if rng.random() < 0.3:
            self._run(cursor, f"DROP USER {name}@localhost")
