"""A drill that can't be tried: unproven, exit status 2, a stored verdict that says why, and no sandbox left."""

from __future__ import annotations

import json
import pathlib
import stat

import pytest

from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet
from tests.servers.traces import nothing_runs


@pytest.fixture
def files(source: DatabaseServer, make_fleet: MakeFleet) -> FleetFiles:
    """A fleet with one good recovery point."""
    schema = source.fresh_schema("shop")
    source.sql("CREATE TABLE orders (id INT PRIMARY KEY); INSERT INTO orders VALUES (1), (2);", schema)
    files = make_fleet(source, schemas=[schema])
    taken = files.run("backup", "shop")
    assert taken.returncode == 0, taken.stderr
    return files


def leave_unproven(files: FleetFiles, *words: str, **variables: str) -> None:
    """Drill, and check all that must hold whatever the cause is."""
    done = files.run("drill", "shop", "--json", **variables)
    assert done.returncode == 2, done.stdout + done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["outcome"] == "unproven"
    for word in words:
        assert word.lower() in verdict["reason"].lower()
    assert verdict["hint"]
    nothing_runs(files)


@pytest.mark.failure("C5")
def test_no_space_for_the_sandbox(files: FleetFiles) -> None:
    files.document["sandboxes"]["local"]["space_factor"] = 1e12
    files.write()
    leave_unproven(files, "space", "needs")


def test_the_server_program_is_missing(files: FleetFiles, source: DatabaseServer, tmp_path: pathlib.Path) -> None:
    """A server of another version must not judge: it could refuse, or accept, for reasons of its own."""
    name = "mariadbd" if source.flavour == "mariadb" else "mysqld"
    other = tmp_path / "other" / name
    other.parent.mkdir()
    other.write_text(f'#!/bin/sh\necho "{name}  Ver 5.5.68-MariaDB for Linux on x86_64"\n')
    other.chmod(stat.S_IRWXU)
    files.document["tools"].insert(0, str(other.parent))
    files.write()
    leave_unproven(files, "5.5.68")


def test_the_private_key_is_not_here(files: FleetFiles) -> None:
    """A thief of the store's password, or an operator without the key, can't restore."""
    for private in (files.gpg_home / "private-keys-v1.d").iterdir():
        assert private.stat().st_mode & 0o077 == 0


def test_the_store_refuses(files: FleetFiles) -> None:
    files.connections["swift"]["password"] = "wrong"
    files.write()
    done = files.run("drill", "shop")
    assert done.returncode == 2
    assert "401" in done.stderr
    nothing_runs(files)
