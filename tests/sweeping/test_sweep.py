"""What crashes leave in a store is found and removed; what is whole, or under way, is not touched."""

from __future__ import annotations

import datetime
import hashlib
import json
import secrets
from collections.abc import Callable

import pytest

from include.proven import backup, sweeping
from include.proven.errors import ConfigError
from include.proven.installation import Installation
from include.proven.manifest import Part
from include.proven.stores.contract import Store, locate
from include.proven.sweeping import Leftover
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet
from tests.stores.uploading import send

OLD = "20200101T000000Z-full-00000000"


@pytest.fixture
def files(mariadb_source: DatabaseServer, make_fleet: MakeFleet) -> FleetFiles:
    schema = mariadb_source.fresh_schema("shop")
    mariadb_source.sql("CREATE TABLE orders (id INT PRIMARY KEY); INSERT INTO orders VALUES (1)", schema)
    return make_fleet(mariadb_source, schemas=[schema])


@pytest.fixture
def opened(files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> Installation:
    return files.open(monkeypatch)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give `later(hours=7)`: from then on, the sweep's clock is so far ahead of the store's."""

    def shift(**ahead: float) -> None:
        class Clock(datetime.datetime):
            @classmethod
            def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:  # type: ignore[override]
                return datetime.datetime.now(tz) + datetime.timedelta(**ahead)

        monkeypatch.setattr(sweeping, "datetime", type("module", (), {**vars(datetime), "datetime": Clock}))

    return shift


def begin(store: Store, key: str) -> None:
    """Upload one part of an artifact, and stop there."""
    content = secrets.token_bytes(100)
    digests = hashlib.sha256(content).hexdigest(), hashlib.md5(content, usedforsecurity=False).hexdigest()
    part = Part(number=1, bytes=len(content), sha256=digests[0], md5=digests[1])
    (request,) = store.presign_parts(store.begin_upload(key), locate([part]))
    assert send(request, content).ok


def only(leftovers: list[Leftover]) -> Leftover:
    (leftover,) = leftovers
    return leftover


def test_a_half_made_recovery_point_is_left_when_it_was_silent_for_longer_than_a_backup_takes(
    opened: Installation, later: Callable[..., None]
) -> None:
    store = opened.store("swift")
    begin(store, f"shop/{OLD}/dump.sql.zst.gpg")
    store.put_record(f"shop/{OLD}/manifest.json.asc", b"x")

    young = only(sweeping.find(opened, "swift"))
    assert (young.folder, young.objects, young.uploads, young.state) == (f"shop/{OLD}", 1, 1, "under way")
    with pytest.raises(ConfigError, match="is under way: it is not removed"):
        sweeping.remove(opened, young)

    later(hours=5.9)
    assert only(sweeping.find(opened, "swift")).state == "under way"
    later(hours=6.1)
    old = only(sweeping.find(opened, "swift"))
    assert old.state == "left"
    assert sweeping.remove(opened, old) == 2
    assert sweeping.find(opened, "swift") == []
    assert list(store.list_objects("")) == []


def test_an_upload_that_somebody_has_come_back_to_is_not_removed(opened: Installation, later: Callable[..., None]) -> None:
    store = opened.store("swift")
    begin(store, f"shop/{OLD}/accounts.sql.zst.gpg")
    later(hours=7)
    seen = only(sweeping.find(opened, "swift"))
    begin(store, f"shop/{OLD}/dump.sql.zst.gpg")
    assert sweeping.remove(opened, seen) == 0
    assert len(store.list_uploads("shop")) == 2


def test_a_whole_recovery_point_is_no_leftover_but_an_upload_beside_it_is(
    opened: Installation, later: Callable[..., None]
) -> None:
    taken = backup.take_backup(opened, "shop", backup.new_id()).manifest
    assert sweeping.find(opened, "swift") == []
    begin(opened.store("swift"), f"shop/{taken.recovery_point}/other.sql.zst.gpg")
    later(hours=7)
    leftover = only(sweeping.find(opened, "swift"))
    assert (leftover.objects, leftover.uploads, leftover.state) == (0, 1, "left")
    assert sweeping.remove(opened, leftover) == 1
    assert sweeping.find(opened, "swift") == []
    assert opened.catalog("shop").manifest("shop", taken.recovery_point) == taken


def test_the_ledger_of_pages_and_other_peoples_databases_stay(opened: Installation, later: Callable[..., None]) -> None:
    store = opened.store("swift")
    store.put_record("shop/pages/backup-failed.json", b"{}")
    begin(store, f"shop2/{OLD}/dump.sql.zst.gpg")
    later(days=400)
    leftover = only(sweeping.find(opened, "swift"))
    assert (leftover.folder, leftover.state) == (f"shop2/{OLD}", "unknown")
    with pytest.raises(ConfigError, match="unknown"):
        sweeping.remove(opened, leftover)


def test_the_probe_of_a_killed_check_is_left(opened: Installation, later: Callable[..., None]) -> None:
    begin(opened.store("swift"), ".check-0123456789abcdef/probe")
    later(hours=1.1)
    assert sweeping.remove(opened, only(sweeping.find(opened, "swift"))) == 1


def test_the_command_lists_and_never_removes_what_is_under_way(files: FleetFiles, opened: Installation) -> None:
    store = opened.store("swift")
    store.put_record("shop/pages/a.json", b"{}")
    clean = files.run("sweep", "--json")
    assert (clean.returncode, json.loads(clean.stdout)) == (0, [])
    begin(store, f"shop/{OLD}/dump.sql.zst.gpg")
    for arguments in (("sweep",), ("sweep", "--remove")):
        done = files.run(*arguments)
        assert done.returncode == 0, done.stderr
        assert f"swift: shop/{OLD}: 1 open upload, silent for" in done.stdout
        assert "may be under way" in done.stdout
    assert len(store.list_uploads("shop")) == 1


def test_a_store_that_is_not_in_the_fleet_is_an_error(files: FleetFiles) -> None:
    done = files.run("sweep", "--store", "swfit")
    assert done.returncode == 2
    assert "Did you mean 'swift'?" in done.stderr


def test_a_rotated_key_signs_and_the_last_one_still_opens(files: FleetFiles, opened: Installation) -> None:
    opened.store("swift").check()
    for _ in range(2):
        assert files.run("rotate", "swift").returncode == 0
    opened.store("swift").check()
