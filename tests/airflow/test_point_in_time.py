"""The lottery in Airflow: a random second is proven, a broken link is paged by name, and a later proof resolves that."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from include.proven.binlogs import streaming
from include.proven.demo.keys import DemoKeys
from include.proven.proof.verdict import Verdict
from tests.airflow.test_one_process import ORDERS, run_here, run_python
from tests.binlogs import logged, streams
from tests.binlogs.logged import Logged

FIRE = """
import sys
from airflow.configuration import conf
from airflow.dag_processing.dagbag import DagBag
dag = DagBag(conf.get("core", "dags_folder")).dags["fire_drill"]
dag.deadline = None  # `test()` can't do with one
form = {"database": "shop", "recovery_point": "latest", "point_in_time": "random"}
sys.exit(dag.test(run_conf=form).state != "success")
"""


@pytest.fixture
def made(mariadb_path: list[pathlib.Path], gpg_home: DemoKeys) -> Iterator[Logged]:
    """A database with two recovery points, and the log from the first to the second."""
    options = {"lag": "1s", "drill": "@weekly"}
    with logged.running("mariadb", mariadb_path, gpg_home, binlogs=options) as found:
        streams.let_stream(found.source)
        found.sql("CREATE DATABASE shop; USE shop;" + ORDERS)
        found.back_up()
        streaming.stream(found.opened, "shop", seconds=1)
        go_on(found)
        yield found


def go_on(made: Logged) -> None:
    """Write, take another recovery point, and ship the log up to it."""
    made.sql("FLUSH BINARY LOGS; INSERT INTO shop.orders (note) VALUES ('another')")
    made.back_up()
    streaming.stream(made.opened, "shop", seconds=1)


def newest_verdict(made: Logged) -> Verdict:
    catalog = made.opened.catalog("shop")
    found = [one for point in catalog.recovery_points("shop") for one in catalog.verdicts("shop", point, "chains")]
    return max(found, key=lambda one: one.drill)


def test_a_random_second_is_drilled_and_a_broken_link_paged(made: Logged) -> None:
    done = run_here(made.files, "point_in_time__shop")
    assert done.returncode == 0, done.stdout[-4000:]
    verdict = newest_verdict(made)
    assert (verdict.outcome, "moment" in {check.name for check in verdict.checks}) == ("proven", True)
    assert verdict.moment is not None
    shown = made.files.run("show", "shop", verdict.drill)
    assert "was looked at" in " ".join(shown.stdout.split()), shown.stderr
    page = made.files.folder / "report.html"
    assert made.files.run("report", "shop", "--drill", verdict.drill, "--html", str(page)).returncode == 0
    assert "Reached from" in page.read_text()

    record = sorted(path for path in made.store.rglob("*-*.json") if "/binlogs/" in str(path))[1]
    hidden = record.rename(record.with_suffix(".hidden"))
    assert run_here(made.files, "point_in_time__shop").returncode == 1
    verdict = newest_verdict(made)
    assert (verdict.outcome, "binary log: " in verdict.reason) == ("refuted", True), verdict.reason
    (incident,) = made.pager.incidents
    assert incident.dedup_key == "proven/shop/drill-refuted/point-in-time"
    assert verdict.reason[:80] in incident.payload["summary"]

    hidden.rename(record)
    go_on(made)
    done = run_python(made.files, ["-c", FIRE])
    assert done.returncode == 0, done.stdout[-4000:]
    verdict = newest_verdict(made)
    assert verdict.recovery_point == made.opened.catalog("shop").recovery_points("shop")[-1]
    assert made.pager.open == []
