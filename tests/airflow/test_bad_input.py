"""Bad input in Airflow: the task fails, the contacts get one page that names the cause, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from include.proven import servers
from tests.airflow.test_one_process import ORDERS, run_here
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet
from tests.servers.pager import Pager
from tests.servers.swift import Swift
from tests.servers.traces import nothing_runs, nothing_stored

Break = Callable[[FleetFiles, Swift], None]


def wrong_password(files: FleetFiles, swift: Swift) -> None:
    files.connections["source"]["password"] = "not-the-password"


def unknown_schema(files: FleetFiles, swift: Swift) -> None:
    files.document["databases"]["shop"]["schemas"] = ["no_such_schema"]


def missing_key(files: FleetFiles, swift: Swift) -> None:
    files.document["gnupg"]["recipients"] = ["nobody@proven.invalid"]


def store_refuses(files: FleetFiles, swift: Swift) -> None:
    files.connections["swift"]["password"] = "wrong"


def quota_is_used_up(files: FleetFiles, swift: Swift) -> None:
    swift.raw().put_container(f"{files.container}_segments", {"X-Container-Meta-Quota-Bytes": "1000"})


def unknown_connection(files: FleetFiles, swift: Swift) -> None:
    files.document["databases"]["shop"]["connection"] = "nobody_knows"


def source_is_unreachable(files: FleetFiles, swift: Swift) -> None:
    files.connections["source"]["port"] = servers.choose_port()


def dump_tool_is_older(files: FleetFiles, swift: Swift) -> None:
    old = files.folder / "old/mariadb-dump"
    old.parent.mkdir()
    old.write_text('#!/bin/sh\necho "mariadb-dump  Ver 10.19 Distrib 10.3.39-MariaDB, for Linux (x86_64)"\n')
    old.chmod(0o700)
    files.document["tools"].insert(0, str(old.parent))


@pytest.fixture
def files(mariadb_source: DatabaseServer, make_fleet: MakeFleet, pager: Pager) -> FleetFiles:
    schema = mariadb_source.fresh_schema("shop")
    mariadb_source.sql(ORDERS, schema)
    return make_fleet(mariadb_source, schemas=[schema], endpoint=pager.url)


@pytest.mark.parametrize(
    ("break_it", "cause"),
    [
        (wrong_password, "access denied"),
        (source_is_unreachable, "127.0.0.1"),
        (dump_tool_is_older, "older"),
        (unknown_schema, "no_such_schema"),
        (unknown_connection, "nobody_knows"),
        (missing_key, "nobody@proven.invalid"),
        (store_refuses, "401"),
        (quota_is_used_up, "413"),
    ],
)
def test_a_backup_that_fails_pages_once(files: FleetFiles, swift: Swift, pager: Pager, break_it: Break, cause: str) -> None:
    good = files.connections["swift"]["password"]
    break_it(files, swift)
    files.write()

    done = run_here(files, "backup__shop")
    assert done.returncode == 1, done.stdout[-2000:]
    (incident,) = pager.incidents
    assert cause in str(incident).lower()
    assert incident.dedup_key == "proven/shop/backup-failed"
    nothing_runs(files)
    files.connections["swift"]["password"] = good
    nothing_stored(files, swift)


def test_a_drill_without_space_pages_once(files: FleetFiles, pager: Pager) -> None:
    assert files.run("backup", "shop").returncode == 0
    files.document["sandboxes"]["local"]["space_factor"] = 1e12
    files.write()

    done = run_here(files, "drill__shop")
    assert done.returncode == 1
    (incident,) = pager.incidents
    assert "space" in str(incident)
    assert incident.dedup_key == "proven/shop/drill-unproven"
    nothing_runs(files)
