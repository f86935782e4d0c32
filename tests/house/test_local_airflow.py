"""The local Airflow: all four components healthy, on loopback, its secrets nowhere to be seen, and nothing left afterwards."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import socket
import stat
import tempfile
import time
from collections.abc import Iterator

import jwt
import pytest

from include.proven import errors
from include.proven.local_airflow.api import AirflowApiError, Client
from include.proven.local_airflow.home import LocalAirflow


@pytest.fixture(scope="module")
def airflow() -> Iterator[LocalAirflow]:
    with state_directory() as state:
        started = LocalAirflow(state)
        started.start()
        yield started
        started.stop()


@contextlib.contextmanager
def state_directory() -> Iterator[pathlib.Path]:
    """Where the account that PostgreSQL runs as may enter; pytest's own directories are closed to others."""
    with tempfile.TemporaryDirectory(prefix="proven-state-", dir="/var/tmp") as state:
        pathlib.Path(state).chmod(0o711)
        yield pathlib.Path(state)


def test_all_four_components_are_healthy_when_start_returns(airflow: LocalAirflow) -> None:
    assert airflow.running()
    assert airflow.health() == dict.fromkeys(("metadatabase", "scheduler", "dag_processor", "triggerer"), "healthy")


def test_the_api_takes_our_login_only_and_says_what_it_refuses(airflow: LocalAirflow) -> None:
    assert "dags" in airflow.api("GET", "/api/v2/dags")
    with pytest.raises(AirflowApiError) as unknown_user:
        Client(airflow.url, "admin", "wrong").call("GET", "/api/v2/dags")
    assert unknown_user.value.status == 401
    with pytest.raises(AirflowApiError, match="no_such_dag") as unknown_dag:
        airflow.api("GET", "/api/v2/dags/no_such_dag")
    assert unknown_dag.value.status == 404


def test_an_expired_login_is_renewed(airflow: LocalAirflow) -> None:
    client = Client(airflow.url, *airflow.login)
    client.call("GET", "/api/v2/dags")
    secret = (airflow.home / "secrets" / "jwt_secret").read_text()
    claims = jwt.decode(client._token, options={"verify_signature": False})
    client._token = jwt.encode(claims | {"exp": time.time() - 60}, secret, algorithm="HS512")
    assert "dags" in client.call("GET", "/api/v2/dags")


def test_it_listens_on_loopback_only(airflow: LocalAirflow) -> None:
    assert _listening(_processes(airflow)) == {("127.0.0.1", airflow.port)}


def test_no_secret_is_in_an_argument_or_an_environment(airflow: LocalAirflow) -> None:
    known = [path.read_text() for path in (airflow.home / "secrets").iterdir()] + [airflow.login[1]]
    assert len(known) == 4
    for pid in _processes(airflow):
        seen = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() + pathlib.Path(f"/proc/{pid}/environ").read_bytes()
        assert not [secret for secret in known if secret.encode() in seen]


def test_what_holds_a_secret_is_closed_to_others(airflow: LocalAirflow) -> None:
    assert stat.S_IMODE(airflow.home.stat().st_mode) == 0o700
    for path in [*(airflow.home / "secrets").iterdir(), airflow.home / "passwords.json"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_another_process_finds_it_and_a_second_start_changes_nothing(airflow: LocalAirflow) -> None:
    other = LocalAirflow(airflow.home.parent)
    before = other.pids()
    other.start()
    assert other.pids() == before == airflow.pids()
    assert other.url == airflow.url


def test_a_killed_database_is_noticed_and_the_next_start_has_the_same_data(airflow: LocalAirflow) -> None:
    airflow.api("POST", "/api/v2/variables", {"key": "kept", "value": "over a crash"})
    time.sleep(1)  # a commit is on disk half a second later
    before = airflow.pids()
    os.kill(before["postgres"], signal.SIGKILL)
    _wait_for_the_end(airflow)
    airflow.start()
    assert airflow.running()
    assert not set(before.values()) & set(airflow.pids().values())
    assert airflow.api("GET", "/api/v2/variables/kept")["value"] == "over a crash"


def test_after_a_crash_it_is_not_running_and_stop_leaves_no_process(airflow: LocalAirflow) -> None:
    workers = [pid for pid in _processes(airflow) if pid not in airflow.pids().values()]
    assert len(workers) > 3
    os.kill(airflow.pids()["scheduler"], signal.SIGKILL)  # its pre-forked workers are orphans now
    _wait_for_the_end(airflow)
    assert airflow.stop()
    assert _processes(airflow) == []
    assert not [pid for pid in workers if _state(pid) not in "Z-"]
    assert not airflow.stop()


def test_a_recorded_pid_that_now_belongs_to_someone_else_is_left_alone(tmp_path: pathlib.Path) -> None:
    airflow = LocalAirflow(tmp_path)
    (tmp_path / "airflow").mkdir()
    record = f'{{"port": 0, "daemons": [{{"name": "scheduler", "pid": {os.getpid()}, "started": 1}}]}}'
    (tmp_path / "airflow" / "daemons.json").write_text(record)
    assert airflow.pids() == {}
    assert airflow.stop()  # we are still here


def test_a_port_that_is_taken_is_named(tmp_path: pathlib.Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(errors.ToolError, match=f"port {port}: Address already in use"):
            LocalAirflow(tmp_path, port=port).start()


def test_what_fails_while_starting_is_told_with_the_end_of_its_log_and_nothing_is_left() -> None:
    with state_directory() as state:
        broken = LocalAirflow(state, environment={"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nowhere/airflow.db"})
        with pytest.raises(errors.ToolError, match="airflow db migrate: exit status 1") as caught:
            broken.start()
        assert "unable to open database file" in caught.value.detail
        assert _processes(broken) == []


def _wait_for_the_end(airflow: LocalAirflow) -> None:
    """Wait until one of the daemons has ended."""
    deadline = time.monotonic() + 5
    while airflow.running() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not airflow.running()


def _processes(airflow: LocalAirflow) -> list[int]:
    """Every process with this Airflow's home in its environment, of a component's session, or at work in its database."""
    mark, leaders, found = str(airflow.home).encode(), set(airflow.pids().values()), []
    data = airflow.home.parent / "postgres/data"
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            ours = mark in (entry / "environ").read_bytes() or (entry / "cwd").readlink() == data
            if state != "Z" and (int(session) in leaders or ours):
                found.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def _state(pid: int) -> str:
    """The kernel's letter for a process: `Z` is dead, with nobody having asked how it ended; `-` is gone."""
    path = pathlib.Path(f"/proc/{pid}/stat")
    return path.read_text().rpartition(")")[2].split()[0] if path.exists() else "-"


def _listening(processes: list[int]) -> set[tuple[str, int]]:
    """Every address that one of these processes listens on, by TCP over IPv4 or IPv6."""
    inodes = set()
    for pid in processes:
        for descriptor in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            inodes.add(str(descriptor.readlink()))
    found = set()
    for family, table in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                address, port = fields[1].split(":")
                words = [bytes.fromhex(address[index : index + 8])[::-1] for index in range(0, len(address), 8)]
                found.add((socket.inet_ntop(family, b"".join(words)), int(port, 16)))
    return found
