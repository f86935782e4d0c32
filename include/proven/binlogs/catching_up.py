"""Bring a store that was left behind level with the one that has most of a binary log, before anything new goes there.

So the pieces in each store follow each other, whatever it has missed: what it holds ends somewhere, and has no gap before.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from include.proven import agent_client
from include.proven.agent import jobs, protocol
from include.proven.binlogs.shipping import Shipping
from include.proven.catalog import Catalog
from include.proven.catalog.binlogs import Segment, SegmentName, number_of
from include.proven.copying import Transfer
from include.proven.installation import Installation


def catch_up(installation: Installation, shipping: Shipping, server: str, first_file: str) -> int:
    """Copy to each store of a stream what it lacks of a server's log, and return how many pieces went.

    A store without any begins with `first_file`. One that can't be brought level stays behind in `shipping.failed`. Raise
    ProvenError where that leaves none.
    """
    newest: dict[str, SegmentName | None] = {}
    for name in list(shipping.catalogs):
        with shipping.leaving_behind(name):
            newest[name] = shipping.catalogs[name].newest_segment(shipping.database, server)
    source = max(newest, key=lambda name: _place(newest[name]))
    furthest, copied = newest[source], 0
    for name, held in newest.items():
        if furthest is not None and _place(held) < _place(furthest):
            begins = _place(held) if held else (number_of(first_file), -1, -1)
            with shipping.leaving_behind(name):
                copied += _copy(installation, shipping.catalogs[source], shipping.catalogs[name], furthest, begins)
    return copied


def _place(name: SegmentName | None) -> tuple[int, int, int]:
    return (name.number, name.end, name.start) if name else (-1, -1, -1)


def _copy(
    installation: Installation, source: Catalog, target: Catalog, furthest: SegmentName, begins: tuple[int, int, int]
) -> int:
    """Copy the pieces behind a place, file by file and in order, up to the furthest; return how many."""
    names = source.segment_names(furthest.database, furthest.server, at_least=begins[0])
    wanted = [name for name in names if begins < _place(name) <= _place(furthest)]
    for _, of_file in itertools.groupby(wanted, key=lambda name: name.file):
        _copy_file(installation, source, target, [source.segment(name) for name in of_file])
    return len(wanted)


def _copy_file(installation: Installation, source: Catalog, target: Catalog, pieces: Sequence[Segment]) -> None:
    transfer = Transfer(source.store, target.store, pieces[0].name.folder)
    artifacts = transfer.open([piece.artifact for piece in pieces])
    missing = [artifact for artifact in artifacts if artifact["missing"]]
    if missing:
        job = jobs.CopyJob(
            protocol=protocol.VERSION,
            job="copy",
            source=installation.job_store(source.store.name),
            target=installation.job_store(target.store.name),
            artifacts=missing,
        )
        agent_client.run(job, signer=transfer)
    transfer.commit([piece.artifact for piece in pieces])
    for piece in pieces:
        target.copy_segment(piece.name, source)
