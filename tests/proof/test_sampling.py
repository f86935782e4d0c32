"""Huge tables by samples: what lies in them is compared, rows are counted whole, and the answer says what was not looked at."""

# ruff: noqa: E501 - cases read best as lines

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from include.proven.agent import fingerprint
from include.proven.agent.errors import AgentError
from include.proven.proof.compare import compare_fingerprints
from tests.proof.copies import open_session
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import MakeFleet

ROWS = 6_000
ABOVE = 40_000
"""Bytes: a tenth of a table or so."""

SAMPLED = {
    "plain": ("id INT PRIMARY KEY", "n"),
    "negative": ("id SMALLINT PRIMARY KEY", "n - 10000"),
    "positive": ("id BIGINT UNSIGNED PRIMARY KEY", "18446744073709551615 - n"),
    "days": ("id DATE, n INT, PRIMARY KEY (id, n)", "'2020-01-01' + INTERVAL n DIV 10 DAY, n"),
    "moments": ("id DATETIME(3) PRIMARY KEY", "'2020-01-01' + INTERVAL n * 1000 MICROSECOND"),
    "stamps": ("id TIMESTAMP(6) NOT NULL PRIMARY KEY", "'2020-01-01 00:00:00' + INTERVAL n HOUR"),
    "binary16": ("id BINARY(16) PRIMARY KEY", "UNHEX(MD5_OF)"),
    "bytes": ("id VARBINARY(40) PRIMARY KEY", "UNHEX(CONCAT(MD5_OF, HEX(n % 10)))"),
    "pairs": ("id INT, line INT, PRIMARY KEY (id, line)", "n DIV 5, n"),
    "backwards": ("id INT, PRIMARY KEY (id DESC)", "n"),
    "parts": ("id INT PRIMARY KEY", "n"),
}
UNSAMPLED = {
    "keyless": ("id INT", "n", "no primary key that begins with an integer, a date or bytes"),
    "worded": ("id VARCHAR(20) PRIMARY KEY", "CONCAT('é', n)", "no primary key that begins with an integer, a date or bytes"),
    "prefixed": ("id BLOB, PRIMARY KEY (id(20))", "CAST(n AS CHAR)", "no primary key that begins with an integer, a date or bytes"),
    "one_tenant": ("tenant INT, id INT, PRIMARY KEY (tenant, id)", "1, n", "its key's first column holds few values"),
    "zero_dates": ("id DATETIME PRIMARY KEY", "IF(n = 0, '0000-00-00', '2020-01-01' + INTERVAL n SECOND)", "its key holds dates that are none"),
}  # fmt: skip


@pytest.fixture(scope="module")
def schema(source: DatabaseServer) -> Iterator[str]:
    """A schema with a table of each kind."""
    name = source.fresh_schema("samples")
    digits = " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(10))
    source.sql(
        f"CREATE TABLE numbers (n INT PRIMARY KEY); CREATE TABLE digits AS {digits};"
        "INSERT INTO numbers SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d FROM digits a, digits b, digits c, digits e"
        f" WHERE 1000 * e.d < {ROWS}; DROP TABLE digits",
        name,
    )
    made = {**SAMPLED, **{table: case[:2] for table, case in UNSAMPLED.items()}}
    for table, (columns, values) in made.items():
        values = values.replace("MD5_OF", "LEFT(SHA2(n, 256), 32)")
        parts = " PARTITION BY HASH (id) PARTITIONS 4" if table == "parts" else ""
        first, _, rest = columns.partition(", PRIMARY")
        columns = f"{first}, v VARCHAR(80){', PRIMARY' + rest if rest else ''}"
        source.sql(
            f"SET sql_mode = '', time_zone = '+00:00'; CREATE TABLE {table} ({columns}){parts};"
            f"INSERT INTO {table} SELECT {values}, REPEAT('x', 60) FROM numbers; ANALYZE TABLE {table}",
            name,
        )
    source.sql("DROP TABLE numbers; CREATE TABLE small (id INT PRIMARY KEY); INSERT INTO small VALUES (1)", name)
    yield name


