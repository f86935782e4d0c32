"""A local Airflow of this checkout: its environment, and its four components as daemons.

For `./proven up` and for the tests that need a real scheduler. Everything it writes lies under one state directory:
`airflow/` is AIRFLOW_HOME (SQLite, logs, secrets in files of mode 0600). It listens on 127.0.0.1 only.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import importlib.metadata
import json
import os
import secrets
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from include.proven import daemons, errors
from include.proven.local_airflow import api

CHECKOUT = Path(__file__).resolve().parents[3]
COMPONENTS: dict[str, list[str]] = {
    "api-server": [],
    "scheduler": ["--skip-serve-logs"],
    "dag-processor": [],
    "triggerer": ["--skip-serve-logs"],
}
"""Each is started as `airflow <name> <options>`. Without --skip-serve-logs two of them serve logs on 0.0.0.0."""
USER = "admin"
START_SECONDS = 180.0
STOP_SECONDS = 30.0


def airflow_environment(state: Path, *, port: int, connections: Path | None = None) -> dict[str, str]:
    """Given a state directory and the API's port, return the variables that make `airflow` run this checkout there.

    `connections` is the file of credentials that Airflow and the command line share ($PROVEN_CONNECTIONS; default
    `<state>/connections.json`). Secrets are not among the variables: Airflow reads them from files of mode 0600 that the
    first call makes.
    """
    home = state.resolve() / "airflow"
    _make_secrets(home)
    url = f"http://127.0.0.1:{port}"
    if connections is None:
        connections = Path(os.environ.get("PROVEN_CONNECTIONS") or home.parent / "connections.json")
    settings = {
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": str(CHECKOUT),
        "PROVEN_CONNECTIONS": str(connections),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"connections_file_path": str(connections)}),
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
    }
    for option, name in SECRET_OPTIONS.items():
        settings[f"{option}_CMD"] = shlex.join(["cat", str(home / "secrets" / name)])
    return settings | FIXED_SETTINGS


FIXED_SETTINGS = {
    "AIRFLOW__API__HOST": "127.0.0.1",
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    # The scheduler forks this many workers at once; the default of 32 costs 2 GB.
    "AIRFLOW__CORE__PARALLELISM": "6",
    # What runs is written in the fleet file, not switched on by hand for each database.
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    # The default asks the resolver for the machine's full name, which can take seconds where there is none.
    "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
    # A person who edits the fleet file waits for this long instead of five minutes.
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "15",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "15",
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
    "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
    "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
    "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}
SECRET_OPTIONS = {
    "AIRFLOW__API_AUTH__JWT_SECRET": "jwt_secret",
    "AIRFLOW__API__SECRET_KEY": "api_secret_key",
    "AIRFLOW__CORE__FERNET_KEY": "fernet_key",
}
"""Options that are secret, and the files under `<home>/secrets` that hold them."""


class LocalAirflow:
    """The four components of one local Airflow. Its record survives us: another process can find and stop it."""

    def __init__(self, state: Path, *, port: int = 0, environment: Mapping[str, str] | None = None) -> None:
        """Given a state directory, a port (0: the kernel's choice at the first start) and variables that the components need
        besides (they win over ours), describe an Airflow. Nothing is started.
        """
        self.home = state.resolve() / "airflow"
        self._state = state.resolve()
        self._wanted_port = port
        self._extra = dict(environment or {})
        self._client: api.Client | None = None

    @property
    def port(self) -> int:
        """The port of the Airflow that was started here last, else the one asked for."""
        return int(self._read_record()["port"]) or self._wanted_port

    @property
    def url(self) -> str:
        """Where the UI and the API answer."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def login(self) -> tuple[str, str]:
        """User and password of the UI."""
        return USER, str(json.loads((self.home / "passwords.json").read_text())[USER])

    def environment(self) -> dict[str, str]:
        """Return the whole environment of the components: ours, the caller's, and this process's without its own Airflow."""
        connections = self._extra.get("PROVEN_CONNECTIONS")
        ours = airflow_environment(self._state, port=self.port, connections=Path(connections) if connections else None)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW__", "AIRFLOW_CONFIG"))}
        return inherited | ours | self._extra

    def start(self, *, timeout_seconds: float = START_SECONDS, report: Callable[[str], None] = lambda line: None) -> None:
        """Start what is not running and return when all of it is healthy. Each step is told to `report`, in one line.

        Raise ToolError, with the end of its log, if a component ends or is not healthy in time; then nothing is left running.
        """
        with self._locked():
            if self.running():
                return
            self._stop()
            self._write_record(self._choose_port(), [])
            self._migrate(report)
            try:
                self._start_components(report)
                self._wait_for_health(timeout_seconds)
            except BaseException:
                self._stop()
                raise

    def prepare(self, *, report: Callable[[str], None] = lambda line: None) -> None:
        """Make Airflow's database, if it is not there, for a program that needs no component of it."""
        with self._locked():
            if not self._read_record()["port"]:
                self._write_record(self._choose_port(), [])
            self._migrate(report)

    def stop(self) -> bool:
        """Stop every component and all that they have forked. Return False if there was nothing to stop."""
        with self._locked():
            return self._stop()

    def running(self) -> bool:
        """Say whether all four components run. It says nothing about their health: see `health`."""
        return set(self.pids()) == set(COMPONENTS)

    def pids(self) -> dict[str, int]:
        """Return the components that run, with their process ids."""
        known = (daemons.Daemon(**entry) for entry in self._read_record()["daemons"])
        return {daemon.name: daemon.pid for daemon in known if daemons.is_alive(daemon)}

    def health(self) -> dict[str, str]:
        """Return the state of `metadatabase`, `scheduler`, `dag_processor` and `triggerer`: `healthy` or another word."""
        # The HTTP status is 200 even with a dead scheduler, so the JSON is what counts.
        parts = api.request("GET", f"{self.url}/api/v2/monitor/health")
        return {name: str(part.get("status")) for name, part in parts.items()}

    def api(self, method: api.Method, path: str, body: Any = None) -> Any:
        """Call the REST API, logged in: `api("GET", "/api/v2/dags")`. Return its JSON. Raise AirflowApiError if it refuses."""
        if self._client is None or self._client.url != self.url:
            self._client = api.Client(self.url, *self.login)
        return self._client.call(method, path, body)

    def log_tail(self, component: str, lines: int = 20) -> str:
        """Return the last lines that a component has printed."""
        path = self._log(component)
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""

    def _migrate(self, report: Callable[[str], None]) -> None:
        stamp, version = self.home / "migrated", importlib.metadata.version("apache-airflow-core")
        if stamp.exists() and stamp.read_text() == version:
            return
        report("making Airflow's database")
        with self._log("migrate").open("w") as log:
            argv = [sys.executable, "-m", "airflow", "db", "migrate"]
            status = subprocess.run(argv, env=self.environment(), cwd=CHECKOUT, stdout=log, stderr=log, check=False).returncode
        if status:
            raise errors.ToolError(f"airflow db migrate: exit status {status}", detail=self.log_tail("migrate"))
        stamp.write_text(version)

    def _start_components(self, report: Callable[[str], None]) -> None:
        report("starting " + ", ".join(COMPONENTS))
        environment, started = self.environment(), []
        for name, options in COMPONENTS.items():
            argv = [sys.executable, "-m", "airflow", name, *options]
            started.append(daemons.start_daemon(name, argv, environment=environment, log=self._log(name), directory=CHECKOUT))
            self._write_record(self.port, started)

    def _wait_for_health(self, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while True:
            for name in sorted(set(COMPONENTS) - set(self.pids())):
                raise errors.ToolError(f"airflow {name}: ended while starting", detail=self.log_tail(name))
            seen = self._health_or_nothing()
            if seen and set(seen.values()) == {"healthy"}:
                return
            if time.monotonic() > deadline:
                detail = ", ".join(f"{name}: {state}" for name, state in seen.items()) or self.log_tail("api-server")
                raise errors.ToolError(f"airflow: not healthy after {timeout_seconds:.0f} s", detail=detail)
            time.sleep(0.5)

    def _health_or_nothing(self) -> dict[str, str]:
        try:
            return self.health()
        except api.AirflowApiError:
            return {}

    def _stop(self) -> bool:
        record = self._read_record()
        known = [daemons.Daemon(**entry) for entry in record["daemons"]]
        daemons.stop_daemons(known, grace_seconds=STOP_SECONDS)
        if known:
            self._write_record(int(record["port"]), [])
        return bool(known)

    def _choose_port(self) -> int:
        """Return the port asked for, else the one used last, else a free one. Raise ToolError if the one asked for is taken."""
        if self._wanted_port:
            try:
                return _bind_once(self._wanted_port)
            except OSError as error:
                raise errors.ToolError(
                    f"airflow: port {self._wanted_port}: {error.strerror}", hint="Choose another port."
                ) from error
        try:
            return _bind_once(int(self._read_record()["port"]))
        except OSError:
            return _bind_once(0)

    def _log(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

    def _read_record(self) -> dict[str, Any]:
        path = self.home / "daemons.json"
        return json.loads(path.read_text()) if path.exists() else {"port": 0, "daemons": []}

    def _write_record(self, port: int, started: list[daemons.Daemon]) -> None:
        entries = [{"name": daemon.name, "pid": daemon.pid, "started": daemon.started} for daemon in started]
        _write_private(self.home / "daemons.json", json.dumps({"port": port, "daemons": entries}))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.home / "logs").mkdir(exist_ok=True, mode=0o700)
        with (self.home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _bind_once(port: int) -> int:
    """Return a port of 127.0.0.1 that could be bound just now (0: any). Raise OSError if it can't."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])


def _make_secrets(home: Path) -> None:
    """Make what is missing of Airflow's secrets and the login, once: a new Fernet key would orphan what the old one wrote."""
    folder = home / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    makers: dict[Path, Callable[[], str]] = {
        folder / "jwt_secret": lambda: secrets.token_urlsafe(96),
        folder / "api_secret_key": lambda: secrets.token_urlsafe(48),
        folder / "fernet_key": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        home.parent / "connections.json": lambda: "{}",  # without the file every look-up of a connection would fail
        home / "passwords.json": lambda: json.dumps({USER: secrets.token_urlsafe(12)}),
    }
    for path, make in makers.items():
        if not path.exists():
            _write_private(path, make())


def _write_private(path: Path, content: str) -> None:
    """Write a file of mode 0600, whole or not at all."""
    scratch = path.with_suffix(f".{os.getpid()}.new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    scratch.rename(path)
