"""The connections that the fleets of these tests name, and an installation whose receivers may be down."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

import pytest

from include.proven import connections
from include.proven.demo.keys import DemoKeys
from tests.pages.ledgers import ROUTES, Desk
from tests.servers.pager import ROUTING_KEY, TOKEN, running_pager

CONNECTIONS = {
    "proven_pagerduty": connections.Connection("proven_pagerduty", "pagerduty", password=ROUTING_KEY),
    "proven_webhook": connections.Connection("proven_webhook", "http", password=TOKEN),
}


@pytest.fixture(autouse=True)
def known_connections() -> Iterator[dict[str, connections.Connection]]:
    """Resolve `proven_pagerduty` and `proven_webhook`; the value may be changed."""
    known = dict(CONNECTIONS)
    connections.use_resolver(known.__getitem__)
    yield known
    connections.use_resolver(None)


@pytest.fixture
def desk(tmp_path: pathlib.Path, gpg_home: DemoKeys) -> Iterator[Desk]:
    """An installation with a directory store, and a receiver of its own at the end of each route."""
    with contextlib.ExitStack() as running:
        receivers = {name: running.enter_context(running_pager()) for name in ROUTES}
        yield Desk(tmp_path / "disk", gpg_home.home, receivers)
