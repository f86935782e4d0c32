"""Retention on real stores with real signatures: what goes, in which order, and what stays whatever the policy says."""

from __future__ import annotations

import datetime
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable

import pytest

from include.proven import ids, sweeping
from include.proven.catalog import restores
from include.proven.catalog.drills import CHAINS
from include.proven.errors import ConfigError, ProvenError
from include.proven.manifest import Server
from include.proven.proof.verdict import Outcome, Step
from include.proven.reports import period_gathering
from include.proven.retention import planning, pruning
from include.proven.sandboxes.contract import Order
from tests.retention.conftest import SIZE, Bed, day, moment
from tests.servers.fleets import CHECKOUT
from tests.servers.s3 import S3
from tests.servers.swift import Swift
from tests.several.conftest import other_swift as other_swift
from tests.sweeping.test_sweep import later as later

BY = "tests"
FULL, FIRST, SECOND, LATER = day(1), day(2, "incremental"), day(3, "incremental"), day(4)


def plan_of(bed: Bed) -> dict[str, list[str]]:
    """Return why each recovery point stays. Fail if anything could not be looked at."""
    plan = planning.make_plan(bed.open(), "shop")
    plan.require()
    return {fate.recovery_point: fate.reasons for fate in plan.fates}


def prune(bed: Bed, *, even_most: bool = False) -> list[str]:
    """Prune, and return what went."""
    opened = bed.open()
    outcome = pruning.apply(opened, planning.make_plan(opened, "shop"), asked_by=BY, even_most=even_most)
    return sorted(outcome.points)


def test_what_no_rule_keeps_goes_with_all_that_is_below_it(bed: Bed) -> None:
    bed.put(*(day(number) for number in range(1, 6)))
    bed.set(keep_last=2, weekly=1)
    others = [key for key in bed.everything() if not key.startswith((f"shop/{day(1)}", f"shop/{day(2)}", f"shop/{day(3)}"))]
    plan = planning.make_plan(bed.open(), "shop")
    assert bed.held() == [day(number) for number in range(1, 6)], "a plan changes nothing"
    assert pruning.apply(bed.open(), plan, asked_by=BY).freed == 3 * SIZE
    assert bed.everything() == others
    assert bed.catalog().store.list_uploads("shop") == []
    assert prune(bed) == [], "what has stayed once stays"
    (line,) = period_gathering.draw(bed.open()).databases
    assert (line.removed, line.freed_bytes) == (3, 3 * SIZE)
    (record,) = bed.catalog().removals("shop")
    assert (record.outcome, record.triggered_by, record.freed, record.policy) == (
        "done",
        BY,
        3 * SIZE,
        {"keep_last": 2, "weekly": 1, "proven": 1},
    )
    assert [(point.recovery_point, point.proof) for point in record.points] == [(day(n), "proven") for n in (3, 2, 1)]


@pytest.mark.failure("B8")
def test_the_base_of_an_incremental_stays_as_long_as_it_and_goes_after_it(any_bed: Bed) -> None:
    bed = any_bed
    bed.put(FULL)
    bed.put(FIRST, base=FULL, kind="incremental", proof=None)
    bed.put(SECOND, base=FIRST, kind="incremental")
    bed.set(keep_last=1)
    assert plan_of(bed)[FULL] == [f"base of {FIRST}"]
    assert plan_of(bed)[FIRST] == [f"base of {SECOND}"]
    assert prune(bed) == []
    assert bed.catalog().manifest("shop", FULL).recovery_point == FULL

    bed.put(LATER)
    plan = planning.make_plan(bed.open(), "shop")
    assert plan.order == [SECOND, FIRST, FULL], "an incremental goes before what it is made on"
    assert prune(bed) == sorted(plan.order)
    assert bed.held() == [LATER]


KILLED = """
    import os, signal, sys
    from include.proven import installation
    from include.proven.retention import planning, pruning
    from include.proven.stores.{module} import {store}

    left = int(sys.argv[1])
    def die_later(do):
        def done(*arguments):
            global left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return do(*arguments)
        return done

    {store}.delete_record = die_later({store}.delete_record)
    {store}.delete_folder = die_later({store}.delete_folder)
    opened = installation.open_installation()
    pruning.apply(opened, planning.make_plan(opened, "shop"), asked_by="killed")
"""
"""It deletes once before it writes its first record; then a manifest, its signature and the folder of each that goes."""


