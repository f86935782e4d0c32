"""Turns what a database server or its tools said into an error that a person can act on."""

from __future__ import annotations

import re

from .errors import AgentError
from .protocol import Endpoint

CODES = (
    re.compile(r"\bERROR (\d{4})\b"),  # the client: ERROR 1045 (28000) at line 3: …
    re.compile(r"\b[Ee]rror: (\d{4})\b"),  # the dump tool, connecting: Got error: 1045: "…"
    re.compile(r"\bError (\d{4}):"),  # the dump tool, reading: Error 2013: Lost connection …
    re.compile(r"\((\d{4})\)\s*$", re.MULTILINE),  # the dump tool, asking: Couldn't execute '…': … (1227)
)
PRIVILEGE = re.compile(r"\(at least one of\) the (.+?) privilege")
FIRST = re.compile(r",| OR | or ")
COMMAND_DENIED = re.compile(
    r"(?:: |^)([A-Z, ]+) command denied to user .* for (?:table|column|routine) (.+?)\s*$", re.MULTILINE
)
DATABASE_DENIED = re.compile(r"to database '([^']+)'")

UNREACHABLE = frozenset({2002, 2003, 2005, 2026})
LOST = frozenset({1053, 1317, 1927, 2006, 2013, 2055})
WAITED = frozenset({1205, 1969, 3024})
ALTERED = frozenset({1213, 1412, 1684})
"""A snapshot's reads lock no row: where they meet a deadlock it is with DDL on the tables that they have read and will read.
The last is MySQL's word for a view that it can't show just now."""
NO_DDL = "Run the backup when no DDL runs: a snapshot does not outlive an ALTER TABLE."
NO_SPACE = frozenset({1021, 1114, 1041, 1037, 1038, 1878})
DENIED = frozenset({1045, 1698, 1251})
MISSING_PRIVILEGE = frozenset({1044, 1142, 1143, 1227, 1370, 1419})


def error_code(text: str) -> int:
    """Return the server's or client's error number in a tool's last words, or 0."""
    for pattern in CODES:
        found = pattern.findall(text)
        if found:
            return int(found[-1])
    return 0


def last_line(text: str) -> str:
    """Return the last line that says something, at most 500 characters: `ERROR …` if there is one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    spoken = [line for line in lines if "ERROR" in line or "rror" in line] or lines
    return spoken[-1][:500] if spoken else ""


def address(endpoint: Endpoint) -> str:
    """Return `user@host:port` or `user@socket`, as messages name a server."""
    place = endpoint["socket"] or f"{endpoint['host'] or 'localhost'}:{endpoint['port'] or 3306}"
    return f"{endpoint['user']}@{place}"


def source_error(doing: str, words: str, endpoint: Endpoint) -> AgentError:
    """Given what was being done and a tool's last words, return the AgentError (source) that explains them."""
    code, detail, server = error_code(words), last_line(words), address(endpoint)
    what, hint = f"{server}: {doing} failed", ""
    if code in DENIED:
        what = f"{server}: access denied"
        hint = f"Check the password of {endpoint['user']} in the connection, and from which hosts that account may log in."
    elif code in UNREACHABLE:
        what = f"{server}: server can't be reached"
        hint = "Check that the server runs, the address in the connection, and the firewall between."
    elif code == 1049:
        what = f"{server}: unknown schema"
        hint = "Compare `schemas` in the fleet file with SHOW DATABASES on the server."
    elif code in MISSING_PRIVILEGE:
        what = f"{server}: {doing} lacks a privilege"
        hint = grant_hint(words, endpoint["user"])
    elif code in WAITED:
        what = f"{server}: {doing} waited too long for a lock"
        hint = (
            "Find what holds it (SHOW PROCESSLIST: a long query, a backup, DDL), or raise `lock_time_limit` in the fleet file."
        )
    elif code in ALTERED:
        what = f"{server}: {doing}: a table was altered during the backup"
        hint = NO_DDL
    elif code in LOST:
        what = f"{server}: connection lost during {doing}"
        hint = "Check the server's error log: it was restarted, ran out of memory, or net_write_timeout is too short."
    return AgentError("source", what, detail=detail, hint=hint)


def grant_hint(words: str, user: str) -> str:
    """Return which GRANT is missing, as far as the server has said it."""
    if privilege := PRIVILEGE.search(words):
        return f"Run GRANT {FIRST.split(privilege[1])[0].strip()} ON *.* TO that account ({user})."
    if command := COMMAND_DENIED.search(words):
        return f"Run GRANT {command[1].strip()} ON {command[2]} TO that account ({user})."
    if database := DATABASE_DENIED.search(words):
        return f"Grant that account ({user}) SELECT, LOCK TABLES, SHOW VIEW, EVENT and TRIGGER ON `{database[1]}`.*."
    return f"Compare SHOW GRANTS of {user} with the grants in the README."
