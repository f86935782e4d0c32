"""Under a real scheduler: what the fleet promises happens by itself, and whoever must act hears of it once."""

from __future__ import annotations

import base64
import contextlib
import re
import urllib.parse
from collections.abc import Iterator

import pytest
import sqlalchemy
import swiftclient

from include.proven import ids
from include.proven.installation import open_installation
from include.proven.local_airflow.api import AirflowApiError
from include.proven.proof.built_in import BUILT_IN
from proven_airflow import reporting
from tests.airflow.live import House, wait_for

pytestmark = pytest.mark.scheduler
SESSION_KEY = re.compile(rb"\b\d{1,2}:[0-9A-Fa-f]{64}\b")


def plain(secret: str) -> bytes:
    return secret.encode()


def in_base64(secret: str) -> bytes:
    return base64.b64encode(secret.encode()).rstrip(b"=")[:-1]


FORMS = (plain, in_base64)


def test_a_scheduled_backup_triggers_its_drill_and_is_proven(house: House) -> None:
    begun = len(house.pager.incidents)
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
    names = (*BUILT_IN, "there are orders", "notes are kept")
    assert answers == dict.fromkeys(names, "pass")
    assert [incident for incident in house.pager.incidents[begun:] if "/clock/" in incident.dedup_key] == []


def test_a_fire_drill_is_filled_in_by_form(house: House) -> None:
    assert house.back_up("shop") == "success"
    first = house.catalog("shop").recovery_points("shop")[0]
    run = house.trigger("fire_drill", database="shop", recovery_point=first, sandbox="local", keep_on_failure=True)
    assert house.finish("fire_drill", run) == "success"
    outcomes = {verdict.triggered_by: verdict.outcome for verdict in house.catalog("shop").verdicts("shop", first)}
    assert outcomes[f"airflow:fire_drill/{run} ({house.airflow.login[0]})"] == "proven", "by whom, too"
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


def test_a_misspelt_field_is_no_drill_of_something_else(house: House) -> None:
    run = house.trigger("fire_drill", databse="clock")
    assert house.finish("fire_drill", run) == "failed"
    assert house.task_states("fire_drill", run)["choose"] == "failed"


@pytest.fixture(scope="module")
def spoilt(house: House) -> str:
    """A recovery point of `shop` of which one byte was flipped, and that no drill has seen."""
    house.pause("drill__shop")
    assert house.finish("backup__shop", house.trigger("backup__shop")) == "success"
    recovery_point = house.catalog("shop").recovery_points("shop")[-1]
    house.flip_a_byte(recovery_point)
    house.pause("drill__shop", paused=False)
    return recovery_point


def test_one_flipped_byte_is_found_paged_once_and_resolved_by_the_next_proof(house: House, spoilt: str) -> None:
    begun = len(house.pager.incidents)
    drill = house.trigger("drill__shop")
    assert house.finish("drill__shop", drill) == "failed"

    verdict = house.newest_verdict("shop")
    assert (verdict.recovery_point, verdict.outcome) == (spoilt, "refuted")
    event = house.only_page(begun, "proven/shop/drill-refuted")
    links = {link["text"]: link["href"] for link in event["links"]}
    assert f"/dags/drill__shop/runs/{urllib.parse.quote(drill)}" in links["Run in Airflow"]
    assert links["Runbook: drill-refuted"] == f"{house.airflow.url}/proven/runbooks/drill-refuted"
    house.nothing_runs()

    assert house.back_up("shop") == "success"
    assert [incident.dedup_key for incident in house.pager.open if "/shop/" in incident.dedup_key] == []


def test_the_sandbox_of_a_failed_drill_is_kept_if_the_form_says_so(house: House, spoilt: str) -> None:
    begun = len(house.pager.incidents)
    run = house.trigger("fire_drill", database="shop", recovery_point=spoilt, keep_on_failure=True)
    assert house.finish("fire_drill", run) == "failed"
    house.only_page(begun, "proven/shop/drill-refuted")
    sandbox = open_installation(house.files.folder / "fleet.yaml").sandbox("local")
    (kept,) = sandbox.find()
    assert sandbox.instance(kept.name).endpoint.socket
    sandbox.destroy(kept.name)
    house.nothing_runs()


