"""Which recovery points stay: what must hold of every policy and every history, and what each rule means."""

from __future__ import annotations

import dataclasses
import datetime

import hypothesis
import pytest
from hypothesis import strategies as st

from include.proven.fleet.retention import Retention
from include.proven.retention import policy
from include.proven.retention.policy import Copy, Reasons, Situation
from tests.retention import histories

MANY = hypothesis.settings(max_examples=100, deadline=None)


def staying(reasons: Reasons) -> set[str]:
    return {point for point, why in reasons.items() if why}


def going(reasons: Reasons) -> set[str]:
    return {point for point, why in reasons.items() if not why}


@MANY
@hypothesis.given(histories.policies(), histories.situations())
def test_what_must_hold_of_every_policy_and_history(wanted: Retention, situation: Situation) -> None:
    reasons = policy.decide(wanted, situation)
    kept = staying(reasons)
    for copies in situation.copies.values():
        counted = [copy for copy in copies if copy.recovery_point not in situation.excluded]
        proven = [copy.recovery_point for copy in counted if copy.proof == "proven" and copy.base is not None]
        assert kept.issuperset(sorted(proven)[-wanted.proven :]), "the last that are proven stay, in each store"
        if counted and proven:
            assert max(copy.recovery_point for copy in counted) in kept, "the newest stays"
            for method in {copy.method for copy in counted if copy.base is not None}:
                newest = max(copy.recovery_point for copy in counted if copy.base is not None and copy.method == method)
                assert newest in kept, "what an incremental would be made on stays"
        if not proven:
            assert kept.issuperset(copy.recovery_point for copy in counted), "nothing goes where nothing is proven"
        for copy in copies:
            assert copy.base is not None or copy.recovery_point in kept, "what can't be read stays"
            if copy.recovery_point in kept and copy.base in reasons:
                assert copy.base in kept, "what stays can be restored"
    assert kept.issuperset({*situation.holds, *situation.half_made} & set(reasons))
    again = policy.decide(wanted, histories.without(situation, going(reasons)))
    assert going(again) == set(), "what has stayed once stays: nothing has happened since"


@MANY
@hypothesis.given(histories.policies(), histories.situations(), st.sampled_from(["proven", "keep_last", "daily", "monthly"]))
def test_a_policy_that_asks_for_more_keeps_no_less(wanted: Retention, situation: Situation, rule: str) -> None:
    more = wanted.model_copy(update={rule: (getattr(wanted, rule) or 0) + 1})
    assert staying(policy.decide(wanted, situation)) <= staying(policy.decide(more, situation))


@MANY
@hypothesis.given(histories.policies(), histories.situations())
def test_wherever_a_removal_ends_no_chain_is_broken(wanted: Retention, situation: Situation) -> None:
    gone: set[str] = set()
    for point in policy.removal_order(going(policy.decide(wanted, situation)), situation):
        gone.add(point)
        for copies in histories.without(situation, gone).copies.values():
            assert not {copy.base for copy in copies} & gone


def day(number: int, hour: int = 2) -> str:
    return f"{datetime.datetime(2026, 11, number, hour):%Y%m%dT%H%M%SZ}-full-{number:04}{hour:04}"


def proven(*points: str, proof: policy.Proof = "proven") -> list[Copy]:
    return [Copy(point, proof=proof) for point in points]


def decide(copies: list[Copy], **rules: object) -> dict[str, list[str]]:
    found = policy.decide(Retention.model_validate({"proven": 1, **rules}), Situation({"s": copies}))
    return {point: reasons for point, reasons in found.items() if reasons}


def test_of_each_period_the_newest_that_is_proven_stays() -> None:
    copies = [*proven(day(1), day(2, 2), day(3)), *proven(day(2, 8), proof="untried"), *proven(day(2, 14), proof="refuted")]
    assert decide(copies, daily=2) == {day(2, 2): ["daily 2 of 2"], day(3): ["newest", "proven 1 of 1", "daily 1 of 2"]}


def test_days_without_a_recovery_point_are_not_counted() -> None:
    """Backups that have stopped must not age out what there is."""
    copies = proven(day(1), day(2), day(20))
    assert list(decide(copies, daily=2)) == [day(2), day(20)]
    assert list(decide(copies, keep_within="1d", keep_last=1)) == [day(20)]


def test_weeks_begin_on_monday_and_the_year_goes_by_its_weeks() -> None:
    sunday, monday, friday = (f"{date}T020000Z-full-00000000" for date in ("20261227", "20261228", "20270101"))
    assert list(decide(proven(sunday, monday, friday), weekly=2)) == [sunday, friday]
    assert list(decide(proven(sunday, monday, friday), yearly=2)) == [monday, friday]


def test_what_is_newer_than_the_newest_proof_stays_unless_it_is_refuted() -> None:
    copies = [*proven(day(1), day(2)), *proven(day(3), proof="refuted"), *proven(day(4), day(5), proof="untried")]
    assert decide(copies, keep_last=1) == {
        day(2): ["proven 1 of 1"],
        day(4): ["no newer one is proven"],
        day(5): ["newest", "no newer one is proven", "last 1 of 1"],
    }


def test_it_goes_from_all_stores_or_from_none_and_a_proof_counts_where_it_was_made() -> None:
    near = [*proven(day(1), day(3)), *proven(day(2), proof="untried")]
    far = [*proven(day(2)), *proven(day(1), day(3), proof="untried")]
    found = policy.decide(Retention(keep_last=1, proven=1), Situation({"near": near, "far": far}))
    assert found[day(1)] == []
    assert found[day(2)] == ["proven 1 of 1 in far"]


def test_nothing_older_goes_while_an_incremental_is_being_taken() -> None:
    begun = "20261104T120000Z-incremental-00000000"
    situation = Situation({"s": proven(day(1), day(2), day(5))}, half_made=[begun])
    found = policy.decide(Retention(keep_last=1, proven=1), situation)
    assert found[day(1)] == [f"may be what {begun} needs"]
    whole = dataclasses.replace(situation, half_made=[begun.replace("incremental", "full")])
    assert policy.decide(Retention(keep_last=1, proven=1), whole)[day(1)] == []


@pytest.mark.parametrize("rules", [{}, {"proven": 5}, {"daily": 0}, {"keep_last": -1}, {"daily": 1, "proven": 0}])
def test_a_policy_that_keeps_nothing_is_refused(rules: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"keeps nothing but the last proofs|greater than or equal to 1"):
        Retention.model_validate(rules)
