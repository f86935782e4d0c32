"""Every way to break a copy, against a real MariaDB: the drill refuses it, and says what was broken."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator

import pytest

from include.proven.sabotage import exercise
from include.proven.sabotage.all_ways import WAYS
from include.proven.sabotage.exercise import Sabotage
from include.proven.sabotage.ways import Way
from tests.sabotage.yard import Yard, each, require_noticed

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "sabotage.md"


@pytest.fixture(scope="module")
def sabotage(mariadb_yard: Yard) -> Iterator[Sabotage]:
    with exercise.prepare(mariadb_yard.opened, mariadb_yard.order()) as prepared:
        yield prepared


@pytest.mark.parametrize("way", each(WAYS.values()))
def test_it_is_noticed(sabotage: Sabotage, way: Way) -> None:
    require_noticed(sabotage(way))


def test_the_documents_name_every_way() -> None:
    rows = re.findall(r"^\| ([A-E]\d+) \| (`.*`) \|$", DOCUMENT.read_text(), re.MULTILINE)
    named = {(row, way) for row, cell in rows for way in re.findall(r"`([^`]+)`", cell)}
    assert named == {(way.failure, way.name) for way in WAYS.values()}


def test_each_way_says_what_it_does_and_who_must_notice() -> None:
    for way in WAYS.values():
        assert way.what.endswith(".")
        assert way.told
        assert way.failure
