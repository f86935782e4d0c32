"""Prove a backup, end to end, in real Airflow on this machine.

A MariaDB with a shop in it is dumped, compressed, encrypted and uploaded to a real Swift by the DAG backup__shop; the DAG
drill__shop restores that recovery point on a throwaway server and checks every row and object. Everything listens on
127.0.0.1. A second run reuses what the first has made. Ends with a report; exits with 0 only if the verdict is proven.
"""

from __future__ import annotations

import argparse
import datetime
import os
import pathlib
import subprocess
import sys
import time

from include.proven import installation, progress
from include.proven.cli import display, following
from include.proven.demo import environment
from include.proven.errors import ToolError
from include.proven.local_airflow import home
from include.proven.proof.verdict import EXIT_STATUS, Verdict
from include.proven.reports import terminal

NAME = "demo"
DATABASE = "shop"
DAGS = ["backup__shop", "drill__shop"]
LOG_LINES = 15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--megabytes", type=int, default=environment.MEGABYTES, help="size of the shop (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="leave the database and Swift running, for a look around")


def run(arguments: argparse.Namespace) -> int:
    """Prepare, run both DAGs, print the report, return the verdict's exit status."""
    begun = time.monotonic()
    demo = environment.open_demo()
    keep = arguments.keep or demo.running()
    try:
        demo.start(megabytes=arguments.megabytes, report=say)
        verdict = _prove(demo)
        if arguments.json:
            display.print_json(verdict.model_dump(mode="json"))
        else:
            _print_report(demo, verdict, time.monotonic() - begun)
    finally:
        if not keep:
            list(demo.stop())
    return EXIT_STATUS[verdict.outcome]


def say(line: str) -> None:
    """Tell a step of the preparation."""
    display.errors.print(f"[dim]·[/] {line}", highlight=False)


def _prove(demo: environment.Demo) -> Verdict:
    """Run the DAGs and return the verdict that the drill has stored.

    Raise ToolError, with the log's end, if there is none, or if it is proven and a run failed all the same.
    """
    airflow = home.LocalAirflow(demo.state, environment=demo.variables())
    variables = airflow.prepare(report=say)
    say(f"running the DAGs {' and '.join(DAGS)} in Airflow")
    started = time.time()
    log = demo.state / "airflow/logs/demo.log"
    os.environ.update(demo.variables())
    status = _run_dags(variables, log, demo.state / "progress.jsonl")
    catalog = installation.open_installation().catalog(DATABASE)
    known = catalog.recovery_points(DATABASE)
    verdicts = catalog.verdicts(DATABASE, known[-1]) if known else []
    fresh = bool(verdicts) and verdicts[-1].started_at.timestamp() >= started - 1
    if not fresh or (status and verdicts[-1].outcome == "proven"):
        end = "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
        what = "a proven verdict" if fresh else "no verdict"
        raise ToolError(f"the DAGs ended with status {status} and {what}", detail=end, hint=f"The whole log is {log}.")
    return verdicts[-1]


def _run_dags(airflow: dict[str, str], log: pathlib.Path, events: pathlib.Path) -> int:
    path = os.pathsep.join([airflow["PYTHONPATH"], airflow["AIRFLOW__CORE__PLUGINS_FOLDER"]])
    variables = airflow | {"PYTHONPATH": path, "PROVEN_PROGRESS": str(events)}
    events.write_text("")
    with log.open("w") as output:
        argv = [sys.executable, "-m", "proven_airflow.run_here", *DAGS]
        # in a session of its own: the terminal's signals are for us, and we end it
        runner = subprocess.Popen(
            argv, env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        begun = datetime.datetime.now(datetime.UTC)
        try:
            return following.follow(runner, events)
        except BaseException:
            runner.terminate()
            runner.wait()
            _destroy_sandboxes(begun)
            raise


def _destroy_sandboxes(begun: datetime.datetime) -> None:
    """Destroy the sandbox that an interrupted run has left: nobody is there to run its teardown."""
    opened = installation.open_installation()
    for name in opened.fleet.sandboxes:
        sandbox = opened.sandbox(name)
        for found in sandbox.find():
            if found.created_at >= begun:
                sandbox.destroy(found.name)


def _print_report(demo: environment.Demo, verdict: Verdict, seconds: float) -> None:
    manifest = installation.open_installation().catalog(DATABASE).manifest(DATABASE, verdict.recovery_point)
    display.results.print()
    terminal.print_recovery_point(display.results, manifest)
    terminal.print_verdict(display.results, verdict)
    display.results.print(
        f"The whole demo took {progress.format_seconds(seconds)}. What it made lies in {demo.state}.", highlight=False
    )
    display.results.print(
        "Next: [bold]./proven up[/] starts Airflow's UI with this fleet; the README points it at your own database."
    )
