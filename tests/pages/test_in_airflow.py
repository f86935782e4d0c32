"""The notifier and the runbooks in a real Airflow."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from include.proven.local_airflow import home
from include.proven.pages.kinds import KINDS
from tests.servers.pager import ROUTING_KEY, Pager

ROOT = pathlib.Path(__file__).parents[2]
FLEET = """\
version: 1
gnupg: {home: keys, recipients: [a@proven.invalid], signer: a@proven.invalid}
stores:
  swift: {kind: swift, connection: swift, container: nowhere}
sandboxes:
  local: {kind: local}
pages:
  routes:
    oncall: {kind: pagerduty, connection: pagerduty, endpoint: "${PAGER}"}
databases:
  shop:
    connection: shop
    engine: mariadb
    schedule: null
    objectives: {rpo: 1d, rto: 1h}
    stores: [swift]
    sandbox: local
    owner: shop-team
    contacts: [oncall]
"""


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> home.LocalAirflow:
    """An Airflow with a database and nothing that runs."""
    state = tmp_path_factory.mktemp("state")
    connections = state / "connections.json"
    prepared = home.LocalAirflow(state, environment={"PROVEN_CONNECTIONS": str(connections)})
    prepared.prepare()
    connections.write_text(json.dumps({"pagerduty": {"conn_type": "generic", "password": ROUTING_KEY}}))
    connections.chmod(0o600)
    (state / "fleet.yaml").write_text(FLEET)
    return prepared


@pytest.fixture(scope="module")
def web(airflow: home.LocalAirflow) -> Iterator[str]:
    """Airflow's web server; the value is its address."""
    argv = [sys.executable, "-m", "airflow", "api-server"]
    process = subprocess.Popen(argv, env=airflow.prepare(), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not answers(airflow.url):
            assert process.poll() is None, "the web server has ended"
            assert time.monotonic() < deadline, "the web server does not answer"
            time.sleep(0.5)
        yield airflow.url
    finally:
        process.terminate()
        process.wait(timeout=60)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v2/version").is_success
    except httpx.TransportError:
        return False


def log_in(airflow: home.LocalAirflow) -> httpx.Client:
    user, password = airflow.login
    answer = httpx.post(f"{airflow.url}/auth/token", json={"username": user, "password": password})
    return httpx.Client(base_url=airflow.url, cookies={"_token": answer.raise_for_status().json()["access_token"]})


def test_one_failure_is_one_incident_with_its_reason_and_its_runbook(airflow: home.LocalAirflow, pager: Pager) -> None:
    state = airflow.home.parent
    own = {"PROVEN_FLEET": str(state / "fleet.yaml"), "PAGER": pager.url}
    path = f"{ROOT}:{ROOT / 'plugins'}"
    program = subprocess.run(
        [sys.executable, ROOT / "tests" / "pages" / "failing_dag.py"],
        env=airflow.prepare() | own | {"PYTHONPATH": path},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert len(pager.incidents) == 1, program.stdout + program.stderr
    (incident,) = pager.incidents
    assert [event["payload"]["class"] for event in incident.events] == ["backup-failed"] * 2, "task and run; the store is dead"
    assert incident.payload["summary"] == "shop: backup failed: source: shop: access denied for 'backup'"
    assert incident.payload["custom_details"]["hint"] == "Check the password of the connection."
    runbook, run = [link["href"] for link in incident.events[0]["links"]]
    assert runbook == f"{airflow.url}/proven/runbooks/backup-failed"
    assert run.startswith(f"{airflow.url}/dags/backup__shop/runs/manual__")
    assert ROUTING_KEY not in program.stdout + program.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_leads_to_its_runbook(web: str, airflow: home.LocalAirflow, kind: str) -> None:
    with log_in(airflow) as browser:
        answer = browser.get(f"/proven/runbooks/{kind}")
        index = browser.get("/proven/runbooks/")
    assert answer.status_code == 200
    assert "<h2>First five minutes</h2>" in answer.text
    assert f'<a href="{kind}">' in index.text


def test_whoever_is_not_logged_in_is_sent_to_the_login_and_back(web: str) -> None:
    page = f"{web}/proven/runbooks/backup-failed"
    answer = httpx.get(page, headers={"Accept": "text/html,*/*"})
    assert answer.is_redirect
    login = httpx.get(httpx.URL(web).join(answer.headers["location"]))
    assert login.is_redirect, "Airflow takes the way back for safe"
    assert "backup-failed" in login.headers["location"]


@pytest.mark.parametrize("path", ["backup-failed", ""])
def test_nothing_is_shown_to_whoever_is_not_logged_in(web: str, path: str) -> None:
    assert httpx.get(f"{web}/proven/runbooks/{path}").status_code == 401


def test_a_report_is_shown_to_whoever_is_logged_in_if_there_is_one(web: str, airflow: home.LocalAirflow) -> None:
    path = "/proven/reports/drill__shop/manual__2026-11-21T06:11:19+00:00"
    assert httpx.get(f"{web}{path}").status_code == 401
    with log_in(airflow) as browser:
        answer = browser.get(path)
    assert answer.status_code == 404
    assert "has left no report" in answer.text


def test_the_list_of_pages_is_shown_to_whoever_is_logged_in(web: str, airflow: home.LocalAirflow) -> None:
    assert httpx.get(f"{web}/proven/pages/").status_code == 401
    with log_in(airflow) as browser:
        answer = browser.get("/proven/pages/")
    assert answer.status_code == 200
    assert "Nothing is known yet" in answer.text, "no watch has left a list here"


def test_which_files_are_broken_is_told_to_the_watch_only(web: str, airflow: home.LocalAirflow) -> None:
    """Not to somebody in the net, not with another key, and a login is none; with Airflow's own key it is."""
    asked = f"{web}/proven/import-errors"
    ask = "from proven_airflow import tickets; print(tickets.issue())"
    environment = airflow.prepare() | {"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}
    foreign = {"AIRFLOW__API__SECRET_KEY_CMD": "echo somebody-else-has-made-this-one-up-and-it-is-long-enough"}
    ours, others = (
        subprocess.run(
            [sys.executable, "-c", ask], env=environment | changed, capture_output=True, text=True, check=True
        ).stdout
        for changed in ({}, foreign)
    )
    with log_in(airflow) as browser:
        login = browser.cookies["_token"]
    for token in ("none", others.strip().splitlines()[-1], login):
        assert httpx.get(asked, headers={"Authorization": f"Bearer {token}"}).status_code == 403
    assert httpx.get(asked).status_code == 403
    answer = httpx.get(asked, headers={"Authorization": f"Bearer {ours.strip().splitlines()[-1]}"})
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize("path", ["no-such-kind", "..%2F..%2Ffleet.yaml", "backup-failed.md"])
def test_only_runbooks_are_shown(web: str, airflow: home.LocalAirflow, path: str) -> None:
    with log_in(airflow) as browser:
        assert browser.get(f"/proven/runbooks/{path}").status_code == 404


def test_the_menu_of_the_ui_leads_to_pages_and_runbooks(web: str, airflow: home.LocalAirflow) -> None:
    with log_in(airflow) as browser:
        token = browser.cookies["_token"]
        plugins = (
            browser.get("/api/v2/plugins", headers={"Authorization": f"Bearer {token}"}).raise_for_status().json()["plugins"]
        )
    (ours,) = [plugin for plugin in plugins if plugin["name"] == "proven"]
    views = {view["name"]: view["href"] for view in ours["external_views"]}
    assert views == {"Pages": "/proven/pages/", "Runbooks": "/proven/runbooks/"}
    assert len(plugins) == len({plugin["name"] for plugin in plugins}), "the loader ran our package file by file"
