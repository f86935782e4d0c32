"""Binary logs that no recovery point needs which stays: they end before the oldest of those begins.

A log goes as a whole, all of its pieces. Two things must say so: its number, by which a server's clock that was set back does
no harm, and the source's clock, by which RESET MASTER does none, after which old names stand for new files.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import urllib.parse
from collections.abc import Sequence

from include.proven.catalog import Catalog
from include.proven.catalog.binlogs import FILE, FOLDER, SegmentName, number_of, parse_name
from include.proven.catalog.removals import RemovedLog
from include.proven.catalog.standing import Brief
from include.proven.errors import NothingStoredError
from include.proven.stores.contract import StoredObject


@dataclasses.dataclass(frozen=True)
class Log:
    """A binary log of which a store holds something."""

    server: str
    file: str
    folder: str
    objects: list[StoredObject]

    @property
    def bytes(self) -> int:
        """Of all that is stored of it."""
        return sum(stored.bytes for stored in self.objects)

    @property
    def removed(self) -> RemovedLog:
        """It, as a record of what was removed has it."""
        return RemovedLog(server=self.server, file=self.file, bytes=self.bytes)

    @property
    def pieces(self) -> list[SegmentName]:
        """Its pieces; of two files of that name, if there was a RESET between them."""
        return [name for stored in self.objects if (name := parse_name(stored.key))]


def find_unneeded(catalog: Catalog, database: str, staying: Sequence[Brief]) -> list[Log]:
    """Return the logs in a store that none of these recovery points needs, by folder. Raise IntegrityError if a record of one
    can't be trusted."""
    if not staying:
        return []
    return [log for log in _list_logs(catalog, database) if _is_unneeded(catalog, log, staying)]


def remove(catalog: Catalog, log: Log) -> None:
    """Delete a log: the records of its pieces first, so that what is left of it when this is killed is no piece."""
    for piece in log.pieces:
        catalog.store.delete_record(piece.path)
    catalog.store.delete_folder(log.folder)


def _list_logs(catalog: Catalog, database: str) -> list[Log]:
    found: dict[str, list[StoredObject]] = collections.defaultdict(list)
    try:
        for stored in catalog.store.list_objects(f"{database}/{FOLDER}"):
            found[stored.key.rpartition("/")[0]].append(stored)
    except NothingStoredError:
        return []
    logs = []
    for folder, objects in sorted(found.items()):
        server, _, file = folder.removeprefix(f"{database}/{FOLDER}/").partition("/")
        if FILE.fullmatch(file):
            logs.append(Log(urllib.parse.unquote(server), file, folder, objects))
    return logs


def _is_unneeded(catalog: Catalog, log: Log, staying: Sequence[Brief]) -> bool:
    own = [brief for brief in staying if brief.server == log.server and brief.position and brief.position.file]
    oldest = min(own or staying, key=lambda brief: brief.snapshot_at)
    if own and oldest.position and not _is_before(log.file, oldest.position.file):
        return False
    return _ends_before(catalog, log, oldest.snapshot_at)


def _is_before(file: str, other: str) -> bool:
    """Say whether a log is older than another by its number; those of another name can't be compared, and may be."""
    return file.rpartition(".")[0] != other.rpartition(".")[0] or number_of(file) < number_of(other)


def _ends_before(catalog: Catalog, log: Log, moment: datetime.datetime) -> bool:
    if pieces := log.pieces:
        return max(segment.complete_to for segment in catalog.segments(pieces)) <= moment
    # Without a record it is being shipped, or it is what was left: then all of it is old.
    return all(stored.modified_at is not None and stored.modified_at < moment for stored in log.objects)
