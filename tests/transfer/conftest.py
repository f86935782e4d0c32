"""Options and fixtures of the tests of the road to the stores."""

from __future__ import annotations

import pytest

from tests.transfer import places
from tests.transfer.places import Place


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `scripts/test-faults` say how much it wants (pytest reads this only if the folder is named on its command line)."""
    parser.addoption("--seed", type=int, default=1, help="of the faults and of the contents")
    parser.addoption("--count", type=int, default=10, help="uploads, and downloads, for each store")
    parser.addoption("--megabytes", type=int, default=16, help="MiB of each object")
    parser.addoption("--percent", type=float, default=5, help="of the requests that fail")


@pytest.fixture(params=["swift", "s3_swift", "moto"])
def place(request: pytest.FixtureRequest) -> Place:
    """Give a place of its own in each of the servers."""
    return places.make(request.getfixturevalue(request.param))
