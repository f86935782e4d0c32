"""Users' checks in a real drill: asked by an agent and by Airflow's operator alike, as one who may only read."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator

import MySQLdb
import pytest

from include.proven import backup, drill, ids
from include.proven.agent import query
from include.proven.drill import Drill
from include.proven.errors import CheckError, SourceError
from include.proven.installation import Installation
from include.proven.proof.built_in import BUILT_IN
from include.proven.proof.verdict import Check
from proven_airflow.operators import user_check
from proven_airflow.operators.user_check import UserCheck
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import MakeFleet

ODD = "1e20 * amount AS big, amount / 3 AS third, at, zero, flag, word, nothing, doc"
CHECKS = {
    "a_odd": f"-- expect: same as source\nSELECT {ODD} FROM {{}}.orders ORDER BY id",
    "b_total": "-- expect: scalar between 5 and 7\nSELECT SUM(amount) AS total FROM {}.orders",
    "c_warned": "-- severity: warning\n-- expect: rows = 0\nSELECT id FROM {}.orders WHERE amount > 2",
    "d_function": "-- severity: warning\nSELECT {}.forget() AS gone FROM {}.orders",
    "e_slow": "-- severity: warning\n-- time limit: 1s\nSELECT COUNT(*) FROM "
    + ", ".join(f"information_schema.COLUMNS {name}" for name in "abc"),
    "f_constant": "SELECT 1 AS fine",
    "g_moved": "-- expect: same as source\nSELECT COUNT(*) AS orders FROM {}.orders",
}


@pytest.fixture
def schema(source: DatabaseServer) -> Iterator[str]:
    """Three orders of odd values, and a function that deletes them."""
    name = source.fresh_schema("drilled")
    source.sql(
        "SET SESSION sql_mode = '', GLOBAL log_bin_trust_function_creators = 1;"
        "CREATE TABLE orders (id INT PRIMARY KEY, amount DOUBLE, at DATETIME(3), zero DATE, flag BIT(1), word VARCHAR(9),"
        " nothing INT, doc JSON);"
        "INSERT INTO orders VALUES (1, 1.5, '2026-01-02 03:04:05.5', '0000-00-00', b'1', 'a\\tb', NULL, '{\"a\": 1}'),"
        " (2, 2, NULL, '2026-02-28', b'0', 'NULL', 7, NULL), (3, 2.5, '2026-12-31', NULL, NULL, 'ü', NULL, '[]');"
        "\nDELIMITER ;;\n"
        "CREATE FUNCTION forget() RETURNS INT MODIFIES SQL DATA BEGIN DELETE FROM orders; RETURN 1; END;;\n"
        "DELIMITER ;\n",
        name,
    )
    yield name
    source.sql(f"DROP DATABASE `{name}`")


@pytest.fixture
def restored(
    source: DatabaseServer, schema: str, make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Installation, Drill, pathlib.Path]]:
    """A recovery point, restored in a sandbox, and the folder of checks. One check was changed after the backup."""
    files = make_fleet(source, schemas=[schema])
    folder = files.folder / "checks" / "shop"
    folder.mkdir(parents=True)
    for name, text in CHECKS.items():
        (folder / f"{name}.sql").write_text(text.replace("{}", schema))
    installation = files.open(monkeypatch)
    recovery_point = backup.take_backup(installation, "shop", backup.new_id()).manifest.recovery_point
    (folder / "g_moved.sql").write_text(CHECKS["g_moved"].replace("{}", schema) + " WHERE id > 0")
    this = Drill(ids.new_drill(), "shop", recovery_point, "swift", "local")
    try:
        drill.build(installation, this)
        drill.load(installation, this)
        yield installation, this, folder
    finally:
        drill.destroy(installation, this)


def by_agent(installation: Installation, this: Drill, name: str) -> tuple[str, ...]:
    return outcome_of(lambda: drill.check(installation, this, name))


def by_operator(installation: Installation, this: Drill, name: str) -> tuple[str, ...]:
    (check,) = (check for check in installation.user_checks(this.database) if check.name == name)
    return outcome_of(lambda: UserCheck(task_id="asked", check=name).ask(installation, this, check))


def outcome_of(ask: Callable[[], Check]) -> tuple[str, ...]:
    try:
        answer = ask()
    except SourceError as error:
        return "could-not-run", error.what, error.hint
    except CheckError as error:
        return "fail", error.what
    return answer.outcome, answer.figure, *answer.differences


@pytest.mark.failure("D1")
def test_every_kind_of_answer_and_the_verdict(
    source: DatabaseServer, schema: str, restored: tuple[Installation, Drill, pathlib.Path]
) -> None:
    installation, this, _ = restored
    found = {name: by_agent(installation, this, name) for name in CHECKS}
    assert {name: by_operator(installation, this, name) for name in CHECKS} == found

    assert found["a_odd"] == ("pass", "3 rows, as on the source")
    assert found["b_total"] == ("pass", "total=6")
    assert found["c_warned"] == ("fail", "1 row", "1 row, expected = 0", "id=3")
    assert found["d_function"][:2] == ("could-not-run", "query: refused")
    assert found["e_slow"][:2] == ("could-not-run", "query: not done within 1 s")
    assert found["f_constant"] == ("could-not-run", "compares nothing")
    assert found["g_moved"] == ("could-not-run", "the check was changed after this backup was taken")

    for name in BUILT_IN:
        assert drill.check(installation, this, name).outcome == "pass", name
    verdict = drill.conclude(installation, this)
    assert (verdict.outcome, verdict.reason) == ("unproven", "check f_constant could not run: compares nothing")
    told = " ".join(verdict.warnings)
    assert "Check c_warned: 1 row, expected = 0" in told
    assert "Check d_function: could not run: query: refused" in told


def test_a_connection_that_keeps_no_time_limit_is_killed(source: DatabaseServer) -> None:
    """A server limits what it knows how to limit; MySQL does not limit a SELECT that calls a function."""
    operator, soon = UserCheck(task_id="asked", check="slow"), 0.5 - query.GRACE
    with (
        operator._connect(source.admin) as root,
        operator._connect(source.admin) as reader,
        user_check._kill_late(root, reader, soon) as overran,
        pytest.raises(MySQLdb.Error),
    ):
        user_check._execute(reader, "SELECT SLEEP(30)")
    assert overran.is_set()
