"""Faults between the parts of a fleet: names that lead nowhere, promises that the schedule can't keep.

They are looked for in the plain values, so that they are found together with faults of type and spelling.
"""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

from include.proven.fleet import fields, hints, schedule
from include.proven.fleet.faults import Path

PAGERS = ("pagerduty", "opsgenie")
Finding = tuple[Path, str, str]
"""Path, what is wrong (to be read after the value as it is written), hint."""


def find_faults(fleet: dict[str, Any], folder: pathlib.Path) -> Iterator[Finding]:
    """Given the values of a fleet file in `folder`, yield what does not fit together."""
    for name, database in _mapping(fleet, "databases").items():
        if isinstance(database, dict):
            for find in (_find_dangling, _find_checks, _find_schedule, _find_expendable, _find_method):
                for path, what, hint in find(fleet, database, folder):
                    yield ("databases", name, *path), what, hint
    for path, what, hint in _find_in_pages(fleet, _mapping(fleet, "pages")):
        yield ("pages", *path), what, hint


def _find_dangling(fleet: dict[str, Any], database: dict[str, Any], _folder: pathlib.Path) -> Iterator[Finding]:
    sandbox, sandboxes = database.get("sandbox"), _mapping(fleet, "sandboxes")
    if isinstance(sandbox, str) and sandboxes and sandbox not in sandboxes:
        yield ("sandbox",), "is not under sandboxes", hints.suggest(sandbox, sandboxes, noun="sandboxes")
    yield from _find_unknown(database, "stores", "stores", _mapping(fleet, "stores"))
    yield from _find_unknown(database, "contacts", "pages.routes", _mapping(_mapping(fleet, "pages"), "routes"))


def _find_checks(_fleet: dict[str, Any], database: dict[str, Any], folder: pathlib.Path) -> Iterator[Finding]:
    name = database.get("checks")
    if isinstance(name, str) and not (folder / "checks" / name).is_dir():
        found = [entry.name for entry in folder.glob("checks/*") if entry.is_dir()]
        yield ("checks",), f"is no folder in {folder / 'checks'}", hints.suggest(name, found, noun="folders of checks")


def _find_method(_fleet: dict[str, Any], database: dict[str, Any], _folder: pathlib.Path) -> Iterator[Finding]:
    method = database.get("method")
    if method == "snapshot" and not database.get("snapshot"):
        yield ("method",), "needs `snapshot`", "Add `snapshot: {volume: btrfs}`: it says what the data directory lies on."
    if method != "snapshot" and "volume" in _mapping(database, "snapshot"):
        what = "goes with the method `snapshot` only"
        yield ("snapshot", "volume"), what, "Add `method: snapshot`, or remove `snapshot`."
    if method in ("physical", "snapshot") and database.get("schemas"):
        yield ("method",), "takes all of a server's schemas: none can be chosen", "Remove `schemas`, or leave it `logical`."
    if method != "physical":
        if database.get("clone_folder"):
            yield ("clone_folder",), "goes with the method `physical` only", "Add `method: physical`, or remove it."
        if database.get("incremental"):
            what = "goes with the method `physical` only"
            yield ("incremental", "full_every"), what, "Add `method: physical`, or remove `incremental`."
        return
    if database.get("engine") == "mysql":
        yield from _find_clone(database)
    elif database.get("clone_folder"):
        yield ("clone_folder",), "goes with MySQL only: MariaDB's own tool needs none", "Remove it."


def _find_clone(database: dict[str, Any]) -> Iterator[Finding]:
    if not database.get("clone_folder"):
        hint = "Name a folder on the server's host, outside of its data directory, with room for a copy of it."
        yield ("method",), "needs a `clone_folder` on MySQL, where the server clones itself", hint
    if database.get("incremental"):
        what = "goes with MariaDB only: MySQL's clone is always a full one"
        yield ("incremental", "full_every"), what, "Remove `incremental`."


