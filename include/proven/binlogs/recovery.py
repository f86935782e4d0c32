"""Recovery to a point in time: a recovery point, and what the binary log holds behind it, up to what was asked for.

Before anything is restored, the whole way there is looked at: the recovery point, and every link of the chain that follows it.
"""

from __future__ import annotations

import calendar
import dataclasses
import datetime
import re
from typing import Any

from include.proven import agent_client, copies, engines, progress, restore
from include.proven.agent import jobs, protocol
from include.proven.binlogs import continuity
from include.proven.catalog.binlogs import FOLDER, Segment
from include.proven.catalog.records import quote
from include.proven.errors import ConfigError, ProvenError
from include.proven.hosts.contract import Host
from include.proven.installation import Installation
from include.proven.manifest import Manifest, Position

MYSQL_GTID = re.compile(r"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}):(\d+)")
LOOKED_FOR = ("gtid", "drop")
"""Only the pieces themselves tell whether those are in the log."""
MARIADB_GTID = re.compile(r"(\d+)-(\d+)-(\d+)")


@dataclasses.dataclass(frozen=True)
class Way:
    """How a moment is reached: from which recovery point, by which pieces of the log."""

    manifest: Manifest
    store: str
    """Name of the store that the recovery point is restored from."""
    segments: list[Segment]
    log_store: str
    """Name of the store that the pieces are read from."""
    complete_to: datetime.datetime
    """The newest moment that the log in that store reaches from there, by the source's clock."""
    until: jobs.ReplayUntil


def parse_moment(text: str) -> datetime.datetime:
    """Return a moment that a person has written (ISO 8601; UTC unless it names an offset). Raise ValueError if it is none."""
    moment = datetime.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def to_moment(moment: datetime.datetime) -> jobs.ReplayUntil:
    """Ask for all that was committed up to and in a second."""
    return _until("moment", moment=_seconds(moment))


def to_gtid(gtid: str) -> jobs.ReplayUntil:
    """Ask for a transaction and all before it. Raise ConfigError if that is the name of none."""
    if not MYSQL_GTID.fullmatch(gtid) and not MARIADB_GTID.fullmatch(gtid):
        raise ConfigError(
            f"{gtid!r} is no GTID",
            hint="Write MySQL's as 3e11fa47-71ca-11e1-9e33-c80aa9429562:23, MariaDB's as 0-1-23: one transaction, no range.",
        )
    return _until("gtid", gtid=gtid.lower())


def before_drop(name: str) -> jobs.ReplayUntil:
    """Ask for all before a table, `schema.table`, was dropped the last time. Raise ConfigError if that names none."""
    schema, _, table = name.partition(".")
    if not schema or not table:
        raise ConfigError(f"{name!r} is no table", hint="Write it with its schema: shop.orders.")
    return _until("drop", schema=schema, table=table)


def to_position(position: Position) -> jobs.ReplayUntil:
    """Ask for all before a position."""
    return _until("position", file=position.file, offset=position.offset)


def describe(until: jobs.ReplayUntil) -> str:
    """Return what is asked for, in a few words: `up to 2026-11-21 13:37:00 UTC`."""
    moment = datetime.datetime.fromtimestamp(until["moment"], datetime.UTC)
    return {
        "moment": f"up to {moment:%Y-%m-%d %H:%M:%S} UTC",
        "gtid": f"up to transaction {until['gtid']}",
        "drop": f"before the drop of {until['schema']}.{until['table']}",
        "position": f"up to {until['file']} offset {until['offset']}",
    }[until["kind"]]


def find_way(
    installation: Installation, database: str, until: jobs.ReplayUntil, which: str = "", store: str = copies.ANY
) -> Way:
    """Return the way to what is asked for, in a server that runs: from the newest recovery point of SQL that lies before it, or
    from the one that is named.

    Raise ConfigError if there is none, or the log is not there yet; IntegrityError, with the link, if the chain is broken.
    """
    found = copies.survey(installation, database, store)
    manifests = (_manifest(installation, found, point) for point in ([found.pick(which)] if which else reversed(found.held)))
    of_files: Manifest | None = None
    for manifest in manifests:
        if which or _lies_before(manifest, until):
            if not manifest.of_files:
                return plan(installation, manifest, found.held[manifest.recovery_point][0], until)
            of_files = of_files or manifest
    if of_files:
        raise _not_into_a_server(of_files)
    raise nothing_before(database)


def nothing_before(database: str) -> ConfigError:
    """Return the error that says that a moment lies before any recovery point that the log leads on from."""
    return ConfigError(
        f"database {database} has no recovery point from before that",
        hint="The oldest one's snapshot is the first moment that can be reached: see ./proven list.",
    )


def plan(installation: Installation, manifest: Manifest, store: str, until: jobs.ReplayUntil) -> Way:
    """Return the way from one recovery point on, its log read from the first store that has all of it. Raise as `find_way`."""
    config = installation.database(manifest.database)
    if config.schemas is not None:
        raise ConfigError(
            f"database {manifest.database} is backed up by its `schemas`, and the binary log is the whole server's",
            hint="Other schemas' changes can't be told apart for certain: take all (no `schemas`) to reach any moment.",
        )
    names = [store, *(name for name in config.stores if name != store)]
    failures: list[ProvenError] = []
    for name in names:
        try:
            chain = _chain(installation, manifest, name)
            return Way(manifest, store, _segments(chain, until), name, chain.complete_to, until)
        except ProvenError as error:
            failures.append(error)
    raise failures[0]


