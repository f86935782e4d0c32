"""A restore to a second, to a transaction, and to just before a table was dropped: by the command, into a real server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.binlogs.kept import Kept
from tests.servers.databases import DatabaseServer


@pytest.fixture
def empty(twin: DatabaseServer) -> DatabaseServer:
    twin.drop_schemas()
    twin.sql("DROP USER IF EXISTS clerk@localhost, proven@'127.0.0.1'")
    return twin


def restore(kept: Kept, *goal: str) -> dict[str, Any]:
    done = kept.logged.files.run("restore", "shop", "--to", "connection:twin", *goal, "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["recovery_point"] == kept.older.recovery_point  # the younger one is too young
    return told


def bricks(server: DatabaseServer) -> list[int]:
    return [int(row[0]) for row in server.sql("SELECT id FROM annex.bricks ORDER BY id")]


def test_a_second_is_recovered_to_its_end(kept: Kept, empty: DatabaseServer) -> None:
    told = restore(kept, "--to", f"{kept.moment:%Y-%m-%d %H:%M:%S}")
    assert bricks(empty) == [7, 10, 11]
    assert told["replayed"]["committed_at"] <= kept.moment.isoformat()
    assert empty.sql("SHOW TRIGGERS FROM shop LIKE 'letters'")
    assert empty.sql("SELECT 1 FROM mysql.user WHERE User = 'clerk'")


def test_a_transaction_is_recovered_with_all_before_it(kept: Kept, empty: DatabaseServer) -> None:
    told = restore(kept, "--to-gtid", kept.gtid)
    assert bricks(empty) == [7, 10]
    assert told["replayed"]["gtid"] == kept.gtid


def test_a_dropped_table_comes_back(kept: Kept, empty: DatabaseServer) -> None:
    restore(kept, "--before-table-drop", "shop.visits")
    assert empty.sql("SELECT COUNT(*) FROM shop.visits") == [["2"]]
    assert empty.sql("SELECT COUNT(*) FROM shop.letters") == [["2"]]  # what was committed before the drop is there
    assert not empty.sql("SHOW DATABASES LIKE 'annex'")


REFUSED = {
    "a moment that is no moment": (["--to", "yesterday"], "no such target, and no moment"),
    "a moment of tomorrow": (["--to", "2099-01-01 00:00:00"], "the pieces of the binary log end at"),
    "a moment before any backup": (["--to", "2001-01-01"], "no recovery point from before that"),
    "a transaction that there is not": (["--to-gtid", "9-9-999999"], "behind the recovery point"),
    "a table that was never dropped": (["--before-table-drop", "shop.orders"], "no drop of shop.orders"),
    "two goals at once": (["--to-gtid", "0-1-1", "--before-table-drop", "shop.orders"], "1 targets and 2 moments"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_reached_is_said(kept: Kept, empty: DatabaseServer, case: str) -> None:
    goal, words = REFUSED[case]
    done = kept.logged.files.run("restore", "shop", "--to", "connection:twin", *goal)
    assert done.returncode not in (0, 3)
    assert words in " ".join(done.stderr.split()), done.stderr
    assert "HINT" in done.stderr
    assert not empty.sql("SHOW DATABASES LIKE 'shop'")
