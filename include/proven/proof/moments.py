"""Check `moment`: the way by the log led to exactly the second that was asked for, and nothing written by then was lost.

Known rows say so: a stream writes a tick at each interval (`agent/ticks.py`), with the source's clock in it. That all other
rows are right says the younger recovery point to which the way leads on.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from include.proven.proof.answers import answer
from include.proven.proof.verdict import Check

NAME = "moment"
RESOLUTION = datetime.timedelta(seconds=1)
MOST_TO_COMMIT = datetime.timedelta(minutes=1)
"""How long the commit of a tick may take, besides which others are committed: it has no part in what was committed by then."""
HINT = "The log in the store does not give what the source held at that moment: take a new backup, and drill from that one."
NO_TICKS = "Known rows at that moment: no stream has written any there (`canary: false`, or the log was shipped later)."


def judge(asked: datetime.datetime, seen: Mapping[str, Any]) -> Check:
    """Given the second that was asked for (UTC) and what the replay saw at its end (`jobs.ReplayJob`), return the answer."""
    tick, due, committed, following = (_moment(seen[name]) for name in ("tick", "due", "committed_at", "next_at"))
    missing = due if due and (tick is None or tick < due) else None
    lost = missing - tick if missing and tick else datetime.timedelta()
    figure = f"asked for {asked:%Y-%m-%d %H:%M:%S} UTC: {', '.join(_figures(tick, committed, following))}"
    differences = []
    if tick and tick >= asked + RESOLUTION:
        differences.append(f"a tick of {_say(tick)} is there, which was written later")
    if missing and committed and committed > missing + MOST_TO_COMMIT:
        differences.append(f"the tick of {_say(missing)} is not there, though the log up to {_say(committed)} is")
    found = answer(NAME, differences, f"{figure}; {lost.total_seconds():.0f} s lost", HINT)
    return found if tick else found.model_copy(update={"not_covered": [NO_TICKS]})


def _figures(
    tick: datetime.datetime | None, committed: datetime.datetime | None, following: datetime.datetime | None
) -> Iterator[str]:
    yield f"the last transaction is of {_say(committed)}" if committed else "no transaction leads there"
    if following:
        yield f"the next one of {_say(following)}"
    if tick:
        yield f"the newest tick of {_say(tick)}"


def _moment(text: str) -> datetime.datetime | None:
    return datetime.datetime.fromisoformat(text) if text else None


def _say(moment: datetime.datetime) -> str:
    return f"{moment:%H:%M:%S}" + (f".{moment.microsecond // 1000:03}" if moment.microsecond else "")
