"""A complete drill in a real machine: Keystone, Swift and Nova are real, and so is the Debian that boots and is drilled on."""

from __future__ import annotations

import datetime
import io
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from include.proven import backup, drill, ids
from include.proven.demo import swift as embedded
from include.proven.demo.shop import writer
from include.proven.demo.swift_server import config
from include.proven.installation import Installation
from include.proven.progress import Progress
from include.proven.proof.built_in import BUILT_IN
from include.proven.sandboxes.machines import MachineSandbox
from tests.openstack import inside
from tests.openstack.tenant import Bed
from tests.servers.databases import DatabaseServer, run_source
from tests.servers.fleets import CHECKOUT, FleetFiles, MakeFleet
from tests.servers.keystone import Keystone, KeystoneSwift

MEGABYTES = 10
USER_CHECKS = ("payments_match.sql", "views_open.sql")
SEED_LINE = 4
"""Of the lines of an Ed25519 key as OpenSSH writes it: the one that is private."""


@pytest.fixture(scope="module")
def source(bed: Bed, mariadb_path: list[pathlib.Path]) -> Iterator[DatabaseServer]:
    """A real MariaDB with the demo's shop, at an address to which the machines have no route."""
    for server in run_source("mariadb", mariadb_path, bed.described["elsewhere"]):
        shop = io.BytesIO()
        writer.write_shop(shop, flavour="mariadb", megabytes=MEGABYTES)
        done = server.run(server.tools["client"], server.admin, shop.getvalue())
        assert done.returncode == 0, done.stderr.decode()
        yield server


@pytest.fixture(scope="module")
def swift(bed: Bed, keystone_python: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeystoneSwift]:
    """A real Swift that trusts the bed's Keystone and listens where the machines reach it."""
    keystone = Keystone(bed.described["url"], bed.described["password"])
    service = keystone.add_person(f"swift{secrets.token_hex(4)}", role="service")
    trusted = config.Keystone(keystone.url, service.name, service.name, service.password)
    settings = config.Settings(keystone=trusted, address=bed.described["host_address"], parent=os.getpid())
    server = embedded.start_swift(tmp_path_factory.mktemp("swift"), keystone_python, settings)
    keystone.add_endpoint("object-store", f"{server.url}/v1/AUTH_%(project_id)s")
    people = (keystone.add_person(f"drills{secrets.token_hex(4)}"), keystone.add_person(f"stranger{secrets.token_hex(4)}"))
    yield KeystoneSwift(server, settings, keystone, people)
    embedded.stop(server)
    admin = keystone.admin()  # the next Swift on this bed must be the only one in the catalog
    for service in admin.get("/services", params={"type": "object-store"}).json()["services"]:
        admin.delete(f"/services/{service['id']}")


@pytest.fixture
def files(bed: Bed, source: DatabaseServer, swift: KeystoneSwift, make_fleet: MakeFleet) -> FleetFiles:
    """A fleet with the shop, its checks, that Swift, and machines of Nova: one account of Keystone's for both."""
    files = make_fleet(source, sandbox="nova")
    ours = swift.connection()
    fields = {"host": ours.host, "login": ours.login, "password": ours.password, "extra": ours.extra}
    files.connections["swift"] = {"conn_type": "openstack", **fields}
    files.document["sandboxes"]["nova"] = {
        "kind": "nova",
        "connection": "swift",
        "network": bed.network,
        "images": {"mariadb-10.11": bed.image},
        "sizes": bed.described["flavors"],
        "worker_networks": [f"{bed.described['host_address']}/32"],
        "prices": {"real": 0.12},
    }
    files.write()
    (files.folder / "checks/shop").mkdir(parents=True)
    for name in USER_CHECKS:
        shutil.copy(CHECKOUT / "include/checks/shop" / name, files.folder / "checks/shop")
    return files


