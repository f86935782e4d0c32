"""What broken backups do to the objects of a dump, and to its accounts: omitted, skipped, or made in another way."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from include.proven.agent import names
from include.proven.sabotage.dump import NAME, Piece, Section, unquote
from include.proven.sabotage.edits import Deed, Edit

WORD = rb"(?:" + NAME + rb"|([\w$\x80-\xff]+))"
TRIGGER = re.compile(rb"\bTRIGGER\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:" + WORD + rb"\s*\.\s*)?" + WORD)
"""Spelt as whoever made it has spelt it."""
DEFINER = re.compile(rb"DEFINER=`(?:[^`]|``)*`@`(?:[^`]|``)*`")
NOBODY = b"DEFINER=`proven_nobody`@`localhost`"
INDEX = re.compile(rb",\n  KEY " + NAME + rb"[^\n]*?(?=,?\n)")
COLLATION = re.compile(rb"DEFAULT CHARSET=(\w+)(?: COLLATE=(\w+))?")
ACCOUNTS_END = b"-- Accounts completed"
GRANT = re.compile(rb"GRANT (?!USAGE ON \*\.\*|PROXY ).* TO (" + NAME + rb"(?:@" + NAME + rb")?)")


def omit_bodies(section: Section, noun: str) -> Edit:
    """Return the edit that leaves out every routine (section `routines`), trigger (`table`) or event (`events`)."""

    def edit(pieces: Iterator[Piece], deed: Deed) -> Iterator[bytes]:
        for piece in pieces:
            if piece.kind == "body" and piece.section == section:
                deed.thing = noun
            else:
                yield piece.text

    return edit


def omit_trigger(pieces: Iterator[Piece], deed: Deed) -> Iterator[bytes]:
    """Leave out the first trigger."""
    for piece in pieces:
        found = TRIGGER.search(piece.text) if piece.kind == "body" and piece.section == "table" else None
        if found and not deed.thing:
            deed.thing = names.display(piece.schema, unquote(found[3] or found[4]))
        else:
            yield piece.text


def change_definer(pieces: Iterator[Piece], deed: Deed) -> Iterator[bytes]:
    """Let the first view belong to an account that is not there."""
    for piece in pieces:
        if piece.section == "view" and not deed.thing and DEFINER.search(piece.text):
            deed.thing = piece.path
            yield DEFINER.sub(NOBODY, piece.text)
        else:
            yield piece.text


def drop_index(tables: Collection[str]) -> Edit:
    """Return the edit that leaves out one index of the first of these tables that has one besides its first."""

    def edit(pieces: Iterator[Piece], deed: Deed) -> Iterator[bytes]:
        for piece in pieces:
            text = piece.text
            if piece.kind == "definition" and piece.path in tables and not deed.thing and INDEX.search(text):
                deed.thing, text = piece.path, INDEX.sub(b"", text, count=1)
            yield text

    return edit


def change_collation(tables: Collection[str]) -> Edit:
    """Return the edit that gives the first of these tables another collation of the same character set."""

    def edit(pieces: Iterator[Piece], deed: Deed) -> Iterator[bytes]:
        for piece in pieces:
            text = piece.text
            if piece.kind == "definition" and piece.path in tables and not deed.thing and (found := _text_collation(text)):
                deed.thing, text = piece.path, text[: found.start()] + _other_collation(found) + text[found.end() :]
            yield text

    return edit


def omit_accounts(pieces: Iterator[Piece], deed: Deed) -> Iterator[bytes]:
    """Leave out every account and grant."""
    for piece in pieces:
        if piece.text.startswith(ACCOUNTS_END):
            yield piece.text
        else:
            deed.thing = "account"


def omit_grant(pieces: Iterator[Piece], deed: Deed) -> Iterator[bytes]:
    """Leave out the first grant that gives something."""
    for piece in pieces:
        found = GRANT.match(piece.text)
        if found and not deed.thing:
            deed.thing = found[1].decode("utf-8", "surrogateescape")
        else:
            yield piece.text


def _text_collation(definition: bytes) -> re.Match[bytes] | None:
    found = list(COLLATION.finditer(definition))
    return found[-1] if found and found[-1][1] != b"binary" else None


def _other_collation(found: re.Match[bytes]) -> bytes:
    charset, collation = found[1], found[2] or b""
    other = b"general_ci" if collation.endswith(b"_bin") else b"bin"
    return b"DEFAULT CHARSET=%b COLLATE=%b_%b" % (charset, charset, other)
