"""Fixtures of all tests. Each family of real servers is a module of `tests/servers/`, named here."""

from __future__ import annotations

import pytest

from tests.servers import missing

pytest_plugins = [
    "tests.servers.pager",
    "tests.servers.databases",
    "tests.servers.gnupg",
    "tests.servers.swift",
    "tests.servers.fleets",
]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say last which real servers were not had: what was not tried must not look like what passed."""
    for name, reason in missing.NOT_HAD.items():
        terminalreporter.write_line(f"NOT TRIED: {name}: {reason}", red=True, bold=True)
