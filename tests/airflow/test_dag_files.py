"""Every DAG keeps the rules of the house, and a DAG file never half-loads."""

from __future__ import annotations

import datetime
import pathlib

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, Asset
from airflow.serialization.serialized_objects import DagSerialization

DAGS = pathlib.Path(__file__).parents[2] / "dags"
DATABASES = ("shop", "ods", "ods_easy")
SEVERAL = "ods_easy"
"""The database with several stores."""
OF_THE_FLEET = {"acknowledge", "digest", "fire_drill", "page_test", "reaper", "sabotage", "watch"}
LOGGED = "shop"
"""The database whose binary log is shipped."""
PRUNED = "ods_easy"
"""The database with a retention."""
BY_HAND = {"acknowledge"}
"""Whoever triggers it sees what becomes of it."""
EVERY_DAG = {
    *OF_THE_FLEET,
    f"binlogs__{LOGGED}",
    f"point_in_time__{LOGGED}",
    f"retention__{PRUNED}",
    *(f"backup__{name}" for name in DATABASES),
    *(f"drill__{name}" for name in DATABASES),
}


def write_fleet(folder: pathlib.Path) -> dict[str, object]:
    """Return a fleet of three databases; nothing it names is there, for nothing may be needed to load a DAG."""
    store = {"kind": "swift", "connection": "nowhere", "container": "proven"}
    database = {
        "connection": "nowhere",
        "engine": "mariadb",
        "schedule": "0 2 * * *",
        "objectives": {"rpo": "26h", "rto": "1h"},
        "stores": ["swift"],
        "sandbox": "local",
        "owner": "shop-team",
        "contacts": ["oncall"],
        "backup_time_limit": "3h",
        "drill_time_limit": "5h",
    }
    return {
        "version": 1,
        "gnupg": {"home": str(folder), "recipients": ["a@proven.invalid"], "signer": "a@proven.invalid"},
        "stores": {"swift": store, "far": store},
        "sandboxes": {"local": {"kind": "local"}, "roomy": {"kind": "local", "directory": str(folder / "roomy")}},
        "pages": {
            "routes": {
                "oncall": {"kind": "pagerduty", "connection": "nowhere"},
                "team": {"kind": "slack", "connection": "nowhere"},
            },
            "digest": {"contacts": ["team"]},
            "test_page": {"schedule": "0 9 15 * *"},
        },
        "databases": {
            LOGGED: {**database, "binlogs": {"drill": "@weekly"}},
            "ods": {**database, "schedule": None},
            SEVERAL: {**database, "stores": ["swift", "far"], "retention": {"daily": 7}},
        },
    }


