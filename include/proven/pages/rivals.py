"""Two who would tell people of the same thing at the same moment: one of them does.

No store but a directory or S3 can say who was first, so both write that they are there, and then look: the younger leaves at
once, and says so. The older can't know whether the younger has seen it, because writing takes a while: it waits for the word.
"""

from __future__ import annotations

import contextlib
import datetime
import secrets
import time
from collections.abc import Iterator

from include.proven.catalog.pages import PageEvent
from include.proven.pages.careful import Careful
from include.proven.pages.incident import IN_FLIGHT, NOTICES, RESOLUTION, Incident

PATIENCE = 10.0
"""Seconds that the older waits for the younger's word: a page too many is better than one too late."""
PAUSE = 0.1


def yields(notice: PageEvent, careful: Careful) -> bool:
    """Say whether another callback of the same run tells people of what this notice has recorded."""
    deadline = time.monotonic() + PATIENCE
    while (answer := _told_by_another(notice, careful)) is None and time.monotonic() < deadline:
        time.sleep(PAUSE)
    if answer:
        # the other one waits for this
        careful.append(notice.follow("closed", RESOLUTION) if notice.type == "opened" else notice.follow("told", notice.tag))
    return bool(answer)


def _told_by_another(notice: PageEvent, careful: Careful) -> bool | None:
    """Say whether another tells people of it; None while a younger has not said what it does."""
    mine = notice.name
    alive = careful.find(notice.database, [notice.key]).open
    rivals = [
        name
        for incident in alive
        for name in incident.names
        if name.type in NOTICES and name.tag == mine.tag and name != mine and abs(mine.at - name.at) < IN_FLIGHT
    ]
    if any((name.stamp, name.incident) < (mine.stamp, mine.incident) for name in rivals):
        return True
    words = [event for incident in alive for event in incident.events if event.type == "told" and event.tag == mine.tag]
    if rivals and any(word.delivered or word.failed for word in words):
        return True
    return False if len(rivals) <= len(words) else None


@contextlib.contextmanager
def claimed(incident: Incident, careful: Careful) -> Iterator[Incident | None]:
    """Claim an incident while the block runs, and give its newest state; None if somebody else is at it, or it is over.

    Where the ledger fails now, it is given as it was: a page too many is better than one too few.
    """
    claim = incident.event("trying", secrets.token_hex(4))
    careful.append(claim)
    try:
        fresh = _wait_for_turn(incident, claim, careful)
        yield fresh if careful.usable else incident
    finally:
        careful.withdraw(claim)


def _wait_for_turn(incident: Incident, claim: PageEvent, careful: Careful) -> Incident | None:
    """Return the incident's newest state once no younger claim is left; None if there is an older one, or it is over."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = careful.find(incident.database, [incident.key])
        fresh = next((one for one in found.incidents if one.id == incident.id), None)
        claims = fresh.claims(datetime.datetime.now(datetime.UTC)) if fresh else []
        if claims[:1] != [claim.name]:
            return None
        if len(claims) == 1 or time.monotonic() >= deadline:
            return fresh
        time.sleep(PAUSE)
