"""What a dump or a load left out is named, object by object; honest copies have no difference."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator

import pytest

from include.proven.agent import accounts, counters
from include.proven.proof.objects import compare_inventories
from include.proven.proof.verdict import Check
from tests.proof.copies import Pair, joined, open_session, take_inventory

SHOP = """
CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(20), KEY by_note (note)) COLLATE utf8mb4_bin;
INSERT INTO orders (note) VALUES ('a'), ('b'), ('c');
DELETE FROM orders WHERE id > 1;
CREATE TABLE parts (id INT PRIMARY KEY, order_id INT, CONSTRAINT to_order FOREIGN KEY (order_id) REFERENCES orders (id));
CREATE VIEW totals AS SELECT COUNT(*) AS n FROM orders;
CREATE DEFINER=keeper@localhost PROCEDURE tidy() DELETE FROM orders;
CREATE DEFINER=keeper@localhost TRIGGER stamp BEFORE INSERT ON orders FOR EACH ROW SET NEW.note = 'x';
CREATE DEFINER=keeper@localhost EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2024-01-01 00:00:00' DO DELETE FROM orders;
"""
KEEPER = "CREATE USER keeper@localhost IDENTIFIED BY 'x'; GRANT SELECT ON `{schema}`.* TO keeper@localhost"

Edit = Callable[[str], str]


@dataclasses.dataclass
class Copier:
    """Copies one schema to the twin, as a backup and its restore do, but for what a test breaks."""

    pair: Pair
    schema: str

    def copy(self, *options: str, edit: Edit = str, users: bool = True) -> Check:
        """Dump with more options, edit the SQL on its way, load it, and compare the objects."""
        source, twin = self.pair.source, self.pair.twin
        dumped = source.run([*source.tools["dump"], *options, "--databases", self.schema], source.endpoint)
        assert dumped.returncode == 0, dumped.stderr.decode()
        with open_session(source, source.endpoint) as session:
            statements = accounts.take(session, source.flavour, [self.schema])
        texts = [edit(dumped.stdout.decode()).encode()]
        if users:
            texts = [joined(statements.before_dump), *texts, joined(statements.after_dump)]
        for text in texts:
            loaded = twin.run(source.tools["client"], twin.admin, text)
            assert loaded.returncode == 0, loaded.stderr.decode()
        return compare_inventories(take_inventory(source, self.schema), take_inventory(twin, self.schema))


@pytest.fixture
def copier(pair: Pair) -> Iterator[Copier]:
    schema = pair.source.fresh_schema("objects")
    pair.source.sql(KEEPER.format(schema=schema))
    pair.source.sql(SHOP, schema)
    yield Copier(pair, schema)
    for server in (pair.source, pair.twin):
        server.sql(f"DROP DATABASE IF EXISTS `{schema}`; DROP USER IF EXISTS keeper@localhost")


def test_an_honest_copy_has_every_object(copier: Copier) -> None:
    check = copier.copy()
    assert (check.outcome, check.differences) == ("pass", [])
    assert check.figure.startswith("1 schema, 2 tables, 1 view, 1 routine, 1 trigger, 1 event, ")


@pytest.mark.failure("A6")
@pytest.mark.parametrize(
    ("option", "lost"),
    [
        ("--skip-triggers", "trigger {schema}.stamp: missing"),
        ("--skip-routines", "routine {schema}.tidy (procedure): missing"),
        ("--skip-events", "event {schema}.nightly: missing"),
    ],
)
def test_a_dump_without_a_kind_of_objects_is_refused(copier: Copier, option: str, lost: str) -> None:
    check = copier.copy(option)
    assert (check.outcome, check.differences) == ("fail", [lost.format(schema=copier.schema)])
    assert check.hint


@pytest.mark.failure("A8")
def test_a_dump_without_its_users_is_refused(copier: Copier) -> None:
    check = copier.copy(users=False)
    assert check.outcome == "fail"
    assert "account `keeper`@`localhost`: missing" in check.differences
    assert not any(line.startswith("grants of `keeper`") for line in check.differences)  # told once


@pytest.mark.failure("C3")
@pytest.mark.parametrize(
    ("pattern", "lost"),
    [
        (r",\n  KEY `by_note` \(`note`\)", "table {schema}.orders: index by_note: missing (KEY `by_note` (`note`))"),
        (r",\n  CONSTRAINT `to_order`[^\n]*", "table {schema}.parts: foreign key to_order: missing "),
        (
            r" AUTO_INCREMENT=\d+",
            "table {schema}.orders: AUTO_INCREMENT is 2, and was 4 before the backup: numbers would be given out a second time",
        ),
    ],
)
def test_a_load_without_an_index_or_a_counter_is_refused(copier: Copier, pattern: str, lost: str) -> None:
    check = copier.copy(edit=lambda sql: re.sub(pattern, "", sql))
    assert check.outcome == "fail"
    (line,) = check.differences
    assert line.startswith(lost.format(schema=copier.schema))


@pytest.mark.failure("C4")
def test_another_collation_is_refused(copier: Copier) -> None:
    check = copier.copy(
        edit=lambda sql: re.sub(r"(ENGINE=InnoDB AUTO_INCREMENT.*COLLATE=)utf8mb4_bin", r"\1utf8mb4_general_ci", sql)
    )
    assert check.outcome == "fail"
    assert f"table {copier.schema}.orders: COLLATE: utf8mb4_bin on the source, utf8mb4_general_ci restored" in check.differences


def test_a_source_that_goes_on_counting_is_no_difference(copier: Copier) -> None:
    """What the dump holds lies between the source's counters before it and those after it."""
    source, schema = copier.pair.source, copier.schema
    counts = ["INSERT INTO orders (note) VALUES ('x')", *(["DO NEXTVAL(numbers)"] if source.flavour == "mariadb" else [])]
    if source.flavour == "mariadb":
        source.sql("CREATE SEQUENCE numbers; DO NEXTVAL(numbers)", schema)
    source.sql("DROP TRIGGER stamp", schema)
    with open_session(source, source.endpoint) as session:
        before = counters.read(session, source.flavour, [schema])
    source.sql(";".join(counts * 20), schema)  # between the look and the dump

    def count_on(sql: str) -> str:
        source.sql(";".join(counts * 20), schema)
        return sql

    copier.copy(edit=count_on)  # and after it
    found, copied = (take_inventory(server, schema) for server in (source, copier.pair.twin))
    assert any("AUTO_INCREMENT" in line for line in compare_inventories(found, copied).differences)  # as it has gone on
    found["counters"] = counters.at_least(before, found["counters"])
    assert set(found["counters"]) == {f"{schema}.orders", *([f"{schema}.numbers"] if source.flavour == "mariadb" else [])}
    assert compare_inventories(found, copied).differences == []


