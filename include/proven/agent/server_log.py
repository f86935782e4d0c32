"""Reads the error log of a sandbox's server for what no query tells: broken pages and files, crashes, recoveries.

The sandbox was born with its log: all of it is about this one instance.
"""

from __future__ import annotations

import pathlib
import re
from typing import Any

from .errors import AgentError

MOST = 100
"""Lines of each kind that are told."""
LINE_BYTES = 64 * 1024
LOOKED_AT = 1000
"""Characters at the beginning of a line in which the words must stand: what follows is a dump of a page or of memory."""
SHOWN = 300
"""Characters of a line that are told."""

QUOTED = re.compile(r"(?<!\w)'[^']*'|`[^`]*`|\"[^\"]*\"")
"""Names of files, tables and users: they may be anything, `corrupt` as well. (`can't` begins no name.)"""
CRASHED_TABLE = re.compile(r"got error '?(?:126|127|132|144|145|175|176|180|194)\b", re.IGNORECASE)
"""Storage engines' own numbers for a file that is broken, too short or gone: `Got error '127 "Record file is crashed"'`."""
BYSTANDER = re.compile(r"\[(?:Note|System)\]|Aborted connection|Access denied for")
"""Lines that tell of everyday things, whatever words they use for it."""
CORRUPTION = re.compile(
    r"corrupt"
    r"|checksum (?:mismatch|does not match|error)|invalid checksum"
    r"|marked as crashed|is crashed"
    r"|incorrect (?:information in|key) file|can't find file"
    r"|failed file read|unable to read page|page read from tablespace|stored in the page read in"
    r"|is in the future!"
    r"|(?:tablespace|table) .*(?:is missing|doesn't exist in engine|does not exist in the InnoDB)"
    r"|could not find a valid tablespace"
    r"|operating system error number|input/output error|errcode: (?:5|22)\b"
    r"|got an error from .*(?:ma|mi)_",
    re.IGNORECASE,
)
RECOVERY = re.compile(r"starting (?:XA )?crash recovery|was not shut ?down normally", re.IGNORECASE)
"""What a server says that is started on files of one which was not shut down."""
CRASH = re.compile(
    rf"got (?:signal|exception) |assertion failure|failing assertion|\[FATAL\]|out of memory|{RECOVERY.pattern}", re.IGNORECASE
)


def read(path: str) -> dict[str, Any]:
    """Return `{"path": …, "lines": 41, "corruption": [Line …], "crashes": [Line …]}`, a Line being `{"line": 17, "text": …}`.

    At most 100 of each kind are there; `corruption_lines` and `crash_lines` count all. Raise AgentError (sandbox) if the log
    can't be read.
    """
    found: dict[str, list[dict[str, Any]]] = {"corruption": [], "crashes": []}
    counts = dict.fromkeys(found, 0)
    number = 0
    try:
        with pathlib.Path(path).open("rb") as log:
            while line := log.readline(LINE_BYTES):
                number += 1
                text = line.decode("utf-8", "replace").strip()[:LOOKED_AT]
                kind = classify(text)
                if kind:
                    counts[kind] += 1
                    if len(found[kind]) < MOST:
                        found[kind].append({"line": number, "text": text[:SHOWN]})
    except OSError as error:
        hint = "The sandbox names this file as its server's error log, and the agent on its host must be able to read it."
        raise AgentError("sandbox", f"server log {path} can't be read", detail=str(error), hint=hint) from None
    return {
        "path": path,
        "lines": number,
        **found,
        "corruption_lines": counts["corruption"],
        "crash_lines": counts["crashes"],
    }


def classify(line: str) -> str:
    """Given one line of an error log, return `corruption`, `crashes`, or nothing for what need not worry anybody."""
    words = QUOTED.sub("''", line)
    if CRASH.search(words):
        return "crashes"
    if BYSTANDER.search(words):
        return ""
    return "corruption" if CORRUPTION.search(words) or CRASHED_TABLE.search(line) else ""
