"""A DAG file that can't be loaded: told once, by a process of its own, and if nobody can be told that is said."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
import yaml

from include.proven.demo.keys import DemoKeys
from proven_airflow import import_errors
from tests.pages.ledgers import SIGNER
from tests.servers.pager import ROUTING_KEY, Pager

FILE = "/opt/airflow/dags/sabotage.py"
STACK = 'Traceback (most recent call last):\n  File "/opt/airflow/dags/sabotage.py", line 3\nRuntimeError: half an upload\n'


@pytest.fixture
def fleet(tmp_path: pathlib.Path, gpg_home: DemoKeys, pager: Pager, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A fleet file whose pages about no database go to the pager."""
    (tmp_path / "disk").mkdir()
    database = {
        "connection": "source",
        "engine": "mariadb",
        "schedule": None,
        "objectives": {"rpo": "26h", "rto": "1h"},
        "stores": ["disk"],
        "sandbox": "local",
        "owner": "tests",
        "contacts": ["oncall"],
    }
    document = {
        "version": 1,
        "gnupg": {"home": str(gpg_home.home), "recipients": [SIGNER], "signer": SIGNER},
        "stores": {"disk": {"kind": "directory", "path": str(tmp_path / "disk")}},
        "sandboxes": {"local": {"kind": "local"}},
        "pages": {"routes": {"oncall": {"kind": "pagerduty", "connection": "pager", "endpoint": pager.url}}},
        "databases": {"shop": database},
    }
    file, known = tmp_path / "fleet.yaml", tmp_path / "connections.json"
    file.write_text(yaml.safe_dump(document))
    known.write_text(json.dumps({"pager": {"conn_type": "http", "password": ROUTING_KEY}}))
    known.chmod(0o600)
    monkeypatch.setenv("PROVEN_FLEET", str(file))
    monkeypatch.setenv("PROVEN_CONNECTIONS", str(known))
    # as the DAG processor has it
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    return file


@pytest.fixture
def teller(monkeypatch: pytest.MonkeyPatch) -> import_errors.Teller:
    """As in a DAG processor that has just been started."""
    monkeypatch.setattr(import_errors, "TELLER", import_errors.Teller())
    return import_errors.TELLER


def wait(teller: import_errors.Teller) -> int | None:
    """Wait until it has told; return the status, or None if it had nothing to tell."""
    process, teller._process = teller._process, None
    status = process.wait(timeout=60) if process else None
    teller._process = process
    return status


@pytest.mark.failure("D6")
def test_a_broken_file_is_one_page_however_often_it_is_read(
    fleet: pathlib.Path, pager: Pager, teller: import_errors.Teller
) -> None:
    import_errors.on_new_dag_import_error(FILE, STACK)
    first = teller._process
    import_errors.on_existing_dag_import_error(FILE, STACK)
    assert teller._process is first, "one at a time"
    assert wait(teller) == 0
    (incident,) = pager.incidents
    assert incident.dedup_key == "proven/_fleet/dag-broken/sabotage.py"
    assert incident.payload["summary"].endswith("sabotage.py: RuntimeError: half an upload")
    assert incident.payload["severity"] == "error"
    import_errors.on_existing_dag_import_error(FILE, STACK)
    assert teller._process is first, "it is told"

    # a DAG processor that was started again does not know; the ledger does
    fresh = import_errors.Teller()
    fresh.tell(FILE, STACK)
    assert wait(fresh) == 0
    assert len(incident.events) == 1


def test_a_fleet_file_that_can_not_be_read_is_said_in_the_log(fleet: pathlib.Path, pager: Pager) -> None:
    fleet.write_text("version: 2\n")
    program = subprocess.run(
        [sys.executable, "-m", "proven_airflow.import_errors"],
        input=json.dumps([FILE, STACK]),
        env={**os.environ, "PYTHONPATH": f"{import_errors.PLUGINS}:{import_errors.PLUGINS.parent}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert program.returncode == 1
    assert f"{FILE} can't be loaded, and nobody could be told" in program.stderr
    assert pager.incidents == []
