"""A verdict is proven only if everything that was asked has answered, and data was compared."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from include.proven.fleet.databases import Objectives
from include.proven.manifest import Manifest, Replication, Server, Stage
from include.proven.proof import judge
from include.proven.proof.verdict import Check, Step, Verdict

NOON = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
BUILD = Step(name="build", outcome="done", seconds=2.0)
RESTORE = Step(name="restore", outcome="done", seconds=40.0)
FINGERPRINT = Check(name="fingerprint", outcome="pass", proves_data=True, figure="22 tables")
OBJECTS = Check(name="objects", outcome="pass")
CANARY = Check(name="canary", outcome="pass")
PROMISED = Objectives(rpo=datetime.timedelta(hours=26), rto=datetime.timedelta(minutes=10))
USER = Check(name="orders", outcome="pass", figure="n=1")


def manifest(**changes: Any) -> Manifest:
    server = Server(flavour="mariadb", version="10.11.19-MariaDB", identity="x", hostname="db", settings={})
    values = {
        "recovery_point": "20261121T103000Z-full-7f3a9c01",
        "database": "shop",
        "engine": "mariadb",
        "proven_version": "0.1.0",
        "started_at": NOON - datetime.timedelta(hours=2),
        "snapshot_at": NOON - datetime.timedelta(hours=1),
        "finished_at": NOON - datetime.timedelta(minutes=50),
        "server": server,
        "schemas": ["shop"],
        "recipients": [],
        "artifacts": [],
        "fingerprint": {"tables": {"shop.orders": {"rows": 1, "digest": "a", "engine": "InnoDB"}}, "rows": 1},
        "inventory": {"tables": {"shop.orders": "CREATE TABLE `orders` (\n  `id` int(11) NOT NULL\n)"}},
        "canary": {"recovery_point": "20261121T103000Z-full-7f3a9c01", "written_at": "x"},
        "stages": [],
        "commands": [],
    }
    return Manifest.model_validate(values | changes)


def conclude(
    steps: list[Step], checks: list[Check], of: Manifest | None = None, *, trusted: bool = True, newest: bool = True
) -> Verdict:
    return judge.conclude(
        drill="20261121T120000Z-drill-1c9e22ab",
        database="shop",
        recovery_point="20261121T103000Z-full-7f3a9c01",
        store="swift",
        sandbox="local",
        triggered_by="cli:alice",
        manifest=(of or manifest()) if trusted else None,
        steps=steps,
        checks=checks,
        expected_steps=["build", "restore"],
        expected_checks=["fingerprint", "objects", "canary", "orders"],
        objectives=PROMISED,
        newest=newest,
        started_at=NOON,
        finished_at=NOON + datetime.timedelta(minutes=1),
    )


def test_all_that_was_asked_has_passed() -> None:
    verdict = conclude([BUILD, RESTORE], [FINGERPRINT, OBJECTS, CANARY, USER])
    assert (verdict.outcome, verdict.reason, verdict.not_covered) == ("proven", "", [])
    assert verdict.data_age_seconds == 3600
    assert verdict.measured_rto_seconds == 42.0
    assert verdict.triggered_by == "cli:alice"


def failed(check: Check, outcome: str) -> Check:
    return check.model_copy(update={"outcome": outcome, "differences": ["table a: missing", "b"], "hint": "Look."})


def stuck(step: Step, outcome: str) -> Step:
    return step.model_copy(update={"outcome": outcome, "what": "no space", "hint": "Make room."})


@pytest.mark.parametrize(
    ("steps", "checks", "outcome", "reason"),
    [
        ([BUILD, RESTORE], [failed(FINGERPRINT, "fail"), OBJECTS, CANARY, USER], "refuted",
         "check fingerprint failed: table a: missing (and 1 more)"),
        ([BUILD, RESTORE], [FINGERPRINT, OBJECTS, CANARY, failed(USER, "fail")], "refuted",
         "check orders failed: table a: missing (and 1 more)"),
        ([BUILD, stuck(RESTORE, "refuted")], [], "refuted", "restore: no space"),
        ([BUILD, stuck(RESTORE, "refuted")], [failed(OBJECTS, "could-not-run")], "refuted", "restore: no space"),
        ([BUILD, RESTORE], [failed(FINGERPRINT, "could-not-run"), failed(OBJECTS, "fail"), CANARY, USER], "refuted",
         "check objects failed: table a: missing (and 1 more)"),
        ([stuck(BUILD, "unproven")], [], "unproven", "build: no space"),
        ([BUILD, RESTORE], [FINGERPRINT, OBJECTS, failed(CANARY, "could-not-run"), USER], "unproven",
         "check canary could not run: "),
        ([BUILD, RESTORE], [FINGERPRINT, OBJECTS, CANARY], "unproven", "check orders: no answer"),
        ([BUILD], [FINGERPRINT, OBJECTS, CANARY, USER], "unproven", "restore: no answer"),
        ([], [], "unproven", "build: no answer"),
        ([BUILD, RESTORE], [FINGERPRINT.model_copy(update={"proves_data": False}), OBJECTS, CANARY, USER], "unproven",
         "no check has compared data"),
    ],
)  # fmt: skip
def test_the_worst_answer_decides(steps: list[Step], checks: list[Check], outcome: str, reason: str) -> None:
    verdict = conclude(steps, checks)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    assert verdict.outcome == "proven" or verdict.hint


def test_a_manifest_that_can_not_be_read_proves_nothing() -> None:
    verdict = conclude([BUILD, RESTORE], [FINGERPRINT, OBJECTS, CANARY, USER], trusted=False)
    assert verdict.outcome == "unproven"
    assert verdict.snapshot_at is None
    assert verdict.data_age_seconds is None


def test_a_restore_that_was_not_reached_has_no_time() -> None:
    assert conclude([BUILD, stuck(RESTORE, "unproven")], []).measured_rto_seconds is None


def test_a_canary_that_is_switched_off_is_not_covered_and_no_obstacle() -> None:
    off = Check(name="canary", outcome="could-not-run", figure="switched off")
    for checks in ([FINGERPRINT, OBJECTS, off, USER], [FINGERPRINT, OBJECTS, USER]):
        verdict = conclude([BUILD, RESTORE], checks, manifest(canary=None))
        assert verdict.outcome == "proven"
        assert any("canary is switched off" in sentence for sentence in verdict.not_covered)


def test_what_was_not_looked_at_is_said() -> None:
    tables = {
        "shop.terms": "CREATE TABLE `terms` (\n  `hits` float DEFAULT NULL\n) ENGINE=MyISAM",
        "shop.all_terms": "CREATE TABLE `all_terms` (\n  `hits` int\n) ENGINE=MRG_MyISAM",
    }
    entries = {"shop.terms": {"rows": 1, "digest": "a", "engine": "MyISAM"}}
    inventory = {"tables": tables, "sequences": {"shop.numbers": "x"}, "passing_events": {"shop.once": "y"}}
    verdict = conclude([BUILD, RESTORE], [FINGERPRINT, OBJECTS, CANARY, USER],
                       manifest(fingerprint={"tables": entries, "rows": 1}, inventory=inventory))  # fmt: skip
    told = " ".join(verdict.not_covered)
    for words in ("MERGE", "shop.all_terms", "MyISAM", "FLOAT beyond 6 digits", "shop.numbers", "shop.once"):
        assert words in told


def test_what_only_warns_refutes_nothing_and_is_told() -> None:
    warned = failed(USER, "fail").model_copy(update={"severity": "warning"})
    verdict = conclude([BUILD, RESTORE], [FINGERPRINT, OBJECTS, CANARY, warned])
    assert verdict.outcome == "proven"
    assert verdict.warnings == ["Check orders: table a: missing (and 1 more)."]


def test_a_warning_that_could_not_run_keeps_nothing_from_being_proven_and_is_told() -> None:
    """Whatever it would have said, it would have refuted nothing. One that never answered was not asked at all."""
    lost = Check(name="orders", outcome="could-not-run", figure="not done within 1 s", severity="warning")
    verdict = conclude([BUILD, RESTORE], [FINGERPRINT, OBJECTS, CANARY, lost])
    assert verdict.outcome == "proven"
    assert verdict.warnings == ["Check orders: could not run: not done within 1 s."]
    assert conclude([BUILD, RESTORE], [FINGERPRINT, OBJECTS, CANARY]).outcome == "unproven"


def test_a_restore_that_takes_longer_than_was_promised_is_told() -> None:
    slow = RESTORE.model_copy(update={"seconds": 18 * 3600.0})
    verdict = conclude([BUILD, slow], [FINGERPRINT, OBJECTS, CANARY, USER])
    assert verdict.outcome == "proven"
    assert verdict.warnings == ["RTO missed: build and restore took 18 h 00 min; promised: 10 min 00 s."]
    assert (verdict.rpo_seconds, verdict.rto_seconds) == (26 * 3600, 600)


def test_old_data_is_told_of_the_newest_recovery_point_only() -> None:
    old = manifest(snapshot_at=NOON - datetime.timedelta(hours=30))
    verdict = conclude([BUILD, RESTORE], [FINGERPRINT, OBJECTS, CANARY, USER], old)
    assert verdict.warnings == ["RPO missed: the newest data was 30 h 00 min old as the drill began; promised: 26 h 00 min."]
    assert conclude([BUILD, RESTORE], [FINGERPRINT, OBJECTS, CANARY, USER], old, newest=False).warnings == []


def test_what_a_source_was_behind_counts_into_the_age() -> None:
    channels = [Replication(channel=name, lag_seconds=lag) for name, lag in (("a", 20), ("b", 240))]
    verdict = conclude([BUILD, RESTORE], [FINGERPRINT, OBJECTS, CANARY, USER], manifest(replication=channels))
    assert verdict.data_age_seconds == 3600 + 240


def test_a_recovery_says_what_its_time_went_to() -> None:
    stages = [
        Stage(name=name, seconds=seconds, bytes=moved)
        for name, seconds, moved in (
            ("accounts download", 1, 10), ("accounts load", 2, 20), ("download", 30, 300), ("load", 35, 400),
            ("grants download", 1, 10), ("grants load", 1, 20),
        )
    ]  # fmt: skip
    answers = [check.model_copy(update={"seconds": 1.5}) for check in (FINGERPRINT, OBJECTS)]
    found = conclude([BUILD, RESTORE.model_copy(update={"stages": stages})], answers).recovery
    assert [(stage.name, stage.seconds, stage.bytes) for stage in found] == [
        ("build", 2, 0), ("restore", 40, 0), ("download", 32, 320), ("load", 38, 440), ("checks", 3, 0),
    ]  # fmt: skip
    assert [stage.name for stage in conclude([BUILD, stuck(RESTORE, "unproven")], []).recovery] == ["build"]


def test_what_several_checks_did_not_look_at_is_said_once() -> None:
    blind = [check.model_copy(update={"not_covered": ["Rows of half the tables."]}) for check in (FINGERPRINT, OBJECTS)]
    assert conclude([BUILD, RESTORE], [*blind, CANARY, USER]).not_covered == ["Rows of half the tables."]
