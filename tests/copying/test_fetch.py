"""A fetched recovery point is restored by hand, without a store; what lies in the folder is neither believed nor lost."""

from __future__ import annotations

import hashlib
import json
import pathlib
import shutil

import pytest

from include.proven import agent_client, backup, copying, servers
from include.proven.agent import jobs, protocol
from include.proven.demo.keys import DemoKeys
from include.proven.errors import ConfigError, IntegrityError, SandboxError
from include.proven.installation import Installation
from tests.copying.points import NAME, put_noise
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet
from tests.servers.swift import Swift
from tests.stores.test_by_hand import assign, commands, empty_server, run_by_hand

__all__ = ["empty_server"]

PART = 64 * 1024
PARTIAL = f".{NAME}.partial"


def fetch(opened: Installation, point: str, folder: pathlib.Path, store: str = "disk") -> copying.Fetched:
    return copying.fetch_recovery_point(opened, "shop", point, folder, store=store)


def sha256(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_fetched_recovery_point_is_restored_by_hand(
    source: DatabaseServer,
    empty_server: servers.ServerProcess,
    make_fleet: MakeFleet,
    swift: Swift,
    gpg_home: DemoKeys,
    tmp_path: pathlib.Path,
) -> None:
    schema = source.fresh_schema()
    source.sql("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1), (2)", schema)
    files = make_fleet(source, schemas=[schema])
    assert files.run("backup", "shop").returncode == 0
    done = files.run("fetch", "shop", "--to", str(tmp_path / "restore"), "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["files"]) == 5

    setting, _listing, _download, *rest = commands()
    client = "mariadb" if source.flavour == "mariadb" else "mysql"
    script = assign("\n".join(["set -e", setting, "cd restore", *rest]), signer=gpg_home.backup, client=client)
    by_hand = run_by_hand(script, swift, gpg_home, source, empty_server, tmp_path)
    assert by_hand.returncode == 0, by_hand.stdout + by_hand.stderr
    assert by_hand.stdout.count(": OK\n") == 6
    restored = DatabaseServer(
        source.flavour,
        source.version,
        source.endpoint,
        {**source.admin, "socket": str(empty_server.socket)},
        source.tools,
        source.path,
        empty_server,
    )
    assert restored.sql("SELECT id FROM t ORDER BY id", schema) == [["1"], ["2"]]


@pytest.mark.parametrize("store", ["disk", "swift"])
def test_a_folder_that_has_it_all_gets_nothing(store: str, opened: Installation, tmp_path: pathlib.Path) -> None:
    manifest, folder = put_noise(opened, store, 5 * PART + 1, PART), tmp_path / "new" / "folder"
    first = fetch(opened, manifest.recovery_point, folder, store)
    assert (first.fetched_bytes, first.held_bytes) == (5 * PART + 1, 0)
    assert sha256(folder / NAME) == manifest.artifacts[0].sha256
    assert sorted(path.name for path in folder.iterdir()) == [NAME, "manifest.json", "manifest.json.asc"]
    again = fetch(opened, manifest.recovery_point, folder, store)
    assert (again.fetched_bytes, again.held_bytes) == (0, 5 * PART + 1)


def test_only_parts_whose_checksum_is_right_are_kept(opened: Installation, tmp_path: pathlib.Path) -> None:
    manifest, folder = put_noise(opened, "disk", 6 * PART, PART), tmp_path / "folder"
    fetch(opened, manifest.recovery_point, folder)
    content = bytearray((folder / NAME).read_bytes())
    content[2 * PART + 5] ^= 1
    content[4 * PART :] = b""
    (folder / PARTIAL).write_bytes(content)
    (folder / NAME).unlink()

    again = fetch(opened, manifest.recovery_point, folder)
    assert (again.fetched_bytes, again.held_bytes) == (3 * PART, 3 * PART)
    assert sha256(folder / NAME) == manifest.artifacts[0].sha256
    assert not (folder / PARTIAL).exists()


def test_a_flipped_byte_in_the_store_is_refused_by_the_name_of_its_part(opened: Installation, tmp_path: pathlib.Path) -> None:
    manifest, folder = put_noise(opened, "disk", 6 * PART, PART), tmp_path / "folder"
    stored = tmp_path / "disk" / "shop" / manifest.recovery_point / NAME
    content = bytearray(stored.read_bytes())
    content[PART] ^= 1
    stored.write_bytes(content)
    with pytest.raises(IntegrityError, match=f"{NAME} part 2 from disk: checksum mismatch"):
        fetch(opened, manifest.recovery_point, folder)
    assert [path.name for path in folder.iterdir()] == [PARTIAL]


def test_nothing_in_the_folder_is_overwritten(opened: Installation, tmp_path: pathlib.Path) -> None:
    manifest, other = put_noise(opened, "disk", PART, PART), put_noise(opened, "disk", 2 * PART, PART)
    folder = tmp_path / "folder"
    fetch(opened, manifest.recovery_point, folder)
    with pytest.raises(ConfigError, match="another one's"):
        fetch(opened, other.recovery_point, folder)
    for name in ("manifest.json", "manifest.json.asc"):
        (folder / name).unlink()
    with pytest.raises(SandboxError, match=f"{NAME} exists, and is not the {NAME} of this recovery point"):
        fetch(opened, other.recovery_point, folder)
    assert sha256(folder / NAME) == manifest.artifacts[0].sha256


def test_a_folder_that_can_not_be_made_is_named(opened: Installation, tmp_path: pathlib.Path) -> None:
    point = put_noise(opened, "disk", PART, PART).recovery_point
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="file/folder: can't be made"):
        fetch(opened, point, tmp_path / "file" / "folder")


def test_a_disk_that_is_too_small_is_known_before_anything_is_fetched(tmp_path: pathlib.Path) -> None:
    request = {"method": "GET", "url": "file:///nowhere", "headers": {}}
    parts = [{"number": 1, "bytes": 1 << 43, "sha256": "", "md5": ""}]
    artifact = protocol.StoredArtifact(name=NAME, request=request, bytes=1 << 43, sha256="", parts=parts)
    store = protocol.JobStore(name="disk", parallel=4, bandwidth=0.0)
    job = jobs.FetchJob(protocol=protocol.VERSION, job="fetch", store=store, folder=str(tmp_path), artifacts=[artifact])
    with pytest.raises(SandboxError, match=f"{1 << 43} bytes are needed"):
        agent_client.run(job)


def test_the_command_says_what_came(files: FleetFiles, tmp_path: pathlib.Path) -> None:
    assert files.run("backup", "shop").returncode == 0
    folder = tmp_path / "folder"
    done = files.run("fetch", "shop", "--to", str(folder), "--store", "swift")
    assert done.returncode == 0, done.stderr
    assert "came, 0 B was there already" in done.stdout
    shutil.rmtree(folder)
    wrong = files.run("fetch", "shop", backup.new_id(), "--to", str(folder))
    assert wrong.returncode == 2
    assert not folder.exists()
