"""A whole drill on a machine: real Swift, real backup, SSH; and what somebody who has got into that machine finds there."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import pathlib
import re
import subprocess
from collections.abc import Iterator

import httpx
import pytest

from include.proven import drill, ids
from include.proven.drill import Drill
from include.proven.installation import Installation
from include.proven.sandboxes import nova, user_data
from include.proven.sandboxes.machines import MachineSandbox
from tests.sandboxes.yard import Yard
from tests.servers import machine
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet
from tests.servers.forward import forward
from tests.servers.swift import Swift, SwiftFactory

URL = re.compile(rb"http://[0-9.:]+/v1/[A-Za-z0-9_./%-]+\?temp_url_sig=[0-9a-f]{64}&temp_url_expires=\d{10}")
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)"
MANY = """
INSERT INTO orders (note) SELECT HEX(RANDOM_BYTES(90))
FROM information_schema.columns one, information_schema.columns other LIMIT 100000
"""
TOOLS = {"gpg", "zstd", "mariadb", "mysql"}
ELSEWHERE = {"proc", "dev", "usr"}
"""Of the machine's disk: what lies there is not the drill's."""


@dataclasses.dataclass
class Bed:
    """One database with two recovery points, of which the later is drilled on a machine."""

    files: FleetFiles
    installation: Installation
    drill: Drill
    yard: Yard
    points: list[str]
    source: DatabaseServer
    gateway: str

    @property
    def machine(self) -> machine.Machine:
        return self.yard.machine(self.drill.instance)


@pytest.fixture
def swift(start_swift: SwiftFactory, gateway: str) -> Swift:
    """A Swift that machines reach."""
    return start_swift(address=gateway)


@pytest.fixture
def bed(
    source: DatabaseServer,
    make_fleet: MakeFleet,
    gateway: str,
    directory: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Bed]:
    """The source is reachable from machines: that a probe fails must be the sandbox's merit."""
    schema = source.fresh_schema("shop")
    source.sql("CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(200))", schema)
    source.sql(MANY, schema)
    files = make_fleet(source, schemas=[schema], sandbox="cloud")
    files.document["sandboxes"]["cloud"] = {
        "kind": "nova",
        "connection": "cloud",
        "network": "n",
        "images": {"mariadb-10.11": "debian-12", "mysql-9.7": "sid"},
        "sizes": ["small"],
        "seed": "keys",
    }
    files.connections["source"]["host"] = gateway
    files.connections["cloud"] = {"conn_type": "openstack", "host": "http://192.0.2.1:5000/v3", "password": "the-clouds-secret"}
    files.connections["keys"] = {"conn_type": "generic", "password": "the-seed-of-the-keys"}
    files.write()
    yard = Yard(directory / "sandboxes", source.path)
    monkeypatch.setattr(nova, "NovaCloud", lambda config, connection: yard)
    with forward(gateway, source.endpoint["port"]):
        for _ in range(2):
            taken = files.run("backup", "shop")
            assert taken.returncode == 0, taken.stderr
        installation = files.open(monkeypatch)
        points = installation.catalog("shop").recovery_points("shop")
        drilled = Drill(ids.new_drill(), "shop", points[-1], "swift", "cloud")
        yield Bed(files, installation, drilled, yard, points, source, gateway)


def test_drill_on_a_machine_is_proven_and_leaves_nothing(bed: Bed) -> None:
    verdict = drill.run(bed.installation, bed.drill)
    assert verdict.outcome == "proven", verdict.reason
    assert bed.yard.find("cloud") == []
    assert machine.find(bed.yard.machines) == []


def test_whoever_gets_into_the_machine_finds_no_secret_and_one_recovery_point(bed: Bed, swift: Swift) -> None:
    drill.build(bed.installation, bed.drill)
    memories: list[bytes] = []
    drill.load(
        bed.installation,
        bed.drill,
        on_progress=lambda _: None if memories else memories.extend(agents_memories(bed.machine)),
    )
    secrets = all_secrets(bed, swift)
    disk = contents_of_the_disk(bed.machine)
    places = {"memory of the agent": b"".join(memories), "processes": words_of_processes(bed.machine), "disk": disk}
    for place, content in places.items():
        assert [name for name, secret in secrets.items() if secret in content] == [], place
    sandbox = bed.installation.sandbox("cloud")
    assert isinstance(sandbox, MachineSandbox)
    assert key_of(sandbox, "host", bed.drill.instance) in disk, "this search finds what is there"

    urls = set(URL.findall(places["memory of the agent"]))
    assert urls, "this search finds what the agent has"
    assert all(bed.points[-1].encode() in url for url in urls)
    url = urls.pop().decode()
    assert httpx.get(url).status_code == 200
    assert httpx.get(url.replace(bed.points[-1], bed.points[0])).status_code == 401, "the other recovery point"
    assert drill.destroy(bed.installation, bed.drill)


