"""Real backups, drills and restores leave what was run for them, signed, and no secret of it; `show` and reports tell it."""

from __future__ import annotations

import dataclasses
import pathlib
import socket

import pytest

from include.proven import audit, backup, drill, errors, ids
from include.proven.cli import main
from include.proven.drill import Drill
from include.proven.encryption.keyring import START_BYTES
from include.proven.installation import Installation
from include.proven.manifest import Command
from include.proven.proof.verdict import Verdict
from include.proven.reports import gathering, html
from tests.reports.conftest import Drilled
from tests.reports.strict import read
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet


@dataclasses.dataclass
class Bed:
    """A backup that was drilled, and the directory that both are in."""

    files: FleetFiles
    opened: Installation
    store: pathlib.Path
    verdict: Verdict
    asked_by: str

    @property
    def session_keys(self) -> set[str]:
        """Of every artifact, as gpg writes it, and the key alone."""
        artifacts = (self.store / "shop" / self.verdict.recovery_point).glob("*.gpg")
        keys = {self.opened.keyring.session_key(file.read_bytes()[:START_BYTES]) for file in artifacts}
        return keys | {key.partition(":")[2] for key in keys}


@pytest.fixture
def mariadb_bed(drilled: Drilled) -> Bed:
    return Bed(drilled.files, drilled.installation, drilled.store, drilled.proven, "somebody who was not recorded")


