"""Fixtures `swift` (one real Swift for the session) and `swift_store` (a store on a container of its own)."""

from __future__ import annotations

import dataclasses
import datetime
import os
import pathlib
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import swiftclient

from include.proven import connections, errors
from include.proven.demo import swift as embedded
from include.proven.demo.swift_server.config import Account, Settings
from include.proven.fleet import model
from include.proven.stores.swift import SwiftStore
from tests.servers.missing import give_up

PYTHON = pathlib.Path(__file__).parents[2] / ".venv-swift/bin/python"


@dataclasses.dataclass
class Swift:
    """A running Swift with two accounts that know nothing of each other."""

    server: embedded.SwiftServer
    settings: Settings

    def connection(self, number: int = 0) -> connections.Connection:
        """Return the credentials of the first account, or of another."""
        account = self.settings.accounts[number]
        return connections.Connection(
            name="proven_swift",
            conn_type="swift",
            host=self.server.auth_url,
            login=f"{account.account}:{account.user}",
            password=account.password,
        )

    def raw(self, number: int = 0) -> Any:
        """Return a plain swiftclient connection: what anybody else sees of the store."""
        found = self.connection(number)
        return swiftclient.Connection(authurl=found.host, user=found.login, key=found.password, retries=0)

    def names(self, container: str) -> list[str]:
        """Return the names of all objects in a container."""
        return [entry["name"] for entry in self.raw().get_container(container, full_listing=True)[1]]

    def store(self, container: str, *, prefix: str = "backups", seconds: float = 600) -> SwiftStore:
        """Open a store that does not wait between its retries."""
        config = model.SwiftStore(
            kind="swift",
            connection="proven_swift",
            container=container,
            prefix=prefix,
            url_lifetime=datetime.timedelta(seconds=seconds),
        )
        return SwiftStore("swift", config, self.connection(), retries=0)


LIMITED, RESELLER = 3, 4
"""Numbers of the account that may have a quota, and of the user who gives it."""
SwiftFactory = Callable[..., Swift]


def new_settings(**changes: Any) -> Settings:
    """Return settings with two accounts and a guest, and one that has a quota, and who gives it.

    Passwords are random, and the server goes when the test process goes.
    """
    owners = tuple(Account(name, "backup", secrets.token_hex(8)) for name in ("proven", "stranger"))
    accounts = (
        *owners,
        Account("proven", "guest", secrets.token_hex(8), owner=False),
        Account("limited", "backup", secrets.token_hex(8)),
        Account("limited", "reseller", secrets.token_hex(8), reseller=True),
    )
    changes.setdefault("s3_minimum_part", 1)
    return Settings(accounts=accounts, parent=os.getpid(), **changes)


@pytest.fixture(scope="session")
def start_swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwiftFactory]:
    """Give a function that starts a Swift of its own: `start_swift(root=None, **settings)`."""
    if not PYTHON.exists():
        give_up("swift", f"{PYTHON} is not there (./proven sets it up)")
    started: list[Swift] = []

    def start(root: pathlib.Path | None = None, **changes: Any) -> Swift:
        where = root or tmp_path_factory.mktemp("swift")
        settings = new_settings(**changes)
        started.append(Swift(embedded.start_swift(where, PYTHON, settings), settings))
        return started[-1]

    yield start
    for swift in started:
        embedded.stop(swift.server)


@pytest.fixture(scope="session")
def swift(start_swift: SwiftFactory, tmp_path_factory: pytest.TempPathFactory) -> Swift:
    """Run one real Swift for all tests."""
    try:
        embedded.require_attributes(tmp_path_factory.getbasetemp())
    except errors.ToolError as error:
        give_up("swift", str(error))
    return start_swift()


@pytest.fixture
def swift_store(swift: Swift) -> SwiftStore:
    """Open a store on a container that no other test uses."""
    return swift.store(f"t{secrets.token_hex(4)}")
