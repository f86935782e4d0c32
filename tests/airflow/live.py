"""A whole house for the tests under a real scheduler: Airflow's four components, MariaDB, Swift, a pager, and a watchman."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import psutil

from include.proven.catalog import Catalog
from include.proven.installation import open_installation
from include.proven.local_airflow.home import LocalAirflow
from include.proven.proof.verdict import Verdict
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles
from tests.servers.pager import Pager
from tests.servers.swift import Swift

END = {"success", "failed"}
QUIET_SECONDS = 6.0
T = TypeVar("T")


class Watchman:
    """Writes down every command line and environment that the house's processes show: Airflow's, the agents', their tools'."""

    def __init__(self, airflow: LocalAirflow) -> None:
        self.seen: set[str] = set()
        self._airflow = airflow
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the watch."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            for pid in descendants(set(self._airflow.pids().values())):
                self.seen |= {read_or_nothing(f"/proc/{pid}/{file}") for file in ("cmdline", "environ")}


@dataclasses.dataclass
class House:
    """What the tests use. A run is named by its DAG's id and its run's id."""

    airflow: LocalAirflow
    files: FleetFiles
    source: DatabaseServer
    swift: Swift
    pager: Pager
    watchman: Watchman | None = None

    def catalog(self, database: str) -> Catalog:
        """Open a database's catalog, as anybody with the store and the keys could."""
        return open_installation(self.files.folder / "fleet.yaml").catalog(database)

    def call(self, method: Any, path: str, body: Any = None) -> Any:
        """Call the REST API."""
        return self.airflow.api(method, path, body)

    def dags(self) -> set[str]:
        """Return the DAGs that Airflow has read, a hundred of them at most."""
        return {dag["dag_id"] for dag in self.call("GET", "/api/v2/dags?limit=100")["dags"]}

    def wake(self, *, but: set[str]) -> None:
        """Let all DAGs run but some, where they are made paused."""
        for dag in self.dags() - but:
            self.pause(dag, paused=False)

    def pause(self, dag: str, *, paused: bool = True) -> None:
        """Pause a DAG, or let it run."""
        self.call("PATCH", f"/api/v2/dags/{dag}?update_mask=is_paused", {"is_paused": paused})

    def trigger(self, dag: str, **conf: Any) -> str:
        """Trigger a run and return its id. Raise AirflowApiError if Airflow refuses the form."""
        return str(self.call("POST", f"/api/v2/dags/{dag}/dagRuns", {"logical_date": None, "conf": conf})["dag_run_id"])

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """Return the runs of a DAG, newest first."""
        found: list[dict[str, Any]] = self.call("GET", f"/api/v2/dags/{dag}/dagRuns?order_by=-run_after")["dag_runs"]
        return found

    def finish(self, dag: str, run: str, *, seconds: float = 150) -> str:
        """Wait for a run's end and return its state."""
        path = f"/api/v2/dags/{dag}/dagRuns/{run}"

        def ended() -> str | bool:
            assert self.airflow.running(), f"airflow: a component has ended:\n{self.airflow.log_tail('scheduler')}"
            state = str(self.call("GET", path)["state"])
            return state in END and state

        return str(wait_for(ended, f"end of {dag} {run}", seconds=seconds, pause=1))

    def task_states(self, dag: str, run: str) -> dict[str, str]:
        """Return the state of every task of a run; of a mapped one, of its last."""
        found = self.call("GET", f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in found}

    def back_up(self, database: str) -> str:
        """Back up a database, wait for the drill that this triggers, and return the state in which the drill ended."""
        before = {run["dag_run_id"] for run in self.runs(f"drill__{database}")}
        assert self.finish(f"backup__{database}", self.trigger(f"backup__{database}")) == "success"
        return self.finish(f"drill__{database}", self.next_drill(database, before))

    def next_drill(self, database: str, before: set[str]) -> str:
        """Wait for a drill that was not there before and return its run's id."""
        dag = f"drill__{database}"
        new = wait_for(lambda: [run for run in self.runs(dag) if run["dag_run_id"] not in before], f"a run of {dag}")
        return str(new[0]["dag_run_id"])

    def newest_verdict(self, database: str) -> Verdict:
        """Return the last verdict on the newest recovery point."""
        catalog = self.catalog(database)
        return catalog.verdicts(database, catalog.recovery_points(database)[-1])[-1]

    def agent(self) -> int | None:
        """Return the process id of a running agent of this house, if there is one."""
        ours = descendants(set(self.airflow.pids().values()))
        return next((pid for pid, line in processes() if pid in ours and re.search(r"/agent-\w+\.pyz", line)), None)

    def restoring(self) -> int | None:
        """Return the process id of the agent that restores: the one that looks at the sandbox decrypts nothing."""
        agent = self.agent()
        tools = descendants({agent}) if agent else set()
        return agent if any(pid in tools and re.match(r"\S*gpg\s", line) for pid, line in processes()) else None

    def only_page(self, begun: int, key: str) -> dict[str, Any]:
        """Given how many incidents there were, return the one event of the one that has come since.

        It waits until a second page of the same failure would have come too.
        """
        wait_for(lambda: len(self.pager.incidents) > begun, f"the page {key}", seconds=60)
        time.sleep(QUIET_SECONDS)
        new = self.pager.incidents[begun:]
        assert [incident.dedup_key for incident in new] == [key]
        (event,) = new[0].events
        return event

    def nothing_runs(self) -> None:
        """Fail if an agent or a sandbox is still there, or a directory of theirs."""
        assert self.agent() is None
        sandboxes = self.files.document["sandboxes"]["local"]["directory"]
        assert [line for _, line in processes() if sandboxes in line] == []
        assert list(pathlib.Path(sandboxes).glob("proven-*")) == []
        assert list(self.files.scratch.glob("proven-agent-*")) == []

    def stored(self) -> list[str]:
        """Return the names of all objects and parts in the store."""
        there = {entry["name"] for entry in self.swift.raw().get_account()[1]}
        ours = [name for name in (self.files.container, f"{self.files.container}_segments") if name in there]
        return [f"{container}/{name}" for container in ours for name in self.swift.names(container)]

    def flip_a_byte(self, recovery_point: str) -> None:
        """Change one byte in the middle of the dump, as anybody with the store's password could."""
        swift, container = self.swift.raw(), f"{self.files.container}_segments"
        (part,) = [name for name in self.swift.names(container) if f"/{recovery_point}/dump.sql" in name]
        _, content = swift.get_object(container, part)
        middle = len(content) // 2
        swift.put_object(container, part, content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])


