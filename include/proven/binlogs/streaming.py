"""Ship the binary log of a database, as it is written, to all its stores: from then on any second can be reached.

The agent reads and sends (`agent/binlog.py`); we make each piece exist, and only then it forgets the bytes. A stream goes on
where the newest piece that exists ends, so that whatever ended the one before, nothing is missing and nothing is there twice.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from include.proven import agent_client, copies, progress
from include.proven.agent import jobs, protocol
from include.proven.binlogs import catching_up
from include.proven.binlogs.shipping import Shipping
from include.proven.catalog import Catalog
from include.proven.catalog.binlogs import Segment, SegmentName, number_of
from include.proven.errors import ProvenError
from include.proven.fleet.databases import Binlogs
from include.proven.installation import Installation
from include.proven.manifest import Manifest

PAUSE = 5.0
"""Seconds before a stream that has ended is begun again."""
OnPiece = Callable[[Segment], None]


@dataclasses.dataclass
class Streamed:
    """What came of a stream."""

    pieces: int = 0
    bytes: int = 0
    """Of the log."""
    newest: Segment | None = None
    """The last piece that was shipped."""
    skipped: list[str] = dataclasses.field(default_factory=list)
    """Files that were purged from the server before all of them was shipped: there is a gap."""
    failed: dict[str, ProvenError] = dataclasses.field(default_factory=dict)
    """Store → why it has not got all of it."""


@dataclasses.dataclass(frozen=True)
class Beginning:
    """Where a stream begins."""

    server: str = ""
    """Identity of the server whose log it is; empty: whichever it is."""
    places: list[jobs.LogPlace] = dataclasses.field(default_factory=list)
    complete_to: str = ""


def stream(
    installation: Installation,
    database: str,
    *,
    seconds: float = 0.0,
    on_progress: progress.OnProgress | None = None,
    on_piece: OnPiece | None = None,
) -> Streamed:
    """Ship the binary log of a database to its stores for so many seconds (0: until something ends it), and return what went.

    It runs on the database's host, if it has one. A store that fails is left behind; the others are in order. Raise ProvenError
    where none is left, and for whatever ends the stream on the source's side; what was shipped until then exists.
    """
    installation.keyring.check_recipients()
    installation.keyring.check_signer()
    shipping = Shipping(database, {})
    _open_stores(installation, shipping)
    streamed = Streamed(failed=shipping.failed)

    def publish(event: Mapping[str, Any]) -> Mapping[str, ProvenError]:
        piece = shipping.publish(event)
        streamed.pieces, streamed.bytes, streamed.newest = streamed.pieces + 1, streamed.bytes + piece.end - piece.start, piece
        streamed.skipped = list(event["skipped"])
        if on_piece:
            on_piece(piece)
        return {name: error for name, error in shipping.failed.items() if name in sending}

    beginning = find_beginning(installation, database)
    if beginning.places:
        catching_up.catch_up(installation, shipping, beginning.server, beginning.places[-1]["file"])
    sending = [name for name in shipping.catalogs if name not in shipping.failed]
    job = _job(installation, database, beginning, sending, seconds)
    try:
        with contextlib.closing(installation.host_of(database)) as host:
            shipping.place = agent_client.place(host)
            agent_client.run(job, host=host, signer=shipping, on_progress=on_progress, on_segment=publish)
    finally:
        shipping.let_go()
    return streamed


def persist(
    installation: Installation,
    database: str,
    *,
    seconds: float,
    on_piece: OnPiece | None = None,
    on_error: Callable[[ProvenError], None] | None = None,
) -> Streamed:
    """Do `stream`, and again after an error, until the time is up or nothing has been shipped for three times the lag.

    A server that restarts, or a line that is cut, is no failure yet. Raise the ProvenError that it was in the end.
    """
    options = installation.database(database).binlogs or Binlogs()
    until, moved = time.monotonic() + seconds, time.monotonic()

    def note(piece: Segment) -> None:
        nonlocal moved
        moved = time.monotonic()
        if on_piece:
            on_piece(piece)

    while True:
        try:
            return stream(installation, database, seconds=max(until - time.monotonic(), 1.0), on_piece=note)
        except ProvenError as error:
            if time.monotonic() > moved + 3 * options.lag.total_seconds():
                raise
            if on_error:
                on_error(error)
        time.sleep(PAUSE)


def find_beginning(installation: Installation, database: str) -> Beginning:
    """Return where a stream of a database goes on, or begins: at the newest recovery point's file, from its first byte.

    Raise ProvenError if no store answers, IntegrityError if the newest piece's record can't be trusted.
    """
    manifest = _newest_manifest(installation, database)
    server = manifest.server.identity if manifest else ""
    newest = _newest_piece(installation, database, server)
    places = [_behind(newest)] if newest else []
    file = manifest.position.file if manifest and manifest.position else ""
    if file and (not places or number_of(file) > number_of(places[0]["file"])):
        places.append(jobs.LogPlace(file=file, offset=0, created_at=""))
    if newest is None:
        return Beginning(server, places)
    return Beginning(newest.server, places, newest.complete_to.isoformat(timespec="microseconds"))


def _open_stores(installation: Installation, shipping: Shipping) -> None:
    names = installation.database(shipping.database).stores
    opened: dict[str, Catalog] = {}
    for name in names:
        try:
            opened[name] = installation.catalog(shipping.database, name)
            opened[name].store.check()
        except ProvenError as error:
            shipping.failed[name] = error
            opened.pop(name, None)
    if not opened:
        raise shipping.failed[names[0]]
    shipping.catalogs = opened


def _newest_manifest(installation: Installation, database: str) -> Manifest | None:
    held = copies.survey(installation, database).held
    if not held:
        return None
    point, stores = list(held.items())[-1]
    return installation.catalog(database, stores[0]).manifest(database, point)


def _newest_piece(installation: Installation, database: str, server: str) -> Segment | None:
    """Return the piece that lies furthest, of those in all stores that answer; of whichever server if none is named."""

    def look(one: Catalog) -> list[SegmentName]:
        found = [one.newest_segment(database, known) for known in ([server] if server else one.logged_servers(database))]
        return [name for name in found if name is not None]

    answers = copies.ask(installation, database, look).require().given
    furthest: dict[str, tuple[str, SegmentName]] = {}
    for store, name in ((store, name) for store, names in answers.items() for name in names):
        known = furthest.setdefault(name.server, (store, name))
        furthest[name.server] = max(known, (store, name), key=lambda item: (item[1].number, item[1].end, item[1].start))
    pieces = [installation.catalog(database, store).segment(name) for store, name in furthest.values()]
    return max(pieces, key=lambda piece: piece.complete_to, default=None)


def _behind(piece: Segment) -> jobs.LogPlace:
    """Return the place behind a piece."""
    if not piece.rotated:
        created_at = piece.file_created_at.isoformat() if piece.file_created_at else ""
        return jobs.LogPlace(file=piece.file, offset=piece.end, created_at=created_at)
    stem, _, number = piece.file.rpartition(".")
    # a server that was stopped, or crashed, counts on by one
    following = piece.next_file or f"{stem}.{int(number) + 1:0{len(number)}}"
    return jobs.LogPlace(file=following, offset=0, created_at="")


def _lock_name(installation: Installation, database: str) -> str:
    """Return a name that no other installation uses on the same server, of at most 64 characters."""
    whose = hashlib.sha256(installation.fleet.gnupg.signer.encode()).hexdigest()[:8]
    return f"proven-{database}-{whose}"


def _job(installation: Installation, database: str, beginning: Beginning, stores: list[str], seconds: float) -> jobs.BinlogJob:
    config = installation.database(database)
    options = config.binlogs or Binlogs()
    return jobs.BinlogJob(
        protocol=protocol.VERSION,
        job="binlog",
        source=installation.source(database),
        tools=installation.tools(installation.engine(database)),
        lock=_lock_name(installation, database),
        server=beginning.server,
        places=beginning.places,
        complete_to=beginning.complete_to,
        canary=config.canary,
        lag=options.lag / datetime.timedelta(seconds=1),
        piece_bytes=options.piece,
        scratch_bytes=options.scratch,
        duration=seconds,
        recipients=installation.keyring.export_public_keys(),
        compression_level=config.compression_level,
        stores=[installation.job_store(name) for name in stores],
        part_bytes=protocol.PART_BYTES,
    )
