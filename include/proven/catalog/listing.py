"""What a store lists of many databases: each asked for by itself, or the store as a whole where that is less work for it.

A request costs a server about as much as so many lines of a listing, and a page has a thousand of them or ten. So of a thousand
databases with a month's recovery points all is listed, by 30 requests of Swift; with a year's, each is asked for its newest.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from include.proven.catalog.at_once import Pool, map_at_once
from include.proven.errors import NothingStoredError
from include.proven.stores.contract import Store, StoredObject

FEW = 8
"""Databases of which each is asked for by itself, whatever the store holds."""
LINES = 300
"""Of a listing, that cost Swift and us about as much as one more request."""
RANGES = 8
"""In so many pieces a store is listed as a whole, at the same time."""


def is_worthwhile(store: Store, databases: Sequence[str], pool: Pool, *, if_unknown: bool) -> bool:
    """Say whether to list a store as a whole is less work than a request for each of these databases. Raise StoreError.

    `if_unknown` is the answer for a store that does not know how much it holds.
    """
    if pool is None or len(databases) <= FEW:
        return False
    try:
        count = store.count_objects()
    except NothingStoredError:
        return False
    return if_unknown if count is None else count <= LINES * len(databases)


def list_whole(
    store: Store, databases: Sequence[str], pool: Pool, is_wanted: Callable[[str], bool]
) -> dict[str, list[StoredObject]]:
    """Return, for each database, the objects whose keys are wanted, sorted by key. Raise StoreError."""
    names = sorted(databases, key=lambda name: f"{name}/")
    pieces = [names[begin:end] for begin, end in itertools.pairwise(_cuts(len(names))) if begin < end]
    found: dict[str, list[StoredObject]] = {name: [] for name in names}

    def read(piece: Sequence[str]) -> None:
        for stored in store.list_range(f"{piece[0]}/", f"{piece[-1]}0"):  # `0` comes after `/`
            if is_wanted(stored.key) and (objects := found.get(stored.key.partition("/")[0])) is not None:
                objects.append(stored)

    map_at_once(pool, read, pieces)
    return found


def newest_first(store: Store, databases: Sequence[str], pool: Pool) -> Mapping[str, Iterator[StoredObject]]:
    """Return, for each database, its records below recovery points and perhaps more, the last one first.

    Raise StoreError, now or as they are read; NothingStoredError only as they are.
    """
    # S3 does not know: it lists forwards only, and so would list the whole of each database
    if is_worthwhile(store, databases, pool, if_unknown=True):
        whole = list_whole(store, databases, pool, _is_record)
        return {database: iter(objects[::-1]) for database, objects in whole.items()}
    # `:` comes after all digits: ids begin with a date
    return {database: store.list_backwards(database, f"{database}/:") for database in databases}


def _is_record(key: str) -> bool:
    """Say whether that is a record below a recovery point, or its signature."""
    return key.endswith((".json", ".json.asc")) and key[key.find("/") + 1].isdigit()


def _cuts(count: int) -> Iterable[int]:
    return [count * number // RANGES for number in range(RANGES + 1)]
