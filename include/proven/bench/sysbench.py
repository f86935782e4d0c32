"""Tables as sysbench's oltp_common.lua makes them, on a real server: random digits, an index, 190 bytes or so a row."""

from __future__ import annotations

import pathlib
import subprocess

from include.proven.agent import client
from include.proven.demo import environment

TABLES = 8
ROWS = 500_000
SCHEMA = "sbtest"
FLAVOURS = ("mariadb", "mysql")
FETCH_MYSQL = environment.CHECKOUT / "scripts" / "fetch-mysql"
COLUMNS = (
    "id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL DEFAULT 0, c CHAR(120) NOT NULL DEFAULT '',"
    " pad CHAR(60) NOT NULL DEFAULT '', KEY k_1 (k)"
)


def find_programs(flavour: str) -> list[pathlib.Path]:
    """Return where the programs of a flavour lie, if that is not on PATH."""
    if flavour != "mysql":
        return []
    return [pathlib.Path(subprocess.run([str(FETCH_MYSQL)], stdout=subprocess.PIPE, text=True, check=True).stdout.strip())]


def fill(session: client.Session, rows: int) -> None:
    """Make the tables: random digits in the first, the same in the others, too far apart for zstd to see."""
    session.execute(f"CREATE DATABASE {SCHEMA}")
    session.execute(f"USE {SCHEMA}")
    digits = " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(10))
    places = ", ".join(f"({digits}) AS place{number}" for number in range(len(str(rows))))
    numbers = " + ".join(f"{10**number} * place{number}.d" for number in range(len(str(rows))))
    eleven = "LPAD(FLOOR(RAND() * 1e11), 11, '0')"
    c, pad = (f"CONCAT_WS('-', {', '.join([eleven] * groups)})" for groups in (10, 5))
    counted, drawn = f"SELECT 1 + {numbers} AS n FROM {places}", f"n, FLOOR(RAND() * {rows}), {c}, {pad}"  # noqa: S608
    for number in range(1, TABLES + 1):
        session.execute(f"CREATE TABLE sbtest{number} ({COLUMNS})")
        values, origin = ("*", f"sbtest{number - 1}") if number > 1 else (drawn, f"({counted}) AS counted WHERE n <= {rows}")
        session.execute(f"INSERT INTO sbtest{number} SELECT {values} FROM {origin}")  # noqa: S608 - all of it is from here
        session.execute(f"ANALYZE TABLE sbtest{number}")


def double(session: client.Session) -> None:
    """Give every table as many rows again."""
    for number in range(1, TABLES + 1):
        table = f"{SCHEMA}.sbtest{number}"
        session.execute(f"INSERT INTO {table} (k, c, pad) SELECT k, REVERSE(c), pad FROM {table}")  # noqa: S608 - likewise
        session.execute(f"ANALYZE TABLE {table}")


def change(session: client.Session, rows: int) -> None:
    """Change one row in a hundred of all, all of them in one table."""
    session.execute(f"UPDATE {SCHEMA}.sbtest1 SET c = REVERSE(c) WHERE id <= {max(rows * TABLES // 100, 1)}")  # noqa: S608
