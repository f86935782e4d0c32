"""A schema that somebody has made on a server, and that no backup takes (A12)."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from include.proven import errors
from include.proven.installation import Installation
from include.proven.watch import unlisted
from tests.catalog import records
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet
from tests.watch import installations
from tests.watch.installations import NOW


@pytest.fixture
def files(source: DatabaseServer, make_fleet: MakeFleet, tmp_path: pathlib.Path) -> FleetFiles:
    """A server with nothing but the schema `shop`, which is backed up to a directory."""
    source.drop_schemas()
    source.sql("CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY)")
    files = make_fleet(source, schemas=["shop"], stores=["disk"])
    files.document["stores"] = {"disk": installations.directory(tmp_path / "disk")}
    files.write()
    return files


def told(opened: Installation) -> list[tuple[str, str]]:
    """Return which schemas of which database were found."""
    return [(one.database, one.thing) for one in unlisted.look(opened, NOW)]


def change(files: FleetFiles, monkeypatch: pytest.MonkeyPatch, **database: Any) -> Installation:
    """Change the database in the fleet file and open it."""
    files.document["databases"]["shop"] |= database
    files.write()
    return files.open(monkeypatch)


@pytest.mark.failure("A12")
def test_a_new_schema_is_in_nobodys_list(files: FleetFiles, source: DatabaseServer, monkeypatch: pytest.MonkeyPatch) -> None:
    source.sql("CREATE DATABASE proven_canary")
    opened = files.open(monkeypatch)
    assert told(opened) == []
    source.sql("CREATE DATABASE reports; CREATE DATABASE scratch; CREATE DATABASE `odd name-ü`")
    found = list(unlisted.look(opened, NOW))
    assert [one.key for one in found] == [f"database-unlisted/{name}" for name in ("`odd name-ü`", "reports", "scratch")]
    assert found[0].database == "shop"
    assert "`schemas` of shop" in found[0].hint
    opened = change(files, monkeypatch, schemas=["shop", "odd name-ü"], expendable=["scratch"])
    assert told(opened) == [("shop", "reports")]
    assert told(change(files, monkeypatch, schemas=None, expendable=[])) == []


@pytest.mark.failure("A12")
def test_what_another_database_of_the_fleet_takes_is_listed(
    files: FleetFiles, source: DatabaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.sql("CREATE DATABASE reports; CREATE DATABASE forgotten")
    files.document["databases"]["reports"] = {**files.document["databases"]["shop"], "schemas": ["reports"]}
    files.write()
    assert told(files.open(monkeypatch)) == [("shop", "forgotten")]
    files.document["databases"]["reports"]["schemas"] = None
    files.write()
    assert told(files.open(monkeypatch)) == []


def test_what_the_newest_recovery_point_holds_still_is_no_finding_yet(
    files: FleetFiles, source: DatabaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken off the list: with the next backup it is in none."""
    source.sql("CREATE DATABASE reports")
    opened = files.open(monkeypatch)
    before, after = installations.point_of(2), installations.point_of(1)
    opened.catalog("shop").publish(records.manifest("shop", before, schemas=["shop", "reports"]))
    assert told(opened) == []
    opened.catalog("shop").publish(records.manifest("shop", after, schemas=["shop"]))
    assert told(opened) == [("shop", "reports")]


def test_a_server_that_does_not_answer_hides_no_other(
    make_fleet: MakeFleet, mariadb_source: DatabaseServer, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is listed for it may be on the other: only what nobody lists is told."""
    mariadb_source.drop_schemas()
    mariadb_source.sql("CREATE DATABASE shop; CREATE DATABASE reports; CREATE DATABASE forgotten")
    files = make_fleet(mariadb_source, schemas=["shop"])
    files.connections["gone"] = {**files.connections["source"], "port": closed_port}
    files.document["databases"]["reports"] = {
        **files.document["databases"]["shop"],
        "schemas": ["reports"],
        "connection": "gone",
    }
    files.write()
    found = []
    with pytest.raises(errors.SourceError, match=str(closed_port)):
        for one in unlisted.look(files.open(monkeypatch), NOW):
            found.append(one.thing)  # noqa: PERF401  # what came before the error is what is asked
    assert found == ["forgotten"]


def test_the_command_asks_databases_with_all_only(
    make_fleet: MakeFleet, mariadb_source: DatabaseServer, tmp_path: pathlib.Path
) -> None:
    mariadb_source.drop_schemas()
    mariadb_source.sql("CREATE DATABASE shop; CREATE DATABASE reports")
    files = make_fleet(mariadb_source, schemas=["shop"], stores=["disk"])
    files.document["stores"] = {"disk": installations.directory(tmp_path / "disk", capacity="1 TB")}
    files.write()
    done = files.run("watch", "--no-page")
    assert (done.returncode, done.stdout) == (0, "1 database: all in order\n"), done.stderr
    done = files.run("watch", "--no-page", "--all")
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("shop: in no backup: schema reports on ")
    assert len(done.stdout.splitlines()) == 1
