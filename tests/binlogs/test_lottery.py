"""A drill of the way there: an older recovery point and the binary log give every row of the younger one."""

from __future__ import annotations

from include.proven import drill, ids
from include.proven.binlogs import lottery
from include.proven.proof import moments
from include.proven.proof.verdict import Verdict
from include.proven.reports import facts
from tests.binlogs.kept import Kept


def try_way(kept: Kept) -> Verdict:
    asked = drill.Drill(ids.new_drill(), "shop", "", "", "local")
    return drill.run(kept.logged.opened, lottery.draw(kept.logged.opened, asked))


def test_the_older_one_and_the_log_are_the_younger_one(kept: Kept) -> None:
    verdict = try_way(kept)
    assert verdict.outcome == "proven", (verdict.reason, [check for check in verdict.checks if check.outcome != "pass"])
    assert (verdict.recovery_point, verdict.via) == (kept.younger.recovery_point, kept.older.recovery_point)
    replayed = next(step for step in verdict.steps if step.name == "replay").figures["replayed"]
    assert replayed["transactions"] > 15
    # no stream has written ticks here: the check says so, and tells the second by the log alone
    (check,) = [check for check in verdict.checks if check.name == "moment"]
    assert verdict.moment is not None
    assert f"asked for {verdict.moment:%Y-%m-%d %H:%M:%S} UTC" in check.figure
    assert check.not_covered == [moments.NO_TICKS]
    assert replayed["moment"]["transactions"] <= replayed["transactions"]
    position = kept.younger.position
    assert position is not None
    assert (replayed["file"], replayed["offset"]) <= (position.file, position.offset)
    said = dict(facts.drill(verdict))
    assert said["reached from"].startswith(f"{kept.older.recovery_point}, by {replayed['transactions']} transactions in ")
    assert "the log in the store is complete up to 2" in said["measured RPO"]
    # nobody may take it for a proof of the copy itself
    catalog = kept.logged.opened.catalog("shop")
    assert catalog.verdicts("shop", kept.younger.recovery_point) == []
    assert catalog.verdicts("shop", kept.younger.recovery_point, "chains") == [verdict]
    assert catalog.proven_before("shop", "99991231T000000Z-full-00000000").manifests == []
