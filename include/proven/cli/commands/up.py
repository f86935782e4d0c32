"""Start Airflow on this machine with the demo's fleet: source database, Swift, PostgreSQL and Airflow's four components.

It prints the UI's address and login. Everything listens on 127.0.0.1; `./proven down` stops it again.
"""

from __future__ import annotations

import argparse

from include.proven.cli import display
from include.proven.demo import environment
from include.proven.local_airflow import home

NAME = "up"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--port", type=int, default=0, help="port of the UI (default: a free one)")
    parser.add_argument(
        "--megabytes", type=int, default=environment.MEGABYTES, help="size of the demo's shop (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Start what is not running and print where to look."""
    demo = environment.open_demo()
    demo.start(megabytes=arguments.megabytes, report=_say)
    airflow = home.LocalAirflow(demo.state, port=arguments.port, environment=demo.variables())
    airflow.start(report=_say)
    user, password = airflow.login
    if arguments.json:
        display.print_json({"url": airflow.url, "user": user, "password": password})
    else:
        display.results.print(f"Airflow is up: [bold]{airflow.url}[/]  user [bold]{user}[/]  password [bold]{password}[/]")
        display.results.print("Try fire_drill in the UI, or [bold]./proven list[/]. Stop it with [bold]./proven down[/].")
    return 0


def _say(line: str) -> None:
    display.errors.print(f"[dim]·[/] {line}", highlight=False)
