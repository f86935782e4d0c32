"""The tables of docs/pages.md: every kind of page, and every cause with what it has led to when it was tried.

.venv/bin/python -m tests.kills.table     writes the kinds alone, which takes no test
"""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
import re
import subprocess

from include.proven.bench import documents
from include.proven.pages.kinds import KINDS

ROOT = pathlib.Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "pages.md"
CAUSES = {
    "raises": "a task fails: the dump tool exits with 3",
    "refused": "the source refuses: its password was changed",
    "killed": "`kill -9` of a task's process, in a backup",
    "memory": "the kernel kills a task's process for lack of memory, in a backup",
    "supervisor": "`kill -9` of the process that supervises a task, in a backup",
    "timeout": "a task's time is up: the source is locked",
    "marked": "a person marks a backup's run as failed",
    "refuted": "a drill refutes: one byte of the dump was changed",
    "unproven": "a drill can't be tried: the server does not start",
    "unproven-again": "the drill after it can't be tried either",
    "drill-killed": "`kill -9` of a task's process, in a drill",
    "dag-broken": "a DAG file can't be loaded",
    "dag-processor": "`kill -9` of the DAG processor",
    "scheduler": "`kill -9` of the scheduler, and nobody starts it again",
    "database": "Airflow's database is deleted, and all of Airflow killed",
}
"""Cause → how the table calls it. In this order."""
HEAD = [
    "| cause | noticed by | page | severity, route | pages | page after | put right, and | resolved after | tried |",
    "|---|---|---|---|---:|---:|---|---:|---|",
]
NOT_TRIED = "not tried"
RUNBOOKS = "../include/runbooks"


@dataclasses.dataclass
class Row:
    """What a cause has led to."""

    cause: str
    noticed: str = ""
    key: str = ""
    """Of the page: `proven/<database>/<kind>[/<thing>]`."""
    severity: str = ""
    route: str = ""
    pages: int = 0
    page_seconds: float = 0.0
    resolved_by: str = ""
    resolve_seconds: float = 0.0
    """Since the cause."""
    fault: str = "not seen to its end"
    """What was not as promised; empty when all was."""

    def line(self) -> str:
        """Return the row of the table."""
        title = CAUSES[self.cause]
        if self.fault:
            return f"| {title} | **{self.fault}** | | | | | | | {measured()} |"
        kind = self.key.split("/")[2]
        page = f"`{self.key}`, [runbook]({RUNBOOKS}/{kind}.md)"
        seen = [title, self.noticed, page, f"{self.severity}, {self.route}", str(self.pages), f"{self.page_seconds:.0f} s"]
        return "| " + " | ".join([*seen, self.resolved_by, f"{self.resolve_seconds:.0f} s", measured()]) + " |"


def write(rows: list[Row], document: pathlib.Path = DOCUMENT) -> None:
    """Write the rows of the causes that were tried; the others stay as they were."""
    lines = listed(document.read_text()) | {CAUSES[row.cause]: row.line() for row in rows}
    body = [lines.get(title, f"| {title} | {NOT_TRIED} | | | | | | | |") for title in CAUSES.values()]
    documents.write_between(document, "matrix", "\n".join([*HEAD, *body, "", f"{documents.describe_machine()}\n"]))


def write_kinds(document: pathlib.Path = DOCUMENT) -> None:
    """Write the table of all kinds of page."""
    documents.write_between(document, "kinds", describe_kinds())


def describe_kinds() -> str:
    """Return the table of all kinds of page."""
    head = ["| kind, runbook | it says | severity | what is at risk | next |", "|---|---|---|---|---|"]
    rows = [
        f"| [{kind.name}]({RUNBOOKS}/{kind.name}.md) | {kind.title} | {kind.severity} | {kind.risk} "
        f"| `{kind.command.format(database='<database>')}` |"
        for kind in sorted(KINDS.values(), key=lambda kind: kind.name)
    ]
    return "\n".join([*head, *rows, ""])


def listed(text: str) -> dict[str, str]:
    """Return the rows that a document has: title → line."""
    matrix = text.partition("<!-- matrix:begin -->")[2].partition("<!-- matrix:end -->")[0]
    titles = set(CAUSES.values())
    lines = re.findall(r"^\| (.+?) \|.*$", matrix, re.MULTILINE)
    found = dict(zip(lines, re.findall(r"^\| .*$", matrix, re.MULTILINE), strict=True))
    return {title: line for title, line in found.items() if title in titles}


def measured() -> str:
    """Return when and at which commit."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {commit}"


if __name__ == "__main__":
    write_kinds()