def load_bag(fleet: dict[str, object], folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> DagBag:
    (folder / "fleet.yaml").write_text(yaml.safe_dump(fleet))
    monkeypatch.setenv("PROVEN_FLEET", str(folder / "fleet.yaml"))
    return DagBag(str(DAGS))


@pytest.fixture
def bag(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> DagBag:
    return load_bag(write_fleet(tmp_path), tmp_path, monkeypatch)


@pytest.fixture(params=sorted(EVERY_DAG))
def dag(bag: DagBag, request: pytest.FixtureRequest) -> DAG:
    found: DAG = bag.dags[request.param]
    return found


def test_the_fleet_gives_exactly_its_dags(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) == EVERY_DAG


def test_a_worker_builds_only_the_dag_that_it_runs(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "backup__ods")
    bag = load_bag(write_fleet(tmp_path), tmp_path, monkeypatch)
    assert {dag for dag in bag.dags if dag not in OF_THE_FLEET} == {"backup__ods"}


def test_schedules_come_from_the_fleet(bag: DagBag) -> None:
    assert bag.dags["backup__shop"].schedule == "0 2 * * *"
    assert bag.dags["backup__ods"].schedule is None
    assert bag.dags[f"binlogs__{LOGGED}"].schedule == "*/10 * * * *"
    assert bag.dags[f"point_in_time__{LOGGED}"].schedule == "@weekly"
    assert bag.dags["fire_drill"].schedule is None
    assert bag.dags["reaper"].schedule == "@hourly"
    assert bag.dags["sabotage"].schedule == "@monthly"
    assert bag.dags["watch"].schedule == "*/5 * * * *"
    assert bag.dags["acknowledge"].schedule is None
    assert bag.dags["page_test"].schedule == "0 9 15 * *"
    assert bag.dags["digest"].schedule == "0 8 * * 1"
    for name in DATABASES:
        (asset,) = bag.dags[f"drill__{name}"].schedule
        assert asset == bag.dags[f"backup__{name}"].get_task("back_up").outlets[0]
        assert isinstance(asset, Asset)
        assert asset.uri == f"proven://swift/{name}"


def test_without_contacts_there_is_no_digest(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = write_fleet(tmp_path)
    del fleet["pages"]["digest"]  # type: ignore[attr-defined]
    fleet["pages"]["test_page"] = {"schedule": None}  # type: ignore[index]
    bag = load_bag(fleet, tmp_path, monkeypatch)
    assert set(bag.dags) == EVERY_DAG - {"digest"}
    assert bag.dags["page_test"].schedule is None


def test_a_run_that_takes_too_long_is_noticed(bag: DagBag) -> None:
    hour = datetime.timedelta(hours=1)
    spread = bag.dags["backup__shop"].deadline[0].interval - 3.5 * hour
    assert datetime.timedelta() <= spread < hour
    limits = {dag_id: dag.deadline[0].interval for dag_id, dag in bag.dags.items() if dag.deadline}
    at_once = {"fire_drill": 3 * 5 * hour + hour, "sabotage": 3 * 5 * hour + hour / 4, "reaper": hour + hour / 4}
    assert {dag_id: limits.pop(dag_id) for dag_id in at_once} == at_once
    assert limits.pop(f"binlogs__{LOGGED}") == datetime.timedelta(minutes=35)
    drills = dict.fromkeys((*(f"drill__{name}" for name in DATABASES), f"point_in_time__{LOGGED}"), 3 * 5 * hour + hour)
    copies = 4 * 3 * hour + datetime.timedelta(minutes=70)
    backups = {"backup__shop": 3.5 * hour, "backup__ods": 3.5 * hour, f"backup__{SEVERAL}": 3.5 * hour + copies}
    assert {dag_id: limit - spread for dag_id, limit in limits.items()} == drills | backups


def test_rules_of_every_dag(dag: DAG) -> None:
    assert dag.doc_md
    assert "###" in dag.doc_md
    assert "proven" in dag.tags
    assert dag.owner in {"shop-team", "proven"}
    assert dag.catchup is False
    assert dag.max_active_runs == 1
    assert dag.dagrun_timeout is None, "it would skip the teardowns"
    assert bool(dag.on_failure_callback) == (dag.dag_id not in BY_HAND)
    assert DagSerialization.serialize_dag(dag)


def test_every_task_has_a_time_limit_and_one_try(dag: DAG) -> None:
    for task in dag.tasks:
        assert isinstance(task.execution_timeout, datetime.timedelta), task.task_id
        assert task.retries == (3 if task.task_id == "complete_copies" else 0), task.task_id


def test_only_a_database_of_several_stores_has_copies_to_complete(bag: DagBag) -> None:
    having = {dag_id for dag_id, dag in bag.dags.items() if "complete_copies" in dag.task_ids}
    assert having == {f"backup__{SEVERAL}"}
    task = bag.dags[f"backup__{SEVERAL}"].get_task("complete_copies")
    assert task.retry_exponential_backoff == 2.0, "a store that is down needs time"
    assert not task.on_retry_callback, "a retry must not page"
    assert task.execution_timeout == datetime.timedelta(hours=3)


def test_the_fleets_time_limits_are_kept(bag: DagBag) -> None:
    assert bag.dags["backup__shop"].get_task("back_up").execution_timeout == datetime.timedelta(hours=3)
    for dag_id in ("drill__shop", "fire_drill"):
        for task_id in ("build", "restore", "check"):
            assert bag.dags[dag_id].get_task(task_id).execution_timeout == datetime.timedelta(hours=5)


def test_the_task_that_knows_the_error_pages_too(bag: DagBag) -> None:
    told = {task.task_id for dag in bag.dags.values() for task in dag.tasks if task.on_failure_callback}
    by_themselves = {"digest", "prune", "reap", "sabotage", "stream", "test_page", "watch"}
    assert told == {"back_up", "complete_copies", "choose", "verdict", "destroy", *by_themselves}


def test_a_drill_is_built_in_the_pool_of_its_sandbox(bag: DagBag) -> None:
    pools = {dag_id: {task.task_id: task.pool for task in dag.tasks} for dag_id, dag in bag.dags.items()}
    for name in DATABASES:
        assert pools[f"drill__{name}"].pop("build") == "proven_local"
    assert pools[f"point_in_time__{LOGGED}"].pop("build") == "proven_local"
    assert {pool for tasks in pools.values() for pool in tasks.values()} == {"default_pool"}, "its sandbox is chosen by form"


def test_what_was_begun_is_cleared_away_and_decides_the_runs_colour(dag: DAG) -> None:
    if dag.dag_id in {*OF_THE_FLEET, f"binlogs__{LOGGED}", f"retention__{PRUNED}"} - {"fire_drill"}:
        assert len(dag.task_ids) == 1, "it begins nothing that another task would have to end"
        return
    (teardown,) = (task for task in dag.tasks if task.is_teardown)
    assert teardown.task_id == ("clear_up" if dag.dag_id.startswith("backup") else "destroy")
    assert teardown.on_failure_fail_dagrun
    # Airflow counts only leaves: with that flag a task before the teardown is none, so its failure alone would stay green
    leaves = {task.task_id for task in dag.tasks if not task.downstream_task_ids}
    if dag.dag_id.startswith("backup"):
        assert leaves == {"clear_up", *(["complete_copies"] if dag.dag_id.endswith(SEVERAL) else [])}
    else:
        assert leaves == {"destroy", "report", "resolve_pages"}


def test_copies_can_be_tried_again_without_another_backup(bag: DagBag) -> None:
    """Who clears a task clears the setups that it is in the scope of: a new recovery point's id would be chosen."""
    task = bag.dags[f"backup__{SEVERAL}"].get_task("complete_copies")
    assert list(task.get_upstreams_only_setups_and_teardowns()) == []


def test_the_form_offers_what_the_fleet_has(bag: DagBag) -> None:
    params = bag.dags["fire_drill"].params
    assert params.get_param("database").schema["enum"] == sorted(DATABASES)
    assert params.get_param("sandbox").schema["enum"][1:] == ["local", "roomy"]
    assert params.get_param("store").schema["enum"][1:] == ["far", "swift"]
    for name in ("database", "recovery_point", "store", "sandbox", "keep_on_failure"):
        assert {"title", "description_md"} <= set(params.get_param(name).schema), name


@pytest.mark.parametrize("wish", ["yesterday", "20261121", "latest ", "20261121T043512Z-full-7f3a9c0", "'; DROP TABLE"])
def test_the_form_refuses_what_is_no_recovery_point(bag: DagBag, wish: str) -> None:
    parameter = bag.dags["fire_drill"].params.get_param("recovery_point")
    for good in ("latest", "random", "20261121T043512Z-full-7f3a9c01"):
        assert parameter.resolve(good) == good
    with pytest.raises(ValueError, match="does not match"):
        parameter.resolve(wish)


def test_a_bad_fleet_file_is_one_clear_import_error_for_each_dag_file(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = write_fleet(tmp_path)
    fleet["databases"]["shop"]["engine"] = "oracle"  # type: ignore[index]
    fleet["databases"]["ods"]["stores"] = ["swfit"]  # type: ignore[index]
    bag = load_bag(fleet, tmp_path, monkeypatch)
    assert not bag.dags, "no DAG of a faulty fleet may run"
    assert {pathlib.Path(file).name for file in bag.import_errors} == {file.name for file in DAGS.glob("*.py")}
    for text in bag.import_errors.values():
        assert "2 faults" in text
        assert "databases.shop.engine" in text
        assert "databases.ods.stores" in text
        assert "swift" in text, "it says what was meant"
