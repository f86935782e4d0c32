"""A backup beside the database: the dump runs in a session of a real sshd, and nothing that opens a backup gets there."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

import paramiko
import pytest

from include.proven import backup, errors
from include.proven.fleet.check import check
from tests.agent import processes
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import CHECKOUT, FleetFiles, MakeFleet
from tests.servers.sshd import Sshd, new_key
from tests.servers.swift import Swift
from tests.servers.traces import nothing_runs, nothing_stored

ORDERS = """
CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(40));
INSERT INTO orders (note) VALUES ('first'), (NULL), ('');
"""
DOUBLE = "INSERT INTO noise (x) SELECT RANDOM_BYTES(1024) FROM noise;"
NOISE = "CREATE TABLE noise (id INT PRIMARY KEY AUTO_INCREMENT, x BLOB); INSERT INTO noise (x) VALUES (RANDOM_BYTES(1024));" + (
    DOUBLE * 15
)
"""33 MB that no compression makes smaller."""
CONTROLLER = """
import sys
from include.proven import backup, installation
backup.take_backup(installation.open_installation(), "shop", sys.argv[1], grace=float(sys.argv[2]))
"""


@pytest.fixture
def scratch() -> Iterator[pathlib.Path]:
    """The controller's directory for temporary files."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="proven-scratch-"))
    yield directory
    shutil.rmtree(directory)


class DatabaseHost:
    """A machine behind SSH, with a home and a directory for temporary files of its own."""

    def __init__(self, sshd: Sshd) -> None:
        self.sshd = sshd
        self.home = pathlib.Path(sshd.environment["HOME"])
        self.temporary = pathlib.Path(sshd.environment["TMPDIR"])

    def connection(self) -> dict[str, Any]:
        """Return the connection to it as a file of connections holds it."""
        keys = {"private_key": self.sshd.user_key.private, "host_key": self.sshd.host_key.public}
        return {"conn_type": "ssh", "host": "127.0.0.1", "port": self.sshd.port, "login": self.sshd.user, "extra": keys}

    def agents(self) -> set[int]:
        """Return the pids of all that is ours there: relays, keepers, agents."""
        mark, found = f"TMPDIR={self.temporary}".encode(), set()
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it ended while we looked
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.add(int(entry.name))
        return found

    def programs(self) -> set[str]:
        """Return the names of all programs that run there for us, the agents' tools included."""
        return {name for pid in self.agents() for name in processes.programs(pid)}

    def is_empty(self) -> bool:
        """Return whether nothing runs there, and nothing is left but the agent's file."""
        left = [path for path in self.home.rglob("*") if not path.is_dir() and path.suffix != ".pyz"]
        return not self.agents() and left == [] and list(self.temporary.iterdir()) == []


@pytest.fixture
def far(tmp_path: pathlib.Path) -> Iterator[DatabaseHost]:
    """The host of the database."""
    environment = {"HOME": str(tmp_path / "far/home"), "TMPDIR": str(tmp_path / "far/tmp")}
    for path in environment.values():
        pathlib.Path(path).mkdir(parents=True)
    with Sshd(tmp_path / "far", environment=environment) as sshd:
        host = DatabaseHost(sshd)
        yield host
        processes.wait_until(lambda: not host.agents(), 90.0)


@pytest.fixture
def files(mariadb_source: DatabaseServer, make_fleet: MakeFleet, far: DatabaseHost) -> FleetFiles:
    """Give a fleet whose MariaDB is dumped on its host."""
    return make_files(mariadb_source, make_fleet, far)


def make_files(source: DatabaseServer, make_fleet: MakeFleet, far: DatabaseHost, content: str = ORDERS) -> FleetFiles:
    schema = source.fresh_schema("shop")
    source.sql(content, schema)
    made = make_fleet(source, schemas=[schema], host="db1_ssh")
    made.connections["db1_ssh"] = far.connection()
    made.write()
    return made


@pytest.fixture
def noisy(mariadb_source: DatabaseServer, make_fleet: MakeFleet, far: DatabaseHost) -> FleetFiles:
    """Give a fleet whose backup takes some seconds."""
    made = make_files(mariadb_source, make_fleet, far, NOISE + DOUBLE)
    # one part under way and one waiting: the dump itself has to wait
    made.document["stores"]["swift"] |= {"bandwidth_limit": "10 MB/s", "parallel": 1}
    made.write()
    return made


