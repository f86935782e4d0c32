"""A faithful copy of the wrong database is refuted."""

from __future__ import annotations

import pathlib

import pytest

from include.proven import backup, drill, ids
from include.proven.installation import Installation
from include.proven.manifest import Manifest
from include.proven.proof import identity
from include.proven.proof.verdict import Check, Verdict
from tests.proof.copies import Pair
from tests.proof.histories import SERVER, canaries, config, proven, taken
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet

YESTERDAY, TODAY = taken(0), taken(1)
OTHER = SERVER.model_copy(update={"identity": "uid-2", "hostname": "db2"})
NAME = YESTERDAY.recovery_point


def judge(now: Manifest = TODAY, *before: Manifest, **changes: object) -> Check:
    """Judge a recovery point whose copy holds the canaries of all."""
    return identity.judge(now, config(**changes), proven(*before), canaries(*before, now))


def test_the_server_that_was_proven_before_passes() -> None:
    check = judge(TODAY, YESTERDAY)
    assert (check.outcome, check.proves_data, check.not_covered) == ("pass", False, [])
    assert check.figure == f"uid-1 (db1), compared with {NAME}"


def test_the_first_one_is_taken_on_trust_and_that_is_said() -> None:
    check = judge(TODAY)
    assert check.outcome == "pass"
    assert check.not_covered == [
        "Whose server it is: the first recovery point that is proven was taken on trust, of uid-1 (db1)."
    ]


def test_a_server_that_the_fleet_names_needs_no_trust() -> None:
    check = judge(TODAY, servers=["uid-0", "uid-1"])
    assert (check.outcome, check.not_covered, check.figure) == ("pass", [], "uid-1 (db1), of `servers`")


def test_a_server_that_the_fleet_does_not_name_is_refuted() -> None:
    check = judge(taken(1, server=OTHER), YESTERDAY, servers=["uid-0", "uid-1"])
    assert (check.outcome, check.severity) == ("fail", "critical")
    assert check.differences == ["server uid-2 (db2) is none of `servers`: uid-0, uid-1"]
    assert "`servers`" in check.hint


@pytest.mark.parametrize(("rows", "said"), [((YESTERDAY,), "holds"), ((), "does not hold")])
def test_another_server_than_before_is_refuted_with_both_named(rows: tuple[Manifest, ...], said: str) -> None:
    """A copy for staging holds what was proven; another tenant does not."""
    now = taken(1, server=OTHER)
    check = identity.judge(now, config(), proven(YESTERDAY), canaries(*rows, now))
    assert (check.outcome, check.severity) == ("fail", "critical")
    assert check.differences == [
        f"server uid-2 (db2), but {NAME}, which was proven, is of uid-1 (db1)",
        f"its data {said} the canary of {NAME}",
    ]
    assert "failover" in check.hint


def test_another_identity_on_the_same_host_is_refuted_though_its_data_descends() -> None:
    """In containers staging bears production's host name, and a copy of production holds its canaries."""
    check = judge(taken(1, server=SERVER.model_copy(update={"identity": "uid-2"})), YESTERDAY)
    assert (check.outcome, check.severity) == ("fail", "critical")


def test_both_servers_of_a_failover_may_be_named() -> None:
    assert judge(taken(1, server=OTHER), YESTERDAY, servers=["uid-1", "uid-2"]).outcome == "pass"


def test_a_new_schema_is_named() -> None:
    check = judge(taken(1, schemas=["shop", "ods", "proven_canary"]), YESTERDAY)
    assert check.outcome == "pass"
    assert check.figure.endswith("; new schemas: ods")


@pytest.mark.parametrize(
    ("schemas", "outcome"),
    [(None, "fail"), (["ods", "shop"], "fail"), (["shop"], "pass")],
    ids=["all are wanted", "both are wanted", "one is wanted"],
)
def test_a_schema_that_is_gone_is_refuted_unless_the_fleet_says_so(schemas: list[str] | None, outcome: str) -> None:
    check = judge(TODAY, taken(0, schemas=["ods", "shop", "proven_canary"]), schemas=schemas)
    assert (check.outcome, check.severity) == (outcome, "critical")
    if outcome == "fail":
        assert check.differences == [f"schema ods: in {NAME}, which was proven, and not in this one"]
        assert "grants" in check.hint


def test_a_canary_of_another_recovery_point_is_refuted() -> None:
    check = judge(taken(1, canary=YESTERDAY.canary), YESTERDAY)
    assert (check.outcome, check.severity) == ("fail", "critical")
    assert check.differences == [f"canary: the manifest holds that of {NAME}"]


