"""A restore may take longer than a URL lives: one that has expired is renewed, by the real Swift's word."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from include.proven import backup, restore
from include.proven.errors import ProvenError
from include.proven.stores import tempurl
from include.proven.stores.contract import SignedRequest
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import MakeFleet


def expire_first(monkeypatch: pytest.MonkeyPatch, method: str, count: int) -> list[float]:
    """Let the first `count` URLs of each object for that method be expired when they are handed out. Return what was signed."""
    sign, seen, lifetimes = tempurl.sign, dict[str, int](), list[float]()

    def sign_late(storage_url: str, key: str, asked: str, container: str, name: str, *, seconds: float) -> SignedRequest:
        if asked == method and "/20" in name:
            seen[name] = seen.get(name, 0) + 1
            seconds = -60 if seen[name] <= count else seconds
            lifetimes.append(seconds)
        return sign(storage_url, key, asked, container, name, seconds=seconds)

    monkeypatch.setattr(tempurl, "sign", sign_late)
    return lifetimes


@pytest.fixture
def opened(mariadb_source: DatabaseServer, make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch) -> Any:
    schema = mariadb_source.fresh_schema("shop")
    mariadb_source.sql("CREATE TABLE orders (id INT PRIMARY KEY); INSERT INTO orders VALUES (1), (2)", schema)
    return make_fleet(mariadb_source, schemas=[schema]).open(monkeypatch)


def test_an_upload_goes_on_when_its_url_has_expired(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lifetimes = expire_first(monkeypatch, "PUT", 1)
    manifest = backup.take_backup(opened, "shop", backup.new_id()).manifest
    assert manifest.artifacts
    assert min(lifetimes) < 0 < max(lifetimes)


def test_a_download_goes_on_when_its_url_has_expired(
    opened: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    manifest = backup.take_backup(opened, "shop", backup.new_id()).manifest
    lifetimes = expire_first(monkeypatch, "GET", 1)
    files = restore.write_sql(opened, manifest, tmp_path / "out", store="swift")
    assert any("INSERT INTO `orders`" in file.read_text() for file in files)
    assert min(lifetimes) < 0 < max(lifetimes)


def test_a_url_that_stays_refused_is_an_error(opened: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    manifest = backup.take_backup(opened, "shop", backup.new_id()).manifest
    expire_first(monkeypatch, "GET", 100)
    with pytest.raises(ProvenError, match="401"):
        restore.write_sql(opened, manifest, tmp_path / "out", store="swift")
    assert list((tmp_path / "out").iterdir()) == []
