"""A backup that can't be taken: one clear line, a hint, exit status, and nothing left."""

from __future__ import annotations

import os
import pathlib
import shutil
import stat
from collections.abc import Callable

import pytest

from include.proven.engines.grants import PRIVILEGES
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet
from tests.servers.gnupg import Home, NewHome
from tests.servers.swift import Swift
from tests.servers.traces import nothing_runs, nothing_stored


@pytest.fixture
def files(source: DatabaseServer, make_fleet: MakeFleet) -> FleetFiles:
    schema = source.fresh_schema("shop")
    source.sql("CREATE TABLE orders (id INT PRIMARY KEY); INSERT INTO orders VALUES (1), (2);", schema)
    return make_fleet(source, schemas=[schema])


def refuse(files: FleetFiles, swift: Swift, *words: str, **variables: str) -> str:
    """Take a backup that must fail, and check all that must hold whatever the cause is. Return what was said."""
    done = files.run("backup", "shop", **variables)
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    first = done.stderr.splitlines()[0]
    assert first.startswith("error: "), done.stderr
    assert "Traceback" not in done.stderr
    assert "HINT: " in done.stderr, done.stderr
    for word in words:
        assert word.lower() in done.stderr.lower(), done.stderr
    assert files.connections["source"]["password"] not in done.stderr
    nothing_stored(files, swift)
    nothing_runs(files)
    return done.stderr


@pytest.mark.failure("A1", "A15")
def test_wrong_password(files: FleetFiles, swift: Swift) -> None:
    files.connections["source"]["password"] = "not-the-password"
    files.write()
    refuse(files, swift, "access denied", "proven")


@pytest.mark.failure("A1")
def test_source_unreachable(files: FleetFiles, swift: Swift, closed_port: int) -> None:
    files.connections["source"]["port"] = closed_port
    files.write()
    refuse(files, swift, str(closed_port))


def test_unknown_schema(files: FleetFiles, swift: Swift) -> None:
    files.document["databases"]["shop"]["schemas"] = ["no_such_schema"]
    files.write()
    refuse(files, swift, "no_such_schema")


@pytest.mark.failure("A6")
@pytest.mark.parametrize("privilege", ["TRIGGER", "EVENT", "SHOW VIEW"])
def test_an_account_that_would_miss_objects(files: FleetFiles, swift: Swift, source: DatabaseServer, privilege: str) -> None:
    """The dump tools leave out triggers that the account may not see, and exit with 0."""
    granted = sorted({*PRIVILEGES} - {privilege})
    source.sql(
        f"CREATE USER blind@'127.0.0.1' IDENTIFIED BY 'kept-quiet'; GRANT {', '.join(granted)} ON *.* TO blind@'127.0.0.1';"
        "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP ON proven_canary.* TO blind@'127.0.0.1'"
    )
    files.connections["source"] |= {"login": "blind", "password": "kept-quiet"}
    files.write()
    try:
        refuse(files, swift, privilege, "GRANT")
    finally:
        source.sql("DROP USER blind@'127.0.0.1'")


def test_privileges_through_a_role_count(files: FleetFiles, source: DatabaseServer) -> None:
    source.sql(
        f"CREATE ROLE sees; GRANT {', '.join(PRIVILEGES)} ON *.* TO sees; GRANT ALL ON proven_canary.* TO sees;"
        "CREATE USER roled@'127.0.0.1' IDENTIFIED BY 'roled'; GRANT sees TO roled@'127.0.0.1';"
        f"SET DEFAULT ROLE sees {'FOR' if source.flavour == 'mariadb' else 'TO'} roled@'127.0.0.1'"
    )
    files.connections["source"] |= {"login": "roled", "password": "roled"}
    files.write()
    try:
        done = files.run("backup", "shop")
        assert done.returncode == 0, done.stderr
    finally:
        source.sql("DROP USER roled@'127.0.0.1'; DROP ROLE sees")


def test_unknown_connection(files: FleetFiles, swift: Swift) -> None:
    files.document["databases"]["shop"]["connection"] = "nobody_knows"
    files.write()
    refuse(files, swift, "nobody_knows")


@pytest.mark.failure("B3")
def test_missing_key(files: FleetFiles, swift: Swift) -> None:
    files.document["gnupg"]["recipients"] = ["nobody@proven.invalid"]
    files.write()
    refuse(files, swift, "nobody@proven.invalid")


