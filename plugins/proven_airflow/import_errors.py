"""A DAG file that can't be loaded is paged: Airflow tells nobody of it, and what the file held just does not run any more.

A listener, called in the DAG processor for each broken file and again each time that the file is read. It tells from a process
of its own: the DAG processor holds a transaction open meanwhile, and forks, which a thread would put at risk. The DAG `watch`
finds the same (`CONCERN`), pages what was not told here, and resolves what is loaded again.

Where the fleet file is what can't be read nobody can be paged, for the contacts stand in it: the DAG processor's log says so,
and the heartbeat stays away.
"""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from include.proven.installation import Installation
    from include.proven.watch.concern import Concern, Finding

# every process of Airflow loads the plugin, every task included: nothing heavy is imported for it

KIND = "dag-broken"
PATH = "/proven/import-errors"
"""Where the web server says which files can't be loaded (`web.list_import_errors`)."""
PLUGINS = pathlib.Path(__file__).parents[1]
WARM_UP_SECONDS = 20.0
AGAIN_SECONDS = 300.0
"""Until a page that could not be sent is tried again."""


class Teller:
    """Tells of each broken file once, by one process at a time."""

    def __init__(self) -> None:
        """Know of no file."""
        self._tried: dict[str, float] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._telling = ""

    def tell(self, file: str, stacktrace: str) -> None:
        """Begin to tell of a file, unless that was done, or another is being told of: the next reading comes soon."""
        if self._busy() or time.monotonic() - self._tried.get(file, -AGAIN_SECONDS) < AGAIN_SECONDS:
            return
        self._tried[file], self._telling = time.monotonic(), file
        paths = [str(PLUGINS), str(PLUGINS.parent), os.environ.get("PYTHONPATH", "")]
        with tempfile.TemporaryFile("w+") as said:  # a pipe would have to wait for its reader
            json.dump([file, stacktrace], said)
            said.seek(0)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "proven_airflow.import_errors"],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
                stdin=said,
            )

    def forget(self, file: str) -> None:
        """Take the file for one that was whole meanwhile."""
        self._tried.pop(file, None)

    def _busy(self) -> bool:
        status = self._process.poll() if self._process else 0
        if status == 0 and self._telling:
            self._tried[self._telling] = float("inf")  # told: no more of it until it was whole
            self._telling = ""
        return status is None


TELLER = Teller()


@hookimpl
def on_new_dag_import_error(filename: str, stacktrace: str) -> None:
    """Tell of a file that could be loaded before."""
    TELLER.forget(filename)
    TELLER.tell(filename, stacktrace)


@hookimpl
def on_existing_dag_import_error(filename: str, stacktrace: str) -> None:
    """Tell of a file that could not be loaded before either, if that was not told."""
    TELLER.tell(filename, stacktrace)


def look(installation: Installation, now: datetime.datetime) -> Iterator[Finding]:
    """Yield each file that Airflow can't load now. Raise ToolError if its web server does not say it."""
    from include.proven.watch.concern import Finding
    from proven_airflow import components, tickets

    for file in components.ask_api(PATH, "its import errors", ticket=tickets.issue()):
        yield Finding(KIND, f"{file}: Airflow can't load it", thing=pathlib.PurePath(file).name, hint=HINT)


HINT = "The home page of Airflow's UI shows the whole error: Dag Import Errors."


def concern() -> Concern:
    """Return the concern of the watch."""
    from include.proven.watch.concern import Concern

    return Concern(name="DAG files", kinds=(KIND,), look=look, needs="airflow")


def send_page(file: str, stacktrace: str) -> None:
    """Page that a file can't be loaded. Raise ConfigError if the fleet file can't be either, PageError as `send` does."""
    from include.proven import copies
    from include.proven.fleet.pages import FLEET
    from include.proven.pages import delivery
    from include.proven.pages.ledger import StoreLedger
    from include.proven.pages.page import MOST_DETAIL, compose
    from proven_airflow import addresses, opening

    installation = opening.open_installation()
    name = pathlib.PurePath(file).name
    reason = (stacktrace.strip().splitlines() or ["no reason was given"])[-1]
    page = compose(
        installation.fleet,
        KIND,
        FLEET,
        airflow_url=addresses.base_url(),
        thing=name,
        summary=f"{name}: {reason}",
        run_id=f"import-error/{name}",
        detail=stacktrace[-MOST_DETAIL:],
        hint=HINT,
    )
    # a process that has just begun has a store's whole client to load: that must not use up the ledger's five seconds
    copies.ask(installation, FLEET, lambda one: one.page_events(FLEET, page.key), patience=WARM_UP_SECONDS)
    sent = delivery.send(installation.fleet, page, StoreLedger(installation), once=True)
    if sent.ledger_fault:
        sys.stderr.write(f"proven: page {page.dedup_key}: the ledger could not be used: {sent.ledger_fault}\n")


def main() -> None:
    """Page the file that standard input names, with its stack trace. Exit with 1, saying why, if that can't be done."""
    from include.proven.errors import ProvenError

    file, stacktrace = json.load(sys.stdin)
    try:
        send_page(file, stacktrace)
    except ProvenError as error:
        sys.exit(f"proven: {file} can't be loaded, and nobody could be told: {error}")


if __name__ == "__main__":
    main()
