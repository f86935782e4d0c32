"""Small signed notes that are about no database: written to the first store that takes them, and the newest of all counts.

So while one store is down nothing is forgotten, and what lies there still when it comes back is out of date.
"""

from __future__ import annotations

import datetime
from typing import TypeVar

from include.proven import copies
from include.proven.errors import ProvenError
from include.proven.installation import Installation
from include.proven.manifest import Record


class Note(Record):
    """What notes have in common."""

    written_at: datetime.datetime


N = TypeVar("N", bound=Note)


def recall(installation: Installation, key: str, model: type[N]) -> tuple[list[N], list[ProvenError]]:
    """Return the notes of that key that the stores hold, the newest first, and the errors of stores that gave no answer."""
    found: list[N] = []
    faults: list[ProvenError] = []
    for store in installation.fleet.stores:
        try:
            note = installation.catalog("", store).note(key, model)
        except ProvenError as error:
            faults.append(error)
        else:
            found += [note] if note else []
    return sorted(found, key=lambda note: note.written_at, reverse=True), faults


def remember(installation: Installation, key: str, note: Note) -> None:
    """Write a note in the place of an older one. Raise the first store's error if no store takes it."""
    copies.give_to_first(installation.fleet.stores, lambda store: installation.catalog("", store).replace_note(key, note))
