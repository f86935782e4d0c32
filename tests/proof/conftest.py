"""Fixture `pair`: a source and its twin, both flavours one after the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.proof.copies import Pair
from tests.servers.databases import DatabaseServer, run_source


@pytest.fixture(scope="session")
def pair(source: DatabaseServer) -> Iterator[Pair]:
    for twin in run_source(source.flavour, source.path):
        yield Pair(source, twin)
