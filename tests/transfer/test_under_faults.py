"""While one request in twenty fails in one way or another, what is carried comes through whole, or an error says why not."""

from __future__ import annotations

import concurrent.futures
import pathlib

import pytest

from tests.servers.fault_proxy import FaultProxy
from tests.servers.faults import KINDS
from tests.transfer import places, storm
from tests.transfer.places import Place
from tests.transfer.storm import Outcome, Plan, Storm

MEBIBYTE = 1 << 20


@pytest.fixture
def plan(pytestconfig: pytest.Config) -> Plan:
    size = pytestconfig.getoption("--megabytes", 16) * MEBIBYTE
    seed, count = pytestconfig.getoption("--seed", 1), pytestconfig.getoption("--count", 10)
    return Plan(seed, count, size, part_bytes=size // 16, share=pytestconfig.getoption("--percent", 5) / 100)


def test_what_is_carried_comes_through_whole_or_an_error_says_why_not(
    place: Place, plan: Plan, tmp_path: pathlib.Path, request: pytest.FixtureRequest
) -> None:
    with FaultProxy(place.server_url, seed=plan.seed, share=0) as proxy:
        running = Storm(place, proxy, plan, tmp_path)
        try:
            outcome = running.run()
        finally:
            storm.print_report(request.node.callspec.id, plan, proxy, running.outcome)
    assert outcome.uploaded + len(outcome.upload_errors) == plan.count
    assert outcome.downloaded + len(outcome.download_errors) == plan.count
    assert len(proxy.log) >= plan.count // 2
    assert outcome.uploaded
    assert outcome.downloaded


@pytest.mark.parametrize("server", ["swift", "s3_swift"])
def test_each_fault_is_healed_or_told(server: str, tmp_path: pathlib.Path, request: pytest.FixtureRequest) -> None:
    """One object goes up and down while nearly every third request meets this one fault; all of the faults at once.

    They have little to do but to wait, each for the retries of its own store.
    """
    spots = {kind: places.make(request.getfixturevalue(server)) for kind in KINDS}

    def carry(kind: str) -> Outcome:
        folder = tmp_path / kind
        folder.mkdir()
        plan = Plan(seed=1, count=1, bytes=MEBIBYTE, part_bytes=MEBIBYTE // 16, share=0.3, first=KINDS.index(kind))
        place = spots[kind]
        with FaultProxy(place.server_url, seed=plan.seed, share=0, kinds=[kind], delay_seconds=0.1) as proxy:
            outcome = Storm(place, proxy, plan, folder).run()
        assert {fault.kind for fault in proxy.log} == {kind}
        return outcome

    with concurrent.futures.ThreadPoolExecutor(len(KINDS)) as pool:
        outcomes = dict(zip(KINDS, pool.map(carry, KINDS), strict=True))
    assert (outcomes["delay"].uploaded, outcomes["delay"].downloaded) == (1, 1)