def test_source_is_reached_from_the_machine_and_not_from_its_database(bed: Bed) -> None:
    drill.build(bed.installation, bed.drill)
    probe = ["python3", "-c", CONNECT, bed.gateway, str(bed.source.endpoint["port"])]
    assert bed.machine.run(*probe).returncode == 0, "it can be reached"
    inside = bed.machine.run(*user_data.INSIDE, *probe)
    assert inside.returncode != 0
    assert "unreachable" in inside.stderr
    steps, _ = bed.installation.catalog("shop").evidence("shop", bed.drill.recovery_point, bed.drill.id)
    (built,) = steps
    assert built.outcome == "done"
    assert all(finding["ok"] for finding in built.figures["isolation"])
    assert any(bed.gateway in finding["said"] for finding in built.figures["isolation"]), "it was tried"
    assert drill.destroy(bed.installation, bed.drill)


def all_secrets(bed: Bed, swift: Swift) -> dict[str, bytes]:
    """Return everything that would open more than this one recovery point."""
    home = ["gpg", "--homedir", str(bed.files.gpg_home), "--batch", "--quiet", "--pinentry-mode", "loopback"]
    exported = [*home, "--export-secret-keys"]
    private = subprocess.run(exported, capture_output=True, check=True).stdout
    public = subprocess.run([*home, "--export"], capture_output=True, check=True).stdout
    sandbox = bed.installation.sandbox("cloud")
    assert isinstance(sandbox, MachineSandbox)
    pieces = {f"private GnuPG key {at}": private[at : at + 24] for at in range(0, len(private) - 24, 8)}
    return {
        "the cloud's": b"the-clouds-secret",
        "the seed": b"the-seed-of-the-keys",
        "the source's": bed.source.endpoint["password"].encode(),
        "the store's": swift.connection().password.encode(),
        "the store's signing key": swift.raw().head_account()["x-account-meta-temp-url-key"].encode(),
        "our SSH key": key_of(sandbox, "user", bed.drill.instance),
        **{name: piece for name, piece in pieces.items() if piece not in public},
    }


def key_of(sandbox: MachineSandbox, purpose: str, instance: str) -> bytes:
    """Return a line of a private key that only that key has; the ones before it hold random bytes of the format."""
    return sandbox.keys.derive(purpose, instance).private.splitlines()[4].encode()  # type: ignore[arg-type]


def processes_on(where: machine.Machine) -> list[pathlib.Path]:
    """Return the machine's processes, as this machine sees them."""
    inside = os.stat(f"/proc/{where.pid}/ns/pid_for_children").st_ino  # noqa: PTH116
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "ns/pid").stat().st_ino == inside:
                    found.append(entry)
            except (FileNotFoundError, PermissionError):
                continue  # it has ended meanwhile, or is none that even root may look into
    assert found
    return found


def words_of_processes(where: machine.Machine) -> bytes:
    """Return the arguments and environments of all its processes."""
    return b"".join((entry / name).read_bytes() for entry in processes_on(where) for name in ("cmdline", "environ"))


def agents_memories(where: machine.Machine) -> list[bytes]:
    """Return all that its agents, the tools that they run, and their keepers hold in memory."""
    found = []
    for process in processes_on(where):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ends while we look
            if b"agent-" in (process / "cmdline").read_bytes() or (process / "comm").read_text().strip() in TOOLS:
                found.append(memory_of(process))
    return found


def memory_of(process: pathlib.Path) -> bytes:
    """Return what a process holds in memory of its own."""
    pieces = []
    with (process / "mem").open("rb", buffering=0) as memory:
        for line in (process / "maps").read_text().splitlines():
            place, rights, *_ = line.split()
            if rights.startswith("rw") and "[v" not in line:
                begin, end = (int(number, 16) for number in place.split("-"))
                memory.seek(begin)
                try:
                    pieces.append(memory.read(end - begin))
                except OSError as error:
                    if error.errno != errno.EIO:  # given back since the map was read
                        raise
    return b"".join(pieces)


def contents_of_the_disk(where: machine.Machine) -> bytes:
    """Return all that lies on its disk."""
    pieces: list[bytes] = []
    for folder in where.root.iterdir():
        if folder.name in ELSEWHERE or folder.is_symlink():
            continue
        files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
        pieces.extend(path.read_bytes() for path in files if path.name != pathlib.Path(user_data.PLACE.network).name)
    return b"".join(pieces)