@pytest.mark.failure("B3")
def test_expired_key(files: FleetFiles, swift: Swift, new_home: NewHome) -> None:
    home = new_home()
    expired = home.new_key("old@proven.invalid", at="20200101T000000", expires="1y")
    use_keys(files, home, recipients=[expired], signer=home.new_key("signer@proven.invalid"))
    refuse(files, swift, "expired")


@pytest.mark.failure("B3")
def test_untrusted_key(files: FleetFiles, swift: Swift, new_home: NewHome) -> None:
    home, elsewhere = new_home(), new_home()
    stranger = elsewhere.new_key("stranger@proven.invalid")
    home.gpg("--import", content=elsewhere.gpg("--export", stranger))
    use_keys(files, home, recipients=[stranger], signer=home.new_key("signer@proven.invalid"))
    refuse(files, swift, "trust")


def test_a_signer_without_its_private_key(files: FleetFiles, swift: Swift) -> None:
    """The escrow's private half lies in a safe: whatever it signs can't come from here."""
    files.document["gnupg"]["signer"] = "escrow@proven.invalid"
    files.write()
    refuse(files, swift, "escrow@proven.invalid")


def test_store_refuses_the_password(files: FleetFiles, swift: Swift) -> None:
    files.connections["swift"]["password"] = "wrong"
    files.write()
    refuse(files, swift, "401")


def test_store_forbids_the_account(files: FleetFiles, swift: Swift) -> None:
    guest = swift.connection(2)
    files.connections["swift"] |= {"login": guest.login, "password": guest.password}
    files.write()
    refuse(files, swift, "403")


def test_store_is_full(files: FleetFiles, start_swift: Callable[..., Swift]) -> None:
    """Swift's disks are full: found before the source is touched."""
    full = start_swift(reserve="100%")
    stored = full.connection()
    files.connections["swift"] |= {"host": stored.host, "login": stored.login, "password": stored.password}
    files.write()
    done = files.run("backup", "shop")
    assert done.returncode == 1
    assert "full" in done.stderr
    assert "HINT: " in done.stderr
    nothing_runs(files)


@pytest.mark.failure("B1")
def test_quota_is_used_up_in_the_middle(files: FleetFiles, swift: Swift) -> None:
    """The store takes records, but not the parts: what was sent is removed again."""
    swift.raw().put_container(f"{files.container}_segments", {"X-Container-Meta-Quota-Bytes": "1000"})
    refuse(files, swift, "413", "dump.sql")


def test_missing_tool(files: FleetFiles, swift: Swift, tmp_path: pathlib.Path) -> None:
    refuse(files, swift, "zstd", "install", PATH=path_without("zstd", tmp_path))


@pytest.mark.failure("A16")
def test_dump_tool_older_than_the_server(
    files: FleetFiles, swift: Swift, source: DatabaseServer, tmp_path: pathlib.Path
) -> None:
    name, version = ("mariadb-dump", "Distrib 10.3.39-MariaDB") if source.flavour == "mariadb" else ("mysqldump", "8.0.36")
    old = tmp_path / "old" / name
    old.parent.mkdir()
    old.write_text(f'#!/bin/sh\necho "{name}  Ver {version}, for Linux (x86_64)"\n')
    old.chmod(stat.S_IRWXU)
    files.document["tools"].insert(0, str(old.parent))
    files.write()
    refuse(files, swift, "older", source.version.split("-")[0])


def use_keys(files: FleetFiles, home: Home, *, recipients: list[str], signer: str) -> None:
    """Let the fleet use another GnuPG home."""
    files.document["gnupg"] = {"home": str(home.path), "recipients": recipients, "signer": signer}
    files.gpg_home = home.path
    files.write()


def path_without(program: str, folder: pathlib.Path) -> str:
    """Return a PATH on which everything is as before, but not that program."""
    links = folder / "path"
    links.mkdir()
    for directory in os.environ["PATH"].split(os.pathsep):
        for entry in sorted(pathlib.Path(directory).glob("*")):
            if entry.name != program and not (links / entry.name).is_symlink() and shutil.which(str(entry)):
                (links / entry.name).symlink_to(entry)
    return str(links)