@pytest.fixture(scope="module")
def alone(source: DatabaseServer, schema: str) -> str:
    """A schema with the table `plain` only."""
    name = source.fresh_schema("samples")
    source.sql(
        f"CREATE TABLE plain LIKE {schema}.plain; INSERT INTO plain SELECT * FROM {schema}.plain; ANALYZE TABLE plain", name
    )
    return name


@pytest.fixture(scope="module")
def known(source: DatabaseServer, alone: str) -> dict[str, Any]:
    return take(source, alone, sample_above=ABOVE)


@pytest.fixture(scope="module")
def taken(source: DatabaseServer, schema: str) -> dict[str, Any]:
    return take(source, schema, sample_above=ABOVE)


def take(source: DatabaseServer, schema: str, **choices: Any) -> dict[str, Any]:
    with open_session(source) as session:
        return fingerprint.compute(session, source.flavour, [schema], **choices)


def test_tables_with_a_usable_key_are_sampled(schema: str, taken: dict[str, Any]) -> None:
    tables = {name.removeprefix(f"{schema}."): table for name, table in taken["tables"].items()}
    assert {name for name, table in tables.items() if "samples" in table} == set(SAMPLED)
    for name in SAMPLED:
        samples = tables[name]["samples"]
        assert tables[name]["rows"] == ROWS
        assert 100 < samples["rows"] < ROWS / 3, name
        assert samples["ranges"][0][0] is None
        assert samples["ranges"][1][1] is None
        assert len(samples["ranges"]) > 10, name


def test_others_are_read_whole_and_say_why(schema: str, taken: dict[str, Any]) -> None:
    told = {name: taken["tables"][f"{schema}.{name}"].get("unsampled") for name in UNSAMPLED}
    assert told == {name: why for name, (_, _, why) in UNSAMPLED.items()}
    assert {"samples", "unsampled"}.isdisjoint(taken["tables"][f"{schema}.small"])


def test_a_true_copy_passes_and_says_what_was_not_compared(source: DatabaseServer, schema: str, taken: dict[str, Any]) -> None:
    check = compare_fingerprints(taken, take(source, schema, like=taken))
    assert (check.outcome, check.differences) == ("pass", [])
    assert check.figure.endswith(f", {len(SAMPLED)} by samples")
    rows = taken["tables"][f"{schema}.plain"]["samples"]["rows"]
    sentence = f"Rows of {schema}.plain outside of the samples: {rows:,} of 6,000 ({100 * rows / ROWS:.1f} %) were compared."
    assert sentence in check.not_covered
    assert len(check.not_covered) == len(SAMPLED)


def test_samples_are_drawn_anew_each_time(source: DatabaseServer, alone: str, known: dict[str, Any]) -> None:
    again, name = take(source, alone, sample_above=ABOVE), f"{alone}.plain"
    assert again["tables"][name]["samples"]["ranges"] != known["tables"][name]["samples"]["ranges"]


@pytest.mark.parametrize("change", ["first", "last", "sampled", "lost", "more", "exchanged"])
def test_changes_in_samples_and_of_the_count_are_found(
    source: DatabaseServer, schema: str, alone: str, known: dict[str, Any], change: str
) -> None:
    ranges = known["tables"][f"{alone}.plain"]["samples"]["ranges"]
    (low, high), outside = ranges[2], outside_of(ranges)
    statement, line = {
        "first": ("UPDATE plain SET v = CONCAT(LEFT(v, 59), 'y') WHERE id = 0", "values differ within the samples"),
        "last": (f"UPDATE plain SET v = 'y' WHERE id = {ROWS - 1}", "values differ within the samples"),
        "sampled": (f"UPDATE plain SET v = 'y' WHERE id = {(int(low) + int(high)) // 2}", "values differ within the samples"),
        "lost": (f"DELETE FROM plain WHERE id = {outside}", "6,000 rows on the source, 5,999 restored"),
        "more": ("INSERT INTO plain VALUES (-1, 'y')", "6,000 rows on the source, 6,001 restored"),
        "exchanged": (f"UPDATE plain SET id = {ROWS + 1} WHERE id = {outside}", "values differ within the samples"),
    }[change]
    source.sql(statement, alone)
    try:
        check = compare_fingerprints(known, take(source, alone, like=known))
    finally:
        source.sql(f"DELETE FROM plain; INSERT INTO plain SELECT * FROM {schema}.plain", alone)
    assert check.outcome == "fail"
    assert len(check.differences) == 1
    assert line in check.differences[0]


