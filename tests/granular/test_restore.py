"""Somebody dropped a table: it comes back alone, and is what the recovery point says. On both flavours, dumped in both ways."""

from __future__ import annotations

import json
import pathlib

import pytest

from include.proven import granular
from include.proven.errors import ConfigError, IntegrityError
from tests.granular.conftest import ODD, Shop, TakeShop
from tests.servers.databases import DatabaseServer

BY_TABLE = 3
QUOTED = f"`{ODD.replace('`', '``')}`"


def restore(shop: Shop, tables: list[str], schemas: list[str], into: str = "") -> granular.Restored:
    wanted = granular.select(shop.manifest, tables, schemas, into)
    return granular.into_server(shop.opened, shop.manifest, wanted, shop.admin, store="swift")


@pytest.mark.parametrize("parallel", [1, BY_TABLE])
def test_a_dropped_table_comes_back_and_nothing_else_is_touched(
    source: DatabaseServer, take_shop: TakeShop, parallel: int
) -> None:
    shop = take_shop(source, parallel=parallel)
    assert any(artifact.role == "rows" for artifact in shop.manifest.artifacts) == (parallel > 1)
    before, table = shop.checksum("orders"), f"{shop.schema}.orders"
    source.sql("DROP TABLE orders; UPDATE customers SET name = 'younger than the backup' WHERE id = 1", shop.schema)
    others = shop.checksum("customers")
    done = shop.restore("--table", table)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["restored"], told["matches"]) == ([table], True)
    assert [check["outcome"] for check in told["checks"]] == ["pass", "pass"]
    assert any("foreign keys were not checked" in line for line in told["warnings"])
    assert (shop.checksum("orders"), shop.checksum("customers")) == (before, others)
    assert [row[0] for row in source.sql("SHOW TRIGGERS LIKE 'orders'", shop.schema)] == ["noted"]
    again = shop.restore("--table", table)
    assert (again.returncode, "the target already has" in again.stderr) == (2, True), again.stderr
    records = shop.opened.catalog("shop").restores("shop")
    assert {record.outcome for record in records} == {"done", "failed"}
    assert all(record.target.endswith(f": {table}") for record in records)


def test_a_table_stands_beside_the_living_one_and_a_schema_comes_back_whole(
    source: DatabaseServer, take_shop: TakeShop
) -> None:
    shop = take_shop(source)
    before, beside = shop.checksum("orders"), f"{shop.schema}_beside"
    source.sql("UPDATE orders SET note = 'younger'", shop.schema)
    assert restore(shop, [f"{shop.schema}.orders", f"{shop.schema}.{QUOTED}"], [], beside).matches
    assert source.sql("SELECT COUNT(*) FROM orders WHERE note = 'younger'", beside) == [["0"]]
    assert source.sql("SELECT COUNT(*) FROM orders WHERE note = 'younger'", shop.schema) == [["3"]]
    assert source.sql(f"SELECT z FROM {QUOTED}", beside) == [["2"]]
    with pytest.raises(ConfigError, match="the target already has"):
        restore(shop, [], [shop.schema])
    source.sql(f"DROP DATABASE `{shop.schema}`")
    assert restore(shop, [], [shop.schema]).matches
    assert shop.checksum("orders") == before
    assert source.sql("SELECT SUM(n) FROM spent", shop.schema) == [["3"]]
    if source.flavour == "mysql":
        assert restore(shop, [], [shop.schema], f"{shop.schema}_all").matches
        assert source.sql("SELECT SUM(n) FROM spent", f"{shop.schema}_all") == [["3"]]
    else:
        with pytest.raises(ConfigError, match="names its schema"):
            restore(shop, [], [shop.schema], f"{shop.schema}_all")


@pytest.mark.parametrize("parallel", [1, BY_TABLE])
def test_a_folder_gets_the_table_as_sql(
    mariadb_source: DatabaseServer, take_shop: TakeShop, tmp_path: pathlib.Path, parallel: int
) -> None:
    shop = take_shop(mariadb_source, parallel=parallel)
    before = shop.checksum("orders")
    done = shop.files.run("restore", "shop", "--to", f"folder:{tmp_path}/out", "--table", f"{shop.schema}.orders", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (file,) = (tmp_path / "out").iterdir()
    assert (told["matches"], told["restored_to"]) == (False, [str(file)])
    assert "CREATE TABLE `customers`" not in file.read_text()
    mariadb_source.sql("DROP TABLE orders", shop.schema)
    mariadb_source.sql(file.read_text())
    assert shop.checksum("orders") == before


def test_a_table_brings_its_sequence_and_its_past(mariadb_source: DatabaseServer, take_shop: TakeShop) -> None:
    shop = take_shop(mariadb_source)
    mariadb_source.sql("DROP TABLE numbered; DROP SEQUENCE numbers; DROP TABLE past", shop.schema)
    assert restore(shop, [f"{shop.schema}.numbered", f"{shop.schema}.past"], []).matches
    mariadb_source.sql("INSERT INTO numbered (note) VALUES ('c')", shop.schema)
    assert mariadb_source.sql("SELECT COUNT(DISTINCT id) FROM numbered", shop.schema) == [["3"]]
    assert mariadb_source.sql("SELECT COUNT(*) FROM past FOR SYSTEM_TIME ALL", shop.schema) == [["2"]]


def test_what_is_wrong_is_said(mariadb_source: DatabaseServer, take_shop: TakeShop, tmp_path: pathlib.Path) -> None:
    shop = take_shop(mariadb_source)
    orders, numbered = f"{shop.schema}.orders", f"{shop.schema}.numbered"
    for tables, schemas, into, words in (
        (["order"], [], "", "holds no table order"),
        ([f"{shop.schema}.order"], [], "", "holds no table"),
        ([f"{shop.schema}.spent"], [], "", "is a view"),
        ([], ["shoop"], "", "holds no schema shoop"),
        ([orders], ["proven_canary"], "b", "can't all be restored as b"),
        ([numbered], [], "b", "names its schema"),
        ([], [], "b", "nothing is named"),
        ([orders], [], "MySQL", "the server's own"),
    ):
        with pytest.raises(ConfigError, match=words) as refused:
            granular.select(shop.manifest, tables, schemas, into)
        assert refused.value.hint

    mariadb_source.sql("DROP TABLE orders", shop.schema)
    tables = shop.manifest.fingerprint["tables"]
    wrong = {**tables, orders: {**tables[orders], "digest": "0" * 24}}
    manifest = shop.manifest.model_copy(update={"fingerprint": {**shop.manifest.fingerprint, "tables": wrong}})
    with pytest.raises(IntegrityError, match=r"not what .* says") as raised:
        granular.into_server(shop.opened, manifest, granular.select(manifest, [orders], []), shop.admin, store="swift")
    assert "values differ" in raised.value.detail
    assert any("drop it there" in note for note in raised.value.__notes__)

    damaged = [artifact.model_copy(update={"plain_sha256": "0" * 64}) for artifact in shop.manifest.artifacts]
    manifest = shop.manifest.model_copy(update={"artifacts": damaged})
    with pytest.raises(IntegrityError, match="checksum mismatch"):
        granular.into_folder(shop.opened, manifest, granular.select(manifest, [orders], []), tmp_path / "out", store="swift")
    assert not list((tmp_path / "out").iterdir())
