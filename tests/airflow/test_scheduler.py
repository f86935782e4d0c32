"""Under a real scheduler: what the fleet promises happens by itself, and whoever must act hears of it once."""

from __future__ import annotations

import urllib.parse
import urllib.request

import pytest

from include.proven.local_airflow.api import AirflowApiError
from tests.airflow.live import House, wait_for

pytestmark = pytest.mark.scheduler


def test_a_scheduled_backup_triggers_its_drill_and_is_proven(house: House) -> None:
    house.pause("backup__clock", paused=False)
    first = wait_for(lambda: house.runs("backup__clock"), "the schedule's first run")[-1]
    assert first["run_type"] == "scheduled"
    assert house.finish("backup__clock", first["dag_run_id"]) == "success"
    house.pause("backup__clock")
    drill = house.next_drill("clock", set())
    assert house.runs("drill__clock")[-1]["run_type"] == "asset_triggered"
    assert house.finish("drill__clock", drill) == "success"

    verdict = house.newest_verdict("clock")
    assert verdict.outcome == "proven"
    assert verdict.triggered_by == f"airflow:drill__clock/{drill}"
    answers = {check.name: check.outcome for check in verdict.checks}
    names = ("fingerprint", "objects", "canary", "there are orders", "notes are kept")
    assert answers == dict.fromkeys(names, "pass")
    assert not house.pager.incidents


def test_a_fire_drill_is_filled_in_by_form(house: House) -> None:
    assert house.back_up("shop") == "success"
    first = house.catalog("shop").recovery_points("shop")[0]
    run = house.trigger("fire_drill", database="shop", recovery_point=first, sandbox="local", keep_on_failure=True)
    assert house.finish("fire_drill", run) == "success"
    verdict = house.newest_verdict("shop")
    assert (verdict.outcome, verdict.triggered_by) == ("proven", f"airflow:fire_drill/{run}")
    house.nothing_runs()


@pytest.mark.parametrize(
    "form",
    [
        {"database": "ods"},
        {"recovery_point": "yesterday"},
        {"sandbox": "production"},
        {"keep_on_failure": "maybe"},
    ],
    ids=lambda form: next(iter(form)),
)
def test_a_wrong_form_is_refused(house: House, form: dict[str, str]) -> None:
    runs = len(house.runs("fire_drill"))
    with pytest.raises(AirflowApiError) as refused:
        house.trigger("fire_drill", **form)
    assert refused.value.status == 400
    assert len(house.runs("fire_drill")) == runs


def test_a_recovery_point_that_is_not_there_leaves_the_drill_unproven(house: House) -> None:
    begun = len(house.pager.incidents)
    run = house.trigger("fire_drill", database="shop", recovery_point="20010101T000000Z-full-00000000")
    assert house.finish("fire_drill", run) == "failed"
    wait_for(lambda: house.task_states("fire_drill", run)["destroy"] == "failed", "end of the teardown")
    incident = house.only_page(begun, "proven/shop/drill-unproven")
    assert "20010101T000000Z-full-00000000" in incident["payload"]["summary"]


def test_one_flipped_byte_is_found_paged_once_and_resolved_by_the_next_proof(house: House) -> None:
    begun = len(house.pager.incidents)
    house.pause("drill__shop")
    assert house.finish("backup__shop", house.trigger("backup__shop")) == "success"
    flip_a_byte(house, house.catalog("shop").recovery_points("shop")[-1])
    house.pause("drill__shop", paused=False)
    drill = house.trigger("drill__shop")
    assert house.finish("drill__shop", drill) == "failed"

    verdict = house.newest_verdict("shop")
    assert verdict.outcome == "refuted"
    event = house.only_page(begun, "proven/shop/drill-refuted")
    links = {link["text"]: link["href"] for link in event["links"]}
    assert f"/dags/drill__shop/runs/{urllib.parse.quote(drill)}" in links["Run in Airflow"]
    with urllib.request.urlopen(links["Runbook: drill-refuted"]) as runbook:  # noqa: S310  # our own Airflow on the loopback
        assert "drill-refuted" in runbook.read().decode()
    house.nothing_runs()

    assert house.back_up("shop") == "success"
    assert not house.pager.open


def flip_a_byte(house: House, recovery_point: str) -> None:
    """Change one byte in the middle of the dump, as anybody with the store's password could."""
    swift, container = house.swift.raw(), f"{house.files.container}_segments"
    (part,) = [name for name in house.swift.names(container) if f"/{recovery_point}/dump.sql" in name]
    _, content = swift.get_object(container, part)
    middle = len(content) // 2
    swift.put_object(container, part, content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
