"""A dump by table is loaded with its rows beside each other and its indexes after them: the database is the same."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from include.proven import agent_client, errors
from tests.agent import processes
from tests.agent.jobs import Keys, restore_job, seal
from tests.agent.object_server import ObjectServer
from tests.servers.databases import DatabaseServer
from tests.servers.missing import give_up

SHOP = """
SET foreign_key_checks = 0;
CREATE TABLE parent (id INT PRIMARY KEY, a INT, b VARCHAR(40), c TEXT, d DATE NOT NULL, UNIQUE KEY u_a (a),
 KEY k_b (b(10) DESC, a), KEY k_c (c(20)), UNIQUE KEY nn (id, d), UNIQUE KEY part (b(30), id),
 KEY `odd ``name)` (b, d) COMMENT 'it''s (a) \\\\ "comment"\\n, KEY `x` (`y`)', CONSTRAINT ck CHECK (a > 0)) ENGINE=InnoDB;
CREATE TABLE child (id INT AUTO_INCREMENT PRIMARY KEY, p INT, q INT NOT NULL, r VARCHAR(300), UNIQUE KEY uq (q),
 CONSTRAINT f2 FOREIGN KEY (p) REFERENCES parent (a) ON DELETE SET NULL ON UPDATE CASCADE,
 CONSTRAINT f1 FOREIGN KEY (q) REFERENCES child (id), FOREIGN KEY (p) REFERENCES parent (id), KEY zz (r(99)), KEY aa (q, r(9)),
 CHECK (q <> -5)) ENGINE=InnoDB COMMENT='KEY `a` (`b`),\\nx';
CREATE TABLE searched (id INT PRIMARY KEY, t TEXT, p INT, KEY (p), FULLTEXT KEY f (t), FOREIGN KEY (p) REFERENCES parent (a))
 ENGINE=InnoDB;
CREATE TABLE parted (id INT PRIMARY KEY, t INT, v INT AS (t + 1) VIRTUAL, s INT AS (t + 2) STORED, KEY kv (v), KEY ks (s, v))
 ENGINE=InnoDB PARTITION BY HASH (id) PARTITIONS 3;
CREATE TABLE unkeyed (a INT, UNIQUE KEY (a)) ENGINE=InnoDB;
CREATE TABLE numbered (a INT NOT NULL, b INT NOT NULL AUTO_INCREMENT, PRIMARY KEY (a), KEY (b)) ENGINE=InnoDB;
CREATE VIEW after_hinted AS SELECT 1 AS one;
CREATE VIEW hinted AS SELECT parent.id FROM parent USE INDEX (k_c);
CREATE OR REPLACE VIEW after_hinted AS SELECT id FROM hinted;
CREATE TRIGGER never BEFORE INSERT ON child FOR EACH ROW SET NEW.q = NEW.q + 1;
"""
OWN = {
    "mariadb": """
CREATE TABLE kept (id INT PRIMARY KEY, t INT, p INT, KEY (t), FOREIGN KEY (p) REFERENCES parent (a)) ENGINE=InnoDB
 WITH SYSTEM VERSIONING;
CREATE TABLE hidden (id INT PRIMARY KEY, t INT, b TEXT, KEY ig (t) IGNORED, KEY bt (t) USING BTREE) ENGINE=InnoDB;
CREATE TABLE hashed (id INT PRIMARY KEY, b TEXT, KEY (id, b(9)), UNIQUE KEY hh (b)) ENGINE=InnoDB;
CREATE TABLE aria (id INT PRIMARY KEY, t INT, KEY (t)) ENGINE=Aria;
""",
    "mysql": """
CREATE TABLE kept (id INT PRIMARY KEY, t INT, j JSON, KEY (t), KEY fu ((t * 2)), KEY mv ((CAST(j->'$' AS UNSIGNED ARRAY))),
 CONSTRAINT nee CHECK (t > 1) NOT ENFORCED) ENGINE=InnoDB;