def wait_for(ask: Callable[[], T | bool | None], what: str, *, seconds: float = 150, pause: float = 0.5) -> T:
    """Ask until the answer is true, and return it. Fail the test if it never is."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := ask():
            return answer  # type: ignore[return-value]  # True is no answer that a caller asks for
        time.sleep(pause)
    raise AssertionError(f"{what}: not within {seconds:g} s")


def processes() -> Iterator[tuple[int, str]]:
    """Yield process id and command line of every process that runs."""
    for pid in psutil.pids():
        if line := read_or_nothing(f"/proc/{pid}/cmdline"):
            yield pid, line.replace("\0", " ")


def parent(pid: int) -> int:
    """Return the process id of a process's parent; 0 if it is gone."""
    stat = read_or_nothing(f"/proc/{pid}/stat")
    return int(stat.rpartition(")")[2].split()[1]) if stat else 0


def read_or_nothing(path: str) -> str:
    """Return what a file of /proc says, or nothing if its process has ended.

    The watchman reads a thousand of them a second, all the time, which `pathlib` makes almost twice as dear.
    """
    try:
        with open(path, errors="replace") as file:  # noqa: PTH123 - see above
            return file.read()
    except OSError:
        return ""


def family(agent: int) -> tuple[int, set[int]]:
    """Return the process id of the task that started an agent, and those of the agent and all that it has started."""
    return parent(agent), descendants({agent})


def descendants(pids: set[int]) -> set[int]:
    """Return the ids of processes and of all that they have started."""
    parents = {pid: parent(pid) for pid in psutil.pids()}
    found = set(pids)
    while more := {pid for pid, of in parents.items() if of in found} - found:
        found |= more
    return found