def test_data_that_does_not_descend_from_what_was_proven_is_a_warning() -> None:
    """The same identity is no proof: two hosts with MariaDB may share one."""
    check = identity.judge(TODAY, config(), proven(YESTERDAY), canaries(TODAY))
    assert (check.outcome, check.severity) == ("fail", "warning")
    assert check.differences == [f"the canary of {NAME}, which was proven, is not in this data"]
    assert "earlier state" in check.hint


@pytest.mark.parametrize("known", [canaries(*(taken(day) for day in range(1, 101))), None])
def test_a_canary_that_was_forgotten_since_says_nothing(known: dict[str, object] | None) -> None:
    assert identity.judge(taken(100), config(), proven(YESTERDAY), known).outcome == "pass"
    assert identity.judge(TODAY, config(), proven(taken(0, canary=None)), canaries(TODAY)).outcome == "pass"


def test_records_that_can_not_be_trusted_are_passed_over_and_named() -> None:
    points = tuple(taken(-day).recovery_point for day in range(5))
    check = identity.judge(TODAY, config(), proven(untrusted=points), canaries(TODAY))
    assert check.outcome == "pass"
    assert check.not_covered[0].endswith(f"{', '.join(points[:3])} and 2 more.")
    assert "taken on trust" in check.not_covered[1]


@pytest.fixture
def files(pair: Pair, make_fleet: MakeFleet, tmp_path: pathlib.Path) -> FleetFiles:
    """A fleet whose database is the source, and whose store is a directory."""
    schema = pair.source.fresh_schema("shop")
    pair.twin.sql(f"CREATE DATABASE {schema} CHARACTER SET utf8mb4")
    for server in (pair.source, pair.twin):
        server.sql("CREATE TABLE orders (id INT PRIMARY KEY); INSERT INTO orders VALUES (1), (2)", schema)
    made = make_fleet(pair.source, schemas=[schema], stores=["disk"])
    (tmp_path / "disk").mkdir()
    made.document["stores"] = {"disk": {"kind": "directory", "path": str(tmp_path / "disk")}}
    made.write()
    return made


def back_up(opened: Installation) -> Manifest:
    return backup.take_backup(opened, "shop", backup.new_id()).manifest


def run_drill(opened: Installation, manifest: Manifest) -> Verdict:
    return drill.run(opened, drill.Drill(ids.new_drill(), "shop", manifest.recovery_point, "disk", "local"))


def lead_to(files: FleetFiles, server: DatabaseServer) -> None:
    """Let the connection lead to another server, as a wrong environment variable does."""
    there = server.endpoint
    # whoever has copied the source's accounts before has left its password there
    server.sql(f"ALTER USER {there['user']}@'{there['host']}' IDENTIFIED BY '{there['password']}'")
    files.connections["source"] |= {"port": there["port"], "login": there["user"], "password": there["password"]}
    files.write()


@pytest.mark.failure("A14")
def test_two_servers_are_told_apart_by_what_they_say_of_themselves(
    files: FleetFiles, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = files.open(monkeypatch)
    first, again = back_up(opened), back_up(opened)
    lead_to(files, pair.twin)
    other = back_up(opened)
    assert identity.judge(again, config(), proven(first), None).outcome == "pass"
    check = identity.judge(other, config(), proven(first), None)
    assert check.outcome == "fail"
    assert first.server.identity in check.differences[0]
    assert other.server.identity in check.differences[0]


@pytest.mark.failure("A14")
@pytest.mark.parametrize("source", ["mariadb"], indirect=True)
def test_a_connection_that_leads_elsewhere_is_refuted_with_the_same_tables_and_rows(
    files: FleetFiles, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = files.open(monkeypatch)
    right = back_up(opened)
    first = run_drill(opened, right)
    assert first.outcome == "proven", first.reason
    assert [sentence for sentence in first.not_covered if "taken on trust" in sentence]

    lead_to(files, pair.twin)
    wrong = back_up(opened)
    second = run_drill(opened, wrong)
    assert second.outcome == "refuted"
    assert second.reason.startswith("check identity failed: server ")
    (answer,) = (check for check in second.checks if check.name == "identity")
    assert answer.differences[1] == f"its data does not hold the canary of {right.recovery_point}"
    assert {check.name for check in second.checks if check.outcome == "fail"} == {"identity"}

    both = config(servers=[right.server.identity, wrong.server.identity])
    before = opened.catalog("shop").proven_before("shop", wrong.recovery_point, 1)
    assert identity.judge(wrong, both, before, None).outcome == "pass"
