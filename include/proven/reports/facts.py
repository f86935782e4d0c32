"""What reports say in a label and a few words each, the same in a terminal and in a document."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

from include.proven.progress import format_bytes, format_seconds
from include.proven.proof.verdict import Usage, Verdict
from include.proven.reports.documents import Contents

Facts = Iterator[tuple[str, str]]


def recovery_point(contents: Contents, stores: Sequence[str] = ()) -> Facts:
    """Yield what a recovery point holds in short, and the names of the stores that have it, where they are given."""
    yield "source", source(contents)
    yield "identity", contents.server.identity
    yield "data as of", moment(contents.data_as_of)
    yield "schemas", ", ".join(schema.name for schema in contents.schemas)
    yield "tables", f"{count(contents.tables, 'table')}, {contents.rows:,} rows, fingerprinted inside the dump's snapshot"
    if slowest := ", ".join(f"{table.name} {format_seconds(table.seconds)}" for table in contents.slowest):
        yield "slowest", f"fingerprints: {slowest}"
    yield "dumped", f"{format_bytes(contents.plain_bytes)} of SQL in {taken(contents)}"
    yield "stored", stored(contents)
    if stores:
        yield "held by", f"store{'s' if len(stores) > 1 else ''} {', '.join(stores)}"
    yield "readable by", ", ".join(contents.recipients)
    if contents.triggered_by:
        yield "asked by", contents.triggered_by


def origin(contents: Contents) -> Facts:
    """Yield whose data a recovery point holds, and of when."""
    yield "Data as of", moment(contents.data_as_of)
    yield "Source", source(contents)
    yield "Server's identity", contents.server.identity
    if place := position(contents):
        yield "Binary log", place
    for one in contents.replication:
        channel = f" (channel {one.channel})" if one.channel else ""
        yield "Replica of", f"{one.primary or 'another server'}{channel}, {format_seconds(one.lag_seconds)} behind"
    yield "Canary", f"written {contents.canary_written_at}" if contents.canary_written_at else "none: switched off"
    if lock := contents.lock:
        yield "One moment by", _lock(lock.kind, lock.held_seconds, lock.waited_seconds, lock.tables)


def size(contents: Contents) -> Facts:
    """Yield how much a recovery point holds, and what the backup took."""
    kinds = (count(number, kind.replace("_", " ").removesuffix("s")) for kind, number in contents.objects.items())
    yield "Objects", ", ".join(kinds) or "none"
    yield "Dumped", f"{format_bytes(contents.plain_bytes)} of SQL in {taken(contents)}"
    yield "Stored", stored(contents)
    yield "Backup", f"{moment(contents.started_at)} to {moment(contents.finished_at)}, by Proven {contents.proven_version}"
    if contents.triggered_by:
        yield "Asked by", contents.triggered_by


def drill(verdict: Verdict) -> Facts:
    """Yield where a drill took place and what it has measured, in short."""
    yield "recovery point", verdict.recovery_point
    yield from way(verdict)
    yield "restored in", f"sandbox {verdict.sandbox}, from store {verdict.store}"
    if findings := isolation(verdict):
        broken = [finding["said"] for finding in findings if not finding["ok"]]
        yield ("not isolated" if broken else "isolated"), ", ".join(broken or [finding["said"] for finding in findings])
    if verdict.data_age_seconds is not None:
        yield "data age", f"{format_seconds(verdict.data_age_seconds)} when the drill began"
    if verdict.measured_rto_seconds is not None:
        yield "measured RTO", f"{format_seconds(verdict.measured_rto_seconds)} to build and restore"
    if verdict.usage:
        yield "used", usage(verdict.usage)
    if verdict.kept:
        yield "kept", "the sandbox stands until it expires: see `./proven sandboxes`"
    if verdict.triggered_by:
        yield "asked by", verdict.triggered_by


def way(verdict: Verdict) -> Facts:
    """Yield by which way a drill came that did not restore the copy itself: from where, over which second, how far it leads."""
    if verdict.via:
        yield "reached from", f"{verdict.via}{replayed(verdict)}"
        if verdict.moment:
            yield "on the way", f"{moment(verdict.moment)} was looked at"
        yield from log_reach(verdict)


def replayed(verdict: Verdict) -> str:
    """Return what of the binary log was replayed, in a few words; nothing where the drill did not get so far."""
    for step in verdict.steps:
        if found := step.figures.get("replayed"):
            pieces, log = count(found["pieces"], "piece"), format_bytes(found["plain_bytes"])
            return f", by {count(found['transactions'], 'transaction')} in {pieces} of the binary log ({log})"
    return ""


def log_reach(verdict: Verdict) -> Facts:
    """Yield up to which moment the log in the store goes: what would have been lost, had the source died as the drill began."""
    for step in verdict.steps:
        if found := step.figures.get("replayed"):
            reached = datetime.datetime.fromisoformat(found["complete_to"])
            behind = max((verdict.started_at - reached).total_seconds(), 0.0)
            yield "measured RPO", f"{format_seconds(behind)}: the log in the store is complete up to {moment(reached)}"


def isolation(verdict: Verdict) -> list[dict[str, Any]]:
    """Return what was found of the sandbox's isolation (`agent.looks.Finding`)."""
    return [finding for step in verdict.steps for finding in step.figures.get("isolation", [])]


