"""The sources that every other test relies on are what they claim to be."""

from __future__ import annotations

from tests.servers.databases import DatabaseServer


def test_source_is_the_flavour_it_says(source: DatabaseServer) -> None:
    assert ("MariaDB" in source.version) == (source.flavour == "mariadb")


def test_source_listens_on_the_loopback_only(source: DatabaseServer) -> None:
    assert source.sql("SELECT @@bind_address, @@port") == [["127.0.0.1", str(source.endpoint["port"])]]


def test_backup_account_may_not_write_anywhere_but_to_the_canary(source: DatabaseServer) -> None:
    grants = "\n".join(row[0] for row in source.sql("SHOW GRANTS FOR proven@'127.0.0.1'"))
    everywhere, canary = grants.splitlines()
    assert "INSERT" not in everywhere
    assert "ALL PRIVILEGES ON *.*" not in everywhere
    assert canary.startswith("GRANT ALL PRIVILEGES ON `proven_canary`.*")