@pytest.mark.failure("B8")
@pytest.mark.parametrize("kind", ["directory", "swift"])
def test_killed_half_way_no_chain_is_broken_and_the_sweep_takes_what_is_left(
    bed: Bed, kind: str, later: Callable[..., None], request: pytest.FixtureRequest
) -> None:
    if kind == "directory":
        request.getfixturevalue("to_directory")
    bed.put(FULL, LATER)
    bed.put(FIRST, base=FULL, kind="incremental", proof=None)
    bed.put(SECOND, base=FIRST, kind="incremental", proof=None)
    opened = bed.set(keep_last=1)
    program = textwrap.dedent(KILLED.format(module=kind, store=f"{kind.title()}Store"))
    later(hours=7)
    for call, half_gone, held in ((3, SECOND, [FULL, FIRST, LATER]), (7, FULL, [LATER])):
        argv = [sys.executable, "-c", program, str(call)]
        done = subprocess.run(argv, cwd=CHECKOUT, env={**os.environ, **bed.files.variables}, capture_output=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        assert bed.held() == held, "what needs a base went before it"
        if half_gone == SECOND:
            assert plan_of(bed)[FULL] == [f"may be what {SECOND} needs", f"base of {FIRST}"], "it may be under way as well"
        (leftover,) = sweeping.find(opened, bed.stores[0])
        assert (leftover.folder, leftover.state) == (f"shop/{half_gone}", "left")
        assert sweeping.remove(opened, leftover)
    assert {key.split("/")[1] for key in bed.everything()} == {LATER}
    assert [record.outcome for record in bed.catalog().removals("shop")] == ["begun", "begun"]


@pytest.mark.failure("B9")
def test_what_a_store_has_locked_is_kept_and_told(to_s3: Callable[..., Bed], moto: S3) -> None:
    bed = to_s3(moto, object_lock={"mode": "compliance", "retain": "1d"})
    bed.put(FULL)
    bed.put(FIRST, base=FULL, kind="incremental")
    bed.put(LATER)
    bed.set(keep_last=1)
    reasons = plan_of(bed)
    assert all(reasons[point][0].startswith("locked until ") for point in (FULL, FIRST)), reasons
    before = bed.everything()
    assert prune(bed) == []
    assert bed.everything() == before, "not a delete marker is written"


def test_what_was_locked_goes_with_every_version_when_the_lock_has_ended(to_s3: Callable[..., Bed], moto: S3) -> None:
    bed = to_s3(moto, object_lock={"mode": "governance", "retain": "1s"})
    bed.put(FULL, LATER)
    opened = bed.set(keep_last=1)
    while opened.store("other").find_lock(f"shop/{FULL}"):
        time.sleep(0.2)
    assert prune(bed) == [FULL]
    bucket = bed.files.document["stores"]["other"]["bucket"]
    assert [key for key, _ in moto.everything(bucket).versions if FULL in key] == []


def test_a_manifest_that_can_not_be_trusted_stays_and_so_does_what_it_may_need(bed: Bed) -> None:
    bed.put(FULL, LATER)
    bed.put(FIRST, base=FULL, kind="incremental")
    bed.put(SECOND, base=FIRST, kind="incremental")
    bed.set(keep_last=1)
    store, key = bed.catalog().store, f"shop/{FIRST}/manifest.json"
    content = store.get_record(key)
    store.delete_record(key)
    store.put_record(key, content.replace(FULL.encode(), LATER.encode()))
    plan = planning.make_plan(bed.open(), "shop")
    why = {fate.recovery_point: " ".join(fate.reasons) for fate in plan.fates}
    assert "can't be trusted" in why[FIRST]
    assert f"may be what {FIRST} needs" in why[FULL]
    assert "needs one whose manifest can't be trusted" in why[SECOND]
    with pytest.raises(ProvenError, match=f"{FIRST}/manifest.json can't be trusted"):
        plan.require()
    assert prune(bed) == []


def test_what_is_drilled_restored_or_copied_stays(bed: Bed) -> None:
    old = [day(number) for number in range(1, 7)]
    bed.put(*old)
    opened = bed.set(keep_last=1)
    now = datetime.datetime.now(datetime.UTC)
    drill, dead = ids.new_drill(now=now), ids.new_drill(now=now - datetime.timedelta(hours=49))
    catalog = bed.catalog()
    for point, running in ((old[0], drill), (old[1], dead)):
        catalog.record_evidence("shop", point, running, Step(name="build", outcome="done"))
    begun = restores.Restore(
        id=restores.new_id(now),
        database="shop",
        recovery_point=old[2],
        store="swift",
        target="elsewhere",
        triggered_by=BY,
        started_at=now,
        outcome="begun",
    )
    catalog.record_restore(begun)
    plan = planning.make_plan(opened, "shop")
    assert {fate.recovery_point: fate.reasons for fate in plan.fates if not fate.goes} == {
        old[0]: [f"being drilled: {drill}"],
        old[2]: [f"being restored: {begun.id}"],
        old[5]: ["newest", "proven 1 of 1", "last 1 of 1"],
    }
    catalog.record_restore(begun.model_copy(update={"outcome": "done"}))
    # a drill that begins after the plan was made
    catalog.record_evidence("shop", old[3], ids.new_drill(now=now), Step(name="build", outcome="done"))
    outcome = pruning.apply(bed.open(), plan, asked_by=BY)
    assert (outcome.points, outcome.changed) == ({old[1], old[4]}, [old[3]])
    catalog.record_evidence("shop", old[3], drill, Step(name="build", outcome="done"), CHAINS)
    assert prune(bed) == [], "the log may lead there from any older one"


def test_what_stands_in_a_sandbox_stays_and_all_while_a_sandbox_can_not_be_asked(bed: Bed) -> None:
    bed.put(day(1), day(2))
    opened = bed.set(keep_last=1)
    drill = ids.new_drill(now=datetime.datetime.now(datetime.UTC))
    server = Server(flavour="mariadb", version="10.11.1-MariaDB", identity="x", hostname="x", settings={})
    name = ids.sandbox_name(drill)
    opened.sandbox("local").create(Order(name, server, 1000, database="shop", recovery_point=day(1), drill=drill))
    try:
        assert plan_of(bed)[day(1)] == [f"stands in sandbox local: {name}"]
    finally:
        assert opened.sandbox("local").destroy(name)
    machine = {"images": {"mariadb-10.11": "debian"}, "sizes": ["small"], "worker_networks": ["10.1.2.0/24"], "seed": "keys"}
    nova = {"kind": "nova", "connection": "nowhere", "network": "inside", **machine}
    bed.files.document["sandboxes"]["cloud"] = nova
    bed.files.write()
    plan = planning.make_plan(bed.open(), "shop")
    assert (plan.going, plan.fates[0].reasons) == ([], ["a sandbox that may need it gives no answer"])
    with pytest.raises(ProvenError, match="nowhere"):
        plan.require()


def test_nothing_goes_that_is_of_the_future_or_as_long_as_nothing_is_proven(bed: Bed) -> None:
    bed.put(day(1), day(2), proof="unproven")
    bed.put(day(3), proof="refuted")
    bed.set(keep_last=1)
    assert set(map(tuple, plan_of(bed).values())) == {("nothing is proven",)}
    ahead = "29991231T000000Z-full-00000000"
    bed.put(ahead, day(4))
    found = plan_of(bed)
    assert found[ahead] == ["of the future"]
    assert found[day(4)][0] == "newest"
    assert prune(bed) == [day(1), day(2), day(3)]


def test_the_last_drill_that_could_be_tried_says_what_a_copy_is_worth(bed: Bed) -> None:
    bed.put(day(1), day(2), day(3))
    later: list[tuple[int, int, Outcome]] = [(2, 1, "refuted"), (3, 1, "refuted"), (3, 2, "unproven")]
    for number, hours, outcome in later:
        bed.drill(day(number), outcome, at=moment(day(number)) + datetime.timedelta(hours=hours))
    bed.set(keep_last=1)
    assert plan_of(bed) == {day(1): ["proven 1 of 1", "last 1 of 1"], day(2): [], day(3): ["newest"]}


def test_a_slip_in_a_policy_does_not_empty_a_store(bed: Bed) -> None:
    bed.put(*(day(number) for number in range(1, 8)))
    bed.set(keep_last=3)
    with pytest.raises(ConfigError, match="4 of 7 recovery points of shop would go at once") as caught:
        prune(bed)
    assert "--even-most" in caught.value.hint
    assert len(bed.held()) == 7
    assert bed.catalog().removals("shop") == []
    assert len(prune(bed, even_most=True)) == 4


def test_several_stores_lose_the_same_and_nothing_while_one_is_down(bed: Bed, other_swift: Swift) -> None:
    bed.files.add_swift("far", other_swift)
    bed.open().store("far").check()
    points = [day(number) for number in range(1, 5)]
    bed.put(*points[:3], proof=None)
    bed.put(points[3])
    bed.drill(points[1], "proven", store="far")
    bed.set(keep_last=1)
    assert plan_of(bed) == {
        points[0]: [],
        points[1]: [],
        points[2]: [],
        points[3]: [f"{why} in {store}" for store in ("swift", "far") for why in ("newest", "proven 1 of 1", "last 1 of 1")],
    }
    good = bed.files.connections["far"]
    bed.files.connections["far"] = {**good, "host": "http://127.0.0.1:9"}
    bed.files.write()
    plan = planning.make_plan(bed.open(), "shop")
    assert plan.going == []
    assert plan.fates[0].reasons == ["far gives no answer"]
    with pytest.raises(ProvenError, match="far"):
        plan.require()
    bed.files.connections["far"] = good
    bed.files.write()
    assert prune(bed) == points[:3]
    assert bed.held("swift") == bed.held("far") == points[3:]


def test_the_command_shows_and_changes_nothing_before_it_is_told_to(bed: Bed) -> None:
    bed.put(day(1), day(2), day(3))
    refused = bed.files.run("prune", "shop")
    assert refused.returncode == 2
    assert "database shop has no `retention`" in refused.stderr
    bed.set(keep_last=1)
    shown = bed.files.run("prune", "shop", COLUMNS="200")
    assert shown.returncode == 0, shown.stderr
    assert "goes: nothing keeps it" in shown.stdout
    assert "2 of 3 recovery points go" in shown.stdout
    assert len(bed.held()) == 3
    done = bed.files.run("prune", "--apply", "--json")
    assert done.returncode == 0, done.stderr
    (document,) = json.loads(done.stdout)
    assert document["removed"] == [day(1), day(2)]
    told = bed.files.run("show", "shop", "--removals", "--json")
    assert [len(one["points"]) for one in json.loads(told.stdout)] == [2]
