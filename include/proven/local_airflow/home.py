"""A local Airflow of this checkout: its four components and their PostgreSQL as daemons.

For `./proven up` and for the tests that need a real scheduler. Everything it writes lies under one state directory:
`airflow/` is AIRFLOW_HOME (logs, secrets in files of mode 0600), `postgres/` the database. It listens on 127.0.0.1 only.
The demo needs none of these daemons: it runs its DAGs in one process, and for that SQLite will do (`prepare`).
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from include.proven import daemons, errors
from include.proven.local_airflow import api, postgres, settings

COMPONENTS: dict[str, list[str]] = {
    "api-server": [],
    "scheduler": ["--skip-serve-logs"],
    "dag-processor": [],
    "triggerer": ["--skip-serve-logs"],
}
"""Each is started as `airflow <name> <options>`. Without --skip-serve-logs two of them serve logs on 0.0.0.0."""
DAEMONS = {postgres.NAME, *COMPONENTS}
START_SECONDS = 180.0
STOP_SECONDS = 30.0


class LocalAirflow:
    """The four components of one local Airflow and their database. Any other process can find and stop them."""

    def __init__(self, state: Path, *, port: int = 0, environment: Mapping[str, str] | None = None) -> None:
        """Given a state directory, a port (0: the kernel's choice at the first start) and variables that the components need
        besides (they win over ours), describe an Airflow. Nothing is started.
        """
        self.home = state.resolve() / "airflow"
        self._state = state.resolve()
        self._wanted_port = port
        self._extra = dict(environment or {})
        self._client: api.Client | None = None
        self._postgres = postgres.PostgresServer(self._state / "postgres", log=self._log(postgres.NAME))

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
        return settings.USER, str(json.loads((self.home / "passwords.json").read_text())[settings.USER])

    def environment(self) -> dict[str, str]:
        """Return the whole environment of the components: ours, the caller's, and this process's without its own Airflow."""
        return self._environment(self._postgres.url)

    def _environment(self, database: str) -> dict[str, str]:
        connections = Path(self._extra["PROVEN_CONNECTIONS"]) if "PROVEN_CONNECTIONS" in self._extra else None
        ours = settings.airflow_environment(self._state, port=self.port, database=database, connections=connections)
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
            try:
                self._start_daemons(report)
                self._wait_for_health(timeout_seconds)
            except BaseException:
                self._stop()
                raise

    def prepare(self, *, report: Callable[[str], None] = lambda line: None) -> dict[str, str]:
        """Return the environment of one process that uses Airflow on its own, with no component running.

        Its database is an SQLite file, made by the first call: no server need be installed for it. It knows nothing of the
        components' runs, nor they of its.
        """
        with self._locked():
            if not self._read_record()["port"]:
                self._write_record(self._choose_port(), [])
            environment = self._environment(f"sqlite:///{self.home}/airflow.db")
            self._migrate(environment, self.home / "migrated", report)
        return environment

    def stop(self) -> bool:
        """Stop every component, all that they have forked, and then the database. Return False if there was nothing."""
        with self._locked():
            return self._stop()

    def running(self) -> bool:
        """Say whether all four components run, and their database. It says nothing about their health: see `health`."""
        return set(self.pids()) == DAEMONS

    def pids(self) -> dict[str, int]:
        """Return the components that run, and `postgres`, with their process ids."""
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
        """Return the last lines that a component, or `postgres`, has printed."""
        path = self._log(component)
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""

    def _migrate(self, environment: Mapping[str, str], stamp: Path, report: Callable[[str], None]) -> None:
        """Bring a database up to date, unless its stamp says that it is."""
        version = importlib.metadata.version("apache-airflow-core")
        if stamp.exists() and stamp.read_text() == version:
            return
        report("making Airflow's database")
        with self._log("migrate").open("w") as log:
            argv = [sys.executable, "-m", "airflow", "db", "migrate"]
            status = subprocess.run(
                argv, env=environment, cwd=settings.CHECKOUT, stdout=log, stderr=log, check=False
            ).returncode
        if status:
            raise errors.ToolError(f"airflow db migrate: exit status {status}", detail=self.log_tail("migrate"))
        stamp.write_text(version)

    def _start_daemons(self, report: Callable[[str], None]) -> None:
        report("starting PostgreSQL")
        environment, started = self.environment(), [self._postgres.start()]
        self._write_record(self.port, started)
        self._migrate(environment, self._postgres.directory / "migrated", report)
        report("starting " + ", ".join(COMPONENTS))
        for name, options in COMPONENTS.items():
            argv = [sys.executable, "-m", "airflow", name, *options]
            log = self._log(name)
            started.append(daemons.start_daemon(name, argv, environment=environment, log=log, directory=settings.CHECKOUT))
            self._write_record(self.port, started)

    def _wait_for_health(self, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while True:
            for name in sorted(DAEMONS - set(self.pids())):
                raise errors.ToolError(f"airflow: {name}: ended while starting", detail=self.log_tail(name))
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
        daemons.stop_daemons([daemon for daemon in known if daemon.name in COMPONENTS], grace_seconds=STOP_SECONDS)
        self._postgres.stop()
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
        settings.write_private(self.home / "daemons.json", json.dumps({"port": port, "daemons": entries}))

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
