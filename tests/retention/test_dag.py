"""The DAG of retention in a real Airflow: it removes, and it pages once what it refuses."""

from __future__ import annotations

import subprocess
import sys

from include.proven.local_airflow.home import LocalAirflow
from tests.retention.conftest import Bed, day
from tests.servers.fleets import CHECKOUT
from tests.servers.pager import ROUTING_KEY, Pager


def test_a_slip_in_a_policy_is_paged_once_and_the_next_good_night_answers_it(bed: Bed, pager: Pager) -> None:
    bed.files.document["pages"]["routes"]["oncall"]["endpoint"] = pager.url
    bed.files.connections["pager"]["password"] = ROUTING_KEY
    bed.put(*(day(number) for number in range(1, 8)))
    bed.set(keep_last=2)
    airflow = LocalAirflow(bed.files.folder / "state", environment=bed.files.variables)
    environment = airflow.prepare() | {"PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'plugins'}"}
    argv = [sys.executable, "-m", "proven_airflow.run_here", "retention__shop"]

    refused = subprocess.run(argv, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert refused.returncode == 1, refused.stdout[-4000:] + refused.stderr[-2000:]
    (incident,) = pager.open
    assert len(incident.events) == 1, "task and run are one page"
    assert incident.payload["class"] == "retention-failed"
    assert "5 of 7 recovery points of shop would go at once" in incident.payload["summary"]
    assert len(bed.held()) == 7

    bed.set(keep_last=5)
    done = subprocess.run(argv, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert pager.open == []
    assert bed.held() == [day(number) for number in range(3, 8)]
    (record,) = bed.catalog().removals("shop")
    assert record.triggered_by.startswith("airflow:retention__shop/")
