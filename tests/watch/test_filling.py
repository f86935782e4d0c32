"""A store that fills up: a small disk, a real Swift's quota, the fleet's own capacity; and how soon it will be full."""

from __future__ import annotations

import pathlib
import secrets
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import swiftclient

from include.proven import connections, errors
from include.proven.catalog import Catalog
from include.proven.demo.keys import DemoKeys
from include.proven.watch import filling
from include.proven.watch.concern import Finding
from tests.servers.swift import LIMITED, RESELLER, Swift
from tests.watch import installations
from tests.watch.installations import NOW

MB = 1_000_000


def look(keys: DemoKeys, store: dict[str, Any]) -> list[Finding]:
    """Return what is wrong with a store."""
    return list(filling.look(installations.install(keys.home, {"disk": store}), NOW))


@pytest.fixture
def small_disk(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Mount a disk of 20 MiB."""
    where = tmp_path / "disk"
    where.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", where], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"no disk may be mounted here: {done.stderr.decode().strip()}")
    yield where
    subprocess.run(["umount", where], capture_output=True, check=False)


def test_a_disk_that_fills_is_told_of_ever_more_urgently(gpg_home: DemoKeys, small_disk: pathlib.Path) -> None:
    """Whoever has filled it: here it is somebody else's file."""
    told = {}
    for used in (84, 86, 96):
        (small_disk / "other").write_bytes(bytes(20 * 1024 * 1024 * used // 100))
        told[used] = look(gpg_home, installations.directory(small_disk))
    assert told[84] == []
    assert [(found.key, found.severity) for found in told[86] + told[96]] == [
        ("store-filling/disk", "warning"),
        ("store-filling/disk", "error"),
    ]
    assert told[86][0].summary == "store disk: 86% of the disk is used (18.0 MB of 21.0 MB)"
    assert "capacity" in told[86][0].hint


def test_the_fleets_capacity_counts_for_a_disk_that_has_room(gpg_home: DemoKeys, tmp_path: pathlib.Path) -> None:
    store = installations.directory(tmp_path / "disk", capacity="100 MB")
    fill(gpg_home, tmp_path / "disk", dict.fromkeys(range(30, 39), 10 * MB))
    (found,) = look(gpg_home, store)
    assert (found.severity, found.summary) == (
        "warning",
        "store disk: 90% of its capacity is used (90.0 MB of 100.0 MB)",
    )


@pytest.mark.parametrize(
    ("first", "told"),
    [
        pytest.param(0, True, id="60 % since two weeks ago"),
        pytest.param(16, False, id="60 % before, and nothing since"),
    ],
)
def test_a_store_that_will_be_full_soon(gpg_home: DemoKeys, tmp_path: pathlib.Path, first: int, told: bool) -> None:
    """6 MB a day, ten times: 40 MB are free."""
    fill(gpg_home, tmp_path / "disk", dict.fromkeys(range(first, first + 10), 6 * MB))
    found = look(gpg_home, installations.directory(tmp_path / "disk", capacity="100 MB"))
    if not told:
        assert found == []
        return
    assert found[0].severity == "warning"
    assert found[0].summary.endswith("; full in 9 days if it grows as in the last 14")


def test_what_swift_lets_expire_is_no_growth(gpg_home: DemoKeys, swift: Swift) -> None:
    """Two weeks' backups come and two weeks' go: seven tenths stay used. Without the expiry it would be full in six days."""
    container = f"t{secrets.token_hex(4)}"
    connections.use_resolver({"swift": swift.connection()}.__getitem__)
    try:
        config = {"kind": "swift", "connection": "swift", "container": container, "capacity": "1 MB"}
        assert look(gpg_home, config) == []  # no backup has made the container yet
        raw = swift.raw()
        raw.put_container(container)
        for days in range(28):
            raw.put_object(container, f"shop/{installations.point_of(days)}/dump.sql.zst.gpg", bytes(25_000))
        assert look(gpg_home, config | {"expire_after": "28d"}) == []
        (found,) = look(gpg_home, config)
        assert "70% of its capacity" in found.summary
        assert "full in 12 days" in found.summary
    finally:
        connections.use_resolver(None)


def test_a_quota_of_swift_counts(gpg_home: DemoKeys, swift: Swift) -> None:
    container = f"t{secrets.token_hex(4)}"
    connections.use_resolver({"swift": swift.connection()}.__getitem__)
    try:
        config = {"kind": "swift", "connection": "swift", "container": container}
        raw = swift.raw()
        raw.put_container(container)
        raw.put_container(f"{container}_segments", {"X-Container-Meta-Quota-Bytes": "100000"})
        raw.put_object(f"{container}_segments", "somebody", bytes(80_000))
        assert look(gpg_home, config) == []
        raw.put_object(f"{container}_segments", "else", bytes(16_000))
        (found,) = look(gpg_home, config)
        assert found.severity == "error"
        assert f"96% of the quota of container {container}_segments is used (96.0 kB of 100.0 kB)" in found.summary
    finally:
        connections.use_resolver(None)


def test_the_quota_of_a_swift_account_counts(gpg_home: DemoKeys, swift: Swift) -> None:
    """Whoever uses it up; Swift then refuses what is beyond it."""
    container = f"t{secrets.token_hex(4)}"
    raw = swift.raw(LIMITED)
    raw.put_container("others")
    connections.use_resolver({"swift": swift.connection(LIMITED)}.__getitem__)
    try:
        config = {"kind": "swift", "connection": "swift", "container": container}
        with pytest.raises(swiftclient.ClientException, match="403"):
            raw.post_account({"X-Account-Quota-Bytes": "200000"})
        swift.raw(RESELLER).post_account({"X-Account-Quota-Bytes": "100000"})
        assert look(gpg_home, config) == []
        raw.put_object("others", "somebody's", bytes(88_000))
        raw.put_container("others")  # no updater runs here that would tell the account what its containers hold
        (found,) = look(gpg_home, config)
        assert found.severity == "warning"
        assert "88% of the quota of the account is used (88.0 kB of 100.0 kB)" in found.summary
        with pytest.raises(swiftclient.ClientException, match="413"):
            raw.put_object("others", "more", bytes(20_000))
    finally:
        connections.use_resolver(None)
        swift.raw(RESELLER).post_account({"X-Account-Quota-Bytes": ""})


def test_a_store_that_is_not_there_hides_no_other(gpg_home: DemoKeys, tmp_path: pathlib.Path) -> None:
    """The finding comes first, then it is said what could not be looked at."""
    fill(gpg_home, tmp_path / "full", {30: 99 * MB})
    stores = {
        "gone": {"kind": "directory", "path": str(tmp_path / "gone")},
        "full": installations.directory(tmp_path / "full", capacity="100 MB"),
    }
    found = []
    with pytest.raises(errors.StoreError, match="is not there"):
        for finding in filling.look(installations.install(gpg_home.home, stores), NOW):
            found.append(finding)  # noqa: PERF402  # what came before the error is what is asked
    assert [(one.thing, one.severity) for one in found] == [("full", "error")]


def fill(keys: DemoKeys, folder: pathlib.Path, sizes: dict[int, int]) -> None:
    """Put a recovery point of so many bytes (days ago → bytes) into a directory. No disk is filled: the files are sparse."""
    installation = installations.install(keys.home, {"disk": installations.directory(folder)})
    catalog = Catalog(installation.store("disk"), installation.keyring)
    for days, size in sizes.items():
        installations.put(catalog, folder, installations.point_of(days), size)
