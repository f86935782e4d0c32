"""Dumps that were taken or loaded wrongly, by the real tools, without an error from any of them: checks refute every one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from include.proven.agent import accounts
from include.proven.proof.compare import compare_fingerprints
from include.proven.proof.objects import compare_inventories
from include.proven.proof.verdict import Check
from tests.proof.copies import Pair, joined, open_session, take_fingerprint, take_inventory

OBJECTS = """
CREATE TABLE words (id INT PRIMARY KEY, word VARCHAR(40), at TIMESTAMP NULL) CHARACTER SET utf8mb4;
INSERT INTO words VALUES (1, 'plain', '2024-06-01 12:00:00'), (2, '😀 é', '2024-12-01 12:00:00'), (3, 'last', NULL);
CREATE TABLE log (n INT);
CREATE TRIGGER tr BEFORE INSERT ON words FOR EACH ROW SET NEW.at = NOW();
CREATE PROCEDURE p() SELECT 1;
CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2024-01-01 00:00:00' DO DELETE FROM log;
CREATE USER only_here@localhost IDENTIFIED BY 'only here';
GRANT SELECT ON words TO only_here@localhost;
"""


@pytest.fixture
def schema(pair: Pair) -> Iterator[str]:
    schema = pair.source.fresh_schema("odd")
    pair.source.sql(OBJECTS, schema)
    yield schema
    for server in (pair.source, pair.twin):
        server.sql(f"DROP DATABASE IF EXISTS `{schema}`; DROP USER IF EXISTS only_here@localhost")


def copy(
    pair: Pair, schema: str, *, more: tuple[str, ...] = (), less: tuple[str, ...] = (), users: bool = True, cut: bytes = b""
) -> list[Check]:
    """Copy the schema with other options than ours, and return what the checks of rows and of objects say."""
    with open_session(pair.source, pair.source.endpoint) as session:
        statements = accounts.take(session, pair.source.flavour, [schema])
    argv = [option for option in pair.source.tools["dump"] if option not in less]
    dumped = pair.source.run([*argv, *more, "--databases", schema], pair.source.endpoint)
    assert dumped.returncode == 0, dumped.stderr.decode()
    dump = dumped.stdout.partition(cut)[0] if cut else dumped.stdout
    kept = [joined(statements.before_dump), dump, joined(statements.after_dump)] if users else [dump]
    for text in kept:
        loaded = pair.twin.run(pair.twin.tools["client"], pair.twin.admin, text)
        assert loaded.returncode == 0, loaded.stderr.decode()
    return [
        compare_fingerprints(take_fingerprint(pair.source, schema), take_fingerprint(pair.twin, schema)),
        compare_inventories(take_inventory(pair.source, schema), take_inventory(pair.twin, schema)),
    ]


def refuted(checks: list[Check], *words: str) -> None:
    said = " ".join(line for check in checks if check.outcome == "fail" for line in check.differences)
    assert said
    for word in words:
        assert word in said


@pytest.mark.failure("A8", "C3", "A11")
def test_our_own_options_lose_nothing(pair: Pair, schema: str) -> None:
    """Against this the others are held: none of them fails for a reason of its own."""
    assert [check.outcome for check in copy(pair, schema)] == ["pass", "pass"]


@pytest.mark.failure("A9")
@pytest.mark.parametrize("charset", ["utf8mb3", "latin1"])
def test_letters_that_the_connection_can_not_say(pair: Pair, schema: str, charset: str) -> None:
    checks = copy(pair, schema, less=("--default-character-set=utf8mb4",), more=(f"--default-character-set={charset}",))
    assert pair.twin.sql("SELECT word FROM words WHERE id = 2", schema)[0][0].startswith("?")
    refuted(checks, f"table {schema}.words: 3 rows on both, but values differ")


@pytest.mark.failure("A10")
def test_times_of_another_zone(pair: Pair, schema: str) -> None:
    pair.source.sql("SET GLOBAL time_zone = '+05:00'")
    try:
        checks = copy(pair, schema, less=("--tz-utc",), more=("--skip-tz-utc",))
    finally:
        pair.source.sql("SET GLOBAL time_zone = 'SYSTEM'")
    refuted(checks, f"table {schema}.words: 3 rows on both, but values differ")


@pytest.mark.failure("A6")
@pytest.mark.parametrize(
    ("kind", "name"), [("triggers", "trigger {}.tr"), ("routines", "routine {}.p (procedure)"), ("events", "event {}.e")]
)
def test_objects_that_were_left_out(pair: Pair, schema: str, kind: str, name: str) -> None:
    checks = copy(pair, schema, less=(f"--{kind}",), more=(f"--skip-{kind}",))
    refuted(checks, f"{name.format(schema)}: missing")


@pytest.mark.failure("A8")
def test_accounts_that_were_left_out(pair: Pair, schema: str) -> None:
    refuted(copy(pair, schema, users=False), "account `only_here`@`localhost`: missing")


@pytest.mark.failure("C3")
def test_a_dump_without_rows(pair: Pair, schema: str) -> None:
    refuted(copy(pair, schema, more=("--no-data",)), f"table {schema}.words: 3 rows on the source, 0 restored")


@pytest.mark.failure("A3", "C3")
def test_a_dump_cut_between_two_statements(pair: Pair, schema: str) -> None:
    """Valid SQL, every statement accepted, and the client exits with 0."""
    refuted(copy(pair, schema, cut=b"INSERT INTO `words`"), f"table {schema}.words: 3 rows on the source, 0 restored")
