"""A backup by a snapshot of the volume, drilled like every other; and what is left of one that is killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from include.proven import backup, drill, ids
from include.proven.agent import volume_backup
from include.proven.installation import Installation
from include.proven.manifest import Manifest
from include.proven.proof.verdict import Verdict
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import CHECKOUT, FleetFiles
from tests.servers.writing import write_pages
from tests.snapshots.conftest import Writing

ONE_FLAVOUR = pytest.mark.parametrize("shop", ["mariadb"], indirect=True)


def take(installation: Installation) -> Manifest:
    """Take a backup as the schedule would."""
    kind = backup.choose_kind(installation, "shop")
    return backup.take_backup(installation, "shop", backup.new_id(kind=kind)).manifest


def run_drill(installation: Installation, manifest: Manifest) -> Verdict:
    """Drill a recovery point."""
    return drill.run(installation, drill.Drill(ids.new_drill(), "shop", manifest.recovery_point, "swift", "local"))


def left(server: DatabaseServer) -> list[pathlib.Path]:
    """Return the snapshots that stand beside the data directory, or in the folder that is named."""
    directory = server.process.directory
    return sorted([*directory.glob(".proven-snapshot-*"), *directory.glob("elsewhere/.proven-snapshot-*")])


def test_a_backup_under_writes_is_proven(
    installation: Installation, shop: DatabaseServer, writing: Writing, capsys: pytest.CaptureFixture[str]
) -> None:
    with writing():
        manifest = take(installation)
    assert (manifest.method, manifest.kind) == ("snapshot", "snapshot")
    assert [artifact.name for artifact in manifest.artifacts] == [volume_backup.ARTIFACT]
    assert manifest.position is not None
    assert manifest.position.file.startswith("log.")
    folder = installation.database("shop").snapshot.folder or str(shop.process.directory)  # type: ignore[union-attr] # it has one
    assert [command.argv[-1] for command in manifest.commands if command.argv[1:3] == ["subvolume", "delete"]][-1].startswith(
        f"{folder}/.proven-snapshot-"
    )
    assert manifest.lock is not None
    assert manifest.lock.tables == ["shop.prices"]
    with capsys.disabled():
        print(f" [{shop.flavour}: writers were held back for {manifest.lock.held_seconds * 1000:.0f} ms]", end="")
    assert left(shop) == []
    verdict = run_drill(installation, manifest)
    assert verdict.outcome == "proven", (verdict.reason, verdict)


@ONE_FLAVOUR
def test_a_page_that_is_broken_on_the_disk_is_not_proven(installation: Installation, shop: DatabaseServer) -> None:
    """The source has it in memory and notices nothing; whoever starts on the files does."""
    shop.sql("FLUSH TABLES customers FOR EXPORT; UNLOCK TABLES", "shop")
    # so much that neither the doublewrite buffer nor the redo log has the page any more: both would mend it
    shop.sql("CREATE TABLE much (a INT, b LONGTEXT); INSERT INTO much SELECT seq, REPEAT('x', 8000) FROM seq_1_to_1500", "shop")
    write_pages(shop)
    with (shop.process.datadir / "shop" / "customers.ibd").open("r+b") as file:
        place = file.read().index(b"Grace")
        file.seek(place)
        file.write(b"Trace")
        file.flush()
        try:
            manifest = take(installation)
        finally:
            file.seek(place)
            file.write(b"Grace")
    assert manifest.fingerprint["tables"]["shop.customers"]["rows"] == 3
    verdict = run_drill(installation, manifest)
    assert verdict.outcome == "refuted", (verdict.reason, verdict)


@ONE_FLAVOUR
def test_what_a_killed_agent_has_left_goes_with_the_next_backup(files: FleetFiles, shop: DatabaseServer) -> None:
    with _slow_backup(files, shop) as command:
        os.kill(_agent_of(command), signal.SIGKILL)
        assert command.wait(120) != 0
    assert len(left(shop)) == 1
    done = files.run("backup", "shop")
    assert done.returncode == 0, done.stderr
    assert left(shop) == []


@ONE_FLAVOUR
def test_an_agent_whose_controller_is_killed_removes_its_snapshot(files: FleetFiles, shop: DatabaseServer) -> None:
    with _slow_backup(files, shop) as command:
        command.kill()
        _wait_until(lambda: left(shop) == [])


@contextlib.contextmanager
def _slow_backup(files: FleetFiles, shop: DatabaseServer) -> Iterator[subprocess.Popen[bytes]]:
    """Run a backup that takes long, with its snapshot there. Afterwards the store is fast again."""
    store = files.document["stores"]["swift"]
    store["bandwidth_limit"] = "20 KB/s"
    files.write()
    argv = [sys.executable, "-m", "include.proven.cli", "backup", "shop"]
    quiet = subprocess.DEVNULL
    command = subprocess.Popen(argv, cwd=CHECKOUT, env={**os.environ, **files.variables}, stdout=quiet, stderr=quiet)
    try:
        _wait_until(lambda: command.poll() is not None or any(_is_locked(snapshot) for snapshot in left(shop)))
        assert command.poll() is None
        yield command
    finally:
        command.kill()
        command.wait()
        del store["bandwidth_limit"]
        files.write()


def _is_locked(folder: pathlib.Path) -> bool:
    """Say whether an agent has it: one that is made for a try has nobody."""
    with contextlib.suppress(FileNotFoundError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(opened)
    return False


def _agent_of(command: subprocess.Popen[bytes]) -> int:
    children = pathlib.Path(f"/proc/{command.pid}/task/{command.pid}/children").read_text().split()
    (agent,) = [int(pid) for pid in children if b"agent" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()]
    return agent


def _wait_until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)
