"""The watch, the page test and deadlines under a real scheduler: what no callback tells is told once, until it is over."""

from __future__ import annotations

import contextlib
import pathlib
import re
import shutil
import tempfile
import time
from collections.abc import Iterator

import pytest

from include.proven import servers
from include.proven.demo.keys import DemoKeys
from include.proven.fleet.pages import FLEET
from include.proven.installation import open_installation
from include.proven.local_airflow.home import LocalAirflow
from include.proven.pages import exercise
from include.proven.pages.ledger import EVER, StoreLedger
from tests.airflow.conftest import CHECKOUT, SETTINGS, make_house_fleet
from tests.airflow.live import QUIET_SECONDS, House, wait_for
from tests.airflow.test_report import log_in
from tests.servers.databases import DatabaseServer
from tests.servers.pager import Incident, running_pager
from tests.servers.swift import Swift

pytestmark = pytest.mark.scheduler
READ_OFTEN = {"AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10"}
HOURLY = {"clocks", "keys"}
"""Concerns that are not asked each time."""


@pytest.fixture(scope="module")
def watched(
    tmp_path_factory: pytest.TempPathFactory, mariadb_source: DatabaseServer, swift: Swift, gpg_home: DemoKeys
) -> Iterator[House]:
    """Airflow with one small database, on a copy of our DAG files beside a DAG that is slow."""
    with contextlib.ExitStack() as stack:
        pager = stack.enter_context(running_pager())
        sandboxes = stack.enter_context(tempfile.TemporaryDirectory(prefix="proven-sandboxes-", dir="/var/tmp"))
        state = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="proven-airflow-", dir="/var/tmp")))
        state.chmod(0o711)
        folder = tmp_path_factory.mktemp("watched")
        dags = folder / "dags"
        shutil.copytree(CHECKOUT / "dags", dags, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(pathlib.Path(__file__).with_name("slow_dag.py"), dags)
        every_five_minutes = dags / "watch.py"  # here it looks when it is told to
        every_five_minutes.write_text(every_five_minutes.read_text().replace('schedule="*/5 * * * *"', "schedule=None"))
        files = make_house_fleet(folder, mariadb_source, swift, gpg_home, pager, pathlib.Path(sandboxes))
        shop = files.document["databases"]["shop"]
        del shop["schemas"]  # all of them: other tests leave theirs behind
        files.document["databases"] = {"shop": shop}
        files.document["pages"]["routes"]["team"] = {"kind": "webhook", "endpoint": pager.webhook}
        files.document["pages"]["digest"] = {"contacts": ["team"]}
        files.write()
        (folder / "state").mkdir()
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("PROVEN_CONNECTIONS", files.variables["PROVEN_CONNECTIONS"])
        settings = SETTINGS | READ_OFTEN | {"AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
        airflow = LocalAirflow(state, environment=files.variables | settings)
        stack.callback(airflow.stop)
        airflow.start()
        house = House(airflow, files, mariadb_source, swift, pager)
        wait_for(lambda: len(house.dags()) == 10, "the ten DAGs")
        yield house


def watch(house: House) -> tuple[str, set[str]]:
    """Let the watch look now; return the state of its run, and the concerns that it has asked."""
    run = house.trigger("watch")
    state = house.finish("watch", run, seconds=240)
    (asked,) = set(re.findall(r"asked: ([^;]+);", log_of(house, "watch", run, "watch")))
    return state, set(asked.split(", "))


def page_of(house: House, key: str) -> Incident:
    """Wait for a page and return its incident."""

    def told() -> Incident | None:
        return next((one for one in house.pager.incidents if one.dedup_key == key), None)

    try:
        return wait_for(told, f"the page {key}", seconds=240)
    except AssertionError as error:
        logs = "\n".join(house.airflow.log_tail(component, 40) for component in ("dag-processor", "triggerer"))
        raise AssertionError(f"{error}:\n{logs}") from None


def list_of_pages(house: House) -> str:
    """Return the page of Airflow's UI that lists the pages, as the last watch has left it."""
    with log_in(house) as browser:
        return browser.get("/proven/pages/").raise_for_status().text


def log_of(house: House, dag: str, run: str, task: str) -> str:
    path = f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}/logs/1"
    return str(house.call("GET", path))


@pytest.mark.failure("D6")
def test_what_could_not_be_looked_at_is_one_page_until_it_can_and_is_asked_again_till_then(watched: House) -> None:
    source = watched.files.connections["source"]
    source["port"], port = servers.choose_port(), source["port"]
    watched.files.write()
    assert watch(watched)[0] == "failed"
    incident = page_of(watched, "proven/_fleet/watch-failed/clocks")
    state, asked = watch(watched)
    assert state == "failed"
    assert asked & HOURLY == {"clocks"}, "the keys were looked at"
    assert [one.dedup_key for one in watched.pager.open] == [incident.dedup_key]
    assert len(incident.events) == 1
    assert "1 page open" in list_of_pages(watched)
    assert "watch-failed/clocks" in list_of_pages(watched)
    source["port"] = port
    watched.files.write()
    assert watch(watched)[0] == "success"
    assert watched.pager.open == []
    assert "No page is open" in list_of_pages(watched)
    state, asked = watch(watched)
    assert state == "success"
    assert asked & HOURLY == set()
    assert {"recency", "DAG files", "components of Airflow"} <= asked


@pytest.mark.failure("D6")
def test_a_broken_dag_file_is_one_page_until_it_is_loaded_again(watched: House) -> None:
    file = pathlib.Path(watched.airflow.environment()["AIRFLOW__CORE__DAGS_FOLDER"]) / "sabotage.py"
    whole = file.read_text()
    file.write_text(f"{whole}\nraise RuntimeError('half an upload')\n")
    incident = page_of(watched, "proven/_fleet/dag-broken/sabotage.py")
    assert incident.payload["summary"].endswith("RuntimeError: half an upload")
    assert watch(watched)[0] == "success"
    assert not incident.resolved
    file.write_text(whole)
    wait_for(lambda: watched.call("GET", "/api/v2/importErrors")["total_entries"] == 0, "the whole file")
    assert watch(watched)[0] == "success"
    assert incident.resolved
    faults = [line for line in watched.airflow.log_tail("dag-processor", 2000).splitlines() if line.startswith("proven: ")]
    assert len(incident.events) == 1, faults


def test_a_run_that_takes_too_long_is_one_page_until_it_has_ended(watched: House) -> None:
    run = watched.trigger("slow")
    incident = page_of(watched, "proven/shop/run-stuck/slow")
    assert f"run {run} has not ended within 5s" in incident.payload["summary"]
    assert watch(watched)[0] == "success"
    assert not incident.resolved
    (watched.files.folder / "state" / "go").touch()
    assert watched.finish("slow", run) == "success"
    assert watch(watched)[0] == "success"
    assert incident.resolved
    assert len(incident.events) == 1


def test_a_run_that_has_failed_before_its_deadline_is_not_paged_at_it(watched: House) -> None:
    (watched.files.folder / "state" / "go").unlink()
    begun = len(watched.pager.incidents)
    run = watched.trigger("slow")
    watched.call("PATCH", f"/api/v2/dags/slow/dagRuns/{run}?update_mask=state", {"state": "failed"})
    path = f"/ui/dags/slow/dagRuns/{run}/deadlines"
    wait_for(lambda: watched.call("GET", path)["deadlines"][0]["missed"], "the deadline", seconds=60)
    time.sleep(QUIET_SECONDS)
    assert len(watched.pager.incidents) == begun


def test_a_person_acknowledges_the_test_page_in_the_ui(watched: House) -> None:
    run = watched.trigger("page_test")
    incident = page_of(watched, "proven/_fleet/page-test")
    assert incident.payload["severity"] == "warning"
    acknowledged = watched.trigger("acknowledge", page="_fleet/page-test")
    assert watched.finish("acknowledge", acknowledged) == "success"
    assert watched.finish("page_test", run) == "success"
    assert incident.resolved
    assert "acknowledged by admin after" in log_of(watched, "page_test", run, "test_page")
    ledger = StoreLedger(open_installation(watched.files.folder / "fleet.yaml"))
    (kept,) = [one for one in ledger.survey([FLEET], closed_since=EVER).incidents if one.key == exercise.KIND]
    assert kept.acknowledged_by == "admin"


def test_the_digest_is_sent_to_those_who_have_not_had_it(watched: House) -> None:
    for _ in range(2):
        assert watched.finish("digest", watched.trigger("digest")) == "success"
    (post,) = [post for post in watched.pager.posts if post["event"] == "news"]
    assert "shop" in post["text"]


def test_what_is_no_open_page_is_refused(watched: House) -> None:
    run = watched.trigger("acknowledge", page="shop/backup-failed")
    assert watched.finish("acknowledge", run) == "failed"
    assert "no page shop/backup-failed is open" in log_of(watched, "acknowledge", run, "acknowledge")


@pytest.mark.failure("D5")
def test_a_test_page_that_nobody_acknowledges_fails_and_is_told(watched: House) -> None:
    watched.files.document["pages"]["test_page"] = {"within": "1s"}
    watched.files.write()
    assert watched.finish("page_test", watched.trigger("page_test")) == "failed"
    incident = page_of(watched, "proven/_fleet/page-undelivered/page-test")
    assert "nobody has acknowledged it within 1s" in incident.payload["summary"]
    assert watch(watched)[0] == "success"
    assert not incident.resolved, "only a test that is acknowledged answers it"
    assert [one.dedup_key for one in watched.pager.open] == [incident.dedup_key]