@pytest.fixture
def installation(files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> Installation:
    return files.open(monkeypatch)


def private_line(key: str) -> bytes:
    return key.splitlines()[SEED_LINE].encode()


def private_numbers(gpg_home: pathlib.Path) -> dict[str, bytes]:
    """Return the secret number of every OpenPGP key, as gpg keeps it."""
    found = {}
    for file in (gpg_home / "private-keys-v1.d").iterdir():
        (number,) = re.findall(rb"\(d #([0-9A-F]+)#", re.sub(rb"\s+(?=[0-9A-F])", b"", file.read_bytes()))
        found |= {f"OpenPGP {file.name}": bytes.fromhex(number.decode()), f"OpenPGP {file.name}, as text": number}
    return found


def left_behind(bed: Bed, project: str) -> dict[str, list[Any]]:
    """Return what the cloud's administrator sees of a project, and what libvirt has."""
    admin = bed.api("admin")
    libvirt = pathlib.Path(os.environ["PROVEN_OPENSTACK_BED"]).parent / "libvirt/run/libvirt-sock"
    listed = subprocess.run(
        ["virsh", "-c", f"qemu+unix:///system?socket={libvirt}", "list", "--all", "--name"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        "servers": [server.name for server in admin.compute.servers(all_projects=True, project_id=project)],
        "ports": [port.id for port in admin.network.ports(project_id=project)],
        "security groups": [group.name for group in admin.network.security_groups(project_id=project)],
        "key pairs": [key.name for user in admin.identity.users() for key in admin.compute.keypairs(user_id=user.id)],
        "domains": listed.stdout.split(),
    }


def note(words: str, seconds: float) -> None:
    """Put a time beside those of the bed, for docs/benchmarks.md."""
    with (pathlib.Path(os.environ["PROVEN_OPENSTACK_BED"]).parent / "timings").open("a") as file:
        file.write(f"{seconds * 1000:.0f}\t{words}\n")


@pytest.mark.timeout(2400)
def test_a_drill_in_a_real_machine_is_proven_and_leaves_nothing(
    bed: Bed, source: DatabaseServer, swift: KeystoneSwift, files: FleetFiles, installation: Installation
) -> None:
    begun = time.monotonic()
    manifest = backup.take_backup(installation, "shop", backup.new_id()).manifest
    note(
        f"backup of a shop of {sum(artifact.plain_bytes for artifact in manifest.artifacts) / 1e6:.0f} MB",
        time.monotonic() - begun,
    )
    this = drill.Drill(ids.new_drill(), "shop", manifest.recovery_point, "swift", "nova")
    sandbox = installation.sandbox("nova")
    assert isinstance(sandbox, MachineSandbox)
    secrets_of_ours = {
        "the cloud's password": swift.people[0].password.encode(),
        "the source's password": source.endpoint["password"].encode(),
        "the key that logs in": private_line(sandbox.keys.derive("user", this.instance).private),
        **private_numbers(files.gpg_home),
    }
    host_key = private_line(sandbox.keys.derive("host", this.instance).private)
    addresses = [(source.endpoint["host"], source.endpoint["port"]), (bed.described["host_address"], swift.server.port)]
    seen: list[inside.Seen] = []

    def visit(_: Progress) -> None:
        if not seen:
            needles = {**secrets_of_ours, "the host key": host_key}
            seen.append(inside.look(sandbox, this.instance, needles, addresses))

    begun = time.monotonic()
    verdict = drill.run(installation, this, on_progress=visit)
    ended = datetime.datetime.now(datetime.UTC)
    note("drill, from the order to nothing left", time.monotonic() - begun)

    assert verdict.outcome == "proven", verdict.model_dump_json(indent=2)
    assert {check.name: check.outcome for check in verdict.checks} == dict.fromkeys(
        drill.check_names(installation, this), "pass"
    )
    assert len(verdict.checks) == len(BUILT_IN) + len(USER_CHECKS)
    assert verdict.usage is not None
    assert verdict.usage.size == "real"
    for step in verdict.steps:
        note(f"drill: {step.name}", step.seconds)
    note("drill: checks", sum(check.seconds for check in verdict.checks))
    note("drill: removal", (ended - verdict.finished_at).total_seconds())
    nothing: dict[str, list[Any]] = {"servers": [], "ports": [], "key pairs": [], "domains": []}
    assert left_behind(bed, swift.people[0].project_id) == {**nothing, "security groups": ["default"]}

    (look,) = seen
    assert look.agents, "the restore's agent was not seen, so nothing was looked at"
    assert "the config drive" in look.found.pop("the host key"), "the search finds nothing"
    assert look.found == {name: [] for name in secrets_of_ours}
    to_source, to_swift = look.refusals
    assert to_swift == "", "the probe reaches nobody"
    assert "unreachable" in to_source