class Watch:
    """Notes, while it is entered, below which processes a dump tool runs."""

    def __init__(self, tool: bytes, far: DatabaseHost) -> None:
        self.there = self.here = False
        self._tool, self._far, self._over = tool, far, threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._over.wait(0.02):
            everywhere = processes.children(os.getpid())  # first: what starts there meanwhile is not taken for one here
            there = processes.children(self._far.sshd.pid)
            self.there |= self._runs(there)
            self.here |= self._runs(everywhere - there)

    def _runs(self, pids: set[int]) -> bool:
        """Return whether one of them is a dump. The name of MySQL's may be that of the loader which has started it."""
        commands = []
        for pid in pids:
            with contextlib.suppress(OSError):  # it ended while we looked
                commands.append(pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"))
        return any(self._tool in map(os.path.basename, command) and b"--databases" in command for command in commands)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def drill(files: FleetFiles) -> str:
    done = files.run("drill", "shop", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    outcome: str = json.loads(done.stdout)["outcome"]
    return outcome


def test_the_dump_runs_on_the_databases_host_and_the_backup_is_proven(
    source: DatabaseServer, make_fleet: MakeFleet, far: DatabaseHost
) -> None:
    files = make_files(source, make_fleet, far, NOISE + DOUBLE)
    # a directory that is not there is passed over
    files.document["tools"].insert(0, "/nonexistent/bin")
    # one part under way and one waiting: the dump itself has to wait, and is seen on a busy machine, too
    files.document["stores"]["swift"] |= {"bandwidth_limit": "10 MB/s", "parallel": 1}
    files.write()
    with Watch(source.tools["dump"][0].encode(), far) as watch:
        taken = files.run("backup", "shop", "--json")
    assert taken.returncode == 0, taken.stderr
    assert (watch.there, watch.here) == (True, False)
    assert far.is_empty()
    assert drill(files) == "proven"
    nothing_runs(files)


def test_nothing_that_opens_a_backup_or_a_store_goes_over(
    files: FleetFiles, far: DatabaseHost, swift: Swift, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = bytearray()
    original = paramiko.Channel.sendall

    def sendall(channel: paramiko.Channel, content: bytes) -> None:
        sent.extend(bytes(content))
        original(channel, content)

    monkeypatch.setattr(paramiko.Channel, "sendall", sendall)
    recovery_point = backup.new_id()
    assert backup.take_backup(files.open(monkeypatch), "shop", recovery_point).failed == {}
    told = bytes(sent)
    for needed in (recovery_point.encode(), b"BEGIN PGP PUBLIC KEY", b"temp_url_sig="):
        assert needed in told
    account = swift.connection()
    tempurl_keys = [value for name, value in swift.raw().head_account().items() if "temp-url-key" in name]
    assert tempurl_keys
    secrets = [account.password, account.login, far.sshd.user_key.private[40:80], *tempurl_keys]
    for secret in [*secrets, "PRIVATE KEY", "passphrase", files.connections["pager"]["password"]]:
        assert secret.encode() not in told, secret
    assert far.is_empty()


def start(files: FleetFiles, recovery_point: str, grace: float) -> subprocess.Popen[bytes]:
    """Start a controller of a backup in a process of its own."""
    argv = [sys.executable, "-c", CONTROLLER, recovery_point, str(grace)]
    return subprocess.Popen(argv, cwd=CHECKOUT, env={**os.environ, **files.variables})


def parts(files: FleetFiles, swift: Swift) -> list[str]:
    with contextlib.suppress(Exception):  # the container is made by the backup
        return [name for name in swift.names(f"{files.container}_segments") if "/dump.sql" in name]
    return []


def kill_half_way(files: FleetFiles, far: DatabaseHost, swift: Swift, recovery_point: str, grace: float) -> set[int]:
    """Kill a controller hard when a part of its dump is stored. Return what runs on the host."""
    controller = start(files, recovery_point, grace)
    try:
        processes.wait_until(lambda: controller.poll() is not None or parts(files, swift), 90.0)
        assert controller.poll() is None
    finally:
        controller.kill()
        controller.wait()
    return far.agents()


def test_kill_9_of_the_controller_leaves_nothing_after_the_grace(noisy: FleetFiles, far: DatabaseHost, swift: Swift) -> None:
    # so slow that it would not be done by itself
    noisy.document["stores"]["swift"]["bandwidth_limit"] = "1 MB/s"
    noisy.write()
    kill_half_way(noisy, far, swift, backup.new_id(), 3)
    assert "mariadb-dump" in far.programs()
    processes.wait_until(far.is_empty, 20.0)


def test_who_takes_the_same_backup_within_the_grace_goes_on_with_it(
    noisy: FleetFiles, far: DatabaseHost, swift: Swift, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovery_point = backup.new_id()
    before = kill_half_way(noisy, far, swift, recovery_point, 60)
    stored = parts(noisy, swift)
    dumps = {pid for pid in processes_of(far) if processes.program(pid) == "mariadb-dump"}
    taken = backup.take_backup(noisy.open(monkeypatch), "shop", recovery_point)
    assert before
    assert len(dumps) == 1
    dump_commands = [command for command in taken.manifest.commands if "--databases" in command.argv]
    assert len(dump_commands) == 1
    assert set(stored) <= set(parts(noisy, swift))
    assert far.is_empty()
    assert drill(noisy) == "proven"


def processes_of(far: DatabaseHost) -> set[int]:
    return {below for pid in far.agents() for below in processes.children(pid)}


def test_a_line_that_is_cut_half_way_costs_the_backup_nothing(
    noisy: FleetFiles, far: DatabaseHost, swift: Swift, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts: list[set[str]] = []

    def cut_when_stored(_: object) -> None:
        if not cuts and parts(noisy, swift):
            cuts.append(far.programs())
            far.sshd.cut()

    taken = backup.take_backup(noisy.open(monkeypatch), "shop", backup.new_id(), on_progress=cut_when_stored)
    assert "mariadb-dump" in cuts[0]
    assert taken.failed == {}
    assert far.is_empty()
    assert drill(noisy) == "proven"


def test_a_host_that_stays_away_fails_the_backup_when_its_agent_has_given_up(
    noisy: FleetFiles, far: DatabaseHost, swift: Swift, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop_when_stored(_: object) -> None:
        if parts(noisy, swift):
            far.sshd.stop()

    with pytest.raises(errors.ToolError, match=r"connection to 127\.0\.0\.1 lost") as caught:
        backup.take_backup(noisy.open(monkeypatch), "shop", backup.new_id(), grace=5, on_progress=stop_when_stored)
    assert "can't be reached" in caught.value.detail
    processes.wait_until(far.is_empty, 20.0)
    nothing_stored(noisy, swift)


def test_an_agent_that_was_left_can_be_ended_before_its_grace_is_over(
    noisy: FleetFiles, far: DatabaseHost, swift: Swift, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovery_point = backup.new_id()
    kill_half_way(noisy, far, swift, recovery_point, 60)
    installation = noisy.open(monkeypatch)
    backup.end_run(installation, "shop", recovery_point)
    assert far.is_empty()
    assert backup.discard(installation, "shop", recovery_point)
    # and where there is none, that is that
    backup.end_run(installation, "shop", recovery_point)
    assert far.is_empty()
    nothing_stored(noisy, swift)


def test_a_stop_of_the_controller_ends_the_dump_at_once(noisy: FleetFiles, far: DatabaseHost, swift: Swift) -> None:
    controller = start(noisy, backup.new_id(), 60)
    processes.wait_until(lambda: controller.poll() is not None or parts(noisy, swift), 90.0)
    controller.send_signal(signal.SIGINT)
    assert controller.wait(60) != 0
    assert far.is_empty()
    nothing_stored(noisy, swift)


def test_a_tool_that_is_missing_there_is_missed_there(
    files: FleetFiles, far: DatabaseHost, swift: Swift, tmp_path: pathlib.Path
) -> None:
    programs = tmp_path / "far/bin"
    programs.mkdir()
    for name in ("sh", "python3", "setpriv", "mariadb", "mariadb-dump", "gpg"):
        (programs / name).symlink_to(shutil.which(name, path="/usr/bin:/bin") or name)
    with Sshd(tmp_path / "far", environment={**far.sshd.environment, "PATH": str(programs)}) as poor:
        files.connections["db1_ssh"] = DatabaseHost(poor).connection()
        files.write()
        done = files.run("backup", "shop")
    assert done.returncode == 1
    assert "zstd: no such program (on 127.0.0.1)" in done.stderr
    assert "zstd on this host" in " ".join(done.stderr.split())
    assert far.is_empty()
    nothing_stored(files, swift)


def test_another_host_in_its_place_gets_nothing(files: FleetFiles, far: DatabaseHost, swift: Swift) -> None:
    files.connections["db1_ssh"]["extra"]["host_key"] = new_key().public
    files.write()
    done = files.run("backup", "shop")
    assert done.returncode == 1
    assert "host key is not the one on record" in " ".join(done.stderr.split())
    assert "Accepted" not in far.sshd.log
    nothing_stored(files, swift)


def test_a_live_check_tries_the_host(files: FleetFiles, far: DatabaseHost, monkeypatch: pytest.MonkeyPatch) -> None:
    files.open(monkeypatch)
    path = files.folder / "fleet.yaml"
    assert check(path, live=True) == []
    assert far.is_empty()
    files.connections["db1_ssh"]["extra"]["private_key"] = new_key().private
    files.write()
    (fault,) = check(path, live=True)
    assert fault.where == "databases.shop.host"
    assert "refused" in fault.what


def test_a_host_that_is_no_ssh_connection_is_an_error_of_the_fleet(files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    files.document["databases"]["shop"]["host"] = "source"
    files.write()
    with pytest.raises(errors.ConfigError, match="connection source: type 'mysql' is not ssh"):
        backup.take_backup(files.open(monkeypatch), "shop", backup.new_id())
