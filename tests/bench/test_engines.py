"""`scripts/bench --only engines`, on a few thousand rows: no figure is judged, but that there is one of everything."""

from __future__ import annotations

import pathlib
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

import pytest

from include.proven import servers
from include.proven.bench.engines import bed, ours, race, stages, tables, targets
from include.proven.bench.engines.meter import Span
from include.proven.bench.engines.outcome import Outcome, Outcomes
from include.proven.demo import swift
from include.proven.errors import ProvenError, ToolError
from tests.servers.missing import give_up

SLOW = Span(wall=20.0, client=10.0, server=5.0, store=1.0)
FAST = Span(wall=4.0, client=2.0, server=1.0, store=1.0, peak=200 << 20, agent=60 << 20)


@pytest.fixture(scope="module")
def found(mariadb_path: list[pathlib.Path]) -> Iterator[race.Found]:
    """One run on MariaDB."""
    try:
        swift.require_attributes(pathlib.Path("/var/tmp"))
        for program in ("mariadb-backup", "curl"):
            servers.find_program(program, mariadb_path)
    except ProvenError as error:
        give_up("the benchmark", str(error))
    with pytest.MonkeyPatch.context() as patched:
        for name in ("PROVEN_CONNECTIONS", "PROVEN_HOME"):
            patched.setenv(name, "")  # the run sets them, and they are as before afterwards
        yield race.run("mariadb", 2000, shop_megabytes=0)


def test_every_way_has_a_figure_and_a_copy_that_is_whole(found: race.Found) -> None:
    # mydumper is no part of what Proven needs
    failed = [one for one in found.outcomes.failed() if "mydumper" not in one.way and "myloader" not in one.way]
    assert not failed
    timed = [one for one in found.outcomes.all if one.span]
    assert {one.kind for one in timed} == {"stage", "backup", "restore"}
    assert all(one.span.wall > 0 and one.span.cpu > 0 for one in timed if one.span)
    backups = {one.way: one for one in timed if one.kind == "backup"}
    assert all(one.stored > 100_000 for one in backups.values() if "changed" not in one.way), backups
    assert all(one.span.agent > 10 << 20 for one in backups.values() if one.ours and one.span)
    assert all(stages.bound(found.outcomes, way, proof=True) for way in stages.FIRST)


def test_its_tables_and_its_plot_are_whole(found: race.Found) -> None:
    text = tables.render(found)
    assert all(f"**{one.way}**" in text for one in found.outcomes.all if one.ours)
    assert text.count("| yes |") + text.count("| **no** |") == 11
    drawn = ElementTree.fromstring(tables.plot(found))  # noqa: S314 - it is ours
    assert drawn.tag.endswith("svg")
    bars = [one for one in found.outcomes.all if one.span and one.kind != "stage"]
    assert len(drawn.findall(".//{*}rect")) == len(bars) + 1


def test_a_target_is_met_missed_or_not_measured() -> None:
    outcomes = Outcomes(1)
    outcomes.all += [
        Outcome("restore", "gpg, gunzip, mariadb", False, SLOW),
        Outcome("restore", ours.ONE, True, FAST),
        Outcome("restore", ours.FILES, True, FAST),
    ]
    judged = {one.what: one for one in targets.judge(outcomes, "mariadb")}
    faster = {way: judged[f"restore, {way}: faster than gpg, gunzip, mariadb"] for way in stages.FIRST}
    assert {way: one.met for way, one in faster.items()} == {ours.ONE: True, ours.TABLES: None, ours.FILES: False}
    assert faster[ours.ONE].measured == "5.0 × (4.0 s, 20.0 s)"
    assert judged["peak memory of the agent, backups and restores"].met


def test_a_lower_bound_is_the_slowest_stage_or_the_work_on_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.proven.bench.engines.meter.cores", lambda: 2)
    outcomes = Outcomes(1)
    names = ("dump", "zstd of dump", "gpg of dump", "upload of dump")
    outcomes.all += [Outcome("stage", name, False, FAST) for name in names]
    assert stages.bound(outcomes, ours.ONE, proof=True) is None
    assert stages.bound(outcomes, ours.ONE, proof=False) == 8.0
    outcomes.all[0] = Outcome("stage", "dump", False, SLOW)
    assert stages.bound(outcomes, ours.ONE, proof=False) == 20.0


def test_a_way_that_fails_is_named_and_the_others_go_on() -> None:
    outcomes = Outcomes(1)

    def fail() -> tuple[Span, int]:
        raise ToolError("the pipeline failed", detail="why")

    outcomes.go("backup", "one", fail)
    outcomes.go("backup", "other", lambda: (FAST, 5))
    assert [(one.way, one.problem) for one in outcomes.failed()] == [("one", "the pipeline failed")]
    assert outcomes.find("backup", "other")


def test_too_small_a_disk_is_told_before_anything_is_made(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ToolError, match=r"the benchmark needs 1000000\.0 GB of free disk"):
        bed.check_room(tmp_path, 10**15)