def test_no_secret_has_shown_anywhere(house: House) -> None:
    """Runs last: it reads what all tests of this house have left behind."""
    assert house.back_up("big") == "success"
    known = {name: connection["password"] for name, connection in house.files.connections.items()}
    forms = {f"{name} as {form.__name__}": form(secret) for name, secret in known.items() for form in FORMS}
    forms["private key"] = b"BEGIN PGP PRIVATE KEY"
    places = dict(written(house)) | dict(rows(house)) | dict(stored(house))
    places |= {f"process {number}": text.encode() for number, text in enumerate(house.watchman.seen)}
    assert b"back_up" in places["table task_instance"]
    assert any("/postgres/data/" in place for place in places)
    assert any("task_id=back_up" in place for place in places)
    assert any(b"mariadb-dump" in content for place, content in places.items() if place.startswith("process"))
    for place, content in places.items():
        assert [name for name, secret in forms.items() if secret in content] == [], place
        assert SESSION_KEY.findall(content) == [], place


def test_xcom_holds_ids_names_of_checks_and_reports_only(house: House) -> None:
    """What a drill's report is made of is the one exception: a server without credentials draws it (decision 0019)."""
    with connected(house) as database:
        everything = database.exec_driver_sql("SELECT task_id, key, value FROM xcom").all()
    links = [value for _, key, value in everything if key == "_link_ReportLink"]
    assert [link for link in links if not link.startswith("/proven/reports/")] == []
    documents = [task for task, key, _ in everything if key == reporting.KEY]
    assert documents == [reporting.TASK] * len(documents)
    found = [row for row in everything if row[1] not in ("_link_ReportLink", reporting.KEY)]
    assert {task for task, _, _ in found} == {"choose_id", "choose", "list_user_checks"}
    assert {key for _, key, _ in found} == {"return_value", "recovery_point", "store"}
    stores = house.files.document["stores"]
    for task, _, value in found:
        if task == "list_user_checks":
            assert value in ([], ["notes are kept", "there are orders"])
        else:
            words = value.values() if isinstance(value, dict) else [value]
            assert [word for word in words if word not in stores and not ids.RECOVERY_POINT.fullmatch(word)] == []


def written(house: House) -> Iterator[tuple[str, bytes]]:
    """Yield every file that Airflow and its database have written, deleted rows included, but those of its own secrets."""
    for path in house.airflow.home.parent.rglob("*"):
        if path.is_file() and path.parent.name != "secrets" and path.name != "passwords.json":
            with contextlib.suppress(FileNotFoundError):  # the database works on
                yield str(path), path.read_bytes()


def rows(house: House) -> Iterator[tuple[str, bytes]]:
    """Yield what stands in each table of Airflow's database (XCom, rendered fields): its files hold long values compressed."""
    with connected(house) as database:
        for table in sqlalchemy.inspect(database).get_table_names():
            values = [value for row in database.exec_driver_sql(f'SELECT * FROM "{table}"') for value in row]
            yield (
                f"table {table}",
                b"\n".join(bytes(value) if isinstance(value, memoryview) else str(value).encode() for value in values),
            )


@contextlib.contextmanager
def connected(house: House) -> Iterator[sqlalchemy.Connection]:
    """Connect to Airflow's database."""
    engine = sqlalchemy.create_engine(house.airflow.environment()["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    with contextlib.closing(engine.connect()) as database:
        yield database
    engine.dispose()


def stored(house: House) -> Iterator[tuple[str, bytes]]:
    """Yield every object and part in the store."""
    for name in house.stored():
        container, _, key = name.partition("/")
        with contextlib.suppress(swiftclient.ClientException):  # the object whose part was changed can't be read as a whole
            yield name, house.swift.raw().get_object(container, key)[1]
