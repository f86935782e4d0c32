"""A sabotage that nobody notices is loud; one that is noticed alarms nobody; and neither leaves a trace."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
import tenacity

from include.proven.cli.commands import sabotage as command
from include.proven.errors import CheckError, ConfigError
from include.proven.pages import transport
from include.proven.proof.verdict import Check, Verdict
from include.proven.sabotage import exercise, scratch
from include.proven.sabotage.all_ways import WAYS
from include.proven.sabotage.exercise import UnnoticedError
from include.proven.sabotage.telling import Pager
from include.proven.sabotage.ways import Told, Way
from tests.sabotage.yard import Yard
from tests.servers.traces import nothing_runs, processes_of

NOTHING = Way("nothing", "D4", "Nothing is changed.", lambda copy: "nothing", (Told("fingerprint", "{thing}"),))
WRONG_CAUSE = dataclasses.replace(WAYS["truncated"], name="wrong-cause", told=(Told("fingerprint", "{thing}"),))
QUICK = WAYS["unsigned-manifest"]
"""It needs no sandbox."""


@pytest.fixture
def yard(mariadb_yard: Yard, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    """The yard, with a pager that has heard nothing yet; afterwards nothing runs, and the store is what it was."""
    monkeypatch.setattr(transport, "WAIT", tenacity.wait_none())
    mariadb_yard.pager.incidents.clear()
    before = mariadb_yard.stored()
    yield mariadb_yard
    nothing_runs(mariadb_yard.files)
    assert not list(mariadb_yard.sandboxes.glob("*sabotage*"))
    changed = {name for name in before.keys() ^ mariadb_yard.stored().keys() if "/pages/" not in name}
    assert not changed
    assert all(mariadb_yard.stored()[name] == content for name, content in before.items() if "/pages/" not in name)


def sabotage(yard: Yard, *ways: Way, run: str = "run 1") -> list[exercise.Finding]:
    return exercise.run(yard.opened, yard.order(*ways), Pager(yard.opened, run))


def test_what_is_noticed_is_paged_as_an_exercise_and_resolved(yard: Yard) -> None:
    (finding,) = sabotage(yard, QUICK)
    assert (finding.state, finding.outcome, finding.paged) == ("noticed", "refuted", ["oncall"])
    (incident,) = yard.pager.incidents
    assert incident.resolved
    assert incident.payload["severity"] == "info"
    assert incident.payload["summary"].startswith("shop: [exercise] ")
    assert "unsigned-manifest" in incident.payload["summary"]
    assert incident.dedup_key == "proven/shop/sabotage-noticed/unsigned-manifest"
    assert command.exit_status([finding]) == 0
    exercise.require_noticed([finding])


@pytest.mark.failure("D4")
def test_what_nobody_notices_is_the_loudest_page_until_it_is_noticed(yard: Yard) -> None:
    (finding,) = sabotage(yard, NOTHING)
    assert (finding.state, finding.outcome) == ("unnoticed", "proven")
    assert command.exit_status([finding]) == 1
    with pytest.raises(UnnoticedError, match="calls the broken copy PROVEN"):
        exercise.require_noticed([finding])
    (loud,) = yard.pager.open
    assert loud.payload["severity"] == "critical"
    assert "SABOTAGE NOT NOTICED" in loud.payload["summary"]
    sabotage(yard, QUICK, run="run 2")
    assert yard.pager.open == [loud], "that another way is noticed says nothing of this one"
    (noticed,) = sabotage(yard, dataclasses.replace(QUICK, name="nothing"), run="run 3")
    assert noticed.state == "noticed"
    assert yard.pager.open == []


def test_a_refusal_for_another_reason_is_no_refusal(yard: Yard) -> None:
    (finding,) = sabotage(yard, WRONG_CAUSE)
    assert (finding.state, finding.outcome) == ("unnoticed", "refuted")
    assert "for another reason" in yard.pager.open[0].payload["summary"]
    sabotage(yard, dataclasses.replace(QUICK, name="wrong-cause"))


@pytest.mark.failure("D5")
def test_an_alarm_that_reaches_nobody_has_failed(yard: Yard) -> None:
    yard.pager.answer_next(400)
    (finding,) = sabotage(yard, QUICK)
    assert finding.state == "noticed"
    assert "400" in finding.page_fault
    assert command.exit_status([finding]) == 1
    with pytest.raises(UnnoticedError, match="not delivered"):
        exercise.require_noticed([finding])


def test_what_could_not_be_tried_says_nothing_about_the_alarm(yard: Yard) -> None:
    fleet = yard.opened.fleet
    small = fleet.sandboxes["local"].model_copy(update={"space_factor": 1e12})
    crowded = dataclasses.replace(
        yard.opened, fleet=fleet.model_copy(update={"sandboxes": {**fleet.sandboxes, "local": small}})
    )
    (finding,) = exercise.run(crowded, yard.order(WAYS["truncated"]), Pager(crowded, "run"))
    assert (finding.state, finding.outcome) == ("untried", "unproven")
    assert yard.pager.incidents == []
    assert command.exit_status([finding]) == 2


def test_a_way_that_does_not_fit_is_passed_over(yard: Yard) -> None:
    first = yard.opened.catalog("shop").recovery_points("shop")[0]
    order = yard.order(WAYS["older-manifest"], QUICK, NOTHING, recovery_point=first, enough=1)
    found = exercise.run(yard.opened, order, None)
    assert [finding.state for finding in found] == ["not applicable", "noticed"]
    assert "no recovery point" in found[0].cause
    assert yard.pager.incidents == []


def test_only_a_good_recovery_point_can_be_sabotaged(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = Verdict.model_construct(drill="20991231T000000Z-drill-00000000", outcome="refuted", reason="a table is missing")
    monkeypatch.setattr(type(yard.opened.catalog("shop")), "verdicts", lambda *_: [bad])
    with pytest.raises(CheckError, match="is not good itself: refuted: a table is missing"):
        sabotage(yard, QUICK)


def test_whoever_refuses_everything_notices_nothing() -> None:
    failed = Check(name="objects", outcome="fail", figure="1 difference", differences=["view shop.spent: missing"])
    verdict = Verdict.model_construct(outcome="refuted", reason="", steps=[], checks=[failed])
    assert WAYS["view-missing"].find_cause(verdict, "shop.spent") == "objects: view shop.spent: missing"
    assert not WAYS["view-missing"].find_cause(verdict, "shop.other")
    assert not WAYS["row-deleted"].find_cause(verdict, "shop.spent")
    fired = failed.model_copy(update={"differences": ["event shop.e: not on the source", "table shop.proven_sabotage_fired"]})
    assert not WAYS["event-added"].find_cause(verdict.model_copy(update={"checks": [fired]}), "shop.e")


def test_a_cloud_cannot_fetch_what_never_leaves_this_machine(yard: Yard) -> None:
    fleet = yard.opened.fleet
    assert scratch.choose_sandbox(fleet, "shop") == "local"
    with pytest.raises(ConfigError, match="'cloud' can't be used"):
        scratch.choose_sandbox(fleet, "shop", "cloud")
    clouds = fleet.model_copy(update={"sandboxes": {"cloud": fleet.sandboxes["cloud"]}})
    assert not scratch.is_possible(clouds)
    with pytest.raises(ConfigError, match="needs a sandbox of kind local"):
        scratch.choose_sandbox(clouds, "shop")


def test_the_command_line(yard: Yard) -> None:
    listed = yard.files.run("list", "shop", "--json").stdout
    done = yard.files.run("sabotage", "shop", "--way", "row-deleted")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the alarm works" in done.stdout
    assert "row-deleted" in done.stdout
    assert [incident.resolved for incident in yard.pager.incidents] == [True]
    said = yard.files.run("sabotage", "shop", "--json", "--no-page", "--sandbox", "local")
    (finding,) = [one for one in json.loads(said.stdout)["findings"] if one["state"] != "not applicable"]
    assert finding["state"] == "noticed", finding
    assert len(yard.pager.incidents) == 1
    assert yard.files.run("list", "shop", "--json").stdout == listed


def test_the_command_line_refuses_what_it_does_not_know(yard: Yard) -> None:
    for arguments, words in ((["--way", "row-delete"], "row-deleted"), (["--sandbox", "cloud"], "kind local")):
        done = yard.files.run("sabotage", "shop", *arguments)
        assert done.returncode == 2
        assert words in done.stderr
    assert yard.files.run("sabotage").returncode == 2
    assert {way["name"] for way in json.loads(yard.files.run("sabotage", "--list", "--json").stdout)} == set(WAYS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_a_killed_run_has_left_is_cleared(yard: Yard, number: signal.Signals) -> None:
    argv = [sys.executable, "-m", "include.proven.cli", "sabotage", "shop", "--way", "row-deleted"]
    runner = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: any("mariadbd" in line for line in processes_of(yard.files)), "no sandbox was built")
    runner.send_signal(number)
    runner.wait(timeout=60)
    left = list(yard.sandboxes.glob("sabotage-*"))
    assert bool(left) == (number == signal.SIGKILL)
    assert scratch.clear(yard.opened) == len(left)
    wait_until(lambda: not processes_of(yard.files), "its agent outlives it")


def wait_until(ask: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + 60
    while not ask():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)


def test_who_works_is_not_cleared(yard: Yard) -> None:
    with scratch.make(yard.opened, "local") as folder:
        assert scratch.clear(yard.opened) == 0
        assert pathlib.Path(folder).stat().st_mode & 0o077 == 0
    assert not folder.exists()
