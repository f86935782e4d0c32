"""Compares what was true on the source with what the restored copy says, and names every difference as a DBA reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from include.proven.agent.loose_tables import ENGINES as NOT_TRANSACTIONAL
from include.proven.agent.server import CANARY_SCHEMA
from include.proven.proof.answers import answer, could_not_run, count
from include.proven.proof.verdict import Check

FINGERPRINT_HINT = "Don't rely on this recovery point: compare the named tables on source and copy, and take a new backup."
CANARY_HINT = "Other or older data than the manifest says: find out what was dumped and what was stored."

Fingerprint = dict[str, Any]


def compare_fingerprints(source: Fingerprint, restored: Fingerprint) -> Check:
    """Given two fingerprints (`agent/fingerprint.py`), say whether every table has the same rows with the same values.

    No tables, or digests made in different ways, can't be compared: the answer is could-not-run.
    """
    tables, copies = source.get("tables", {}), restored.get("tables", {})
    if not tables:
        return could_not_run("fingerprint", "no table was fingerprinted on the source", "Check `schemas` in the fleet file.")
    if source.get("algorithm") != restored.get("algorithm"):
        what = f"digests differ in kind: {source.get('algorithm')} on the source, {restored.get('algorithm')} restored"
        return could_not_run("fingerprint", what, "Run the drill with the version of Proven that took the backup.")
    excused = {name for name, table in tables.items() if _is_excused(name, table, copies.get(name))}
    compared = {name: table for name, table in tables.items() if name not in excused}
    if excused and all(name.startswith(f"{CANARY_SCHEMA}.") for name in compared):
        what = "every table was written while the snapshots were opened, and the account may not lock"
        return could_not_run("fingerprint", what, "Grant the backup account RELOAD (README), and take a new backup.")
    names = sorted({*compared, *(copies.keys() - tables.keys())})
    differences = [line for name in names for line in _table(name, compared.get(name), copies.get(name))]
    rows = sum(int(table["rows"]) for table in compared.values())
    sampled = {name: table for name, table in compared.items() if "samples" in table}
    figure = f"{count(len(compared), 'table')}, {count(rows, 'row')}{f', {len(sampled)} by samples' if sampled else ''}"
    found = answer("fingerprint", differences, figure, FINGERPRINT_HINT, data=True)
    unsaid = [_describe_samples(name, table) for name, table in sampled.items()]
    if excused:
        unsaid.append(
            f"Tables written while the snapshots were opened, and the account may not lock: {', '.join(sorted(excused))}."
        )
    return found.model_copy(update={"not_covered": unsaid})


def compare_canary(canary: dict[str, Any] | None, restored: dict[str, Any] | None) -> Check:
    """Given the canary in the manifest and what `agent/canary.py` read from the copy, say whether they are the same row.

    Without a canary in the manifest (it is switched off) nothing can be asked: could-not-run is for the verdict to explain.
    """
    if canary is None:
        return could_not_run("canary", "switched off for this database", "Set `canary: true` to have identity and age proven.")
    expected = [canary["recovery_point"], canary["written_at"]]
    if restored is None:
        return answer("canary", ["canary: missing from the restored copy"], "no canary", CANARY_HINT)
    if expected in [list(row) for row in restored.get("rows", [[restored["recovery_point"], restored["written_at"]]])]:
        return answer("canary", [], f"{expected[0]}, written {expected[1]}", "")
    found = f"{restored['recovery_point']}, written {restored['written_at']}"
    difference = f"canary: {expected[0]}, written {expected[1]}, was not restored; the newest restored is {found}"
    return answer("canary", [difference], f"found {found}", CANARY_HINT)


def _table(name: str, source: dict[str, Any] | None, copy: dict[str, Any] | None) -> Iterator[str]:
    if copy is None or source is None:
        yield f"table {name}: missing" if copy is None else f"table {name}: not on the source, but restored"
    elif source["rows"] != copy["rows"]:
        yield f"table {name}: {count(source['rows'], 'row')} on the source, {copy['rows']:,} restored{_remark(source)}"
    elif _ranges(source) != _ranges(copy):
        yield f"table {name}: sampled on the source, but the copy can't be: {copy.get('unsampled', 'it was read otherwise')}"
    elif source["digest"] != copy["digest"]:
        where = ", but values differ within the samples" if "samples" in source else ", but values differ"
        yield f"table {name}: {count(source['rows'], 'row')} on both{where}{_remark(source)}"


def _ranges(table: dict[str, Any]) -> Any:
    """Return which rows of a table were read. None: all."""
    samples = table.get("samples")
    return [samples["column"], samples["ranges"]] if samples else None


def _describe_samples(name: str, table: dict[str, Any]) -> str:
    read, rows = table["samples"]["rows"], table["rows"]
    share = f"{100 * read / rows:.1f}" if 1000 * read >= rows else "less than 0.1"
    return f"Rows of {name} outside of the samples: {read:,} of {rows:,} ({share} %) were compared."


def _is_excused(name: str, source: dict[str, Any], copy: dict[str, Any] | None) -> bool:
    """Say whether a table differs that need not be alike: without a lock, the dump may hold it before or after a write."""
    return bool(source.get("unsteady")) and copy is not None and any(_table(name, source, copy))


def _remark(table: dict[str, Any]) -> str:
    engine = str(table.get("engine", ""))
    loose = engine.lower() in NOT_TRANSACTIONAL and not table.get("locked")
    return f" ({engine}: not in the snapshot; written during the backup?)" if loose else ""