def _find_schedule(_fleet: dict[str, Any], database: dict[str, Any], _folder: pathlib.Path) -> Iterator[Finding]:
    cron = database.get("schedule")
    faults = list(_find_bad_cron(database))
    yield from faults
    yield from _below(("binlogs",), _find_bad_cron(_mapping(database, "binlogs"), "drill"))
    if faults or not isinstance(cron, str) or not cron.strip():
        return
    longest, promised = schedule.longest_interval(cron.strip()), _duration(_mapping(database, "objectives").get("rpo"))
    if promised and promised < longest:
        what = f"can't be kept: the schedule leaves up to {schedule.words(longest)} between two backups"
        yield ("objectives", "rpo"), what, "Back up more often, or promise the interval and what a drill takes."


def _find_expendable(_fleet: dict[str, Any], database: dict[str, Any], _folder: pathlib.Path) -> Iterator[Finding]:
    expendable, listed = database.get("expendable"), database.get("schemas")
    for number, name in enumerate(expendable if isinstance(expendable, list) else []):
        if listed is None or (isinstance(listed, list) and name in listed):
            yield ("expendable", number), "is backed up all the same", "Only `schemas` leaves something out: list what matters."


def _find_bad_cron(entry: dict[str, Any], member: str = "schedule") -> Iterator[Finding]:
    cron = entry.get(member)
    if isinstance(cron, str) and cron.strip() and (fault := schedule.find_fault(cron.strip())):
        yield (member,), fault, "Write '0 2 * * *', or one of " + ", ".join(schedule.PRESETS) + "."


def _find_in_pages(fleet: dict[str, Any], pages: dict[str, Any]) -> Iterator[Finding]:
    routes, databases = _mapping(pages, "routes"), _mapping(fleet, "databases")
    owners = {one["owner"].strip(): one for one in databases.values() if isinstance(one, dict) and _is_text(one.get("owner"))}
    yield from _find_unknown(pages, "contacts", "pages.routes", routes)
    for path, entry in _entries(pages, "rules"):
        yield from _below(path, _find_unknown(entry, "databases", "databases", databases))
        yield from _below(path, _find_unknown(entry, "owners", "the owners of any database", owners))
        for stage, escalation in _entries(entry, "escalate"):
            yield from _below((*path, *stage), _find_unknown(escalation, "contacts", "pages.routes", routes))
        yield from _below(path, _find_unknown(entry, "contacts", "pages.routes", routes))
    for path, entry in _entries(pages, "escalate"):
        yield from _below(path, _find_unknown(entry, "contacts", "pages.routes", routes))
    yield from _below(("digest",), _find_unknown(_mapping(pages, "digest"), "contacts", "pages.routes", routes))
    yield from _below(("digest",), _find_pagers(_mapping(pages, "digest"), routes))
    for key in ("digest", "test_page"):
        yield from _below((key,), _find_bad_cron(_mapping(pages, key)))


def _find_pagers(digest: dict[str, Any], routes: dict[str, Any]) -> Iterator[Finding]:
    """Yield the contacts of a digest that wake people."""
    for position, name in enumerate(_list(digest, "contacts")):
        kind = _mapping(routes, name.strip()).get("kind") if isinstance(name, str) else None
        if kind in PAGERS:
            hint = "Send the digest by e-mail, Slack, a webhook or Apprise."
            yield ("contacts", position), f"is a route of kind {kind}: it wakes people, and is not for news", hint


def _find_unknown(entry: dict[str, Any], key: str, section: str, known: dict[str, Any]) -> Iterator[Finding]:
    """Yield the names in a list that are not among those that are known."""
    for position, name in enumerate(_list(entry, key)):
        if isinstance(name, str) and known and name.strip() not in known:
            yield (key, position), f"is not under {section}", hints.suggest(name, known, noun=section)


def _entries(value: dict[str, Any], key: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the mappings of a list, each with its path."""
    for position, entry in enumerate(_list(value, key)):
        if isinstance(entry, dict):
            yield (key, position), entry


def _below(path: Path, findings: Iterable[Finding]) -> Iterator[Finding]:
    for rest, what, hint in findings:
        yield (*path, *rest), what, hint


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _list(value: dict[str, Any], key: str) -> list[Any]:
    found = value.get(key)
    return found if isinstance(found, list) else []


def _duration(value: object) -> datetime.timedelta | None:
    try:
        parsed = fields.parse_duration(value)
    except ValueError:
        return None
    return parsed if isinstance(parsed, datetime.timedelta) else None


def _mapping(value: dict[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}
