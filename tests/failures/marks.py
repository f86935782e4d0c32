"""A pytest plugin (`-p tests.failures.marks`): which tests produce which public failure, and how they have ended.

`--failures-report FILE` writes it as JSON: row → test function → what became of its cases. Of what was only collected, the
cases are counted as `collected`.
"""

from __future__ import annotations

import collections
import json
import pathlib

import pytest

Report = dict[str, dict[str, dict[str, int]]]
"""Row → test function (`tests/agent/test_x.py::test_y`) → outcome → cases."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let whoever runs the marked tests say where the report goes."""
    parser.addoption(
        "--failures-report", type=pathlib.Path, help="write which public failures the tests have produced, as JSON"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin to note, if a report is wanted."""
    if path := config.getoption("--failures-report"):
        config.pluginmanager.register(Notes(path), "failures-report")


class Notes:
    """What has become of the marked tests so far."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._rows: dict[str, list[str]] = {}
        self._outcomes: dict[str, str] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note the rows of each test that will run."""
        for item in items:
            if rows := sorted({row for mark in item.iter_markers("failure") for row in mark.args}):
                self._rows[item.nodeid] = rows
                self._outcomes[item.nodeid] = "collected"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test has ended: a failure in any of its phases is one."""
        known = self._outcomes.get(report.nodeid)
        if known and known != "failed" and (report.when == "call" or report.outcome != "passed"):
            self._outcomes[report.nodeid] = report.outcome

    def pytest_sessionfinish(self) -> None:
        """Write the report."""
        found: Report = {}
        for node, rows in self._rows.items():
            for row in rows:
                cases = found.setdefault(row, {}).setdefault(node.partition("[")[0], collections.Counter())
                cases[self._outcomes[node]] = cases.get(self._outcomes[node], 0) + 1
        self._path.write_text(json.dumps(found, indent=1, sort_keys=True))