CREATE TABLE hidden (id INT PRIMARY KEY, t INT, u INT INVISIBLE, KEY ig (t) INVISIBLE, UNIQUE KEY ea (u) COMMENT 'c')
 ENGINE=InnoDB;
CREATE TABLE hashed (id INT PRIMARY KEY, t INT, p POINT NOT NULL SRID 0, KEY (t), SPATIAL KEY (p)) ENGINE=InnoDB;
""",
}
ALONE = ["parent", "child"]
LARGE_BYTES = 5_000_000
END = b"-- Dump completed\n"
ROWS = """
SET SESSION foreign_key_checks = 0;
INSERT INTO parent WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 300)
 SELECT i, i, SUBSTR(SHA2(i, 256), 1, 40), REPEAT(SHA2(i, 256), 2), DATE '2026-01-01' FROM n;
INSERT INTO child (p, q, r) SELECT id, id - 1, CONCAT(c, c) FROM parent WHERE id < 200;
INSERT INTO searched SELECT id, 'some words', id FROM parent WHERE id < 9;
INSERT INTO parted (id, t) SELECT id, id FROM parent WHERE id < 99;
INSERT INTO numbered (a) SELECT id FROM parent WHERE id < 99;
"""


class Dumper:
    """Takes a dump by table with the real tools, and stores it as the agent does."""

    def __init__(self, source: DatabaseServer, schema: str, objects: ObjectServer, keys: Keys) -> None:
        self._source, self._schema, self._objects, self._keys = source, schema, objects, keys

    def text(self, *options: str) -> bytes:
        done = self._source.run([*self._source.tools["dump"], *options], self._source.admin)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def definitions(self) -> dict[str, Any]:
        return self.seal("definitions", self.text("--no-data", "--skip-triggers", "--databases", self._schema))

    def rows(self, *tables: str) -> dict[str, Any]:
        plain = self.text("--no-create-info", "--skip-triggers", "--skip-routines", "--skip-events", self._schema, *tables)
        # what nobody needs to insert makes a table large, too
        begin = f"USE `{self._schema}`;\n".encode() + b"-- %b\n" % (b"x" * 100 * len(tables)) * (LARGE_BYTES // 100)
        return self.seal("rows", begin + plain, [f"{self._schema}.{table}" for table in tables])

    def triggers(self) -> dict[str, Any]:
        options = ["--no-create-info", "--no-data", "--skip-routines", "--skip-events", "--databases"]
        return self.seal("triggers", self.text(*options, self._schema))

    def seal(self, role: str, plain: bytes, tables: Iterable[str] = ()) -> dict[str, Any]:
        (artifact,) = seal(plain, self._objects, self._keys)["artifacts"]
        name = "-".join([role, *tables]) + ".sql.zst.gpg"
        self._objects.parts[name] = self._objects.parts.pop(artifact["name"])
        return {**artifact, "name": name, "role": role, "tables": list(tables)}


@pytest.fixture
def shop(source: DatabaseServer) -> str:
    """A schema with every kind of key, some of its tables large."""
    schema = source.fresh_schema("keyed")
    source.sql(SHOP + OWN[source.flavour] + ROWS, schema)
    return schema


@pytest.fixture
def dumper(source: DatabaseServer, shop: str, objects: ObjectServer, keys: Keys) -> Dumper:
    return Dumper(source, shop, objects, keys)


def describe(source: DatabaseServer, schema: str) -> dict[str, Any]:
    """Return every definition as the server prints it, and what of a fingerprint has to be the same."""
    job = {"protocol": 1, "job": "inspect", "source": source.admin, "tools": source.tools, "schemas": [schema]}
    seen = agent_client.run({**job, "take": ["fingerprint", "inventory"], "like": {}, "time_limit": 300.0, "log": ""})
    tables = [
        name for (name,) in source.sql(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}'")
    ]
    return {
        "created": {name: source.sql(f"SHOW CREATE TABLE `{schema}`.`{name}`") for name in tables},
        "digests": {name: (table["rows"], table["digest"]) for name, table in seen["fingerprint"]["tables"].items()},
        "triggers": seen["inventory"]["triggers"],
        "views": seen["inventory"]["views"],
    }


def test_what_is_loaded_by_table_is_the_same_to_the_letter(
    source: DatabaseServer, shop: str, dumper: Dumper, objects: ObjectServer, keys: Keys
) -> None:
    before = describe(source, shop)
    others = [name for name in before["created"] if name not in [*ALONE, "hinted", "after_hinted"]]
    artifacts = [dumper.definitions(), *(dumper.rows(name) for name in ALONE), dumper.rows(*others), dumper.triggers()]
    source.sql(f"DROP DATABASE `{shop}`")
    done = agent_client.run(restore_job({"artifacts": artifacts}, objects, keys, source.tools, source.admin))
    assert describe(source, shop) == before
    stages = {stage["name"]: stage["bytes"] for stage in done["stages"]}
    assert {"definitions load", "load", "indexes", "triggers load"} <= set(stages)
    assert stages["load"] == sum(one["plain_bytes"] for one in artifacts if one["role"] == "rows")
    assert done["plain_bytes"] == sum(one["plain_bytes"] for one in artifacts)


class Plain:
    """Tables with a key, as a dump tool writes them, of which a test chooses the rows."""

    def __init__(self, dumper: Dumper, source: DatabaseServer, schema: str) -> None:
        self._dumper, self._source, self._use = dumper, source, b"USE `%b`;\n" % schema.encode()
        self.schema = schema

    def artifacts(self, **rows: bytes) -> list[dict[str, Any]]:
        """Return what makes these tables, their rows, and a table that comes with the triggers."""
        lines = b"  `id` int NOT NULL,\n  `a` int DEFAULT NULL,\n  PRIMARY KEY (`id`),\n  UNIQUE KEY `u` (`a`)\n"
        created = b"".join(b"CREATE TABLE `%b` (\n%b) ENGINE=InnoDB;\n" % (name.encode(), lines) for name in rows)
        large = self._use + b"-- %b\n" % (b"x" * LARGE_BYTES)
        return [
            self._dumper.seal("definitions", self._use + created + END),
            *(self._dumper.seal("rows", large + text + END, [f"{self.schema}.{name}"]) for name, text in rows.items()),
            self._dumper.seal("triggers", self._use + b"CREATE TABLE later (x INT);\n" + END),
        ]

    def tables(self) -> list[str]:
        return [name for (name,) in self._source.sql(f"SHOW TABLES FROM `{self.schema}`")]


@pytest.fixture
def plain(source: DatabaseServer, objects: ObjectServer, keys: Keys) -> Plain:
    schema = source.fresh_schema("plain")
    return Plain(Dumper(source, schema, objects, keys), source, schema)


@pytest.mark.failure("C4")
@pytest.mark.parametrize(
    ("bad", "what", "detail"),
    [
        (b"INSERT INTO `bad` VALUES (1,1),(2,1);\n", r"the indexes of plain_\w+.bad: the server refused", "ERROR 1062"),
        (b"INSERT INTO `bad` VALUES (1,1),(1,2);\n", r"rows-plain_\w+.bad.sql.zst.gpg: the server refused", "ERROR 1062"),
    ],
)
def test_a_lane_that_is_refused_ends_all_and_is_named(
    source: DatabaseServer, plain: Plain, objects: ObjectServer, keys: Keys, bad: bytes, what: str, detail: str
) -> None:
    artifacts = plain.artifacts(good=b"INSERT INTO `good` VALUES (1,1);\n", bad=bad)
    with pytest.raises(errors.LoadError, match=what) as caught:
        agent_client.run(restore_job({"artifacts": artifacts}, objects, keys, source.tools, source.admin))
    assert detail in caught.value.detail
    assert "later" not in plain.tables()


@pytest.mark.failure("B2")
@pytest.mark.parametrize("damaged", [0, 2])
def test_what_comes_after_a_damaged_artifact_is_not_loaded(
    mariadb_source: DatabaseServer, objects: ObjectServer, keys: Keys, damaged: int
) -> None:
    plain = Plain(Dumper(mariadb_source, "", objects, keys), mariadb_source, mariadb_source.fresh_schema("plain"))
    artifacts = plain.artifacts(a=b"INSERT INTO `a` VALUES (1,1);\n", b=b"INSERT INTO `b` VALUES (1,1);\n")
    artifacts[damaged]["plain_sha256"] = "0" * 64
    with pytest.raises(errors.IntegrityError, match=artifacts[damaged]["name"]):
        agent_client.run(restore_job({"artifacts": artifacts}, objects, keys, mariadb_source.tools, mariadb_source.admin))
    assert "later" not in plain.tables()
    counts = [mariadb_source.sql(f"SELECT COUNT(*) FROM `{plain.schema}`.`{name}`") for name in plain.tables()]
    assert damaged or counts == [[["0"]], [["0"]]]


@pytest.fixture
def tiny_disk(source: DatabaseServer) -> Iterator[str]:
    """A folder of the server's with hardly any room."""
    folder = source.process.directory / "tiny"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=777", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        give_up("a disk without room", mounted.stderr.decode().strip())
    yield str(folder)
    subprocess.run(["umount", folder], check=True)


