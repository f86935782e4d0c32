"""Judges what the sandbox's server says of itself: CHECK TABLE, its error log, and whether what objects refer to is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from include.proven.agent import server_log
from include.proven.proof.answers import answer, could_not_run, count, listed
from include.proven.proof.verdict import Check

TABLES_HINT = (
    "The storage engine itself finds these tables broken: look for a bad disk or memory of the sandbox's machine, and drill"
    " again elsewhere. Where it stays, take a new backup."
)
LOG_HINT = "Read the log's lines: where disk and memory of the sandbox's machine are sound, don't rely on this recovery point."
CRASH_HINT = "A server that died may have lost what it was given: find out why (memory, a bug of this version), drill again."
REFERENCES_HINT = "Make what is missing (accounts first, then tables, then views), and find out why the restore has not."
CHANGED_NOTHING = frozenset({"status", "note", "info", "warning"})
"""What CHECK TABLE says beside an error, or of a table that is whole."""
NOT_CHECKED = re.compile(r"doesn't support check", re.IGNORECASE)
UNABLE = re.compile(
    r"lock wait timeout|deadlock|interrupted|out of memory|no space left|disk (?:is )?full|too many open files"
    r"|errcode: (?:12|24|28)\b",
    re.IGNORECASE,
)
"""Words of a server that could not look: they say nothing about the table."""


def judge_tables(seen: Mapping[str, Any], log: Mapping[str, Any], seconds: float) -> Check:
    """Given what `agent/table_check.py` has seen, with a time limit of `seconds` a table, say whether every table is whole.

    Where the server died of a table, its log (`agent/server_log.py`) says whether the table was the reason.
    """
    messages: Mapping[str, list[list[str]]] = seen["messages"]
    errors = {table: [text for kind, text in said if kind not in CHANGED_NOTHING] for table, said in messages.items()}
    broken = {table: said for table, said in errors.items() if any(not UNABLE.search(text) for text in said)}
    unable = {table: said for table, said in errors.items() if said and table not in broken}
    figure = f"{count(seen['checked'], 'table')} checked"
    lines = [f"table {table}: {_words(messages[table])}" for table in sorted(broken)]
    if seen["died"] and log["corruption"]:
        lines.append(f"table {seen['died']}: the server died of it: {log['corruption'][-1]['text']}")
    if lines:
        return answer("tables", lines, figure, TABLES_HINT)
    if seen["died"]:
        what = f"the server died, or cut the connection, when CHECK TABLE was at {seen['died']}"
        return could_not_run("tables", what, CRASH_HINT)
    if seen["late"]:
        what = f"CHECK TABLE was not done within {seconds:g} s: {listed(seen['late'])}"
        return could_not_run("tables", what, "Raise `proof: table_check_time_limit` of this database.")
    if unable:
        what = "; ".join(f"{table}: {' '.join(said)}" for table, said in sorted(unable.items())[:5])
        return could_not_run("tables", f"tables could not be checked: {what}", "Give the sandbox more room, then drill again.")
    if not seen["checked"]:
        return could_not_run("tables", "there is no table", "Zero tables checked proves nothing: see the fingerprint.")
    return answer("tables", [], figure, "").model_copy(update={"not_covered": list(_unchecked(messages))})


def _unchecked(messages: Mapping[str, list[list[str]]]) -> Iterator[str]:
    """Yield what is to be said of tables that are not broken."""
    skipped = sorted(table for table, said in messages.items() if any(NOT_CHECKED.search(text) for _, text in said))
    if skipped:
        yield f"CHECK TABLE of tables whose storage engine has none: {listed(skipped)}."
    warned = {table: _words(said) for table, said in messages.items() if table not in skipped}
    for table, words in sorted(warned.items())[:10]:
        yield f"What CHECK TABLE remarked on {table}, and called no error: {words}."


def judge_server_log(seen: Mapping[str, Any], *, recovers: bool = False) -> Check:
    """Given what `agent/server_log.py` has read, say whether the server met broken data, or died, since it was made.

    `recovers`: it was started on files as a crash leaves them, so that it may say that it recovers them.
    """
    if not seen["lines"]:
        what = f"{seen['path']} is empty: the server writes its log elsewhere"
        return could_not_run("server log", what, "A sandbox names its server's log: look at how this one was started.")
    figure = f"{count(seen['lines'], 'line')} read"
    if seen["corruption_lines"]:
        lines = _lines(seen["corruption"], seen["corruption_lines"])
        return answer("server log", lines, figure, LOG_HINT).model_copy(
            update={"figure": f"{count(seen['corruption_lines'], 'line')} on broken data, {figure}"}
        )
    crashes = [one for one in seen["crashes"] if not (recovers and server_log.RECOVERY.search(one["text"]))]
    if crashes:
        lines = _lines(crashes, seen["crash_lines"] - len(seen["crashes"]) + len(crashes))
        what = f"the sandbox's server has crashed: {lines[0]}"
        return could_not_run("server log", what, CRASH_HINT).model_copy(update={"differences": lines})
    return answer("server log", [], figure, "")


def judge_references(source: Mapping[str, Any], seen: Mapping[str, Any]) -> Check:
    """Given the source's inventory and what `agent/references.py` has seen, say whether all that objects refer to is there.

    What could not work on the source either refutes no copy: it is told.
    """
    before: Mapping[str, str] = source.get("broken", {})
    lost = [f"{name}: {words}" for name, words in sorted(seen["broken"].items()) if name not in before]
    figure = f"{count(seen['opened'], 'view')} opened, {count(seen['programs'], 'program')} with their definers"
    known = [f"{name} ({words})" for name, words in sorted(seen["broken"].items()) if name in before]
    notes = [f"What was broken on the source already: {listed(known)}."] if known else []
    if seen["programs"]:
        notes.append("What routines, triggers and events do: they are there as they were defined, and were not run.")
    return answer("references", lost, figure, REFERENCES_HINT).model_copy(update={"not_covered": notes})


def _words(said: list[list[str]]) -> str:
    return "; ".join(f"{kind}: {text}" for kind, text in said[:5])


def _lines(found: list[dict[str, Any]], total: int) -> list[str]:
    shown = [f"line {one['line']}: {one['text']}" for one in found]
    return [*shown[:99], f"… and {total - 99:,} more lines"] if total > len(shown) or total > 100 else shown