def replay(
    installation: Installation,
    way: Way,
    target: protocol.Endpoint | None,
    *,
    host: Host = agent_client.HERE,
    name: str = "",
    sandbox: str = "",
    look_at: datetime.datetime | None = None,
    on_progress: progress.OnProgress | None = None,
) -> dict[str, Any]:
    """Replay the log on a server that holds the restored recovery point; return the agent's result (`jobs.ReplayJob`).

    Arguments and errors are those of `restore.load_into`. Without a target nothing is applied: the result says what would be.
    With `look_at` it halts at the end of that second, to see what is there by then.
    """
    reads = restore.Reads(installation.store(way.log_store), _log_folder(way.manifest))
    job = jobs.ReplayJob(
        protocol=protocol.VERSION,
        job="replay",
        target=target,
        tools=installation.tools(engines.engine(way.manifest.engine)),
        store=installation.job_store(way.log_store, sandbox),
        pieces=[_piece(installation, reads, segment) for segment in way.segments],
        start=_position(way.manifest).offset,
        until=way.until,
        look_at=_seconds(look_at) if look_at else 0,
    )
    return agent_client.run(job, host=host, name=name, reconnect=bool(name), signer=reads, on_progress=on_progress)


def recover_into_empty(
    installation: Installation, way: Way, target: protocol.Endpoint, *, on_progress: progress.OnProgress | None = None
) -> dict[str, Any]:
    """Restore the way's recovery point into an empty server and replay the log there; return the replay's result."""
    if way.until["kind"] in LOOKED_FOR:
        replay(installation, way, None, on_progress=on_progress)
    restore.load_into_empty(installation, way.manifest, target, store=way.store, on_progress=on_progress)
    try:
        return replay(installation, way, target, on_progress=on_progress)
    except ProvenError as error:
        error.add_note(f"{way.manifest.recovery_point} is restored there, with none, or a part, of the log behind it")
        raise


def _not_into_a_server(manifest: Manifest) -> ConfigError:
    place = continuity.position_of(manifest)
    return ConfigError(
        f"{manifest.recovery_point} holds the server's files: it can't be loaded into a server, to replay a log there",
        hint="Restore it with --to folder:PATH, start a server on that data directory, and replay the log there by hand,"
        f" from {place.file} offset {place.offset} on: docs/store-format.md, Binary logs. `drill --point-in-time` tries it.",
    )


def _chain(installation: Installation, manifest: Manifest, store: str) -> continuity.Chain:
    catalog = installation.catalog(manifest.database, store)
    first = _position(manifest).file.rpartition(".")[2]
    names = catalog.segment_names(manifest.database, manifest.server.identity)
    behind = [name for name in names if not first or name.number >= int(first)]
    return continuity.follow(manifest, catalog.segments(behind))


def _segments(chain: continuity.Chain, until: jobs.ReplayUntil) -> list[Segment]:
    if until["kind"] == "moment":
        return continuity.until_moment(chain, datetime.datetime.fromtimestamp(until["moment"], datetime.UTC))
    if until["kind"] == "position":
        return continuity.until_position(chain, Position(file=until["file"], offset=until["offset"]))
    return continuity.whole(chain)


def _piece(installation: Installation, reads: restore.Reads, segment: Segment) -> jobs.ReplayPiece:
    named = segment.artifact.model_copy(update={"name": f"{segment.file}/{segment.artifact.name}"})
    opened = restore.open_artifact(installation, reads, named)
    return jobs.ReplayPiece(**opened, file=segment.file, start=segment.start)


def _log_folder(manifest: Manifest) -> str:
    return f"{manifest.database}/{FOLDER}/{quote(manifest.server.identity)}"


def _manifest(installation: Installation, found: copies.Copies, point: str) -> Manifest:
    return installation.catalog(found.database, found.held[point][0]).manifest(found.database, point)


def _lies_before(manifest: Manifest, until: jobs.ReplayUntil) -> bool:
    """Say whether what is asked for is younger than a recovery point, as far as its manifest can tell."""
    if until["kind"] == "moment":
        return int(manifest.snapshot_at.timestamp()) <= until["moment"]  # a moment is a second, to its end
    if until["kind"] == "gtid":
        return not _holds_gtid(_position(manifest).gtid, until["gtid"])
    if until["kind"] == "drop":
        return f"{until['schema']}.{until['table']}" in manifest.inventory.get("tables", {})
    position = _position(manifest)
    return (position.file, position.offset) <= (until["file"], until["offset"])


def _holds_gtid(executed: str, gtid: str) -> bool:
    """Say whether a server that says `executed` of itself has that transaction: MySQL's sets of ranges, MariaDB's last ones."""
    if wanted := MARIADB_GTID.fullmatch(gtid):
        seen = [found.groups() for found in MARIADB_GTID.finditer(executed)]
        return any(domain == wanted[1] and int(number) >= int(wanted[3]) for domain, _, number in seen)
    source, _, number = gtid.rpartition(":")
    for one in executed.lower().split(","):
        name, *ranges = one.strip().split(":")
        bounds = (text.partition("-") for text in ranges)
        if name == source and any(int(low) <= int(number) <= int(high or low) for low, _, high in bounds if low.isdigit()):
            return True
    return False


def _seconds(moment: datetime.datetime) -> int:
    return calendar.timegm(moment.astimezone(datetime.UTC).timetuple())


def _position(manifest: Manifest) -> Position:
    return manifest.position or Position()


def _until(kind: str, **members: Any) -> jobs.ReplayUntil:
    empty = {"kind": kind, "moment": 0, "gtid": "", "schema": "", "table": "", "file": "", "offset": 0}
    return jobs.ReplayUntil(**{**empty, **members})  # type: ignore[typeddict-item] # the members are those of `empty`
