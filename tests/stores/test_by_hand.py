"""The commands of `docs/store-format.md` restore a recovery point without Proven."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import pytest

from include.proven import backup, servers
from include.proven.demo.keys import DemoKeys
from include.proven.engines import engine
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import MakeFleet
from tests.servers.swift import Swift
from tests.several.test_reuse import TABLES

PAGE = pathlib.Path(__file__).parents[2] / "docs/store-format.md"


def commands() -> list[str]:
    """Return the page's shell blocks, in order."""
    return re.findall(r"```bash\n(.*?)```", PAGE.read_text().partition("\n## Restore by hand\n")[2], re.DOTALL)


def assign(script: str, **values: str) -> str:
    """Put values in the place of the page's examples. Each must be there."""
    for name, value in values.items():
        script, count = re.subn(rf"^{name}=.*$", f"{name}={value}", script, flags=re.MULTILINE)
        assert count == 1, name
    return script


@pytest.fixture
def empty_server(source: DatabaseServer) -> Iterator[servers.ServerProcess]:
    """Run a new server of the source's flavour."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="proven-test-", dir="/var/tmp"))
    directory.chmod(0o711)
    server = servers.ServerProcess(engine(source.flavour), directory / "s", tools=source.path, options=["--skip-networking"])
    try:
        server.prepare()
        server.start()
        yield server
    finally:
        server.stop(gently=0)
        shutil.rmtree(directory)


@pytest.mark.parametrize("parallel", [1, 2], ids=["one dump", "by table, rows of an older one"])
def test_page_restores_a_recovery_point(
    parallel: int,
    source: DatabaseServer,
    empty_server: servers.ServerProcess,
    make_fleet: MakeFleet,
    swift: Swift,
    gpg_home: DemoKeys,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schema = source.fresh_schema()
    source.sql("CREATE TABLE t (id INT PRIMARY KEY, word VARCHAR(40)); INSERT INTO t VALUES (1, 'Grüße 🦀'), (2, NULL)", schema)
    source.sql(f"CREATE USER IF NOT EXISTS hand IDENTIFIED BY 'x'; GRANT SELECT ON {schema}.* TO hand")
    if parallel > 1:
        source.sql(TABLES, schema)
    files = make_fleet(source, schemas=[schema], parallel=parallel)
    opened = files.open(monkeypatch)
    for _ in range(parallel):
        manifest = backup.take_backup(opened, "shop", backup.new_id()).manifest
    assert len(manifest.reused) == (2 if parallel > 1 else 0)

    script = "set -e\n" + "".join(commands())
    values = {
        "container": files.container,
        "folder": "backups/shop",
        "signer": gpg_home.backup,
        "client": "mariadb" if source.flavour == "mariadb" else "mysql",
    }
    done = run_by_hand(assign(script, **values), swift, gpg_home, source, empty_server, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "VALIDSIG" in done.stdout
    assert done.stdout.count(": OK\n") == 2 * len(manifest.artifacts)

    restored = DatabaseServer(
        source.flavour,
        source.version,
        source.endpoint,
        {**source.admin, "socket": str(empty_server.socket)},
        source.tools,
        source.path,
        empty_server,
    )
    assert restored.sql("SELECT id, word FROM t ORDER BY id", schema) == [["1", "Grüße 🦀"], ["2", "NULL"]]
    assert any(f"`{schema}`" in grant[0] for grant in restored.sql("SHOW GRANTS FOR hand"))


def run_by_hand(
    script: str, swift: Swift, keys: DemoKeys, source: DatabaseServer, target: servers.ServerProcess, directory: pathlib.Path
) -> subprocess.CompletedProcess[str]:
    """Run the page's commands as a person would who has the four programs, the credentials and the keys."""
    (directory / ".my.cnf").write_text(f"[client]\nuser=root\nsocket={target.socket}\n")
    login = swift.connection()
    environment = {
        "PATH": os.pathsep.join([str(pathlib.Path(sys.executable).parent), *map(str, source.path), os.environ["PATH"]]),
        "HOME": str(directory),
        "LANG": "C.UTF-8",
        "GNUPGHOME": str(keys.home),
        "ST_AUTH": login.host,
        "ST_USER": login.login,
        "ST_KEY": login.password,
    }
    return subprocess.run(
        ["bash", "-c", script], cwd=directory, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