def usage(used: Usage) -> str:
    """Return what a drill has used: `m1.large for 12 min 05 s, 0.0242 at 0.12 an hour; 1.3 GB from the store`."""
    said = f"{used.size or 'an instance'} for {format_seconds(used.instance_seconds)}"
    if used.cost is not None:
        said += f", {used.cost:.4f} at {used.price_per_hour:g} an hour"
    return said + (f"; {format_bytes(used.fetched_bytes)} from the store" if used.fetched_bytes is not None else "")


def source(contents: Contents) -> str:
    """Return host, flavour and version of the source."""
    return f"{contents.server.hostname}, {contents.server.flavour} {contents.server.version}"


def position(contents: Contents) -> str:
    """Return where the source's binary log stood; an empty string where that is not known."""
    place = contents.position
    if place is None:
        return ""
    known = [f"{place.file}:{place.offset}" if place.file else "", f"GTID {place.gtid}" if place.gtid else ""]
    return "; ".join(said for said in known if said)


def stored(contents: Contents) -> str:
    """Return size, compression and number of parts as they lie in the store, and what of it had not to be sent again."""
    ratio = contents.plain_bytes / max(contents.stored_bytes, 1)
    said = f"{format_bytes(contents.stored_bytes)}, compressed {ratio:.1f}x and encrypted, in {contents.parts} parts"
    if not contents.reused_bytes:
        return said
    sent = format_bytes(contents.stored_bytes - contents.reused_bytes)
    return f"{said}; {sent} of it sent, and {format_bytes(contents.reused_bytes)} there already, of earlier recovery points"


def taken(contents: Contents) -> str:
    """Return how long the backup took and its rate."""
    rate = f" ({format_bytes(contents.plain_bytes / contents.seconds)}/s)" if contents.seconds > 0 else ""
    return f"{format_seconds(contents.seconds)}{rate}"


def moment(time: datetime.datetime) -> str:
    """Return a time as `2026-11-21 06:11:12 UTC`."""
    return time.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def count(number: int, noun: str) -> str:
    """Return `1 table`, `1,204 tables`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _lock(kind: str, held: float, waited: float, tables: Sequence[str]) -> str:
    if kind == "none":
        return "no lock: the account may not take one"
    said = f"{kind}, held for {held * 1000:,.0f} ms after waiting {waited * 1000:,.0f} ms"
    return f"{said}; locked until they were dumped: {', '.join(tables)}" if tables else said
