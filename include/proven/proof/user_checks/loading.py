"""Reads the checks of one folder: `*.sql`, one check each, and `*.yaml`, one or many."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

from include.proven.errors import ConfigError
from include.proven.fleet.faults import Fault, in_order
from include.proven.proof.user_checks import header, statement, yaml_file
from include.proven.proof.user_checks.check import CheckFileError, UserCheck

Found = UserCheck | Fault
SUFFIXES = {".sql", ".yaml", ".yml"}


def load_checks(folder: pathlib.Path, time_limit: float = 300.0) -> list[UserCheck]:
    """Given a folder, return its checks, by file name; `time_limit` (seconds) goes for those that have none of their own.

    Raise one ConfigError that lists all faults.
    """
    checks, faults = _read(folder, time_limit)
    if len(faults) == 1:
        (fault,) = faults
        place = f"{fault.file}:{fault.line}" if fault.line else fault.file
        raise ConfigError(": ".join(part for part in (place, fault.where, fault.what) if part), hint=fault.hint)
    if faults:
        detail = "\n".join(f"  {fault}" for fault in faults)
        raise ConfigError(f"{folder}: {len(faults)} faults", detail="\n" + detail, hint="`./proven check` shows them again.")
    return checks


def find_faults(folder: pathlib.Path) -> list[Fault]:
    """Return everything that is wrong with the checks of a folder, by file and line."""
    return _read(folder, 0.0)[1]


def _read(folder: pathlib.Path, time_limit: float) -> tuple[list[UserCheck], list[Fault]]:
    checks: dict[str, UserCheck] = {}
    faults: list[Fault] = []
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
        found = [each for path in files for each in _read_file(path, time_limit)]
    except OSError as error:
        return [], [Fault(str(error.filename or folder), 0, "", f"can't be read: {error.strerror}", "Check its permissions.")]
    for one in found:
        if isinstance(one, Fault):
            faults.append(one)
        elif one.name in checks:
            taken = pathlib.PurePath(checks[one.name].file).name
            what = f"name {one.name!r} is taken by {taken}"
            faults.append(Fault(one.file, 0, "", what, "Give each check a name of its own."))
        else:
            checks[one.name] = one
    if not found:
        what = "there is no check in this folder: nothing would be asked"
        faults.append(Fault(str(folder), 0, "", what, "Write one (docs/checks.md), or remove the folder."))
    return list(checks.values()), in_order(faults)


def _read_file(path: pathlib.Path, time_limit: float) -> Iterator[Found]:
    if path.suffix.lower() != ".sql":
        yield from yaml_file.read(path, time_limit)
        return
    try:
        yield _read_sql(path, time_limit)
    except UnicodeDecodeError as error:
        yield Fault(str(path), error.object.count(b"\n", 0, error.start) + 1, "", "not UTF-8 text", "Save the file as UTF-8.")
    except CheckFileError as error:
        yield Fault(str(path), error.line, "", error.what, error.hint)


def _read_sql(path: pathlib.Path, time_limit: float) -> UserCheck:
    text = path.read_bytes().decode("utf-8-sig")
    said = header.parse(text, path.stem)
    return UserCheck(
        name=said.name,
        sql=statement.one_select(text),
        protects=said.protects,
        file=str(path),
        time_limit=said.time_limit or time_limit,
        severity=said.severity,
        expect=said.expect,
    )