def test_a_sequence_that_went_back_is_refused(copier: Copier) -> None:
    source, schema = copier.pair.source, copier.schema
    if source.flavour == "mariadb":  # MySQL has none
        source.sql("CREATE SEQUENCE numbers NOCACHE; DO NEXTVAL(numbers); DO NEXTVAL(numbers)", schema)
        check = copier.copy(edit=lambda sql: re.sub(r"DO SETVAL\(`numbers`[^;]*;|SELECT SETVAL\(`numbers`[^;]*;", "", sql))
        assert check.differences == [
            f"sequence {schema}.numbers: its next value is 1, and was 3 before the backup:"
            " numbers would be given out a second time"
        ]


def test_numbers_that_are_given_out_meanwhile_are_no_difference() -> None:
    source = {"tables": {"shop.a": "x", "shop.gone": "x"}, "counters": {"shop.a": "17", "shop.gone": "5"}}
    ahead = {"tables": {"shop.a": "x", "shop.gone": "x"}, "counters": {"shop.a": "18", "shop.gone": "5"}}
    assert compare_inventories(source, ahead).differences == []
    # a recovery point from before counters were recorded
    assert compare_inventories({"tables": source["tables"]}, ahead).differences == []


def test_what_was_broken_is_no_object() -> None:
    tables = {"shop.a": "x"}
    assert compare_inventories({"tables": tables, "broken": {"view shop.v": "gone"}}, {"tables": tables}).outcome == "pass"


def test_an_empty_inventory_is_no_pass() -> None:
    assert compare_inventories({"tables": {}}, {"tables": {}}).outcome == "could-not-run"
    assert compare_inventories({"tables": {}, "broken": {"view shop.v": "gone"}}, {}).outcome == "could-not-run"


def test_objects_are_counted_by_kind() -> None:
    inventory = {"schemas": {"shop": "x"}, "tables": {"shop.a": "x", "shop.b": "y"}, "views": {}, "grants": {"`u`@`%`": "z"}}
    check = compare_inventories(inventory, inventory)
    assert (check.outcome, check.proves_data, check.figure) == ("pass", False, "1 schema, 2 tables")


def test_a_long_definition_is_shown_in_part() -> None:
    body, rest = [f"line {number}" for number in range(40)], ["STRICT_ALL_TABLES", "utf8mb4", "utf8mb4_bin", "utf8mb4_bin"]
    source, copy = ({"routines": {"shop.p (procedure)": "\n".join([*text, *rest])}} for text in (body, ["BEGIN END"]))
    (line,) = compare_inventories(source, copy).differences
    assert line.startswith("routine shop.p (procedure): definition differs: - line 0 … - line 1 … ")
    assert line.endswith(" … and 35 more lines")


def test_of_a_long_line_the_words_that_differ_are_shown() -> None:
    words = [f"word{number}" for number in range(100)]
    source, copy = {"accounts": {"u": " ".join(words)}}, {"accounts": {"u": " ".join([*words[:50], "other", *words[51:]])}}
    assert compare_inventories(source, copy).differences == [
        "account u: definition differs: … word47 word48 word49 word50 word51 word52 word53 … on the source,"
        " … word47 word48 word49 other word51 word52 word53 … restored"
    ]
