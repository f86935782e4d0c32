"""A drill's report in Airflow's UI: a button leads to it, and nobody reads it who is not logged in."""

from __future__ import annotations

import httpx
import pytest

from tests.airflow.live import House
from tests.reports.strict import read

pytestmark = pytest.mark.scheduler


@pytest.fixture(scope="module")
def run(house: House) -> str:
    """A run of `drill__shop` that has ended green; one is made if no test has made any."""
    ended = [run for run in house.runs("drill__shop") if run["state"] == "success"]
    if not ended:
        assert house.back_up("shop") == "success"
        ended = house.runs("drill__shop")
    return str(ended[0]["dag_run_id"])


def log_in(house: House) -> httpx.Client:
    user, password = house.airflow.login
    answer = httpx.post(f"{house.airflow.url}/auth/token", json={"username": user, "password": password})
    token = answer.raise_for_status().json()["access_token"]
    return httpx.Client(base_url=house.airflow.url, cookies={"_token": token})


@pytest.mark.parametrize("task", ["verdict", "report"])
def test_a_button_leads_to_the_report(house: House, run: str, task: str) -> None:
    links = house.call("GET", f"/api/v2/dags/drill__shop/dagRuns/{run}/taskInstances/{task}/links")["extra_links"]
    with log_in(house) as browser:
        answer = browser.get(links["Report"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")
    seen = read(answer.text).text
    assert "✓ Proven" in seen
    assert f"airflow:drill__shop/{run}" in seen


def test_whoever_is_not_logged_in_sees_nothing(house: House, run: str) -> None:
    address = f"{house.airflow.url}/proven/reports/drill__shop/{run}"
    assert httpx.get(address).status_code == 401
    assert httpx.get(address, headers={"Accept": "text/html"}).is_redirect


@pytest.mark.parametrize("path", ["drill__shop/manual__never", "backup__shop/{run}", "drill__nobody/{run}"])
def test_there_is_a_report_of_drills_only(house: House, run: str, path: str) -> None:
    with log_in(house) as browser:
        assert browser.get(f"/proven/reports/{path.format(run=run)}").status_code == 404
