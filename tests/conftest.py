"""Fixtures of all tests. Each family of real servers is a module of `tests/servers/`, named here."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest

from tests.servers import missing

# Whoever starts the tests in the background has ^C ignored, and so would all that they start, to whom some of them send it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# In a shell that keeps no bytecode every process that a test starts would compile what it imports anew: of Airflow for 3 s.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

pytest_plugins = [
    "tests.servers.pager",
    "tests.servers.tls",
    "tests.servers.mail",
    "tests.servers.heartbeats",
    "tests.servers.sshd",
    "tests.servers.databases",
    "tests.servers.btrfs",
    "tests.servers.gnupg",
    "tests.servers.swift",
    "tests.servers.keystone",
    "tests.servers.s3",
    "tests.servers.fleets",
    "tests.servers.machine",
    "tests.sandboxes.moto_machines",
]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Say last, after pytest's own summary, which servers were not had: untried must not look like passed."""
    yield
    for name, reason in missing.NOT_HAD.items():
        terminalreporter.write_line(f"NOT TRIED: {name}: {reason}", red=True, bold=True)
