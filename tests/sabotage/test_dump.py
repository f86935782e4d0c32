"""The pieces of a real dump, joined, are the dump; and what is in them is told apart as the servers mean it."""

from __future__ import annotations

import io

import pytest

from include.proven.sabotage import dump, edits, rows
from include.proven.sabotage.dump import Piece
from include.proven.sabotage.edits import Deed, Edit
from tests.sabotage import yard
from tests.servers.databases import DatabaseServer


@pytest.fixture(scope="module")
def dumped(source: DatabaseServer) -> tuple[str, bytes]:
    """A schema and its dump, as a backup takes it."""
    schema, account = yard.fill(source)
    source.sql(f"DROP USER {account}")
    done = source.run([*source.tools["dump"], "--databases", schema], source.endpoint)
    assert done.returncode == 0, done.stderr.decode()
    return schema, done.stdout


def pieces(content: bytes) -> list[Piece]:
    return list(dump.read(io.BytesIO(content)))


def test_the_pieces_joined_are_the_dump(dumped: tuple[str, bytes]) -> None:
    schema, content = dumped
    found = pieces(content)
    assert b"".join(piece.text for piece in found) == content
    assert {piece.path for piece in found if piece.kind == "definition"} == {
        f"{schema}.{table}" for table in ("customers", "orders", "products", "visits")
    }
    bodies = [piece.section for piece in found if piece.kind == "body"]
    assert (bodies.count("table"), bodies.count("routines"), bodies.count("events")) == (2, 2, 1)
    assert {piece.name for piece in found if piece.section == "view"} == {"spent"}


def test_rows_are_told_apart(dumped: tuple[str, bytes]) -> None:
    customers = [piece for piece in pieces(dumped[1]) if piece.name == "customers"]
    (definition,) = (piece for piece in customers if piece.kind == "definition")
    (inserted,) = (piece for piece in customers if piece.kind == "rows")
    statement = rows.parse(inserted.text)
    columns = rows.pick_columns(statement, rows.columns_of(definition.text))
    assert [column.name for column in columns] == ["id", "name", "mood", "photo", "seen"]
    assert [row[0] for row in statement.rows] == [b"1", b"2", b"3"]
    assert statement.rows[1][1] == rb"'O\'Neill; (x), y'"
    assert statement.rows[2][1:3] == [rb"'back\\slash'", rb"'line\nbreak'"]
    assert rows.parse(statement.text()) == statement


def test_what_is_generated_is_known(dumped: tuple[str, bytes]) -> None:
    orders = [piece for piece in pieces(dumped[1]) if piece.name == "orders"]
    (definition,) = (piece for piece in orders if piece.kind == "definition")
    (inserted,) = (piece for piece in orders if piece.kind == "rows")
    columns = rows.pick_columns(rows.parse(inserted.text), rows.columns_of(definition.text))
    assert [column.name for column in columns if not column.generated] == ["id", "customer", "total"]


@pytest.mark.parametrize(
    "edit",
    [
        edits.change_rows(edits.delete_row),
        edits.change_rows(edits.duplicate_row),
        edits.change_rows(edits.change_byte),
        edits.change_rows(edits.change_binary),
        edits.change_rows(edits.swap_values),
    ],
    ids=["delete", "duplicate", "byte", "binary", "swap"],
)
def test_a_change_of_one_row_touches_nothing_else(dumped: tuple[str, bytes], edit: Edit) -> None:
    before, deed = pieces(dumped[1]), Deed()
    after = list(edit(iter(before), deed))
    changed = [(piece, text) for piece, text in zip(before, after, strict=True) if piece.text != text]
    assert [piece.kind for piece, _ in changed] == ["rows"]
    assert changed[0][0].path == deed.thing
    kept, altered = rows.parse(changed[0][0].text).rows, rows.parse(changed[0][1]).rows
    assert abs(len(kept) - len(altered)) + sum(one != other for one, other in zip(kept, altered, strict=False)) <= 2


def test_what_is_not_there_is_not_said_to_be_done() -> None:
    deed = Deed()
    assert b"".join(edits.empty_table(iter(pieces(b"-- nothing\n")), deed)) == b"-- nothing\n"
    assert not deed.thing
