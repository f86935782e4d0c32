"""What a schedule means: whether it can be read, and the longest time that it leaves between two backups."""

from __future__ import annotations

import datetime
import functools
import re

import croniter  # type: ignore[import-untyped]  # croniter ships no types

PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}
"""Airflow's presets that repeat (`@once` and `@continuous` are no schedule for a backup)."""

EACH_DAY = re.compile(r"\d+ \d+ \* \* \*")
"""Most schedules are of that sort, and a thousand of them are not walked through."""

MOST_STEPS = 2500
"""Enough to walk through a year of a schedule that runs six times a day; denser ones repeat within days."""


def find_fault(schedule: str) -> str:
    """Given a schedule, return what is wrong with it in a few words, or an empty string."""
    if schedule.startswith("@"):
        return "" if schedule in PRESETS else "is no preset that repeats"
    if len(schedule.split()) != 5:
        return "is no cron expression: it needs five fields (minute, hour, day, month, weekday)"
    # croniter takes R and H for "some time, chosen anew": no promise can be kept with that
    if re.search(r"\b[RH]\b", schedule) or not croniter.croniter.is_valid(schedule):
        return "is no cron expression"
    try:
        longest_interval(schedule)
    except croniter.CroniterBadDateError:
        return "never comes: there is no such date"
    return ""


@functools.cache
def longest_interval(schedule: str) -> datetime.timedelta:
    """Given a valid schedule, return the longest time between two runs that follow each other."""
    if EACH_DAY.fullmatch(schedule):
        return datetime.timedelta(days=1)
    walk = croniter.croniter(PRESETS.get(schedule, schedule), datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC))
    before = first = walk.get_next(datetime.datetime)
    longest = datetime.timedelta()
    for _ in range(MOST_STEPS):
        after = walk.get_next(datetime.datetime)
        longest = max(longest, after - before)
        if after - first > _period(schedule):
            break
        before = after
    return longest


def last_moment(schedule: str, before: datetime.datetime) -> datetime.datetime:
    """Given a valid schedule, return the last of its moments (UTC) that is not after `before`."""
    walk = croniter.croniter(PRESETS.get(schedule, schedule), before + datetime.timedelta(microseconds=1))
    moment: datetime.datetime = walk.get_prev(datetime.datetime)
    return moment


def _period(schedule: str) -> datetime.timedelta:
    """Return a time after which a schedule has shown all its intervals: most run every day, or on days of the week."""
    _, _, day, month, weekday = PRESETS.get(schedule, schedule).split()
    if (day, month) != ("*", "*"):
        return datetime.timedelta(days=366)
    return datetime.timedelta(days=1 if weekday == "*" else 7)


def words(duration: datetime.timedelta) -> str:
    """Return a duration as a fleet file writes it: `26h`, `1d 2h`, `90m`."""
    seconds = int(duration.total_seconds())
    if seconds % 3600 == 0 and seconds < 72 * 3600:
        return f"{seconds // 3600}h"
    parts = zip("dhms", (seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60, seconds % 60), strict=True)
    return " ".join(f"{count}{unit}" for unit, count in parts if count) or "0s"
