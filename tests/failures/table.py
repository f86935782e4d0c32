"""The table of docs/failures.md: every public failure, the tests that produce it, and what they have seen."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import yaml

from tests.failures.marks import Report

ROOT = pathlib.Path(__file__).parents[2]
ROWS: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(pathlib.Path(__file__).with_name("rows.yaml").read_text())
"""Group → row → `what` happened, where it was `seen_in`, and `not_yet`: why no test can produce it so far."""
BY_ID = {row: told for group in ROWS.values() for row, told in group.items()}


def describe(report: Report) -> str:
    """Return the tables, a group each, and the sums above them."""
    proven = [row for row in BY_ID if report.get(row) and all(set(cases) == {"passed"} for cases in report[row].values())]
    cases = sum(number for tests in report.values() for cases in tests.values() for number in cases.values())
    functions = {test for tests in report.values() for test in tests}
    head = (
        f"{len(proven)} of {len(BY_ID)} failures are produced and seen refused, by {len(functions)} tests in {cases:,} cases."
    )
    return "\n".join([head, *(line for group, rows in ROWS.items() for line in _group(group, rows, report))])


def listed(text: str) -> dict[str, set[str]]:
    """Return what a document's tables say: row → test functions."""
    found = re.findall(r"^\| ([A-E]\d+) \|(.*)\|$", text, re.MULTILINE)
    return {row: set(re.findall(r"`(tests/[^`]+)`", cells)) for row, cells in found}


def run_marked(report: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Have pytest run, or with `--collect-only` find, the tests that bear a mark, and write the report."""
    argv = ["-m", "pytest", "-p", "tests.failures.marks", "-m", "failure", "--failures-report", str(report), "-q", *arguments]
    return subprocess.run([sys.executable, *argv, "tests"], cwd=ROOT, capture_output=True, text=True, check=False)


def collect() -> Report:
    """Return the marked tests, none of which has run. Raise AssertionError with pytest's words if they can't be collected."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "report.json"
        done = run_marked(file, "--collect-only")
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        found: Report = json.loads(file.read_text())
        return found


def _group(title: str, rows: dict[str, dict[str, str]], report: Report) -> list[str]:
    head = [
        "",
        f"### {title}",
        "",
        "| # | what happened | seen in | tests that produce it | seen refused |",
        "|---|---|---|---|---|",
    ]
    return [*head, *(_row(row, told, report.get(row, {})) for row, told in rows.items())]


def _row(row: str, told: dict[str, str], tests: dict[str, dict[str, int]]) -> str:
    named = "<br>".join(f"`{test}`" for test in sorted(tests)) or "none"
    outcome = _outcome(list(tests.values())) if tests else f"not yet: {told['not_yet']}" if "not_yet" in told else "**no test**"
    cells = [row, told["what"], told.get("seen_in", ""), named, outcome]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _outcome(cases: Sequence[dict[str, Any]]) -> str:
    """Return how the cases of all tests of a row have ended, in a few words."""
    total = sum(number for one in cases for number in one.values())
    ended = {outcome: sum(one.get(outcome, 0) for one in cases) for outcome in ("passed", "failed", "skipped", "collected")}
    if ended["passed"] == total:
        return f"yes, in {total} {'case' if total == 1 else 'cases'}"
    words = {"passed": "{} passed", "failed": "**{} failed**", "skipped": "{} not tried", "collected": "{} not run"}
    return ", ".join(words[outcome].format(number) for outcome, number in ended.items() if number)
