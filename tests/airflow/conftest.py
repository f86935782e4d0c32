"""Airflow reads its environment when it is first imported: this file sees to that before any test module does."""

from __future__ import annotations

import atexit
import contextlib
import os
import pathlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator

import pytest

from include.proven.demo.keys import DemoKeys
from include.proven.local_airflow.home import LocalAirflow
from tests.airflow.live import House, Watchman, wait_for
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import RECIPIENTS, FleetFiles
from tests.servers.pager import ROUTING_KEY, Pager, running_pager
from tests.servers.swift import Swift

CHECKOUT = pathlib.Path(__file__).parents[2]
SHOP = """
CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(40));
INSERT INTO orders (note) VALUES ('first'), (NULL), ('second');
"""
SETTINGS = {
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    # a task that is marked failed hears of it with its next heartbeat
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    # each reading of the files costs a second of the two cores, and nobody edits the fleet meanwhile
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
}
ASLEEP = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True"}
"""For a house whose watch must not look: paused once it is there, it may have begun a run, and pages what no test expects."""
BIG = """
CREATE TABLE noise (id INT PRIMARY KEY, a VARBINARY(1024));
INSERT INTO noise SELECT seq, RANDOM_BYTES(1024) FROM seq_1_to_80000;
"""
"""80 MB that don't compress: a dump that takes some seconds and several parts."""

home = tempfile.mkdtemp(prefix="proven-airflow-home-")
atexit.register(shutil.rmtree, home, ignore_errors=True)
os.environ |= {
    "AIRFLOW_HOME": home,
    "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
}


@pytest.fixture(scope="session")
def house(
    tmp_path_factory: pytest.TempPathFactory, mariadb_source: DatabaseServer, swift: Swift, gpg_home: DemoKeys
) -> Iterator[House]:
    """Run a whole house with three databases: `shop` is small, `big` takes its time, `clock` is backed up each minute."""
    folder = tmp_path_factory.mktemp("house")
    with contextlib.ExitStack() as stack:
        pager = stack.enter_context(running_pager())
        sandboxes = stack.enter_context(tempfile.TemporaryDirectory(prefix="proven-sandboxes-", dir="/var/tmp"))
        state = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="proven-airflow-", dir="/var/tmp")))
        state.chmod(0o711)
        files = make_house_fleet(folder, mariadb_source, swift, gpg_home, pager, pathlib.Path(sandboxes))
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("PROVEN_CONNECTIONS", files.variables["PROVEN_CONNECTIONS"])
        airflow = LocalAirflow(state, environment=files.variables | SETTINGS | ASLEEP)
        watchman = Watchman(airflow)
        stack.callback(watchman.stop)
        stack.callback(airflow.stop)
        airflow.start()
        house = House(airflow, files, mariadb_source, swift, pager, watchman)
        wait_for(lambda: len(house.dags()) == 12, "the twelve DAGs")
        house.wake(but={"backup__clock", "watch"})  # it would page that `big` has never been proven
        yield house


def make_house_fleet(
    folder: pathlib.Path, source: DatabaseServer, swift: Swift, keys: DemoKeys, pager: Pager, sandboxes: pathlib.Path
) -> FleetFiles:
    """Fill the source and write a fleet of three databases."""
    sandboxes.chmod(0o711)
    shop, big = source.fresh_schema("shop"), source.fresh_schema("big")
    source.sql(SHOP, shop)
    source.sql(BIG, big)
    stored, container = swift.connection(), f"t{secrets.token_hex(4)}"
    server = {key: source.endpoint[key] for key in ("host", "port", "password")}  # type: ignore[literal-required]
    connections = {
        "source": {"conn_type": "mysql", "login": source.endpoint["user"], **server},
        "swift": {"conn_type": "swift", "host": stored.host, "login": stored.login, "password": stored.password},
        "pager": {"conn_type": "http", "password": ROUTING_KEY},
    }
    database = {
        "connection": "source",
        "engine": "mariadb",
        "schedule": None,
        "objectives": {"rpo": "26h", "rto": "1h"},
        "stores": ["swift"],
        "sandbox": "local",
        "owner": "tests",
        "contacts": ["oncall"],
    }
    document = {
        "version": 1,
        "spread": None,
        "gnupg": {"home": str(keys.home), "recipients": RECIPIENTS, "signer": RECIPIENTS[0]},
        "stores": {"swift": {"kind": "swift", "connection": "swift", "container": container, "prefix": "backups"}},
        "sandboxes": {"local": {"kind": "local", "directory": str(sandboxes)}},
        "pages": {"routes": {"oncall": {"kind": "pagerduty", "connection": "pager", "endpoint": pager.url}}},
        "databases": {
            "shop": {**database, "schemas": [shop]},
            "clock": {**database, "schemas": [shop], "schedule": "* * * * *", "checks": "shop"},
            "big": {**database, "schemas": [big], "compression_level": 9},
        },
    }
    (folder / "checks/shop").mkdir(parents=True)
    for name, question in {"there are orders": "COUNT(*)", "notes are kept": "SUM(note <> '') = 2, 1"}.items():
        (folder / f"checks/shop/{name}.sql").write_text(f"SELECT {question} FROM {shop}.orders")
    scratch = folder / "scratch"
    scratch.mkdir()
    files = FleetFiles(folder, document, connections, keys.home, container, scratch)
    files.write()
    return files
