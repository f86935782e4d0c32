"""A chain of a server's files and the log behind it, as they would be used: proven together, and each broken link named."""

from __future__ import annotations

from include.proven import drill, ids
from include.proven.proof.verdict import Verdict
from tests.binlogs.chained import Chained


def try_chain(chained: Chained) -> Verdict:
    """Drill the way from the last link of the chain to the younger recovery point."""
    asked = drill.Drill(
        ids.new_drill(), "shop", chained.younger.recovery_point, "disk", "local", via=chained.chain[-1].recovery_point
    )
    return drill.run(chained.logged.opened, asked)


def test_a_full_one_three_links_and_the_log_are_the_younger_one(chained: Chained) -> None:
    verdict = try_chain(chained)
    assert verdict.outcome == "proven", (verdict.reason, [check for check in verdict.checks if check.outcome != "pass"])
