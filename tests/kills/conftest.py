"""Without scripts/test-pages only the document is looked at: the causes take half an hour."""

from __future__ import annotations

import contextlib
import os
import pathlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator

import pytest

from include.proven import servers
from include.proven.demo.keys import DemoKeys
from include.proven.fleet import load
from include.proven.local_airflow.home import LocalAirflow
from tests.airflow.live import House, wait_for
from tests.kills import table
from tests.kills.stage import Stage
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import CHECKOUT, RECIPIENTS, FleetFiles, swift_connection
from tests.servers.pager import ROUTING_KEY, Pager, running_pager
from tests.servers.swift import Swift

if "PROVEN_KILLS" not in os.environ:
    collect_ignore = ["test_backup.py", "test_drill.py", "test_ends.py", "test_parts.py"]

SHOP = """
CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(40));
INSERT INTO orders (note) SELECT CONCAT('order ', seq) FROM seq_1_to_1000;
"""
SETTINGS = {
    "AIRFLOW__CORE__PARALLELISM": "8",
    # minutes in real life: what is killed is missed after that
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    # on a busy machine the API is slow, and a task that is not let begin is one more that has failed
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
    # each reading of the files costs a second of the cores; a file that has changed is read at once all the same
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
}
DATABASES = ["raises", "refused", "killed", "memory", "supervisor", "timeout", "marked", "refuted", "unproven", "drill_killed"]
"""One for each cause: a key that opens again and again would be damped."""
CLOCK = "clock"


@pytest.fixture(scope="session")
def stage(
    tmp_path_factory: pytest.TempPathFactory, mariadb_source: DatabaseServer, swift: Swift, gpg_home: DemoKeys
) -> Iterator[Stage]:
    """Run a whole house with a database for each cause, all of one schema; `clock` is there to be given a schedule."""
    folder = tmp_path_factory.mktemp("stage")
    for name in ("dags", "tools", "scratch"):
        (folder / name).mkdir()
    shutil.copytree(CHECKOUT / "dags", folder / "dags", dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    with contextlib.ExitStack() as stack:
        pager = stack.enter_context(running_pager())
        pager.log = folder / "heard.jsonl"
        sandboxes = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="proven-sandboxes-", dir="/var/tmp")))
        state = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="proven-airflow-", dir="/var/tmp")))
        sandboxes.chmod(0o711)
        state.chmod(0o711)
        port, schema = servers.choose_port(), mariadb_source.fresh_schema("shop")
        mariadb_source.sql(SHOP, schema)
        files = make_fleet(folder, mariadb_source, schema, swift, gpg_home, pager, sandboxes, port)
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("PROVEN_CONNECTIONS", files.variables["PROVEN_CONNECTIONS"])
        settings = SETTINGS | {"AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags")}
        airflow = LocalAirflow(state, port=port, environment=files.variables | settings)
        stack.callback(airflow.stop)
        airflow.start()
        stage = Stage(House(airflow, files, mariadb_source, swift, pager), folder / "dags", folder / "tools", pager.log, schema)
        wanted = {f"{process}__{name}" for process in ("backup", "drill") for name in files.document["databases"]} | {"watch"}
        wait_for(lambda: stage.house.dags() >= wanted, "the DAGs")
        yield stage
        table.write(stage.rows)
        table.write_kinds()


def make_fleet(
    folder: pathlib.Path,
    source: DatabaseServer,
    schema: str,
    swift: Swift,
    keys: DemoKeys,
    pager: Pager,
    sandboxes: pathlib.Path,
    port: int,
) -> FleetFiles:
    """Write a fleet whose warnings go to the team and all else to whoever is on call."""
    container = f"t{secrets.token_hex(4)}"
    server = {key: source.endpoint[key] for key in ("host", "port", "password")}  # type: ignore[literal-required]
    connections = {
        "source": {"conn_type": "mysql", "login": source.endpoint["user"], **server},
        "swift": swift_connection(swift),
        "pager": {"conn_type": "http", "password": ROUTING_KEY},
    }
    database = {
        "connection": "source",
        "engine": "mariadb",
        "schedule": None,
        "objectives": {"rpo": "26h", "rto": "1h"},
        "schemas": [schema],
        "stores": ["swift"],
        "sandbox": "local",
        "owner": "tests",
        "contacts": ["oncall"],
        "lock_time_limit": "10m",
    }
    document = {
        "version": 1,
        "spread": None,
        "tools": [str(folder / "tools")],
        "gnupg": {"home": str(keys.home), "recipients": RECIPIENTS, "signer": RECIPIENTS[0]},
        "stores": {"swift": {"kind": "swift", "connection": "swift", "container": container, "prefix": "backups"}},
        "sandboxes": {"local": {"kind": "local", "directory": str(sandboxes)}},
        "pages": {
            "routes": {
                "oncall": {"kind": "pagerduty", "connection": "pager", "endpoint": pager.url},
                "team": {"kind": "webhook", "endpoint": pager.webhook},
            },
            "rules": [{"severity": ["warning", "info"], "contacts": ["team"]}],
            "contacts": ["oncall"],
            "airflow_url": f"http://127.0.0.1:{port}",
        },
        "databases": {
            **{name: {**database, "backup_time_limit": "30s" if name == "timeout" else "6h"} for name in DATABASES},
            CLOCK: {**database, "backup_time_limit": "2m"},
        },
    }
    files = FleetFiles(folder, document, connections, keys.home, container, folder / "scratch")
    files.write()
    load.load(folder / "fleet.yaml")  # a fault would only show as import errors, and as DAGs that do not come
    return files
