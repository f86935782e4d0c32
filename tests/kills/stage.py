"""The stage of the kill matrix: a whole house, the ways to break it, and what people hear of that."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import re
import signal
import time
from collections.abc import Iterator
from typing import Any

import httpx

from include.proven.agent.client import Session
from include.proven.agent.processes import CommandLog
from tests.airflow.live import House, parent, wait_for
from tests.kills import heard, table

QUIET_SECONDS = 8.0
"""How long after the end a page too many is waited for."""
PAGE_SECONDS = 240.0
NOTICED = {
    "cli": "`./proven watch`",
    "import-error": "Airflow's DAG processor, its listener",
    "watch": "the DAG `watch`",
}
"""How a run that a page names begins → what that is."""
WAITS = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'proven' AND state LIKE 'Waiting for%'"


@dataclasses.dataclass
class Stage:
    """What the tests use besides the house."""

    house: House
    dags: pathlib.Path
    """Airflow's folder of DAG files: a copy, so that it can be broken."""
    tools: pathlib.Path
    """Searched before PATH for every program."""
    heard: pathlib.Path
    """Log of the receivers."""
    schema: str
    rows: list[table.Row] = dataclasses.field(default_factory=list)
    unanswered: list[Cause] = dataclasses.field(default_factory=list)
    """Causes whose page the next proof of their database must resolve."""

    def cause(self, name: str) -> Cause:
        """Begin the row of a cause of `table.CAUSES`."""
        row = table.Row(name)
        self.rows.append(row)
        return Cause(self, row)

    @contextlib.contextmanager
    def locked_source(self) -> Iterator[None]:
        """Hold a lock on a table, as a person's forgotten session does: a backup waits before its snapshot."""
        source = self.house.source
        with Session(source.tools, source.admin, CommandLog()) as holder:
            holder.execute(f"LOCK TABLES `{self.schema}`.orders WRITE")
            yield

    @contextlib.contextmanager
    def broken_tool(self, name: str, *lines: str) -> Iterator[None]:
        """Put a shell script of these lines in the place of a program."""
        script = self.tools / name
        script.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        script.chmod(0o755)
        try:
            yield
        finally:
            script.unlink()

    def task_at_work(self, dag: str, run: str) -> tuple[int, int]:
        """Return the process ids of a task whose agent is at work, and of its supervisor."""

        def at_work() -> int | None:
            tasks = self.house.call("GET", f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances?state=running")
            pids = {task["pid"] for task in tasks["task_instances"]}
            agent = self.house.agent()
            return parent(agent) if agent and parent(agent) in pids else None

        task = wait_for(at_work, f"the agent of {run}", pause=0.2)
        return task, parent(task)

    def waiting_backup(self, database: str) -> tuple[str, int, int]:
        """Begin a backup of a locked source; return its run, and the process ids of its task and of its supervisor."""
        dag = f"backup__{database}"
        run = self.house.trigger(dag)
        task, supervisor = self.task_at_work(dag, run)
        wait_for(lambda: self.house.source.sql(WAITS) != [["0"]], "the backup that waits for the lock")
        return run, task, supervisor

    def back_up_only(self, database: str) -> None:
        """Back up a database, and keep the drill of it from beginning."""
        self.house.pause(f"drill__{database}")
        assert self.house.finish(f"backup__{database}", self.house.trigger(f"backup__{database}")) == "success"
        self.house.pause(f"drill__{database}", paused=False)

    def prove(self, *databases: str) -> None:
        """Back up and drill databases, all at the same time, and see them proven."""
        house, limit = self.house, 300 * (1 + len(databases))
        before = {name: {run["dag_run_id"] for run in house.runs(f"drill__{name}")} for name in databases}
        backups = {name: house.trigger(f"backup__{name}") for name in databases}
        for name, run in backups.items():
            assert house.finish(f"backup__{name}", run, seconds=limit) == "success"
        for name in databases:
            assert house.finish(f"drill__{name}", house.next_drill(name, before[name]), seconds=limit) == "success"

    def schedule(self, database: str, cron: str | None) -> None:
        """Change a database's schedule in the fleet file, and wait until Airflow has read it."""
        self.house.files.document["databases"][database]["schedule"] = cron
        self.house.files.write()
        path = f"/api/v2/dags/backup__{database}"
        wanted = (cron, str(cron))
        wait_for(lambda: self.house.call("GET", path)["timetable_summary"] in wanted, f"the schedule {cron}", seconds=180)

    def watch(self) -> tuple[int, str]:
        """Run `./proven watch` as a cron job outside of Airflow does; return its exit status and what it says."""
        done = self.house.files.run("watch")
        return done.returncode, done.stdout + done.stderr

    def watch_inside(self) -> str:
        """Have Airflow's own watch look now, and return the state of its run."""
        return self.house.finish("watch", self.house.trigger("watch"), seconds=300)

    def is_idle(self) -> bool:
        """Say whether no run of any DAG is at work or waits for its turn."""
        runs = self.house.call("GET", "/api/v2/dags/~/dagRuns?state=running&state=queued")
        return not runs["total_entries"]

    def runbook_opens(self, address: str) -> bool:
        """Say whether a page's link shows the runbook to whoever is logged in."""
        user, password = self.house.airflow.login
        answer = httpx.post(f"{self.house.airflow.url}/auth/token", json={"username": user, "password": password})
        cookies = {"_token": answer.raise_for_status().json()["access_token"]}
        shown = httpx.get(address, cookies=cookies)
        return shown.status_code == 200 and "<h2>First five minutes</h2>" in shown.text


@dataclasses.dataclass
class Cause:
    """One cause on its way through the test."""

    stage: Stage
    row: table.Row
    begun: float = 0.0
    also: tuple[tuple[str, str], ...] = ()
    """(action, route) of what belongs to an earlier or later page of the same key."""

    @property
    def database(self) -> str:
        """Whose page it is."""
        return self.row.key.split("/")[1]

    def happens(self) -> None:
        """Note the moment. From here on, whatever people hear belongs to this cause."""
        self.begun = time.time()

    def kill(self, pid: int) -> None:
        """Kill a process at once: that is the cause."""
        self.happens()
        os.kill(pid, signal.SIGKILL)

    def heard(self) -> list[heard.Heard]:
        """Return what people have heard since, but for the pages of other causes and the end of what was wrong before."""
        events = heard.read(self.stage.heard)
        last = {one.key: one.action for one in events if one.at < self.begun}
        # two causes may have the same page: one that was seen to its end is none of the others
        others = {key for key, action in last.items() if action == "trigger"} | {
            row.key for row in self.stage.rows if row.fault
        }
        others -= {self.row.key}
        return [one for one in events if one.at >= self.begun and one.key not in others]

    def pages(self, key: str, severity: str, route: str = "oncall", *, seconds: float = PAGE_SECONDS) -> None:
        """Wait for the page, and see that it is the right one."""
        self.row.key, self.row.severity, self.row.route = key, severity, route
        page = wait_for(self.first_page, f"the page {key}", seconds=seconds)
        assert (page.key, page.severity, page.route) == (key, severity, route)
        self.row.page_seconds = page.at - self.begun

    def first_page(self) -> heard.Heard | None:
        """Return the first page since, if there is one."""
        return next((one for one in self.heard() if one.action == "trigger"), None)

    def waits_for_proof(self) -> None:
        """Leave the page open: `test_ends.py` proves all databases at once, and sees whether that resolves it."""
        self.stage.unanswered.append(self)

    def is_resolved_by(self, what: str) -> None:
        """See that it was one page, and is resolved once."""
        key, route = self.row.key, self.row.route
        ends = wait_for(lambda: [one for one in self.heard() if one.action == "resolve"], f"the end of {key}", seconds=60)
        time.sleep(max(0.0, ends[-1].at + QUIET_SECONDS - time.time()))
        events = self.heard()
        told = sorted((one.action, one.route, one.key) for one in events)
        wanted = sorted((action, to, key) for action, to in [("trigger", route), ("resolve", route), *self.also])
        assert told == wanted, f"heard {told}, not {wanted}"
        page = next(one for one in events if one.action == "trigger")
        assert self.stage.runbook_opens(page.runbook), page.runbook
        self.row.pages = len([one for one in events if (one.action, one.route) == ("trigger", route)])
        self.row.noticed = self.noticed_by(page)  # by now its log is written
        self.row.resolved_by, self.row.resolve_seconds = what, events[-1].at - self.begun  # the last is a resolution
        self.row.fault = ""
        table.write(self.stage.rows)

    def noticed_by(self, page: heard.Heard) -> str:
        """Return what has noticed it: the callback whose log says so, or the run that the page names."""
        name = page.run.partition("/")[0]
        for log in sorted((self.stage.house.airflow.home / "logs").rglob("*.log")):
            if log.stat().st_mtime >= self.begun and f"page {page.key}: told" in log.read_text(errors="replace"):
                task = re.search(r"task_id=([^/]+)", str(log))
                return f"`{name}`, callback of its task `{task[1]}`" if task else f"`{name}`, its callback in the DAG processor"
        return NOTICED.get(name.partition(":")[0], f"`{name}`")

    def could_not_be_tried(self, reason: str) -> None:
        """Say so in the row."""
        self.row.fault = f"could not be tried: {reason}"


def login_of(connections: dict[str, Any]) -> dict[str, Any]:
    """Return the connection of the source."""
    found: dict[str, Any] = connections["source"]
    return found
