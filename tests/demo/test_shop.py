"""The demo's shop: always the same, of the size that was asked for, and whole after a dump and a load."""

from __future__ import annotations

import hashlib
import io
import pathlib
import re
from collections.abc import Iterator

import pytest

from include.proven.demo.shop import writer
from include.proven.errors import SourceError
from include.proven.proof.compare import compare_fingerprints
from include.proven.proof.objects import compare_inventories
from include.proven.proof.user_checks.check import UserCheck
from include.proven.proof.user_checks.loading import load_checks
from include.proven.proof.verdict import Check
from tests.proof.asking import ask, ask_source
from tests.proof.copies import Pair, take_fingerprint, take_inventory
from tests.servers.databases import DatabaseServer

SCHEMAS = ["shop", "shop-archive"]
ROOT = pathlib.Path(__file__).parents[2]
CHECKS = ROOT / "include" / "checks" / "shop"
FENCE = re.compile(r"```(sql|yaml)\n(.*?)```", re.DOTALL)


DROP = "DROP DATABASE IF EXISTS shop; DROP DATABASE IF EXISTS `shop-archive`"


@pytest.fixture
def shop_to_damage(mariadb_source: DatabaseServer) -> Iterator[DatabaseServer]:
    mariadb_source.run(mariadb_source.tools["client"], mariadb_source.admin, write("mariadb", 2)[1])
    yield mariadb_source
    mariadb_source.sql(DROP)


def write(flavour: str, megabytes: int, seed: int = 1) -> tuple[writer.ShopSummary, bytes]:
    out = io.BytesIO()
    return writer.write_shop(out, flavour=flavour, megabytes=megabytes, seed=seed), out.getvalue()


@pytest.fixture(scope="module")
def shop(source: DatabaseServer) -> Iterator[writer.ShopSummary]:
    """A shop of about 3 MB on the source."""
    summary, text = write(source.flavour, 3)
    done = source.run(source.tools["client"], source.admin, text)
    assert done.returncode == 0, done.stderr.decode()
    yield summary
    source.sql(DROP)


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_shop_is_always_the_same(flavour: str) -> None:
    (first, text), (again, repeated), (_, other) = write(flavour, 2), write(flavour, 2), write(flavour, 2, seed=2)
    assert (first, hashlib.sha256(text).hexdigest()) == (again, hashlib.sha256(repeated).hexdigest())
    assert text != other
    assert first.bytes == len(text)


@pytest.mark.parametrize("megabytes", [5, 20])
def test_size_is_what_was_asked_for(megabytes: int) -> None:
    summary, _ = write("mariadb", megabytes)
    assert summary.bytes == pytest.approx(megabytes * 1_000_000, rel=0.05)


def test_shop_holds_what_the_summary_says(source: DatabaseServer, shop: writer.ShopSummary) -> None:
    tables = take_fingerprint(source, *SCHEMAS)["tables"]
    assert sum(table["rows"] for table in tables.values()) == shop.rows
    assert sum(table["rows"] > 0 for table in tables.values()) == shop.tables
    assert tables["shop.orders"]["rows"] == shop.orders
    assert tables["shop.returns_pending"]["rows"] == 0
    assert "shop.`odd name, with; spaces`" in tables
    assert "shop.NULL" in tables


def test_shop_survives_dump_and_load(pair: Pair, shop: writer.ShopSummary) -> None:
    pair.copy(SCHEMAS)
    fingerprints = compare_fingerprints(take_fingerprint(pair.source, *SCHEMAS), take_fingerprint(pair.twin, *SCHEMAS))
    assert (fingerprints.outcome, fingerprints.differences) == ("pass", [])
    assert fingerprints.proves_data
    objects = compare_inventories(take_inventory(pair.source, *SCHEMAS), take_inventory(pair.twin, *SCHEMAS))
    assert (objects.outcome, objects.differences) == ("pass", [])


def test_accounts_load_twice(pair: Pair, shop: writer.ShopSummary) -> None:
    pair.copy(SCHEMAS)
    pair.copy(SCHEMAS)
    assert take_inventory(pair.twin, *SCHEMAS)["grants"] == take_inventory(pair.source, *SCHEMAS)["grants"]


@pytest.mark.parametrize("check", load_checks(CHECKS), ids=lambda check: check.name)
def test_every_check_of_the_shop_passes(source: DatabaseServer, shop: writer.ShopSummary, check: UserCheck) -> None:
    assert answer(source, check).outcome == "pass"


def test_every_example_of_the_documentation_passes(
    source: DatabaseServer, shop: writer.ShopSummary, tmp_path: pathlib.Path
) -> None:
    examples = FENCE.findall((ROOT / "docs" / "checks.md").read_text())
    for number, (kind, text) in enumerate(examples):
        (tmp_path / f"example{number}.{kind}").write_text(text)
    found = [answer(source, check) for check in load_checks(tmp_path)]
    assert [(one.name, one.outcome, one.figure) for one in found if one.outcome != "pass"] == []
    assert len(found) > len(examples) > 8


@pytest.mark.parametrize(
    ("damage", "noticed_by"),
    [
        ("DELETE FROM shop.order_items WHERE order_id = 7", "every order has items"),
        ("UPDATE shop.payments SET amount_cents = amount_cents + 1 LIMIT 1", "payments match what was ordered"),
        ("UPDATE shop.orders SET ordered_at = '2037-01-01' WHERE id = 5", "the newest order is not from the future"),
        ("SET foreign_key_checks = 0; DELETE FROM shop.products WHERE id = 1", "nothing points into the void"),
        ("DROP VIEW shop.revenue", None),
    ],
)
def test_checks_of_the_shop_notice(shop_to_damage: DatabaseServer, damage: str, noticed_by: str | None) -> None:
    shop_to_damage.sql(damage)
    known = {check.name: check for check in load_checks(CHECKS)}
    if noticed_by:
        assert answer(shop_to_damage, known[noticed_by]).outcome == "fail"
    else:
        with pytest.raises(SourceError, match="references invalid"):
            answer(shop_to_damage, known["reports open"])


def answer(server: DatabaseServer, check: UserCheck) -> Check:
    """Ask a server, as copy and as source of itself."""
    there = ask_source(server, check)[check.name] if check.compares_source else None
    return ask(server, check, there)
