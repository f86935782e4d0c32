"""Faults between the parts of a fleet: names that lead nowhere, promises that the schedule can't keep.

They are looked for in the plain values, so that they are found together with faults of type and spelling.
"""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Iterator
from typing import Any

from include.proven.fleet import fields, hints, schedule
from include.proven.fleet.faults import Path

Finding = tuple[Path, str, str]
"""Path, what is wrong (to be read after the value as it is written), hint."""


def find_faults(fleet: dict[str, Any], folder: pathlib.Path) -> Iterator[Finding]:
    """Given the values of a fleet file in `folder`, yield what does not fit together."""
    for name, database in _mapping(fleet, "databases").items():
        if isinstance(database, dict):
            for find in (_find_dangling, _find_checks, _find_schedule):
                for path, what, hint in find(fleet, database, folder):
                    yield ("databases", name, *path), what, hint


def _find_dangling(fleet: dict[str, Any], database: dict[str, Any], _folder: pathlib.Path) -> Iterator[Finding]:
    wanted: list[tuple[Path, Any, str, dict[str, Any]]] = [
        (("sandbox",), database.get("sandbox"), "sandboxes", _mapping(fleet, "sandboxes")),
    ]
    lists = {
        "stores": ("stores", _mapping(fleet, "stores")),
        "contacts": ("pages.routes", _mapping(_mapping(fleet, "pages"), "routes")),
    }
    for key, (section, known) in lists.items():
        names = database.get(key)
        wanted += [
            ((key, position), name, section, known) for position, name in enumerate(names if isinstance(names, list) else [])
        ]
    for path, name, section, known in wanted:
        if isinstance(name, str) and known and name not in known:
            yield path, f"is not under {section}", hints.suggest(name, known, noun=section)


def _find_checks(_fleet: dict[str, Any], database: dict[str, Any], folder: pathlib.Path) -> Iterator[Finding]:
    name = database.get("checks")
    if isinstance(name, str) and not (folder / "checks" / name).is_dir():
        found = [entry.name for entry in folder.glob("checks/*") if entry.is_dir()]
        yield ("checks",), f"is no folder in {folder / 'checks'}", hints.suggest(name, found, noun="folders of checks")


def _find_schedule(_fleet: dict[str, Any], database: dict[str, Any], _folder: pathlib.Path) -> Iterator[Finding]:
    cron = database.get("schedule")
    if not isinstance(cron, str) or not cron.strip():
        return
    if fault := schedule.find_fault(cron.strip()):
        yield ("schedule",), fault, "Write '0 2 * * *', or one of " + ", ".join(schedule.PRESETS) + "."
        return
    longest, promised = schedule.longest_interval(cron.strip()), _duration(_mapping(database, "objectives").get("rpo"))
    if promised and promised < longest:
        what = f"can't be kept: the schedule leaves up to {schedule.words(longest)} between two backups"
        yield ("objectives", "rpo"), what, "Back up more often, or promise the interval and what a drill takes."


def _duration(value: object) -> datetime.timedelta | None:
    try:
        parsed = fields.parse_duration(value)
    except ValueError:
        return None
    return parsed if isinstance(parsed, datetime.timedelta) else None


def _mapping(value: dict[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}
