"""Since when the watch knows of databases that have no recovery point yet. Nothing in the stores says it, so it is noted there.

Without that a database would be late the moment that it stands in the fleet file, or, if nobody looked at the clock, never.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping

from include.proven import copies
from include.proven.catalog.records import SignedRecords
from include.proven.manifest import FORMAT, Record

KEY = ".watch/newcomers.json"


class Newcomers(Record):
    """Databases without a recovery point."""

    format: int = FORMAT
    seen: dict[str, datetime.datetime] = {}
    """Database → when the watch met it first."""


def since(
    catalogs: Mapping[str, SignedRecords], databases: Iterable[str], now: datetime.datetime
) -> dict[str, datetime.datetime]:
    """Return when each of these databases, all of those without a recovery point, was met first; `now` for those not known yet.

    Those are noted in the first store that takes it. Raise ProvenError if a store gives no answer, or none takes it.
    """
    known: dict[str, datetime.datetime] = {}
    for catalog in catalogs.values():
        note = catalog.note(KEY, Newcomers) or Newcomers()
        known |= {name: min(at, known.get(name, at)) for name, at in note.seen.items()}
    found = {name: known.get(name, now) for name in databases}
    if found.keys() - known.keys():
        copies.give_to_first(catalogs, lambda store: catalogs[store].replace_note(KEY, Newcomers(seen=found)))
    return found
