"""Somebody dropped a table: it comes back alone, and is what the recovery point says. By the command, on both flavours."""

from __future__ import annotations

import json
import pathlib

import pytest

from include.proven import granular
from include.proven.errors import ConfigError, IntegrityError
from tests.granular.conftest import ODD, Shop


def test_a_dropped_table_comes_back_and_nothing_else_is_touched(shop: Shop) -> None:
    before, table = shop.checksum("orders"), f"{shop.schema}.orders"
    shop.source.sql("DROP TABLE orders; UPDATE customers SET name = 'younger than the backup' WHERE id = 1", shop.schema)
    others = shop.checksum("customers")
    done = shop.restore("--table", table)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["restored"], told["matches"]) == ([table], True)
    assert [check["outcome"] for check in told["checks"]] == ["pass", "pass"]
    assert any("foreign keys were not checked" in line for line in told["warnings"])
    assert (shop.checksum("orders"), shop.checksum("customers")) == (before, others)
    assert [row[0] for row in shop.source.sql("SHOW TRIGGERS LIKE 'orders'", shop.schema)] == ["noted"]
    again = shop.restore("--table", table)
    assert (again.returncode, "the target already has" in again.stderr) == (2, True), again.stderr
    records = shop.opened.catalog("shop").restores("shop")
    assert {record.outcome for record in records} == {"done", "failed"}
    assert all(record.target.endswith(f": {table}") for record in records)


def test_a_table_stands_beside_the_living_one(shop: Shop) -> None:
    shop.source.sql("UPDATE orders SET note = 'younger'", shop.schema)
    beside = f"{shop.schema}_beside"
    name = f"{shop.schema}.`{ODD.replace('`', '``')}`"
    done = shop.restore("--table", f"{shop.schema}.orders", "--table", name, "--as", beside)
    assert done.returncode == 0, done.stderr
    assert shop.source.sql(f"SELECT COUNT(*) FROM `{beside}`.orders WHERE note = 'younger'") == [["0"]]
    assert shop.source.sql(f"SELECT z FROM `{beside}`.`{ODD.replace('`', '``')}`") == [["2"]]
    assert shop.source.sql(f"SELECT COUNT(*) FROM `{shop.schema}`.orders WHERE note = 'younger'") == [["3"]]


def test_a_schema_comes_back_with_all_that_is_in_it(shop: Shop) -> None:
    before = shop.checksum("orders")
    refused = shop.restore("--schema", shop.schema)
    assert (refused.returncode, "the target already has" in refused.stderr) == (2, True), refused.stderr
    shop.source.sql(f"DROP DATABASE `{shop.schema}`")
    done = shop.restore("--schema", shop.schema)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["matches"]
    assert shop.checksum("orders") == before
    assert shop.source.sql("SELECT SUM(n) FROM spent", shop.schema) == [["3"]]
    beside = shop.restore("--schema", shop.schema, "--as", f"{shop.schema}_all")
    if shop.source.flavour == "mysql":
        assert beside.returncode == 0, beside.stderr
        assert shop.source.sql(f"SELECT SUM(n) FROM `{shop.schema}_all`.spent") == [["3"]]
    else:
        assert (beside.returncode, "names its schema" in beside.stderr) == (2, True), beside.stderr


def test_a_folder_gets_the_table_as_sql(shop: Shop, tmp_path: pathlib.Path) -> None:
    before = shop.checksum("orders")
    done = shop.restore("--table", f"{shop.schema}.orders", to=f"folder:{tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert not told["matches"]
    (file,) = (tmp_path / "out").iterdir()
    assert told["restored_to"] == [str(file)]
    assert "CREATE TABLE `customers`" not in file.read_text()
    shop.source.sql("DROP TABLE orders", shop.schema)
    shop.source.sql(file.read_text())
    assert shop.checksum("orders") == before


def test_a_table_brings_the_sequence_that_it_counts_by(shop: Shop) -> None:
    if shop.source.flavour != "mariadb":
        pytest.skip("only MariaDB has sequences")
    shop.source.sql("DROP TABLE numbered; DROP SEQUENCE numbers; DROP TABLE past", shop.schema)
    done = shop.restore("--table", f"{shop.schema}.numbered", "--table", f"{shop.schema}.past")
    assert done.returncode == 0, done.stderr
    shop.source.sql("INSERT INTO numbered (note) VALUES ('c')", shop.schema)
    assert shop.source.sql("SELECT COUNT(DISTINCT id) FROM numbered", shop.schema) == [["3"]]
    assert shop.source.sql("SELECT COUNT(*) FROM past FOR SYSTEM_TIME ALL", shop.schema) == [["2"]]


def test_what_came_of_it_is_compared_and_a_difference_is_an_error(shop: Shop) -> None:
    shop.source.sql("DROP TABLE orders", shop.schema)
    name = f"{shop.schema}.orders"
    tables = shop.manifest.fingerprint["tables"]
    wrong = {**tables, name: {**tables[name], "digest": "0" * 24}}
    manifest = shop.manifest.model_copy(update={"fingerprint": {**shop.manifest.fingerprint, "tables": wrong}})
    wanted, target = granular.select(manifest, [name], []), shop.opened.server_of("admin", shop.source.flavour)
    with pytest.raises(IntegrityError, match=r"not what .* says") as raised:
        granular.into_server(shop.opened, manifest, wanted, target, store="swift")
    assert "values differ" in raised.value.detail
    assert any("drop it there" in note for note in raised.value.__notes__)


def test_what_can_not_be_restored_alone_is_refused(shop: Shop) -> None:
    for tables, schemas, into, words in (
        (["order"], [], "", "holds no table order"),
        ([f"{shop.schema}.order"], [], "", "holds no table"),
        ([f"{shop.schema}.spent"], [], "", "is a view"),
        ([], ["shoop"], "", "holds no schema shoop"),
        ([f"{shop.schema}.orders", "proven_canary.canary"], [], "b", "can't all be restored as b"),
        ([], [], "b", "nothing is named"),
    ):
        with pytest.raises(ConfigError, match=words) as raised:
            granular.select(shop.manifest, tables, schemas, into)
        assert raised.value.hint