def test_a_change_outside_of_the_samples_is_what_is_not_covered(
    source: DatabaseServer, alone: str, known: dict[str, Any]
) -> None:
    """The price of sampling, which the answer names."""
    outside = outside_of(known["tables"][f"{alone}.plain"]["samples"]["ranges"])
    source.sql(f"UPDATE plain SET v = 'unseen' WHERE id = {outside}", alone)
    try:
        check = compare_fingerprints(known, take(source, alone, like=known))
    finally:
        source.sql(f"UPDATE plain SET v = REPEAT('x', 60) WHERE id = {outside}", alone)
    assert (check.outcome, len(check.not_covered)) == ("pass", 1)


def test_a_copy_without_the_key_is_still_read_alike(source: DatabaseServer, alone: str, known: dict[str, Any]) -> None:
    source.sql("ALTER TABLE plain DROP PRIMARY KEY", alone)
    try:
        assert compare_fingerprints(known, take(source, alone, like=known)).differences == []
        source.sql("ALTER TABLE plain RENAME COLUMN id TO other", alone)
        (difference,) = compare_fingerprints(known, take(source, alone, like=known)).differences
        source.sql("ALTER TABLE plain RENAME COLUMN other TO id", alone)
    finally:
        source.sql("ALTER TABLE plain ADD PRIMARY KEY (id)", alone)
    assert difference == f"table {alone}.plain: sampled on the source, but the copy can't be: it has no column id"


def test_bounds_that_are_none_are_refused(source: DatabaseServer, alone: str, known: dict[str, Any]) -> None:
    name = f"{alone}.plain"
    samples = {**known["tables"][name]["samples"], "ranges": [["0 OR 1=1", None]]}
    with pytest.raises(AgentError, match="'0 OR 1=1' is no bound of a sample of 'int'"):
        take(source, alone, like={"tables": {name: {"samples": samples}}})


def outside_of(ranges: list[list[str | None]]) -> int:
    """Return a row that no range of the table `plain` holds."""
    known = [(int(low) if low else -1, int(high) if high else ROWS) for low, high in ranges]
    return next(number for number in range(ROWS) if not any(low <= number <= high for low, high in known))


def test_a_drill_of_a_sampled_database_says_so_in_its_verdict(mariadb_source: DatabaseServer, make_fleet: MakeFleet) -> None:
    name = mariadb_source.fresh_schema("huge")
    mariadb_source.sql(
        "CREATE TABLE events (id INT PRIMARY KEY, v VARCHAR(80)); "
        "INSERT INTO events SELECT seq, REPEAT('x', 60) FROM seq_1_to_20000; ANALYZE TABLE events",
        name,
    )
    files = make_fleet(mariadb_source, schemas=[name], proof={"sample_above": "100 KB"})
    taken = files.run("backup", "shop")
    assert taken.returncode == 0, taken.stderr
    drilled = files.run("drill", "shop", "--json")
    assert drilled.returncode == 0, drilled.stderr
    verdict = json.loads(drilled.stdout)
    assert verdict["outcome"] == "proven"
    (sentence,) = [line for line in verdict["not_covered"] if "outside of the samples" in line]
    assert re.fullmatch(
        rf"Rows of {name}\.events outside of the samples: [\d,]+ of 20,000 \(\d+\.\d %\) were compared\.", sentence
    )
