"""The verifier itself goes wrong, or has nothing to verify: no drill is proven by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from include.proven import agent_client, backup, drill, ids
from include.proven.drill import Drill
from include.proven.installation import Installation
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import MakeFleet


def take(installation: Installation) -> Drill:
    point = backup.take_backup(installation, "shop", backup.new_id()).manifest.recovery_point
    return Drill(ids.new_drill(), "shop", point, "swift", "local", "test")


@pytest.mark.failure("D1")
def test_a_backup_of_no_table_proves_nothing(
    mariadb_source: DatabaseServer, make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = make_fleet(mariadb_source, schemas=[mariadb_source.fresh_schema("empty")], canary=False).open(monkeypatch)
    verdict = drill.run(installation, take(installation))
    assert verdict.outcome == "unproven"
    assert "no table was fingerprinted" in verdict.reason
    assert verdict.hint


def without_tables(seen: dict[str, Any]) -> dict[str, Any]:
    return {**seen, "fingerprint": {**seen["fingerprint"], "tables": {}, "rows": 0}}


def truncated(seen: dict[str, Any]) -> dict[str, Any]:
    tables = dict(sorted(seen["fingerprint"]["tables"].items())[:1])
    return {**seen, "fingerprint": {**seen["fingerprint"], "tables": tables}}


def of_another_kind(seen: dict[str, Any]) -> dict[str, Any]:
    return {**seen, "fingerprint": {**seen["fingerprint"], "algorithm": "md5-xor"}}


def without_digests(seen: dict[str, Any]) -> dict[str, Any]:
    tables = {name: {**table, "digest": ""} for name, table in seen["fingerprint"]["tables"].items()}
    return {**seen, "fingerprint": {**seen["fingerprint"], "tables": tables}}


LIES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "a result without the look that was asked for": lambda seen: {},
    "an empty fingerprint": lambda seen: {**seen, "fingerprint": {}},
    "no tables": without_tables,
    "the first table only": truncated,
    "another algorithm": of_another_kind,
    "counts without digests": without_digests,
}


@pytest.mark.failure("D4")
def test_a_verifier_that_says_less_than_it_was_asked_proves_nothing(
    mariadb_source: DatabaseServer, make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real restore, and agents whose answers are spoilt on their way to the judge: a good copy, and no good verdict."""
    schema = mariadb_source.fresh_schema("shop")
    mariadb_source.sql(
        "CREATE TABLE a (i INT); CREATE TABLE b (i INT); INSERT INTO a VALUES (1); INSERT INTO b VALUES (2)", schema
    )
    installation = make_fleet(mariadb_source, schemas=[schema]).open(monkeypatch)
    asked, honest = take(installation), agent_client.run
    try:
        drill.build(installation, asked)
        drill.load(installation, asked)
        for name, lie in LIES.items():
            monkeypatch.setattr(agent_client, "run", lambda *said, **how: lie(honest(*said, **how)))  # noqa: B023 - used at once
            outcome = ask(installation, asked)
            assert outcome != "pass", name
        monkeypatch.setattr(agent_client, "run", honest)
        for name in drill.check_names(installation, asked):
            if name != "fingerprint":
                drill.check(installation, asked, name)
        assert drill.conclude(installation, asked).outcome != "proven", "every other check has passed"
    finally:
        drill.destroy(installation, asked)


def ask(installation: Installation, asked: Drill) -> str:
    """Return what became of the check of the rows: its outcome, or the error that it ended with."""
    try:
        return drill.check(installation, asked, "fingerprint").outcome
    except Exception as error:
        return type(error).__name__
