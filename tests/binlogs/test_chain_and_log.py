"""A chain of a server's files and the log behind it, as they would be used: proven to a second, and each broken link named."""

from __future__ import annotations

import datetime
import pathlib

import pytest

from include.proven import drill, ids
from include.proven.binlogs import lottery
from include.proven.proof.verdict import Verdict
from tests.binlogs.chained import Chained


def ask(chained: Chained) -> drill.Drill:
    return drill.Drill(ids.new_drill(), "shop", "", "disk", "local")


def figures(verdict: Verdict) -> dict[str, str]:
    """Return what the replay saw at the second that it was halted at."""
    replayed = next(step for step in verdict.steps if step.name == "replay").figures["replayed"]
    found: dict[str, str] = replayed["moment"]
    return found


def test_a_full_one_three_links_and_the_log_lead_to_a_second(chained: Chained) -> None:
    """The lottery's way, from the last link of the chain, so that all of it is restored."""
    reach_a_second(chained)


def test_a_clone_and_the_log_lead_to_a_second(cloned: Chained) -> None:
    reach_a_second(cloned)


def reach_a_second(chained: Chained) -> None:
    start, end = chained.chain[-1], chained.younger
    moment = lottery.draw_second(start.snapshot_at, end.snapshot_at)
    asked = lottery.reach(chained.logged.opened, ask(chained), moment)
    assert (asked.via, asked.recovery_point) == (start.recovery_point, end.recovery_point)
    verdict = drill.run(chained.logged.opened, asked)
    assert verdict.outcome == "proven", (verdict.reason, [check for check in verdict.checks if check.outcome != "pass"])
    seen = figures(verdict)
    tick, later = (datetime.datetime.fromisoformat(seen[name]) for name in ("tick", "next_at"))
    assert datetime.timedelta(seconds=-2) < tick - moment < datetime.timedelta(seconds=1)
    assert later >= moment + datetime.timedelta(seconds=1)
    (check,) = [check for check in verdict.checks if check.name == "moment"]
    assert check.figure.endswith("; 0 s lost"), check.figure


def test_a_second_behind_the_last_recovery_point_is_reached_and_unproven(chained: Chained) -> None:
    asked = lottery.reach(chained.logged.opened, ask(chained), chained.younger.snapshot_at + datetime.timedelta(seconds=1))
    assert asked.open_ended
    verdict = drill.run(chained.logged.opened, asked)
    assert (verdict.outcome, "nothing says what must be there" in verdict.reason) == ("unproven", True), verdict.reason
    assert {check.name: check.outcome for check in verdict.checks} == {
        "fingerprint": "could-not-run", "moment": "pass", "tables": "pass", "server log": "pass", "environment": "pass"
    }  # fmt: skip


@pytest.mark.failure("C8")
def test_a_missing_incremental_in_front_of_the_log_is_named(chained: Chained, tmp_path: pathlib.Path) -> None:
    lost, last = (link.recovery_point for link in chained.chain[2:])
    asked = lottery.reach(chained.logged.opened, ask(chained), chained.younger.snapshot_at - datetime.timedelta(seconds=1))
    assert asked.via == last
    folder = next(chained.logged.store.rglob(lost))
    hidden = folder.rename(tmp_path / lost)
    try:
        verdict = drill.run(chained.logged.opened, asked)
    finally:
        hidden.rename(folder)
    assert verdict.outcome == "refuted"
    assert f"the chain is broken at {last}: its base {lost} is not in store disk" in verdict.reason
    assert f"can still be reached before it: {chained.chain[1].recovery_point}" in verdict.hint


def test_no_server_is_recovered_from_files_and_the_way_by_hand_is_told(chained: Chained) -> None:
    moment = f"{chained.younger.snapshot_at:%Y-%m-%d %H:%M:%S}"
    done = chained.logged.files.run("restore", "shop", "--to", "connection:source", "--to", moment)
    assert done.returncode not in (0, 3)
    assert "holds the server's files" in done.stderr
    position = chained.younger.position
    assert position is not None
    assert f"from {position.file} offset {position.offset} on" in " ".join(done.stderr.split())
