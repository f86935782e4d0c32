"""Ways that a backup itself goes wrong in: rows and values are lost or changed before they were sealed.

The dump is decrypted, altered and sealed again, and the manifest that describes it is signed by the fleet's own signer: every
checksum holds, and only fingerprint, inventory and canary know what the source had.
"""

from __future__ import annotations

import re
import shutil

from include.proven.agent.loose_tables import ENGINES as NOT_TRANSACTIONAL
from include.proven.agent.server import CANARY_SCHEMA
from include.proven.manifest import Manifest
from include.proven.sabotage import edits
from include.proven.sabotage.broken_copy import Act, Copy
from include.proven.sabotage.ways import Told, Way
from include.proven.sabotage.workshop import NotApplicableError, yesterday_of

ROWS = Told("fingerprint", r"table {thing}\b")
REFUSED = "the server refused a statement"
MARKER = Told("restore", "does not end with '-- Dump completed'")
INSTANT = re.compile(r"^\s+`(?:[^`]|``)+` timestamp\b[^\n]* NOT NULL", re.MULTILINE)
BYTES = re.compile(r"^\s+`(?:[^`]|``)+` \w*(?:blob|binary|bit)\b", re.MULTILINE)


def tables_with(manifest: Manifest, pattern: re.Pattern[str] | None = None, *, rows: int = 1) -> list[str]:
    """Return the tables of a recovery point with so many rows, the canary's aside, whose definition holds the pattern.

    Raise NotApplicableError if there is none.
    """
    definitions = manifest.inventory.get("tables", {})
    found = [
        name
        for name, table in manifest.fingerprint["tables"].items()
        if table["rows"] >= rows and not name.startswith(f"{CANARY_SCHEMA}.")
    ]
    fit = [name for name in found if pattern is None or pattern.search(definitions.get(name, ""))]
    if not fit:
        raise NotApplicableError("this recovery point has no table that is fit for it")
    return fit


def altered(edit: edits.Edit) -> Act:
    """Return the act that makes one edit to the dump."""
    return lambda copy: copy.alter(edit)


def change_binary(copy: Copy) -> str:
    """Change one bit of one binary value."""
    return copy.alter(edits.change_rows(edits.change_binary, tables_with(copy.manifest, BYTES)))


def lose_row_outside_snapshot(copy: Copy) -> str:
    """Delete a row of a table that is in no snapshot."""
    tables = copy.manifest.fingerprint["tables"]
    loose = [name for name in tables_with(copy.manifest) if str(tables[name].get("engine", "")).lower() in NOT_TRANSACTIONAL]
    return copy.alter(edits.change_rows(edits.delete_row, loose))


def shift_times(copy: Copy) -> str:
    """Let every TIMESTAMP be another one by two hours."""
    table = tables_with(copy.manifest, INSTANT)[0]
    return copy.alter(edits.shift_times(table), of=table)


def leave_out_table(copy: Copy) -> str:
    """Leave out a whole table, one that no view speaks of if there is one."""
    views = " ".join(copy.manifest.inventory.get("views", {}).values())
    tables = tables_with(copy.manifest)
    bare = {name: name.rpartition(".")[2].strip("`") for name in tables}
    return copy.alter(edits.leave_out(next((name for name in tables if f"`{bare[name]}`" not in views), tables[0])))


def leave_out_schema(copy: Copy) -> str:
    """Leave out a whole schema."""
    return copy.alter(edits.leave_out(schema=next(name for name in copy.manifest.schemas if name != CANARY_SCHEMA)))


def rename_canary(copy: Copy) -> str:
    """Let the canary be another recovery point's."""
    point = copy.workshop.recovery_point
    return copy.alter(edits.rename_canary(point, yesterday_of(point))) and point


def take_older_dump(copy: Copy) -> str:
    """Put all artifacts of the recovery point before in the place of these, under a new signature."""
    workshop = copy.workshop
    if copy.manifest.canary is None:
        raise NotApplicableError("this database has no canary", hint="Set `canary: true`: nothing else tells two days apart.")
    older = workshop.older_manifest
    for artifact in copy.manifest.artifacts:
        copy.remove(artifact.name)
    for artifact in older.artifacts:
        shutil.copyfile(workshop.older_files / artifact.name, copy.folder / artifact.name)
    copy.rewrite(artifacts=[artifact.model_dump() for artifact in older.artifacts])
    return workshop.recovery_point


WAYS = (
    Way(
        "cut-in-a-row",
        "A2",
        "The dump ends in the middle of a row.",
        altered(edits.cut_mid_row),
        (MARKER, Told("restore", REFUSED)),
    ),
    Way(
        "cut-between-rows",
        "A3",
        "The dump ends between two rows, with no end marker.",
        altered(edits.cut_between_rows),
        (MARKER,),
    ),
    Way("rows-lost", "A3", "Half of a table's rows are missing; all that follows is there.", altered(edits.cut_short), (ROWS,)),
    Way("row-deleted", "D4", "One row is missing.", altered(edits.change_rows(edits.delete_row)), (ROWS,)),
    Way(
        "row-outside-snapshot",
        "A5",
        "One row of a table that is in no snapshot (MyISAM, Aria) is missing.",
        lose_row_outside_snapshot,
        (ROWS,),
    ),
    Way(
        "row-duplicated",
        "D4",
        "One row is there twice.",
        altered(edits.change_rows(edits.duplicate_row)),
        (ROWS, Told("restore", f"(?s){REFUSED}.*(Duplicate entry|during COMMIT)")),
    ),
    Way("letter-changed", "D4", "One letter of one text is another.", altered(edits.change_rows(edits.change_byte)), (ROWS,)),
    Way("bit-changed", "A11", "One bit of one binary value is another.", change_binary, (ROWS,)),
    Way(
        "values-swapped",
        "D4",
        "Two rows have changed places in one column.",
        altered(edits.change_rows(edits.swap_values)),
        (ROWS, Told("restore", f"{REFUSED}.*CONSTRAINT")),
    ),
    Way("table-emptied", "C3", "A table has no rows.", altered(edits.empty_table), (ROWS,)),
    Way(
        "table-missing",
        "C3",
        "A table is not in the dump.",
        leave_out_table,
        (Told("fingerprint", "table {thing}: missing"), Told("restore", f"(?s){REFUSED}.*doesn't exist")),
    ),
    Way(
        "schema-missing",
        "A12",
        "A schema is not in the dump.",
        leave_out_schema,
        (Told("fingerprint", r"{thing}\b"), Told("restore", f"(?s){REFUSED}.*(doesn't exist|Unknown database)")),
    ),
    Way(
        "emoji-lost",
        "A9",
        "Every emoji is a question mark.",
        altered(edits.lose_characters(edits.EMOJI, lambda _: b"?")),
        (ROWS,),
    ),
    Way(
        "encoded-twice",
        "A9",
        "Every character beyond ASCII was taken for latin1.",
        altered(edits.lose_characters(edits.BEYOND_ASCII, edits.encode_twice)),
        (ROWS, Told("restore", "Data too long")),
    ),
    Way(
        "times-shifted",
        "A10",
        "Every TIMESTAMP is off by two hours.",
        shift_times,
        (ROWS, Told("restore", "Incorrect datetime value")),
    ),
    Way(
        "canary-of-another",
        "C1",
        "The canary is another recovery point's.",
        rename_canary,
        (Told("canary", "{thing}"),),
    ),
    Way(
        "older-dump",
        "C1",
        "All data are of the recovery point before, under a manifest of now.",
        take_older_dump,
        (Told("canary", "{thing}"),),
    ),
)
