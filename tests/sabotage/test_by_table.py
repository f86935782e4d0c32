"""Copies of a dump by table are broken and noticed like all others, though what is altered lies in several artifacts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from include.proven import backup
from include.proven.demo.keys import DemoKeys
from include.proven.sabotage import exercise
from include.proven.sabotage.all_ways import WAYS
from include.proven.sabotage.exercise import Sabotage
from include.proven.sabotage.ways import Way
from tests.sabotage.conftest import open_yard
from tests.sabotage.yard import each, require_noticed
from tests.servers.databases import DatabaseServer

CHOSEN = ("row-deleted", "cut-between-rows", "times-shifted", "table-missing", "canary-of-another", "older-dump", "flipped-bit")


@pytest.fixture(scope="module")
def sabotage(mariadb_source: DatabaseServer, gpg_home: DemoKeys) -> Iterator[Sabotage]:
    with open_yard(mariadb_source, gpg_home) as yard:
        yard.files.document["databases"]["shop"]["parallel"] = 2
        yard.files.write()
        opened = yard.files.open(pytest.MonkeyPatch())
        backup.take_backup(opened, "shop", backup.new_id())
        with exercise.prepare(opened, yard.order()) as prepared:
            yield prepared


@pytest.mark.parametrize("way", each(WAYS[name] for name in CHOSEN))
def test_it_is_noticed(sabotage: Sabotage, way: Way) -> None:
    require_noticed(sabotage(way))