@pytest.fixture
def mysql_bed(
    mysql_source: DatabaseServer, make_fleet: MakeFleet, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Bed:
    schema = mysql_source.fresh_schema("shop")
    mysql_source.sql("CREATE TABLE orders (id INT PRIMARY KEY); INSERT INTO orders VALUES (1), (2)", schema)
    files = make_fleet(mysql_source, schemas=[schema], stores=["disk"])
    (tmp_path / "disk").mkdir()
    files.document["stores"] = {"disk": {"kind": "directory", "path": str(tmp_path / "disk"), "prefix": ""}}
    (tmp_path / "checks/shop").mkdir(parents=True)
    (tmp_path / "checks/shop/orders.sql").write_text(
        f"-- name: every order has a total\nSELECT COUNT(*) AS n FROM {schema}.orders"
    )
    files.write()
    opened = files.open(monkeypatch)
    asked_by = "airflow:backup__shop/manual (alice)"
    point = backup.take_backup(opened, "shop", backup.new_id(), triggered_by=asked_by).manifest.recovery_point
    verdict = drill.run(opened, Drill(ids.new_drill(), "shop", point, "disk", "local", audit.operator()))
    return Bed(files, opened, tmp_path / "disk", verdict, asked_by)


def programs(commands: list[Command]) -> set[str]:
    return {pathlib.Path(command.argv[0]).name for command in commands}


def run(bed: Bed | Drilled, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run a command in this process; return its status and what it said on both outputs, each as one line."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (bed.files.variables | {"COLUMNS": "1000"}).items():
            patch.setenv(name, value)
        capsys.readouterr()
        status = main.main(list(arguments))
    said = capsys.readouterr()
    return status, " ".join(said.out.split()), " ".join(said.err.split())


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_every_command_is_kept_with_its_backup_and_its_drill(
    flavour: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    bed: Bed = request.getfixturevalue(f"{flavour}_bed")
    tools = request.getfixturevalue(f"{flavour}_source").tools
    client, dump = tools["client"][0], tools["dump"][0]
    point, catalog = bed.verdict.recovery_point, bed.opened.catalog("shop", "disk")
    manifest, verdict = catalog.manifest("shop", point), catalog.verdict("shop", point, bed.verdict.drill)
    assert verdict.outcome == "proven", verdict.reason
    assert verdict == bed.verdict, "as it is signed"

    assert programs(manifest.commands) >= {dump, client, "zstd", "gpg", "proven-agent"}
    dumped = [command for command in manifest.commands if "--databases" in command.argv]
    assert [(command.status, command.job, command.host) for command in dumped] == [(0, "backup", socket.gethostname())]

    ran = {step.name: step.commands for step in verdict.steps} | {check.name: check.commands for check in verdict.checks}
    assert programs(ran["restore"]) == {client, "zstd", "gpg", "proven-agent"}
    assert len([command for command in ran["restore"] if "--decrypt" in command.argv]) == len(manifest.artifacts)
    assert client in programs(ran["build"]) & programs(ran["every order has a total"])
    assert client in programs([command for check in verdict.checks for command in check.commands if command.job == "inspect"])
    everything = manifest.commands + [command for commands in ran.values() for command in commands]
    assert {command.status for command in everything} == {0}
    for command in everything:
        assert command.started_at
        assert manifest.started_at.replace(microsecond=0) <= command.started_at <= verdict.finished_at
        assert command.seconds < (verdict.finished_at - manifest.started_at).total_seconds()

    shown = run(bed, capsys, "show", "shop", verdict.drill, "--commands")[1]
    whole = run(bed, capsys, "show", "shop", point, "--commands")[1]
    for said in (f"drill {verdict.drill}, asked by {verdict.triggered_by}", "--decrypt", "step build", "step restore"):
        assert said in shown
    assert dump not in shown
    assert shown in whole
    assert f"asked by {bed.asked_by} backup, on {socket.gethostname()}" in whole
    assert "--databases" in whole
    page = html.render_drill(gathering.draw(bed.opened, "shop", point, verdict.drill, "disk"))
    assert page.count('<details class="trail">') > 3
    assert "--override-session-key-fd" in read(page).text

    secrets = bed.session_keys | {bed.files.connections["source"]["password"]}
    assert len(secrets) == 2 * len(manifest.artifacts) + 1
    documents = [shown, whole, page, *(file.read_text() for file in bed.store.rglob("*.json"))]
    assert [secret for secret in secrets if any(secret in document for document in documents)] == []
    assert len(verdict.model_dump_json()) < 60_000


@pytest.fixture
def killed_zstd(drilled: Drilled, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """The installation with a zstd that is killed: `tools` of the fleet file may name any directory."""
    file = tmp_path / "zstd"
    file.write_text("#!/bin/sh\nkill -KILL $$\n")
    file.chmod(0o755)
    fleet = drilled.installation.fleet
    return Installation(fleet.model_copy(update={"tools": [tmp_path, *fleet.tools]}))


def test_a_killed_tool_is_kept_with_its_signal(drilled: Drilled, killed_zstd: Installation) -> None:
    asked = Drill(ids.new_drill(), "shop", drilled.proven.recovery_point, "disk", "local")
    catalog = killed_zstd.catalog("shop", "disk")
    try:
        drill.build(killed_zstd, asked)
        with pytest.raises(errors.ToolError, match="SIGKILL"):
            drill.load(killed_zstd, asked)
        (step,) = [step for step in catalog.evidence("shop", asked.recovery_point, asked.id)[0] if step.name == "restore"]
    finally:
        drill.destroy(killed_zstd, asked)
        catalog.drop_evidence("shop", asked.recovery_point, asked.id)
    status = {pathlib.Path(command.argv[0]).name: command.status for command in step.commands}
    assert (status["zstd"], status["proven-agent"]) == (-9, 1)
    assert "gpg" in status


def test_who_restores_where_to_is_recorded(
    drilled: Drilled, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    point, folder = drilled.proven.recovery_point, f"{tmp_path}/out"
    asked = ("restore", "shop", point, "--to", f"folder:{folder}")
    assert run(drilled, capsys, *asked)[0] == 0
    assert run(drilled, capsys, *asked)[0] == 2, "nothing is overwritten"
    catalog = drilled.installation.catalog("shop", "disk")
    done, failed = sorted(catalog.restores("shop"), key=lambda one: one.started_at)
    assert (done.outcome, failed.outcome, done.recovery_point) == ("done", "failed", point)
    assert done.target == f"folder {folder} on {socket.gethostname()}"
    assert done.triggered_by == failed.triggered_by == audit.operator()
    assert done.ended_at
    assert done.ended_at > done.started_at
    assert programs(done.commands) == {"zstd", "gpg", "proven-agent"}
    assert failed.reason.endswith("exists")
    shown = run(drilled, capsys, "show", "shop", "--restores")[1]
    assert folder in shown
    assert "failed: " in shown

    place = drilled.store / "shop/audit"
    (place / done.id / "ended.json").unlink()
    assert {one.id: one.outcome for one in catalog.restores("shop")}[done.id] == "begun", "it was killed, for all we know"
    forged = place / failed.id / "ended.json"
    forged.write_text(forged.read_text().replace(audit.operator(), "cli:mallory@nowhere"))
    with pytest.raises(errors.IntegrityError, match="can't be trusted"):
        catalog.restores("shop")
    catalog.store.delete_folder("shop/audit")


def test_a_restore_is_made_even_where_it_can_not_be_recorded(
    drilled: Drilled, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    obstacle = drilled.store / "shop/audit"
    obstacle.write_text("in the way")
    try:
        asked = ("restore", "shop", drilled.proven.recovery_point, "--to", f"folder:{tmp_path}/out")
        status, said, complained = run(drilled, capsys, *asked)
    finally:
        obstacle.unlink()
    assert status == 3
    assert "restored" in said
    assert "the record of who did so could not be kept" in complained
    assert (tmp_path / "out/dump.sql").exists()