@pytest.mark.failure("C5")
def test_a_disk_without_room_for_an_index_is_not_held_against_the_recovery_point(
    source: DatabaseServer, objects: ObjectServer, keys: Keys, tiny_disk: str
) -> None:
    schema = source.fresh_schema("tight")
    begin = f"SET innodb_tmpdir = '{tiny_disk}';\nUSE `{schema}`;\n".encode()
    lines = b"  `id` int NOT NULL AUTO_INCREMENT,\n  `t` text,\n  PRIMARY KEY (`id`),\n  KEY `k` (`t`(640))\n"
    numbers = b"WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 990)"
    rows = b"INSERT INTO t (t) %b SELECT REPEAT(SHA2(i, 256), 10) FROM n;\n" % numbers
    dumper = Dumper(source, schema, objects, keys)
    artifacts = [
        dumper.seal("definitions", begin + b"CREATE TABLE `t` (\n%b) ENGINE=InnoDB;\n" % lines + END),
        dumper.seal("rows", begin + b"-- %b\n" % (b"x" * LARGE_BYTES) + rows * 9 + END, [f"{schema}.t"]),
    ]
    with pytest.raises(errors.SandboxError, match=f"the indexes of {schema}.t: the target has no space left"):
        agent_client.run(restore_job({"artifacts": artifacts}, objects, keys, source.tools, source.admin))


def test_a_client_that_is_killed_in_its_lane(mariadb_source: DatabaseServer, objects: ObjectServer, keys: Keys) -> None:
    schema = mariadb_source.fresh_schema("killed")
    plain = Plain(Dumper(mariadb_source, schema, objects, keys), mariadb_source, schema)
    artifacts = plain.artifacts(good=b"INSERT INTO good VALUES (1,1);\n", bad=b"SELECT SLEEP(999);\n")
    asleep = "SELECT 1 FROM information_schema.processlist WHERE info = 'SELECT SLEEP(999)'"

    def kill_client() -> None:
        processes.wait_until(lambda: mariadb_source.sql(asleep) and len(processes.at_work(os.getpid(), "mariadb")) == 1, 120.0)
        for client in processes.at_work(os.getpid(), "mariadb"):
            os.kill(client, signal.SIGKILL)

    killer = threading.Thread(target=kill_client)
    killer.start()
    with pytest.raises(errors.ToolError, match=r"was killed by SIGKILL during the load of rows-killed_\w+.bad"):
        agent_client.run(restore_job({"artifacts": artifacts}, objects, keys, mariadb_source.tools, mariadb_source.admin))
    killer.join()
    assert "later" not in plain.tables()
