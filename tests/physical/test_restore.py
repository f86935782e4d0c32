"""A physical recovery point outside of a sandbox: a data directory in a folder, and never a server that runs."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import time

import pytest

from include.proven import backup, restore, restore_datadir, servers
from include.proven.agent import datadir
from include.proven.agent.errors import AgentError
from include.proven.errors import ConfigError, LoadError
from include.proven.installation import Installation
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles
from tests.servers.writing import write_pages


def rows_in(datadir: pathlib.Path) -> str:
    """Return how many orders a server finds that is started on a data directory as its README says."""
    socket = datadir.parent / "s"
    options = [f"--datadir={datadir}", f"--socket={socket}", "--skip-networking", "--skip-grant-tables", "--skip-log-bin"]
    argv = [servers.find_program("mariadbd", []), "--no-defaults", "--user=root", *options]
    with (datadir.parent / "log").open("wb") as log:
        server = subprocess.Popen(argv, stdout=log, stderr=log)
    client = [servers.find_program("mariadb", []), "--no-defaults", f"--socket={socket}", "--batch", "--skip-column-names"]
    try:
        deadline = time.monotonic() + 120
        while True:
            asked = [*client, "-e", "SELECT COUNT(*) FROM shop.orders"]
            done = subprocess.run(asked, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return done.stdout.strip()
            assert server.poll() is None, (datadir.parent / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, done.stderr
            time.sleep(0.2)
    finally:
        server.kill()
        server.wait()


def test_a_folder_gets_a_data_directory_that_a_server_starts_on(
    files: FleetFiles, installation: Installation, shop: DatabaseServer, scratch: pathlib.Path
) -> None:
    point = backup.take_backup(installation, "shop", backup.new_id()).manifest.recovery_point
    folder = scratch / "restored"
    done = files.run("restore", "shop", point, "--to", f"folder:{folder}")
    assert done.returncode == 0, done.stderr
    assert str(folder / "data") in (folder / "README").read_text()
    assert sorted(path.name for path in folder.iterdir()) == ["README", "data"]
    assert rows_in(folder / "data") == shop.sql("SELECT COUNT(*) FROM shop.orders")[0][0]
    again = files.run("restore", "shop", point, "--to", f"folder:{folder}")
    assert (again.returncode, "nothing is overwritten" in again.stderr) == (2, True), again.stderr


def test_a_server_that_runs_can_take_none(installation: Installation, shop: DatabaseServer) -> None:
    manifest = backup.take_backup(installation, "shop", backup.new_id()).manifest
    with pytest.raises(ConfigError, match="it can't be loaded into a server"):
        restore.load_into(installation, manifest, shop.endpoint, store="swift")


def test_a_link_that_was_left_out_is_refused_by_the_tool_itself(
    installation: Installation, shop: DatabaseServer, scratch: pathlib.Path
) -> None:
    """Should the manifests be wrong, the files are not: nothing of it stands."""
    chain = []
    for kind in ("full", "incremental", "incremental"):
        shop.sql("INSERT INTO orders (customer) SELECT 1 FROM seq_1_to_5000", "shop")
        write_pages(shop)
        chain.append(backup.take_backup(installation, "shop", backup.new_id(kind=kind)).manifest)
    with pytest.raises(LoadError, match=f"prepare of {chain[2].recovery_point}/.* failed"):
        restore_datadir.into_folder(installation, [chain[0], chain[2]], scratch / "restored", store="swift")
    assert list((scratch / "restored").iterdir()) == []
    shutil.rmtree(scratch / "restored")


@pytest.mark.parametrize(
    "make", ["ln -s / {0}/shop", "ln -s /etc/passwd {0}/t.ibd", "touch {0}/a && ln {0}/a {0}/b", "mkfifo {0}/f"]
)
def test_a_stream_that_holds_more_than_files_is_refused(tmp_path: pathlib.Path, make: str) -> None:
    """A server that is started on it would follow a link out of its data directory."""
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "t.ibd").touch()
    datadir.require_plain(tmp_path, "datadir.tar.zst.gpg")
    subprocess.run(["sh", "-c", make.format(tmp_path)], check=True)
    with pytest.raises(AgentError, match="which is no plain file"):
        datadir.require_plain(tmp_path, "datadir.tar.zst.gpg")
