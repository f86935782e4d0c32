"""The connections that the fleets of these tests name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from include.proven import connections
from tests.servers.pager import ROUTING_KEY, TOKEN

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
