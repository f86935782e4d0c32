"""A fleet of two databases on a directory store; drills of one: proven, refuted, and one with a manifest not to be trusted."""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
from collections.abc import Iterator

import pytest

from include.proven import backup, drill, ids
from include.proven.demo.keys import DemoKeys
from include.proven.installation import Installation
from include.proven.manifest import Manifest
from include.proven.proof.verdict import Verdict
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import RECIPIENTS, FleetFiles

HOSTILE = '<script>alert("rows")</script>'
SHOP = f"""
CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(40), total DECIMAL(10,2) NOT NULL DEFAULT 0);
INSERT INTO orders (note) VALUES ('first'), (NULL), ('third');
CREATE TABLE `{HOSTILE}` (id INT PRIMARY KEY, hits FLOAT);
INSERT INTO `{HOSTILE}` VALUES (1, 0.5), (2, 1.5);
CREATE VIEW notes AS SELECT note FROM orders;
"""
CHANGE = f"""
DELETE FROM orders WHERE id = 3;
ALTER TABLE orders MODIFY total DECIMAL(8,2) NOT NULL DEFAULT 0;
UPDATE `{HOSTILE}` SET hits = 2.5 WHERE id = 1;
"""
CHECK = "-- name: every order has a total\nSELECT COUNT(*) AS orders, COUNT(*) = COUNT(total) AS all_have FROM {schema}.orders"


@dataclasses.dataclass
class Drilled:
    """What the tests look at."""

    files: FleetFiles
    installation: Installation
    proven: Verdict
    refuted: Verdict
    untrusted: Verdict
    store: pathlib.Path
    """The directory, with its prefix."""


@pytest.fixture(scope="session")
def drilled(tmp_path_factory: pytest.TempPathFactory, mariadb_source: DatabaseServer, gpg_home: DemoKeys) -> Iterator[Drilled]:
    """Drill two backups, the second against what the first had seen, and a forged manifest that claims to be a third. A way by
    the binary log to the first was proven, too."""
    folder = tmp_path_factory.mktemp("reports")
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        pathlib.Path(place).chmod(0o711)
        schema = mariadb_source.fresh_schema("shop")
        mariadb_source.sql(SHOP, schema)
        files = make_files(folder, mariadb_source, gpg_home, schema, place)
        installation = files.open(patch)
        first = backup.take_backup(installation, "shop", backup.new_id()).manifest
        proven = try_it(installation, first)
        mariadb_source.sql(CHANGE, schema)
        second = backup.take_backup(installation, "shop", backup.new_id()).manifest
        store = folder / "disk" / "backups"
        pretend(installation, second.model_copy(update={"fingerprint": first.fingerprint, "inventory": first.inventory}), store)
        refuted = try_it(installation, second)
        forged = forge(second, store)
        untrusted = try_it(installation, second.model_copy(update={"recovery_point": forged}))
        way = {"drill": ids.new_drill(), "via": "20261101T000000Z-full-00000000"}
        installation.catalog("shop").record_verdict(proven.model_copy(update=way))
        yield Drilled(files, installation, proven, refuted, untrusted, store)


def make_files(folder: pathlib.Path, source: DatabaseServer, keys: DemoKeys, schema: str, sandboxes: str) -> FleetFiles:
    """Write a fleet: `shop` is drilled here, `idle` has never been backed up."""
    (folder / "disk").mkdir()
    scratch = pathlib.Path(tempfile.mkdtemp(dir=sandboxes))
    endpoint = source.endpoint
    server = {"host": endpoint["host"], "port": endpoint["port"], "login": endpoint["user"], "password": endpoint["password"]}
    database = {
        "connection": "source",
        "engine": "mariadb",
        "schedule": None,
        "objectives": {"rpo": "26h", "rto": "1h"},
        "stores": ["disk"],
        "sandbox": "local",
        "schemas": [schema],
        "owner": "shop & team",
        "contacts": ["oncall"],
    }
    document = {
        "version": 1,
        "gnupg": {"home": str(keys.home), "recipients": RECIPIENTS, "signer": RECIPIENTS[0]},
        "tools": [str(path) for path in source.path],
        "stores": {"disk": {"kind": "directory", "path": str(folder / "disk"), "prefix": "backups"}},
        "sandboxes": {"local": {"kind": "local", "directory": sandboxes, "prices": {"local": 0.36}}},
        "pages": {"routes": {"oncall": {"kind": "webhook", "endpoint": "http://127.0.0.1:9/"}}},
        "databases": {"shop": database, "idle": database},
    }
    (folder / "checks/shop").mkdir(parents=True)
    (folder / "checks/shop/totals.sql").write_text(CHECK.format(schema=schema))
    files = FleetFiles(folder, document, {"source": {"conn_type": "mysql", **server}}, keys.home, "", scratch)
    files.write()
    return files


def try_it(installation: Installation, manifest: Manifest) -> Verdict:
    """Drill a recovery point, here and now."""
    asked = drill.Drill(ids.new_drill(), "shop", manifest.recovery_point, "disk", "local", "cli:<b>alice</b>")
    return drill.run(installation, asked)


def pretend(installation: Installation, manifest: Manifest, store: pathlib.Path) -> None:
    """Sign a manifest anew, in the place of the one that is there."""
    path = store / "shop" / manifest.recovery_point / "manifest.json"
    content = manifest.model_dump_json(indent=2).encode() + b"\n"
    path.write_bytes(content)
    path.with_name("manifest.json.asc").write_bytes(installation.keyring.sign(content))


def forge(manifest: Manifest, store: pathlib.Path) -> str:
    """Put a recovery point into the store that nobody has taken, with the signature of another, and return its id."""
    forged = ids.new_recovery_point()
    genuine = store / "shop" / manifest.recovery_point
    (store / "shop" / forged).mkdir()
    content = (genuine / "manifest.json").read_bytes().replace(manifest.recovery_point.encode(), forged.encode())
    (store / "shop" / forged / "manifest.json").write_bytes(content)
    (store / "shop" / forged / "manifest.json.asc").write_bytes((genuine / "manifest.json.asc").read_bytes())
    return forged
