"""Ways to break a copy, against a real MySQL: those that alter what its dump tool writes in another way than MariaDB's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from include.proven.sabotage import exercise
from include.proven.sabotage.all_ways import WAYS
from include.proven.sabotage.exercise import Sabotage
from include.proven.sabotage.ways import Way
from tests.sabotage.yard import Yard, each, require_noticed

ALTERED = (
    "row-deleted",
    "letter-changed",
    "times-shifted",
    "triggers-omitted",
    "view-missing",
    "collation-changed",
    "grant-omitted",
    "older-dump",
)


@pytest.fixture(scope="module")
def sabotage(mysql_yard: Yard) -> Iterator[Sabotage]:
    with exercise.prepare(mysql_yard.opened, mysql_yard.order()) as prepared:
        yield prepared


@pytest.mark.parametrize("way", each(WAYS[name] for name in ALTERED))
def test_it_is_noticed(sabotage: Sabotage, way: Way) -> None:
    require_noticed(sabotage(way))
