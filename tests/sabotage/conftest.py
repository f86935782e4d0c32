"""Fixtures `mariadb_yard` and `mysql_yard`: made once for a module, for the good recovery points stay as they are."""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
from collections.abc import Iterator

import pytest

from include.proven.demo.keys import DemoKeys
from tests.sabotage import yard
from tests.sabotage.yard import Yard
from tests.servers.databases import DatabaseServer
from tests.servers.pager import running_pager


@contextlib.contextmanager
def open_yard(source: DatabaseServer, keys: DemoKeys) -> Iterator[Yard]:
    with contextlib.ExitStack() as stack:
        pager = stack.enter_context(running_pager())
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="proven-sabotage-")))
        sandboxes = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="proven-sandboxes-", dir="/var/tmp")))
        sandboxes.chmod(0o711)
        schema, account = yard.fill(source)
        stack.callback(source.sql, f"DROP USER {account}; DROP DATABASE `{schema}`")
        files = yard.write_fleet(folder, source, schema, keys.home, sandboxes, pager)
        opened = files.open(stack.enter_context(pytest.MonkeyPatch.context()))
        yard.take_two(opened)
        yield Yard(files, source, schema, pager, opened, folder / "disk")


@pytest.fixture(scope="module")
def mariadb_yard(mariadb_source: DatabaseServer, gpg_home: DemoKeys) -> Iterator[Yard]:
    with open_yard(mariadb_source, gpg_home) as made:
        yield made


@pytest.fixture(scope="module")
def mysql_yard(mysql_source: DatabaseServer, gpg_home: DemoKeys) -> Iterator[Yard]:
    with open_yard(mysql_source, gpg_home) as made:
        yield made
