"""One table out of a recovery point of files: a sandbox serves it, and it is dumped from there, beside the living one."""

from __future__ import annotations

import json
import pathlib

from include.proven import backup
from include.proven.installation import Installation
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles


def test_a_table_comes_out_of_the_files_and_no_sandbox_is_left(
    files: FleetFiles, installation: Installation, shop: DatabaseServer, tmp_path: pathlib.Path
) -> None:
    admin = shop.admin
    extra = {"unix_socket": admin["socket"]}
    files.connections["admin"] = {
        "conn_type": "mysql", "login": admin["user"], "password": admin["password"], "extra": extra
    }  # fmt: skip
    files.write()
    backup.take_backup(installation, "shop", backup.new_id())
    before = shop.sql("SELECT COUNT(*), MAX(id) FROM shop.orders")
    shop.sql("DELETE FROM shop.orders ORDER BY id DESC LIMIT 10")
    done = files.run("restore", "shop", "--table", "shop.orders", "--as", "beside", "--to", "connection:admin", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["restored"], told["matches"]) == (["shop.orders"], True)
    assert shop.sql("SELECT COUNT(*), MAX(id) FROM beside.orders") == before
    assert shop.sql("SHOW TRIGGERS FROM beside")
    written = files.run("restore", "shop", "--schema", "shop", "--to", f"folder:{tmp_path / 'out'}")
    assert written.returncode == 0, written.stderr
    (file,) = (tmp_path / "out").iterdir()
    assert "PROCEDURE `count_orders`" in file.read_text()
    assert not list(installation.sandbox("local").find())
    shop.sql("DROP DATABASE beside")
