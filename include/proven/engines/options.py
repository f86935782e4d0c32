"""What both engines share: options of dump, client and scratch server, and how the source's settings become options."""

from __future__ import annotations

import re

from include.proven.errors import SandboxError

SAFE_VALUE = re.compile(r"[A-Za-z0-9_,+:/-]*")

DUMP = [
    "--single-transaction",
    "--quick",
    "--skip-lock-tables",
    "--skip-add-locks",
    "--routines",
    "--triggers",
    "--events",
    "--hex-blob",
    "--tz-utc",
    "--default-character-set=utf8mb4",
    "--max-allowed-packet=1G",
    "--no-tablespaces",
]
"""One consistent snapshot with every kind of object in it; `--hex-blob` and `--tz-utc` keep bytes and times as they are.

`--skip-add-locks`: under LOCK TABLES a MariaDB table whose default is NEXTVAL of a sequence can't be loaded (error 1100).
"""

CLIENT = [
    "--batch",
    "--skip-column-names",
    "--unbuffered",
    "--no-auto-rehash",
    "--skip-reconnect",
    "--comments",
    "--binary-mode",
    "--default-character-set=utf8mb4",
    "--max-allowed-packet=1G",
    "--local-infile=0",
]
"""The client must not reconnect (a lost session is a lost snapshot), keeps the comments in routines, and with
`--binary-mode` neither runs `\\!` commands that a dump may hold nor touches `\\r\\n` in a routine's body."""

BINLOG = ["--read-from-remote-server", "--raw", "--stop-never"]
"""The logs byte for byte as the server writes them, not decoded, and on and on."""

SERVE = [
    "--skip-networking",
    "--skip-log-bin",
    "--local-infile=0",
    "--skip-name-resolve",
    "--performance-schema=OFF",
    "--max-allowed-packet=1G",
    "--innodb-buffer-pool-size=256M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--skip-innodb-doublewrite",
]
"""Isolation first, then speed: nothing here survives a power cut, and nothing has to."""

AT_BIRTH = ("lower_case_table_names", "innodb_page_size")
"""Settings that a data directory is made with; the server must repeat them."""

SETTINGS = (*AT_BIRTH, "sql_mode", "character_set_server", "collation_server", "explicit_defaults_for_timestamp",
            "innodb_strict_mode", "innodb_default_row_format", "default_storage_engine")  # fmt: skip
"""Settings of the source that decide how SQL is understood: the scratch server takes them over under their own names."""

OFFSET = re.compile(r"[+-]\d{1,2}:\d{2}")


def take_over(settings: dict[str, str], names: tuple[str, ...]) -> list[str]:
    """Given the source's settings, return the options that give a scratch server the same values for `names`.

    Settings that are not named are left at the server's default. Raise SandboxError for a value that no such setting can have:
    it comes from a manifest, and becomes an argument.
    """
    return [f"--{name.replace('_', '-')}={check_value(name, settings[name])}" for name in names if name in settings]


def take_over_time_zone(settings: dict[str, str]) -> list[str]:
    """Return the option for the source's time zone if it is an offset such as `+02:00`.

    A zone's name would need the time zone tables, which a fresh server has not; the dump itself is in UTC either way.
    """
    zone = check_value("time_zone", settings.get("time_zone", ""))
    return [f"--default-time-zone={zone}"] if OFFSET.fullmatch(zone) else []


def check_value(name: str, value: str) -> str:
    """Return `value` if it is harmless as an argument. Raise SandboxError otherwise."""
    if not SAFE_VALUE.fullmatch(value):
        raise SandboxError(
            f"setting {name} of the source holds {value[:80]!r}, which is no value for a server's option",
            hint="The manifest may have been tampered with: check its signature before you trust the recovery point.",
        )
    return value


def is_same_series(one: str, other: str) -> bool:
    """Given two versions such as `10.11.19-MariaDB-0+deb12u1`, say whether they are of one series.

    A series is the first two numbers, for both flavours: that is where their makers change formats, defaults, collations and
    reserved words (MariaDB 10.6 → 10.11, MySQL 8.0 → 8.4 → 9.7). The patch level may differ either way.
    """
    series = [re.match(r"(\d+)\.(\d+)\.", version) for version in (one, other)]
    numbers = [match.groups() for match in series if match]
    return len(numbers) == 2 and numbers[0] == numbers[1]
