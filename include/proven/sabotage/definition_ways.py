"""Ways that a backup itself goes wrong in: objects, accounts and the seal. What `dump_ways.py` says goes for these too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

from include.proven.agent.server import CANARY_SCHEMA
from include.proven.sabotage import edits, object_edits, sealing
from include.proven.sabotage.broken_copy import Copy
from include.proven.sabotage.dump_ways import REFUSED, altered, tables_with
from include.proven.sabotage.ways import Told, Way
from include.proven.sabotage.workshop import NotApplicableError

DEFINITION = Told("objects", r"table {thing}\b")
ANOTHER = "00000000-0000-0000-0000-00000000dead"
EVENT, FIRED = "proven_sabotage", "proven_sabotage_fired"
REFERENCED = re.compile(r"\bREFERENCES `(?:[^`]|``)+`(?:\.`(?:[^`]|``)+`)?")


def drop_index(copy: Copy) -> str:
    """Leave out an index."""
    return copy.alter(object_edits.drop_index(_tables_alone(copy)))


def change_collation(copy: Copy) -> str:
    """Give a table another collation."""
    return copy.alter(object_edits.change_collation(_tables_alone(copy)))


def leave_out_view(copy: Copy) -> str:
    """Leave out a view, one that no other speaks of if there is one."""
    views: dict[str, str] = copy.manifest.inventory.get("views", {})
    if not views:
        raise NotApplicableError("this recovery point has no view")
    bare = {name: name.rpartition(".")[2].strip("`") for name in views}
    alone = [name for name in views if not any(f"`{bare[name]}`" in text for other, text in views.items() if other != name)]
    return copy.alter(edits.leave_out(view=(alone or list(views))[0]))


def add_event(copy: Copy) -> str:
    """Add an event that would show that it has run."""
    schema = next(name for name in copy.manifest.schemas if name != CANARY_SCHEMA)
    return copy.alter(edits.add_event(schema, EVENT, FIRED))


def omit_accounts(copy: Copy) -> str:
    """Leave out every account and grant."""
    return copy.alter(object_edits.omit_accounts, "accounts", "grants")


def omit_grant(copy: Copy) -> str:
    """Leave out one grant."""
    return copy.alter(object_edits.omit_grant, "accounts")


def damage_frame(copy: Copy) -> str:
    """Flip a bit of the compressed stream, before it is sealed."""
    copy.reseal(_flip_at_end, compressed=True)
    return copy.artifact().name


def damage_seal(copy: Copy) -> str:
    """Flip a bit of the encrypted dump, before its checksums are taken."""
    artifact = copy.artifact()
    copy.flip_bit(artifact.name)
    copy.describe(artifact.model_copy(update=sealing.describe(copy.folder / artifact.name)))
    return artifact.name


def encrypt_to_stranger(copy: Copy) -> str:
    """Encrypt the dump to a key whose private half is nowhere."""
    copy.reseal(_as_it_is, stranger=True)
    return copy.artifact().name


def empty_checksum(copy: Copy) -> str:
    """Let the manifest hold no checksum of the dump."""
    copy.describe(copy.artifact().model_copy(update={"sha256": ""}))
    return copy.artifact().name


def compare_nothing(copy: Copy) -> str:
    """Let the manifest know of no table."""
    copy.rewrite(fingerprint={**copy.manifest.fingerprint, "tables": {}, "rows": 0})
    return "fingerprint"


def claim_other_server(copy: Copy) -> str:
    """Let the manifest say what it says of a dump of another server."""
    workshop = copy.workshop
    known = workshop.installation.database(workshop.database).servers
    if known is None and not workshop.catalog.proven_before(workshop.database, workshop.recovery_point, 1).manifests:
        raise NotApplicableError("no recovery point before it is proven, so its server is taken on trust")
    copy.rewrite(server={**copy.manifest.server.model_dump(), "identity": ANOTHER})
    return ANOTHER


def _tables_alone(copy: Copy) -> list[str]:
    """Return the tables that have no foreign keys and that none refers to: what is done to them stays with them."""
    definitions: dict[str, str] = copy.manifest.inventory.get("tables", {})
    referenced = " ".join(found[0] for text in definitions.values() for found in REFERENCED.finditer(text))
    alone = [
        name
        for name in tables_with(copy.manifest, rows=0)
        if " FOREIGN KEY " not in definitions.get(name, "") and f"`{name.rpartition('.')[2].strip('`')}`" not in referenced
    ]
    if not alone:
        raise NotApplicableError("every table of this recovery point has foreign keys")
    return alone


def _as_it_is(stream: IO[bytes]) -> Iterator[bytes]:
    while data := stream.read(sealing.BUFFER):
        yield data


def _flip_at_end(stream: IO[bytes]) -> Iterator[bytes]:
    """Flip a bit of the last bytes: the checksum that zstd puts there, or what it is of."""
    held = b""
    while data := stream.read(sealing.BUFFER):
        yield held
        held = data
    yield held[:-2] + bytes([held[-2] ^ 0x10]) + held[-1:]


WAYS = (
    Way(
        "triggers-omitted",
        "A6",
        "No trigger is in the dump.",
        altered(object_edits.omit_bodies("table", "trigger")),
        (Told("objects", "trigger .*: missing"),),
    ),
    Way(
        "routines-omitted",
        "A6",
        "No routine is in the dump.",
        altered(object_edits.omit_bodies("routines", "routine")),
        (Told("objects", "routine .*: missing"), Told("restore", f"(?s){REFUSED}.*(FUNCTION|PROCEDURE|routine)")),
    ),
    Way(
        "events-omitted",
        "A6",
        "No event is in the dump.",
        altered(object_edits.omit_bodies("events", "event")),
        (Told("objects", "event .*: missing"),),
    ),
    Way(
        "trigger-missing",
        "C3",
        "One trigger is not in the dump.",
        altered(object_edits.omit_trigger),
        (Told("objects", "trigger {thing}: missing"),),
    ),
    Way(
        "view-missing",
        "A7",
        "One view is not in the dump.",
        leave_out_view,
        (Told("objects", "view {thing}: missing"), Told("restore", f"(?s){REFUSED}.*doesn't exist")),
    ),
    Way(
        "definer-changed",
        "A7",
        "One view belongs to an account that is not there.",
        altered(object_edits.change_definer),
        (Told("objects", r"view {thing}\b"),),
    ),
    Way(
        "accounts-omitted",
        "A8",
        "No account and no grant is in the recovery point.",
        omit_accounts,
        (Told("objects", "account .*: missing"),),
    ),
    Way("grant-omitted", "A8", "One grant is missing.", omit_grant, (Told("objects", "grants of {thing}"),)),
    Way("index-missing", "C3", "One index is not in the dump.", drop_index, (DEFINITION,)),
    Way("collation-changed", "C4", "One table has another collation.", change_collation, (DEFINITION,)),
    Way(
        "refused-statement",
        "C4",
        "The dump asks for a collation that the server does not know.",
        altered(edits.refuse_statement),
        (Told("restore", f"(?s){REFUSED}.*{{thing}}"),),
    ),
    Way(
        "event-added",
        "C9",
        "The dump holds an event that runs every second, if anything runs it.",
        add_event,
        (Told("objects", "event {thing}: not on the source"),),
        never=FIRED,
    ),
    Way(
        "damaged-before-sealing",
        "B2",
        "One bit of the compressed dump was flipped before it was encrypted.",
        damage_frame,
        (Told("restore", "can't decompress"),),
    ),
    Way(
        "damaged-before-checksum",
        "B4",
        "One bit of the encrypted dump was flipped before its checksums were taken.",
        damage_seal,
        (Told("restore", "gpg: .*(can't decrypt|no seal)|zstd: .*can't decompress"),),
    ),
    Way(
        "encrypted-to-a-stranger",
        "B3",
        "The dump is encrypted to a key that nobody here has.",
        encrypt_to_stranger,
        (Told("restore", "no private key"),),
        outcomes=("unproven",),
    ),
    Way(
        "empty-checksum",
        "B6",
        "The manifest has no checksum of the dump.",
        empty_checksum,
        (Told("restore", "do not make up the whole"),),
    ),
    Way(
        "other-server",
        "A14",
        "The dump is of a server that this database never was.",
        claim_other_server,
        (Told("identity", "server .*{thing}"),),
    ),
    Way(
        "nothing-to-compare",
        "D1",
        "The manifest knows of no table.",
        compare_nothing,
        (Told("fingerprint", "no table was fingerprinted"),),
        outcomes=("unproven", "refuted"),
    ),
)
