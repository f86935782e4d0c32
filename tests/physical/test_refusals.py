"""What a physical backup is refused for, each with its reason; and that its tool waits to be heard."""

from __future__ import annotations

import pathlib
import subprocess
from types import SimpleNamespace
from typing import Any, cast

import pytest

from include.proven import backup
from include.proven.agent import physical, processes
from include.proven.agent.client import Session
from include.proven.agent.errors import AgentError
from include.proven.agent.physical_moment import Hearing
from include.proven.errors import SourceError
from include.proven.fleet import check
from include.proven.installation import Installation
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet

MARKER = "Acquired locks for BACKUP STAGE BLOCK_COMMIT"
SAYS = 'for n in 1 2 3 4 5 6 7 8 9; do echo "line $n" >&2; echo $n >>"$0"; done'


def test_a_tool_that_is_heard_gets_no_further_than_two_lines(tmp_path: pathlib.Path) -> None:
    """However slow we are: between the lock and its end it says more than that."""
    hearing, said = Hearing(MARKER, 60), tmp_path / "said"
    script = f'echo "{MARKER}" >&2; {SAYS}'
    tool = processes.start(["sh", "-c", script, str(said)], processes.CommandLog(), hear=hearing.hear)
    hearing.wait_for(MARKER)
    tool.kill()
    hearing.cut()
    tool.wait()
    assert len(said.read_text().split() if said.exists() else []) <= 2
    assert hearing.found


def test_another_backup_that_has_the_lock_is_waited_for_as_long_as_the_fleet_says(
    shop: DatabaseServer, make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = make_fleet(shop, method="physical", lock_time_limit="2s").open(monkeypatch)
    argv = ["mariadb", "--no-defaults", "-uroot", f"-S{shop.admin['socket']}", "--batch", "--unbuffered"]
    other = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdin is not None
    assert other.stdout is not None
    try:
        other.stdin.write(b"BACKUP STAGE START;\nSELECT 1;\n")
        other.stdin.flush()
        other.stdout.readline()
        with pytest.raises(SourceError, match="took longer than 2 s for BACKUP STAGE START; nothing is locked any more"):
            backup.take_backup(installation, "shop", backup.new_id())
    finally:
        other.stdin.close()
        other.wait()
    assert installation.catalog("shop").recovery_points("shop") == []


def test_a_missing_privilege_is_named(installation: Installation, shop: DatabaseServer) -> None:
    shop.sql("REVOKE PROCESS ON *.* FROM proven@'127.0.0.1'")
    try:
        with pytest.raises(SourceError, match="lacks PROCESS for a physical backup") as met:
            backup.take_backup(installation, "shop", backup.new_id())
    finally:
        shop.sql("GRANT PROCESS ON *.* TO proven@'127.0.0.1'")
    assert "GRANT PROCESS ON *.*" in met.value.hint


def test_a_data_directory_that_is_elsewhere_is_told(tmp_path: pathlib.Path) -> None:
    session = SimpleNamespace(query=lambda sql: [(str(tmp_path / "elsewhere"),)])
    with pytest.raises(AgentError, match="can't be read from here") as met:
        physical.require_data_directory(cast(Session, session))
    assert "`host` in the fleet file" in met.value.hint


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "physical", "schemas": ["shop"]}, "none can be chosen"),
        ({"method": "physical", "engine": "mysql"}, "needs a `clone_folder` on MySQL"),
        ({"method": "physical", "clone_folder": "/var/lib/clones"}, "goes with MySQL only"),
        ({"clone_folder": "/var/lib/clones"}, "goes with the method `physical` only"),
        (
            {"method": "physical", "engine": "mysql", "clone_folder": "/c", "incremental": {"full_every": "7d"}},
            "goes with MariaDB only",
        ),
        ({"incremental": {"full_every": "7d"}}, "goes with the method `physical` only"),
    ],
)
def test_the_fleet_says_what_does_not_go_together(files: FleetFiles, changes: dict[str, Any], words: str) -> None:
    database = files.document["databases"]["shop"]
    del database["method"]
    database.update(changes)
    files.write()
    found = check.check(files.folder / "fleet.yaml")
    assert [fault for fault in found if words in fault.what], found


def test_a_logical_backup_is_always_full(files: FleetFiles) -> None:
    del files.document["databases"]["shop"]["method"]
    files.write()
    done = files.run("backup", "shop", "--kind", "incremental")
    assert (done.returncode, "a logical backup is always full" in done.stderr) == (2, True), done.stderr


def test_what_the_fleet_plans_decides_the_kind(
    shop: DatabaseServer, make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = make_fleet(shop, method="physical", incremental={"full_every": "7d"})
    installation = files.open(monkeypatch)
    assert backup.choose_kind(installation, "shop") == "full"
    backup.take_backup(installation, "shop", backup.new_id())
    assert backup.choose_kind(installation, "shop") == "incremental"
    files.document["databases"]["shop"]["incremental"] = {"full_every": "1s", "since": "full"}
    files.write()
    assert backup.choose_kind(files.open(monkeypatch), "shop") == "full"
    files.document["databases"]["shop"]["incremental"]["full_every"] = "7d"
    files.write()
    assert backup.choose_kind(files.open(monkeypatch), "shop") == "differential"
