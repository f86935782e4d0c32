"""Job `isolation`: looks, from inside a sandbox and before any data is there, at what it must not do and must not reach."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from . import client, names, processes, server
from .client import Session
from .context import Context
from .looks import Address, Finding, IsolationJob

TIME_LIMIT = 3.0
"""Seconds in which a source that can be reached answers a connection."""
START_LIMIT = 20.0
"""Seconds that the program which tries it has in all: a busy machine starts it late."""
PROBE = """
import json, socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3])).close()
except OSError as error:
    print(json.dumps(error.strerror or str(error)))
else:
    print(json.dumps(None))
"""
OWN_ACCOUNTS = frozenset({"mariadb.sys", "mysql.sys", "mysql.session", "mysql.infoschema", "root"})
REPLICA_STATUS = (8, 0, 22)
"""From this MySQL on the statement has its present name."""


def run(job: IsolationJob, context: Context) -> dict[str, Any]:
    """Return `findings`, as `looks.IsolationJob` describes them. Raise AgentError (source) if the server can't be asked."""
    with client.Session(job["tools"], job["source"], context.commands) as session:
        findings = [
            _see_binary_log(session),
            _see_events(session),
            _see_replication(session),
            _see_schemas(session),
            _see_accounts(session),
            _see_local_infile(session),
        ]
    findings += _see_routes(job, context)
    return {"findings": findings, "commands": context.commands.as_list()}


def _see_binary_log(session: Session) -> Finding:
    on = _variable(session, "log_bin")
    return _finding("binary log", on in {"OFF", "0"}, "no binary log", f"the binary log is on (log_bin = {on})")


def _see_events(session: Session) -> Finding:
    on = _variable(session, "event_scheduler")
    return _finding("events", on in {"OFF", "DISABLED"}, "no events", f"the event scheduler is on (event_scheduler = {on})")


def _see_local_infile(session: Session) -> Finding:
    on = _variable(session, "local_infile")
    bad = f"LOAD DATA LOCAL is allowed (local_infile = {on})"
    return _finding("local files", on in {"OFF", "0"}, "no LOAD DATA LOCAL", bad)


def _see_replication(session: Session) -> Finding:
    """Configured is enough: what is configured can be started."""
    version = _variable(session, "version")
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    if "MariaDB" in version:
        sql = "SHOW ALL SLAVES STATUS"
    else:
        sql = "SHOW REPLICA STATUS" if numbers >= REPLICA_STATUS else "SHOW SLAVE STATUS"
    return _finding("replication", not session.query(sql), "no replication", "a replication is configured")


def _see_schemas(session: Session) -> Finding:
    rows = session.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
    there = sorted({names.spell(row[0]) for row in rows} - server.OWN_SCHEMAS)
    return _finding("data", not there, "empty", f"there are schemas already: {', '.join(map(names.display, there[:5]))}")


def _see_accounts(session: Session) -> Finding:
    rows = session.query("SELECT User, Host FROM mysql.user")
    accounts = [(names.spell(user), names.spell(host)) for user, host in rows]
    strange = sorted(f"{user}@{host}" for user, host in accounts if user not in OWN_ACCOUNTS or host != "localhost")
    return _finding("accounts", not strange, "root alone", f"there are accounts besides root: {', '.join(strange[:5])}")


def _see_routes(job: IsolationJob, context: Context) -> list[Finding]:
    found = [_try(address, job["inside"], context) for address in job["unreachable"]]
    if not found:
        found.append(Finding(name="route", ok=True, said="source is a socket: not reachable over a network"))
    if not job["inside"]:
        found.append(Finding(name="network", ok=True, said="the server sees the network of its host"))
    return found


def _try(address: Address, inside: Sequence[str], context: Context) -> Finding:
    """Try a TCP connection where the database server is. Only a refusal of the network is a proof: not a probe that failed."""
    place = f"{address['host']}:{address['port']}"
    argv = [*inside, sys.executable, "-I", "-c", PROBE, address["host"], str(address["port"]), str(TIME_LIMIT)]
    process = processes.start(argv, context.commands, stdout=subprocess.PIPE)
    try:
        status = process.wait(START_LIMIT)
        words = process.stdout.read()
    except subprocess.TimeoutExpired:
        return Finding(name="route", ok=False, said=f"whether the source is reached at {place} took too long to find out")
    finally:
        process.close()
    if status != 0:
        last = process.last_words().splitlines()[-1:]
        tried = f"whether the source is reached at {place} could not be tried: {' '.join(last) or f'exit status {status}'}"
        return Finding(name="route", ok=False, said=tried)
    refusal = json.loads(words)
    good = f"no route to the source ({place}: {str(refusal).lower()})"
    return _finding("route", refusal is not None, good, f"the source is reached at {place}")


def _variable(session: Session, name: str) -> str:
    rows = session.query(f"SHOW GLOBAL VARIABLES WHERE Variable_name = '{name}'")
    return rows[0][1] or "" if rows else ""


def _finding(name: str, ok: bool, good: str, bad: str) -> Finding:
    return Finding(name=name, ok=ok, said=good if ok else bad)
